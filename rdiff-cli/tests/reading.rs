//! What is read of a repository: `verify --all` reads each mirror file and each increment once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SESSIONS: u8 = 9;

fn ours() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rdiff-backup"))
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let done = command.env("TZ", "UTC").output().expect("it can be run");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Bytes that nothing compresses, others for each seed.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// How many bytes of each file a command reads.
fn bytes_read(words: &[&Path], dir: &Path) -> BTreeMap<PathBuf, u64> {
    let mut strace = Command::new("strace");
    // A log for each thread, in which no call is cut in two.
    strace.args(["-ff", "-y", "-e", "trace=read,pread64", "-s", "0", "-o"]).arg(dir.join("log"));
    succeeds(strace.arg(env!("CARGO_BIN_EXE_rdiff-backup")).args(words));
    let mut bytes = BTreeMap::new();
    for log in dir.read_dir().expect("a directory").map(|e| e.expect("an entry").path()) {
        if !log.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"log.")) {
            continue;
        }
        for line in fs::read_to_string(&log).expect("a log").lines() {
            let read = line.split_once('<').and_then(|(_, rest)| rest.split_once(">, "));
            let count = line.rsplit_once("= ").and_then(|(_, n)| n.parse::<u64>().ok());
            if let (Some((path, _)), Some(count)) = (read, count) {
                *bytes.entry(PathBuf::from(path)).or_default() += count;
            }
        }
    }
    bytes
}

#[test]
fn to_verify_all_sessions_each_file_is_read_once() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = place.path().canonicalize().expect("a path");
    let (source, repo) = (dir.join("source"), dir.join("repo"));
    fs::create_dir(&source).expect("a directory");
    let mut files = [("small", noise(1, 100_000)), ("large", noise(2, 9 << 20))];
    for n in 0..SESSIONS {
        for (name, content) in &mut files {
            let at = content.len() / usize::from(SESSIONS) * usize::from(n);
            content[at..at + 5000].copy_from_slice(&noise(n + 10, 5000));
            fs::write(source.join(name), content).expect("a file");
        }
        let time = (1_000_000_000 + 1000 * u32::from(n)).to_string();
        succeeds(ours().args(["--current-time", &time, "backup"]).args([&source, &repo]));
    }
    let words = ["verify", "--all"].map(Path::new);
    let read = bytes_read(&[words[0], words[1], &repo], &dir);
    let increments = repo.join("rdiff-backup-data/increments").read_dir().expect("increments");
    let increments: Vec<PathBuf> =
        increments.map(|e| e.expect("an entry").path()).filter(|path| path.is_file()).collect();
    assert_eq!(increments.len(), 2 * (usize::from(SESSIONS) - 1));
    for file in [repo.join("small"), repo.join("large")].iter().chain(&increments) {
        let size = file.metadata().expect("a file").len();
        assert_eq!(read.get(file), Some(&size), "{}", file.display());
    }
}
