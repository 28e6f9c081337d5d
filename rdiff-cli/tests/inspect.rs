//! `status`, `history` and `diff`: looking at a repository.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Home(tempfile::TempDir);

impl Home {
    /// Three sessions: `a` added, changed, then only its mode; `b` is gone in the third; `l` leads elsewhere.
    fn with_three_sessions() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.path("s/d")).unwrap();
        home.write("s/d/a", "one\ntwo\nthree\n", 1_600_000_000);
        home.write("s/b", "b\n", 1_600_000_000);
        symlink("a", home.path("s/l")).unwrap();
        home.backup(1_700_000_000);
        home.write("s/d/a", "one\nzwei\nthree\n", 1_600_000_001);
        fs::remove_file(home.path("s/l")).unwrap();
        symlink("b", home.path("s/l")).unwrap();
        home.backup(1_700_086_400);
        fs::set_permissions(home.path("s/d/a"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(home.path("s/b")).unwrap();
        home.backup(1_700_172_800);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mtime: i64) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        filetime::set_file_mtime(&path, filetime::FileTime::from_unix_time(mtime, 0)).unwrap();
    }

    fn backup(&self, time: i64) {
        self.types(&format!("--current-time {time} backup s r"), 0);
    }

    #[track_caller]
    fn types(&self, line: &str, code: i32) -> String {
        let (out, err, found) = self.all(line, &[]);
        assert_eq!(found, code, "rdiff-backup {line}: {out}{err}");
        out
    }

    fn all(&self, line: &str, env: &[(&str, &str)]) -> (String, String, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
        command.args(line.split(' ')).current_dir(self.0.path()).env("TZ", "UTC");
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(env.iter().copied());
        let done = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(done.stdout), text(done.stderr), done.status.code().unwrap())
    }
}

#[test]
fn a_history_has_a_line_for_each_version() {
    let home = Home::with_three_sessions();
    let text = home.types("history r/d/a", 0);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[1].starts_with("Tue Nov 14 22:13:20 2023    14 bytes  Sun Sep 13 12:26:40 2020"), "{text}");
    assert!(lines[1].ends_with("added") && lines[2].ends_with("content, modification time"), "{text}");
    assert!(lines[3].ends_with("  mode"), "{text}");
    let text = home.types("history r/b", 0);
    assert!(text.trim_end().ends_with("removed") && text.lines().count() == 3, "{text}");
    assert_eq!(home.types("history --all r/b", 0).lines().count(), 4);
    assert!(home.all("history r/none", &[]).1.contains("none was not there"));
    home.types("history r/none", 1);
}

#[test]
fn a_file_is_compared_by_lines_and_a_directory_by_paths() {
    let home = Home::with_three_sessions();
    assert_eq!(
        home.types("diff --at 2B --to 1B r/d/a", 8),
        "changed d/a\n--- a/d/a\tTue Nov 14 22:13:20 2023\n+++ b/d/a\tWed Nov 15 22:13:20 2023\n\
         @@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n"
    );
    assert_eq!(home.types("diff r/d/a", 8), "changed d/a\nmode: 0644 -> 0600\n");
    let tree = home.types("diff r", 8);
    assert!(
        tree.contains("deleted b\n") && tree.contains("changed d/a\n") && !tree.contains(" l\n"),
        "{tree}"
    );
    let patch = home.types("diff --patch --at 2B r", 8);
    for part in ["--- a/b\t", "+++ /dev/null\n", "-b\n", "-> b\n", "-two\n", "mode: 0644 -> 0600\n"] {
        assert!(patch.contains(part), "{part}: {patch}");
    }
    assert_eq!(home.types("diff --at now r", 0), "");
    assert_eq!(home.types("diff --at 2B --to 2B r/d/a", 0), "");
    home.types("diff r/none", 1);
}

#[test]
fn colours_are_for_terminals_and_those_who_ask() {
    let home = Home::with_three_sessions();
    let line = "diff --at 2B --to 1B r/d/a";
    assert!(!home.types(line, 8).contains('\x1b'));
    assert!(home.all(line, &[("CLICOLOR_FORCE", "1")]).0.contains("\x1b[32m+zwei\x1b[0m\n"));
    assert!(!home.all(line, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).0.contains('\x1b'));
}

#[test]
fn binary_contents_are_not_printed() {
    let home = Home::with_three_sessions();
    home.write("s/d/a", "\0x", 1_600_000_002);
    home.backup(1_700_259_200);
    let text = home.types("diff r/d/a", 8);
    assert!(text.contains("Binary files of 15 and 2 bytes differ\n"), "{text}");
}

#[test]
fn the_exit_code_of_status_is_for_monitors() {
    let home = Home::with_three_sessions();
    let status = |line: &str, code: i32| {
        let (out, err, found) = home.all(&format!("--current-time 1700176400 status {line}"), &[]);
        assert_eq!((found, err.as_str()), (code, ""), "{line}: {out}");
        out
    };
    let well = status("r", 0);
    assert!(well.starts_with("OK: the last session is of Thu Nov 16 22:13:20 2023, 1 hour ago\n"), "{well}");
    assert!(well.contains("  sessions    3, the first of Tue Nov 14 22:13:20 2023\n"), "{well}");
    assert!(well.contains("  last        0 new, 3 changed, 1 deleted\n"), "{well}");
    status("--max-age 2h r", 0);
    assert!(status("--max-age 30m r", 2).starts_with("WARNING: the last session is of Thu"));
    // A session that did not finish.
    let data = home.path("r/rdiff-backup-data");
    let marker = data.join("current_mirror.2023-11-17T22:13:20Z.data");
    fs::write(&marker, "PID 0\n").unwrap();
    let text = status("r", 2);
    assert!(text.starts_with("WARNING: the session of Fri Nov 17") && text.contains("regress"), "{text}");
    fs::remove_file(marker).unwrap();
    // A session that could not read everything.
    let stats = data.join("session_statistics.2023-11-16T22:13:20Z.data");
    let text = fs::read_to_string(&stats).unwrap();
    fs::write(&stats, text.replace("Errors 0", "Errors 3")).unwrap();
    assert!(status("r", 4).contains("3 errors") && status("--max-age 30m r", 6).contains("3 errors"));
    // One that nothing can be restored from.
    let newest = data.join("mirror_metadata.2023-11-16T22:13:20Z.snapshot.gz");
    fs::write(&newest, "").unwrap();
    let text = status("r", 6);
    assert!(text.starts_with("WARNING: the metadata of the last session can't be read: r/rdiff"), "{text}");
    let (_, err, code) = home.all("verify --all r", &[]);
    assert!(code == 2 && err.contains("mirror_metadata.2023-11-16T22:13:20Z.snapshot.gz"), "{err}");
    home.types("status s", 1);
    home.types("status --max-age 3B r", 1);
    fs::create_dir_all(home.path("unfinished/rdiff-backup-data")).unwrap();
    home.types("status unfinished", 2);
}

#[test]
fn status_sees_who_works_on_the_repository() {
    let home = Home::with_three_sessions();
    let data = fs::File::open(home.path("r/rdiff-backup-data")).unwrap();
    fs::write(home.path("r/rdiff-backup-data/lock.yml"), "pid: 1\nhostname: elsewhere\n").unwrap();
    rustix::fs::flock(&data, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(home.types("status r", 0).contains("  in use by   process 1 on elsewhere\n"));
    drop(data);
    assert!(!home.types("status r", 0).contains("in use"));
}

#[test]
fn directories_named_like_our_actions_are_still_backed_up() {
    let home = Home(tempfile::tempdir().unwrap());
    for name in ["status", "history", "diff"] {
        fs::create_dir_all(home.path(name)).unwrap();
        home.types(&format!("{name} new-{name}"), 0);
        assert!(Path::new(&home.path(&format!("new-{name}"))).join("rdiff-backup-data").is_dir());
    }
    home.types("--new status new-status", 0);
    home.types("status --max-age 1D new-status", 0);
    fs::remove_dir(home.path("status")).unwrap();
    home.types("-v3 status new-status", 0);
}

#[test]
fn a_path_is_explained_by_the_rule_that_decides() {
    let home = Home::with_three_sessions();
    home.write("s/c", "c", 1_600_000_000);
    let asks = |line: &str, want: &str| assert_eq!(home.types(line, 0), format!("{want}\n"), "{line}");
    let rules = "--exclude s/d/x* --exclude s/l --include s/d --exclude-symbolic-links --exclude **";
    asks(&format!("backup {rules} --explain s/d/a s new"), "d/a is included by rule 3: --include s/d");
    asks(&format!("backup {rules} --explain d/a s new"), "d/a is included by rule 3: --include s/d");
    asks(&format!("backup {rules} --explain s/c s new"), "c is excluded by rule 5: --exclude **");
    asks(&format!("backup {rules} --explain s/l s new"), "l is excluded by rule 2: --exclude s/l");
    asks(
        "backup --exclude-symbolic-links --explain l s new",
        "l is excluded by rule 1: --exclude-symbolic-links",
    );
    asks(
        "backup --exclude s/d --explain s/d/a s new",
        "d/a is with its directory d, which is excluded by rule 1: --exclude s/d",
    );
    asks("backup --max-file-size 5 --explain s/d/a s new", "d/a is excluded by rule 1: --max-file-size 5");
    asks("s new --explain s/d/a", "d/a is included: no rule decides");
    asks("compare --exclude s/d --explain s/d s r", "d is excluded by rule 1: --exclude s/d");
    asks("restore --at 2B --exclude out/b --explain out/b r out", "b is excluded by rule 1: --exclude out/b");
    asks("restore --at 2B --explain d/a r out", "d/a is included: no rule decides");
    assert!(!home.path("new").exists() && !home.path("out").exists());
    assert!(home.all("backup --explain s/none s new", &[]).1.contains("none is not there"));
    home.types("backup --explain ../x s new", 1);
}

#[test]
fn an_access_control_list_is_dropped_only_by_leave() {
    let home = Home::with_three_sessions();
    // Read and write for the owner, reading for daemon (1), the group and others.
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, bits, id) in
        [(1u16, 6u16, u32::MAX), (2, 4, 1), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 4, u32::MAX)]
    {
        list.extend([&tag.to_le_bytes()[..], &bits.to_le_bytes(), &id.to_le_bytes()].concat());
    }
    xattr::set(home.path("s/d/a"), "system.posix_acl_access", &list).unwrap();
    home.types("--current-time 1700259200 backup --never-drop-acls s r", 0);
    home.types("restore --never-drop-acls r here", 0);
    assert_eq!(xattr::get(home.path("here/d/a"), "system.posix_acl_access").unwrap(), Some(list));
    // The same from a machine whose daemon has another name.
    let file = home.path("r/rdiff-backup-data/access_control_lists.2023-11-17T22:13:20Z.snapshot.gz");
    let mut text = String::new();
    let packed = fs::File::open(&file).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut text).unwrap();
    assert!(text.contains("daemon"), "{text}");
    let mut packed = flate2::write::GzEncoder::new(fs::File::create(&file).unwrap(), Default::default());
    std::io::Write::write_all(&mut packed, text.replace("daemon", "nobody-here").as_bytes()).unwrap();
    packed.finish().unwrap();
    let (_, err, code) = home.all("restore --never-drop-acls r there", &[]);
    assert!(code == 1 && err.contains("nobody-here in the access control list of d/a is not known"), "{err}");
    let (_, err, code) = home.all("restore r elsewhere", &[]);
    assert!(code == 0 && err.starts_with("WARNING: ACL name nobody-here not found on system"), "{err}");
    let (_, err, code) = home.all("--current-time 1700300000 backup --no-acls --never-drop-acls s r", &[]);
    assert!(code == 1 && err.contains("--never-drop-acls"), "{err}");
}

#[test]
fn nothing_is_taken_without_a_word() {
    let home = Home::with_three_sessions();
    let (out, err, code) = home.all("restore --at 2001-01-01 r old", &[]);
    assert!(code == 0 && out.is_empty(), "{out}{err}");
    assert!(
        err.contains("no session is as old as 2001-01-01; the oldest is taken, that of Tue Nov 14"),
        "{err}"
    );
    let said = |line: &str, want: &str| {
        let (out, err, _) = home.all(line, &[]);
        assert!(out.contains(&format!("* {want} has no effect: ")), "{line}: {out}{err}");
        assert!(!home.all(&line.replace("-v5", "-v4"), &[]).0.contains("no effect"));
    };
    said("-v5 --force --parsable-output list files r", "--force");
    said("-v5 --chars-to-quote A-Z verify r", "--chars-to-quote");
    said("-v5 --dry-run verify r", "--dry-run");
    said("-v5 --verify --exclude x r", "--exclude");
    said("-v5 regress --no-compression r", "--no-compression");
    assert_eq!(home.all("list files r", &[("RDIFF_BACKUP_API_VERSION", "{default: 300}")]).2, 1);
    assert_eq!(home.all("list files r", &[("RDIFF_BACKUP_API_VERSION", "300")]).2, 2);
}

/// It isn't a first session that did not finish, and nobody is to be told to begin anew.
#[test]
fn a_lost_marker_is_no_unfinished_first_session() {
    let home = Home::with_three_sessions();
    let data = home.path("r/rdiff-backup-data");
    for entry in fs::read_dir(data).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("current_mirror") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    for line in ["status r", "regress r", "backup s r"] {
        let (out, err, code) = home.all(line, &[]);
        assert!(code == 1 && err.contains("current_mirror"), "{line}: {code}, {err}");
        let said = out + &err;
        assert!(!["anew", "starts over", "doesn't need"].iter().any(|wrong| said.contains(wrong)), "{said}");
    }
}
