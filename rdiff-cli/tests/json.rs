//! `--json`: each line is an object, the first and the last are what they must be, and every type and field is
//! in docs/json.md.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

/// What an action said.
struct Said {
    lines: Vec<Value>,
    stderr: String,
}

impl Said {
    fn of(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["type"] == kind).collect()
    }

    fn summary(&self) -> &Value {
        self.lines.last().unwrap()
    }

    fn result(&self) -> &Value {
        &self.summary()["result"]
    }
}

#[track_caller]
fn run(dir: &Path, line: &str, code: i32) -> Said {
    run_program(env!("CARGO_BIN_EXE_rdiff-backup"), dir, line, code)
}

#[track_caller]
fn run_program(program: &str, dir: &Path, line: &str, code: i32) -> Said {
    let mut command = Command::new(program);
    let done =
        command.args(line.split(' ')).current_dir(dir).env("TZ", "UTC").env("HOME", dir).output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(code), "{line}: {stderr}");
    let text = String::from_utf8(done.stdout).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let said = Said { lines, stderr };
    assert_eq!(said.lines[0]["type"], "start", "{line}");
    assert_eq!(said.summary()["type"], "summary", "{line}");
    assert_eq!(said.summary()["exit_code"], code, "{line}");
    assert_eq!(said.summary()["schema"], 1);
    said
}

/// A source that was backed up twice: `a` changed, `d/gone` went, `d/\xff` came.
fn two_sessions() -> (tempfile::TempDir, Vec<Said>) {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("s");
    fs::create_dir_all(source.join("d")).unwrap();
    fs::write(source.join("a"), "one").unwrap();
    fs::write(source.join("d/gone"), "x").unwrap();
    std::os::unix::fs::symlink("a", source.join("l")).unwrap();
    let first = run(dir.path(), "--json --current-time 1700000000 backup s r", 0);
    fs::write(source.join("a"), "three").unwrap();
    fs::remove_file(source.join("d/gone")).unwrap();
    fs::write(source.join("d").join(std::ffi::OsStr::from_bytes(b"\xff")), "new").unwrap();
    let second = run(dir.path(), "-v5 --current-time 1700086400 backup --json s r", 0);
    (dir, vec![first, second])
}

#[test]
fn a_backup_tells_what_it_did() {
    let (_dir, said) = two_sessions();
    let (first, second) = (said[0].result(), said[1].result());
    assert_eq!((&first["session"], &first["previous"]), (&1_700_000_000.into(), &Value::Null));
    assert_eq!((&second["session"], &second["previous"]), (&1_700_086_400.into(), &1_700_000_000.into()));
    assert_eq!((&second["new"], &second["deleted"], &second["problems"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!(second["statistics"]["source_files"], 5);
    let done: Vec<(&Value, &Value)> = said[1].of("path").iter().map(|p| (&p["path"], &p["what"])).collect();
    assert!(done.contains(&(&"d/gone".into(), &"deleted".into())), "{done:?}");
    assert!(said[0].of("path").is_empty());
    let odd = said[1].of("path").into_iter().find(|p| p["what"] == "new").unwrap();
    assert_eq!((&odd["path"], &odd["path_hex"]), (&"d/\u{fffd}".into(), &"642fff".into()));
}

#[test]
fn the_target_of_a_link_is_told_byte_by_byte() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("s")).unwrap();
    std::os::unix::fs::symlink("a", dir.path().join("s/good")).unwrap();
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(b"d/\xff"), dir.path().join("s/odd")).unwrap();
    run(dir.path(), "--json backup s r", 0);
    let listed = run(dir.path(), "--json list files r", 0);
    let [_, good, odd] = &listed.of("file")[..] else { panic!("three paths") };
    assert_eq!((&good["target"], good.get("target_hex")), (&"a".into(), None));
    assert_eq!((&odd["target"], &odd["target_hex"]), (&"d/\u{fffd}".into(), &"642fff".into()));
}

#[test]
fn every_action_speaks_json_and_every_field_is_documented() {
    let (dir, mut all) = two_sessions();
    fs::create_dir(dir.path().join("jobs")).unwrap();
    let stats = "r/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data";
    for (line, code) in [
        ("list files r", 0),
        ("list files --changed-since 1B r", 0),
        ("list increments r", 0),
        ("list increments --size r/d", 0),
        ("-l r", 0),
        ("compare s r", 0),
        ("verify --all r", 0),
        ("restore --at 1B r out", 0),
        ("regress r", 0),
        (&format!("calculate {stats}"), 0),
        ("status --max-age 1s r", 2),
        ("history r/a", 0),
        ("diff r", 8),
        ("diff r/a", 8),
        ("backup --exclude s/d --explain s/d s r", 0),
        ("backup --dry-run s r", 0),
        ("info", 0),
        ("complete -- rdiff-backup re", 0),
        ("server", 1),
        ("test nowhere", 1),
        ("list files nowhere", 1),
        ("--api-version 300 info", 1),
        ("backup s", 2),
        ("job --jobs-dir jobs add web s --repo jr --older-than 1Y", 0),
        ("--dry-run job --jobs-dir jobs run web", 0),
        ("job --jobs-dir jobs run --all", 0),
        ("job --jobs-dir jobs list", 0),
        ("job --jobs-dir jobs status", 0),
        ("job --jobs-dir jobs schedule web --daily 02:00", 0),
        ("--dry-run job --jobs-dir jobs restore web --to jout", 0),
        ("job --jobs-dir jobs restore web --to jout", 0),
        ("doctor --jobs-dir jobs web", 2),
        ("job --jobs-dir jobs remove web", 0),
        ("setup host:/srv --jobs-dir jobs --dry-run", 0),
    ] {
        all.push(run(dir.path(), &format!("--json {line}"), code));
    }
    fs::write(dir.path().join("s/a"), "of another length").unwrap();
    fs::write(dir.path().join("r/a"), "rotten").unwrap();
    all.push(run(dir.path(), "--json compare s r", 1));
    let differs = all.last().and_then(|said| said.lines.last()).unwrap();
    assert_eq!(differs["error"], "Directory has 1 file differences to backup");
    assert_eq!(differs["result"]["differences"], 1);
    all.push(run(dir.path(), "--json verify r", 2));
    all.push(run(dir.path(), "--json remove increments --older-than 1B r", 2));
    all.push(run(dir.path(), "--json remove increments --older-than now r", 0));
    all.extend(companions(dir.path()));
    let tried: BTreeSet<&str> = all.iter().filter_map(|said| said.lines[0]["action"].as_str()).collect();
    let untried: Vec<String> = actions().into_iter().filter(|name| !tried.contains(&**name)).collect();
    assert!(untried.is_empty(), "not tried: {untried:?}");
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md")).unwrap();
    let mut words = BTreeSet::new();
    for line in all.iter().flat_map(|said| &said.lines) {
        words.insert(line["type"].as_str().unwrap().to_owned());
        collect_fields(line, &mut words);
    }
    let missing: Vec<&String> = words.iter().filter(|w| !document.contains(&format!("`{w}`"))).collect();
    assert!(missing.is_empty(), "not in docs/json.md: {missing:?}");
    for kind in ["file", "change", "increment", "difference", "bad_file", "version", "message"] {
        assert!(all.iter().any(|said| !said.of(kind).is_empty()), "nothing said {kind}");
    }
}

/// The companions on the same repository.
fn companions(dir: &Path) -> Vec<Said> {
    let (delete, statistics) =
        (env!("CARGO_BIN_EXE_rdiff-backup-delete"), env!("CARGO_BIN_EXE_rdiff-backup-statistics"));
    run(dir, "--json --current-time 1700172800 --force backup --max-deletions 100% s r", 0);
    let top = run_program(statistics, dir, "--json --minimum-ratio 0 r", 0);
    assert_eq!(top.lines[0]["program"], "rdiff-backup-statistics");
    assert!(top.of("top").iter().any(|t| t["by"] == "source_size" && t["path"] == "a"), "{:?}", top.lines);
    let would = run_program(delete, dir, "--json --dry-run r/a", 0);
    assert_eq!((&would.lines[0]["dry_run"], &would.lines[0]["action"]), (&true.into(), &"delete".into()));
    let done = run_program(delete, dir, "r/a --json", 0);
    assert_eq!(would.of("purged"), done.of("purged"));
    assert_eq!(would.result(), done.result());
    let in_mirror = |p: &&&Value| p["what"] == "mirror" && p["path"] == "a";
    assert_eq!(done.of("purged").iter().filter(in_mirror).count(), 1, "{:?}", done.lines);
    assert_eq!(done.result()["was_in_mirror"], true);
    assert!(!dir.join("r/a").exists());
    let again = run_program(delete, dir, "--json r/a", 0);
    assert_eq!((&again.summary()["warnings"], &again.result()["records"]), (&1.into(), &0.into()));
    assert!(again.stderr.contains("nothing was deleted"), "{}", again.stderr);
    let wrong = run_program(delete, dir, "--json nowhere", 1);
    assert!(wrong.summary()["error"].as_str().unwrap().contains("not in a rdiff-backup repository"));
    let usage = run_program(statistics, dir, "--json --bogus r", 1);
    assert_eq!(
        (&usage.summary()["exit"][0], &usage.lines[0]["program"]),
        (&"usage".into(), &"rdiff-backup-statistics".into())
    );
    vec![top, would, done, again, wrong, usage]
}

/// The words of each action that there is.
fn actions() -> Vec<String> {
    let mut names = Vec::new();
    for action in rdiff_cli::args::current::command().get_subcommands() {
        let tasks: Vec<_> = action.get_subcommands().collect();
        names.extend(tasks.iter().map(|task| format!("{} {}", action.get_name(), task.get_name())));
        names.extend(tasks.is_empty().then(|| action.get_name().to_owned()));
    }
    names
}

fn collect_fields(value: &Value, words: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if name != "type" {
            words.insert(name.clone());
        }
        collect_fields(value, words);
    }
}

#[test]
fn an_error_is_in_the_summary_and_on_standard_error() {
    let (dir, _) = two_sessions();
    let said = run(dir.path(), "--json restore r s", 1);
    let error = said.summary()["error"].as_str().unwrap();
    assert!(error.contains("exists and isn't empty") && said.stderr.contains(error), "{error}");
    let said = run(dir.path(), "--json backup", 2);
    assert_eq!(said.summary()["exit"][0], "usage");
    assert!(said.summary()["error"].as_str().unwrap().contains("SOURCE_DIR"), "{}", said.summary());
}
