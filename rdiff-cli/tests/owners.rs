//! Owners whose names aren't ASCII, on machines with accounts of their own: nothing of them is lost, whichever program
//! goes on. The accounts are files bound over `/etc/passwd` and `/etc/group` in a mount namespace.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

const OURS: &str = env!("CARGO_BIN_EXE_rdiff-backup");
const NAMES: [&[u8]; 3] = ["müller".as_bytes(), b"m\xfcller", b"plain"];
const BIND: &str = r#"mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@""#;

/// This machine, with more users and groups.
struct Machine {
    passwd: PathBuf,
    group: PathBuf,
}

impl Machine {
    /// With users and groups of [`NAMES`], numbered from `first`.
    fn new(dir: &Path, first: u32) -> Self {
        let with_names = |file: &str, line_of: fn(u32) -> String| {
            let mut text = fs::read(Path::new("/etc").join(file)).expect("accounts");
            for (number, name) in (first..).zip(NAMES) {
                text.extend([name, line_of(number).as_bytes()].concat());
            }
            let place = dir.join(format!("{file}.{first}"));
            fs::write(&place, text).expect("accounts");
            place
        };
        Self {
            passwd: with_names("passwd", |n| format!(":x:{n}:{n}::/:/bin/sh\n")),
            group: with_names("group", |n| format!(":x:{n}:\n")),
        }
    }

    /// Runs a program there, which must succeed.
    #[track_caller]
    fn run(&self, program: &str, words: &[&OsStr]) {
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", BIND, "sh"])
            .args([&self.passwd, &self.group])
            .arg(program)
            .args(words)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("unshare");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[track_caller]
    fn back_up(&self, program: &str, at: &str, source: &Path, repo: &Path) {
        self.run(
            program,
            &["--current-time".as_ref(), at.as_ref(), "backup".as_ref(), source.as_ref(), repo.as_ref()],
        );
    }

    /// The owners and groups of a session's files, as they are restored there.
    #[track_caller]
    fn restored(&self, program: &str, at: &str, repo: &Path) -> Vec<(u32, u32)> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let target = dir.path().join("target");
        self.run(
            program,
            &["restore".as_ref(), "--at".as_ref(), at.as_ref(), repo.as_ref(), target.as_ref()],
        );
        let owner = |i: usize| fs::metadata(target.join(i.to_string())).map(|m| (m.uid(), m.gid()));
        (0..NAMES.len()).map(|i| owner(i).expect("a file")).collect()
    }
}

#[test]
fn names_of_owners_in_any_bytes_outlive_a_session_of_the_original() {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "this needs a mount namespace: run it as root");
    if !is_root {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let real = std::env::var("REAL_RDIFF_BACKUP").unwrap_or_else(|_| "/usr/bin/rdiff-backup".to_owned());
    let (here, elsewhere) = (Machine::new(dir.path(), 5001), Machine::new(dir.path(), 6001));
    let numbered = |first: u32| (first..first + 3).map(|n| (n, n)).collect::<Vec<_>>();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).expect("a directory");
    let write = |i: usize, text: &str| {
        let (path, number) = (source.join(i.to_string()), 5001 + i as u32);
        fs::write(&path, text).expect("a file");
        chown(&path, Some(number), Some(number)).expect("an owner");
    };
    (0..3).for_each(|i| write(i, "first"));
    here.back_up(OURS, "1000000000", &source, &repo);
    // Of this one the original writes the name, and can't read its record again.
    write(0, "and second");
    here.back_up(&real, "1000100000", &source, &repo);
    write(2, "and a third time");
    here.back_up(OURS, "1000200000", &source, &repo);
    for at in ["1000000000", "1000200000"] {
        assert_eq!(here.restored(OURS, at, &repo), numbered(5001));
        assert_eq!(elsewhere.restored(OURS, at, &repo), numbered(6001));
        assert_eq!(here.restored(&real, at, &repo), numbered(5001));
        here.run(&real, &["verify".as_ref(), "--at".as_ref(), at.as_ref(), repo.as_ref()]);
    }
}
