//! `--dry-run`, the summaries and `--progress`: what is said of a job before, after and while it runs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Home(tempfile::TempDir);

struct Said {
    out: String,
    err: String,
}

impl Home {
    /// With a source `s` that was backed up to `r` and then changed: `new` came, `a` changed, `gone` went.
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.path("s/d")).unwrap();
        for name in ["a", "gone", "d/kept"] {
            fs::write(home.path("s").join(name), name).unwrap();
        }
        let long_ago = filetime::FileTime::from_unix_time(1_600_000_000, 0);
        filetime::set_file_mtime(home.path("s"), long_ago).unwrap();
        home.types("--current-time 1700000000 backup s r", 0);
        fs::write(home.path("s/a"), "longer").unwrap();
        fs::write(home.path("s/new"), "new").unwrap();
        fs::remove_file(home.path("s/gone")).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    fn types(&self, line: &str, code: i32) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
        let done =
            command.args(line.split(' ')).current_dir(self.0.path()).env("TZ", "UTC").output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let said = Said { out: text(done.stdout), err: text(done.stderr) };
        assert_eq!(done.status.code(), Some(code), "rdiff-backup {line}: {}{}", said.out, said.err);
        said
    }

    /// Every path with its inode, time and length.
    fn state(&self) -> BTreeMap<PathBuf, (u64, i64, i64, u64)> {
        let mut state = BTreeMap::new();
        let mut dirs = vec![self.path("")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let (path, meta) = entry.map(|e| (e.path(), e.path().symlink_metadata().unwrap())).unwrap();
                dirs.extend(meta.is_dir().then(|| path.clone()));
                state.insert(path, (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()));
            }
        }
        state
    }

    /// Types it with `--dry-run`; nothing may change.
    #[track_caller]
    fn would(&self, line: &str, code: i32) -> Said {
        let before = self.state();
        let said = self.types(&format!("--dry-run {line}"), code);
        assert_eq!(self.state(), before, "{line}");
        said
    }
}

#[test]
fn what_a_backup_would_do_is_said_and_not_done() {
    let home = Home::new();
    let said = home.would("backup s r", 0);
    let want = "changed  .\nchanged  a\ndeleted  gone\nnew      new\n\
                Nothing was changed. It would be: 1 new, 2 changed, 1 deleted, 9 bytes to be read\n";
    assert_eq!((said.out.as_str(), said.err.as_str()), (want, ""));
    // The older command line, and a first backup.
    assert_eq!(home.would("s r", 0).out, want);
    assert!(home.would("s fresh", 0).out.contains("4 new, 1 changed, 0 deleted"));
    assert!(!home.path("fresh").exists());
    assert!(home.would("backup s s/d", 1).err.contains("does not look like a rdiff-backup repository"));
}

#[test]
fn what_a_restore_would_do_is_said_and_not_done() {
    let home = Home::new();
    let said = home.would("restore r out", 0);
    assert!(
        said.out.ends_with("It would be: 5 restored, 0 there already, 0 deleted from the target\n"),
        "{}",
        said.out
    );
    assert!(!home.path("out").exists());
    assert!(home.would("restore r s", 1).err.contains("isn't empty"));
    let said = home.would("--force restore r s", 2);
    for line in
        ["restored a\n", "restored gone\n", "deleted  new\n", "2 restored, 3 there already, 1 deleted"]
    {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
}

#[test]
fn what_a_removal_and_a_regress_would_do_is_said_and_not_done() {
    let home = Home::new();
    home.types("--current-time 1700086400 backup s r", 0);
    let said = home.would("remove increments --older-than 1B r", 2);
    assert!(said.out.contains("It would be: 0 sessions removed"), "{}", said.out);
    let said = home.would("remove increments --older-than now r", 0);
    assert!(
        said.out.contains("deleted  rdiff-backup-data/increments/gone.2023-11-14T22:13:20Z.snapshot.gz\n")
    );
    assert!(said.out.contains("It would be: 1 session removed, "), "{}", said.out);
    assert!(home.would("regress r", 0).out.contains("doesn't need to be regressed"));
    fs::write(home.path("r/rdiff-backup-data/current_mirror.2023-11-14T22:13:20Z.data"), "").unwrap();
    let said = home.would("regress r", 2);
    for line in ["restored a\n", "restored gone\n", "deleted  new\n", "the session of Wed Nov 15"] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    home.types("regress r", 2);
    assert!(!home.path("r/new").exists() && home.path("r/gone").exists());
}

#[test]
fn what_the_tasks_of_a_job_would_do_is_said_and_not_done() {
    let home = Home::new();
    let job = |words: &str| format!("job --jobs-dir jobs {words}");
    let add = "add web s --repo r --before true --after false --older-than 1s";
    let said = home.would(&job(add), 0);
    assert!(
        said.out.contains("jobs/web.toml would be written:\n") && said.out.contains("[hooks]"),
        "{}",
        said.out
    );
    home.types(&job(add), 0);
    assert!(home.would(&job(add), 1).err.contains("--replace"));
    home.would(&job(&format!("{add} --replace")), 0);

    let said = home.would(&job("run web"), 0);
    for part in
        ["would be run before: true\n", "new      new\n", "1 new, 2 changed, 1 deleted", "0 sessions removed"]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    home.types(&format!("--current-time 1700086400 {}", job("run web")), 2);
    fs::write(home.path("s/a"), "once more").unwrap();
    home.types("--current-time 1700172800 backup s r", 0);
    assert!(home.would(&job("run --all"), 0).out.contains("1 session removed"));

    let said = home.would(&job("schedule web --daily 02:00 --install"), 0);
    assert!(said.out.starts_with("would be installed:\n0 2 * * * "), "{}", said.out);
    assert_eq!(home.would(&job("schedule web --uninstall"), 0).out, "nothing was installed\n");
    let said = home.would(&job("remove web"), 0);
    let file = home.path("jobs/web.toml");
    assert_eq!(
        said.out,
        format!("would be removed: {}; the repository {} stays\n", file.display(), home.path("r").display())
    );
    home.would(&job("list"), 0);
    home.would(&job("status"), 3);
    home.would("doctor --jobs-dir jobs web", 2);
    // A repository that is gone is not begun anew.
    fs::rename(home.path("r"), home.path("elsewhere")).unwrap();
    assert!(home.would(&job("run web"), 1).err.contains("is not there"));
    assert!(home.would(&job("run other"), 1).err.contains("there is no job 'other'"));
}

#[test]
fn a_summary_is_said_where_it_disturbs_nobody() {
    let home = Home::new();
    // Standard error is no terminal here: cron would send it by mail.
    let said = home.types("--current-time 1700086400 backup s r", 0);
    assert_eq!(
        (said.out.as_str(), said.err.as_str()),
        ("NOTE: Starting increment operation from source path s to destination path r\n", "")
    );
    fs::write(home.path("s/new"), "newer").unwrap();
    let said = home.types("-v5 --current-time 1700172800 backup s r", 0);
    assert!(said.out.contains("* 0 new, 2 changed, 0 deleted\n"), "{}", said.out);
    let said = home.types("-v5 restore r out", 0);
    assert!(said.out.contains("* 5 restored, 0 there already, 0 deleted from the target\n"), "{}", said.out);
}

#[test]
fn progress_goes_to_a_terminal() {
    let home = Home::new();
    let script = |line: &str| {
        let program = env!("CARGO_BIN_EXE_rdiff-backup");
        let mut command = Command::new("script");
        command.args(["-qec", &format!("{program} {line}"), "/dev/null"]).current_dir(self::dir(&home));
        let done = command.env("TERM", "xterm").env("TZ", "UTC").output().unwrap();
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    // Short work has a summary, and no bar that only flickers.
    let shown = script("--current-time 1700086400 backup s r");
    assert!(shown.contains("1 new, 2 changed, 1 deleted\r\n") && !shown.contains("files,"), "{shown:?}");
}

fn dir(home: &Home) -> &Path {
    home.0.path()
}
