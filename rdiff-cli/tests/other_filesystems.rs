//! `--exclude-other-filesystems` beside the original's, over a source with real mounts in it: directories and a file of
//! other file systems, one within the other, and a bind mount, which is none. They are in a mount namespace.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "differential/programs.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod programs;

use programs::{Outcome, ours, real, run, words};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// Puts the mounts in place, the same each time, and runs the rest of the words.
const MOUNTS: &str = r#"set -e
fill() { mount -t tmpfs -o mode=755 none "$1"; mkdir "$1/sub" "$1/inner"; echo "$1" > "$1/f"; echo "$1" > "$1/sub/g"; }
fill s/m
fill s/m/inner
fill s/d/deep
mount --bind s/d s/bound
mount --bind s/m/f s/file
find s -exec touch -h -d @1600000000 {} +
exec "$@""#;

/// Where the option stands among others, and what is left by it. `s/m` is also a source of its own.
const LINES: [&str; 14] = [
    "backup s r",
    "backup --exclude-other-filesystems s r",
    "--exclude-other-filesystems s r",
    "backup --exclude-other-filesystems s/m r",
    "backup --exclude s/d --exclude-other-filesystems s r",
    "backup --exclude-other-filesystems --exclude s/d s r",
    "backup --include s/m --exclude-other-filesystems s r",
    "backup --include s/m/sub --exclude-other-filesystems s r",
    "backup --include s/m/inner/sub/g --exclude-other-filesystems s r",
    "backup --include s/file --exclude-other-filesystems s r",
    "backup --exclude-other-filesystems --include s/m/f --include s/d/b --exclude '**' s r",
    "backup --include-regexp 'inner/f$' --exclude-other-filesystems --exclude s/a s r",
    "backup --exclude s/m/sub --include 's/**g' --exclude-other-filesystems s r",
    "backup --exclude-other-filesystems --max-file-size 1 s r",
];

struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        let source = lab.0.path().join("s");
        for dir in ["m", "d/deep", "bound"] {
            fs::create_dir_all(source.join(dir)).unwrap();
        }
        for file in ["a", "d/b", "file", "m/beneath"] {
            fs::write(source.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("m", source.join("link")).unwrap();
        lab
    }

    /// Runs a program where the mounts are.
    fn run(&self, program: &Path, line: &str) -> Outcome {
        let unshare = ["--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh"];
        let mut all: Vec<OsString> = unshare.map(OsString::from).to_vec();
        all.push(program.into());
        all.extend(words(line));
        run(Path::new("/usr/bin/unshare"), self.0.path(), &all, "")
    }

    /// All that is in the repository, but for its own files. The original does not set the times of links.
    fn names(&self) -> Vec<String> {
        let find = "find r -path r/rdiff-backup-data -prune -o -printf '%P %y %s ' -a \\( -type l -printf '\n' -o -printf '%T@\n' \\) | sort; \
                    find r/rdiff-backup-data/increments* -type f -printf '%P\n' | sort; rm -rf r";
        let found = run(Path::new("/bin/sh"), self.0.path(), &["-c".into(), find.into()], "");
        String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn mounts_are_left_out_as_by_the_original() {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "this needs a mount namespace: run it as root");
    if !is_root {
        return;
    }
    let (lab, real, ours) = (Lab::new(), real(), ours());
    let mut trees = Vec::new();
    for line in LINES {
        // Then a session with the option over it: what is mounted goes, as for the original.
        let later = "--current-time 2000086400 backup --exclude-other-filesystems s r";
        let results = [&real, &ours].map(|program| {
            let first = lab.run(program, &format!("--current-time 2000000000 {line}"));
            let second = lab.run(program, if line.contains("s/m r") { "--version" } else { later });
            assert_eq!(second.code, 0, "{line}: {second:?}");
            (first.code, lab.names())
        });
        assert_eq!(results[0], results[1], "{line}");
        trees.push((line, results[0].1.clone()));
    }
    let has = |line: &str, path: &str| {
        let (_, tree) = trees.iter().find(|(l, _)| *l == line).unwrap();
        tree.iter().any(|name| name.starts_with(path))
    };
    // The mounts were there, and were gone from the second session.
    assert!(has("backup s r", "m/inner/sub/g.2033-"), "{trees:?}");
    assert!(!has("backup s r", "m ") && has("backup s r", "bound/b "), "{trees:?}");
    assert!(has("backup --exclude-other-filesystems s/m r", "sub/g "), "{trees:?}");
}
