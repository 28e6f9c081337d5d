//! A source, a repository and a place of their own, and the program as it ends there.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub(crate) fn ends(self, codes: &[i32], words: &[&str]) -> Self {
        assert!(self.code.is_some_and(|code| codes.contains(&code)), "{codes:?}: {self:?}");
        for word in words {
            assert!(self.err.contains(word) || self.out.contains(word), "{word}: {self:?}");
        }
        self
    }
}

pub(crate) fn run(mut command: Command) -> Run {
    Run::of(&command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").output().expect("it can be run"))
}

/// Runs something else, which must succeed.
#[track_caller]
pub(crate) fn call(program: &str, words: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(words);
    run(command).ends(&[0], &[]).out
}

/// A source of some fifty files with a first session, in a place of its own.
pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    pub(crate) time: i64,
    pub(crate) mounted: Vec<PathBuf>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for place in self.mounted.iter().rev() {
            Command::new("umount").arg("-l").arg(place).status().ok();
        }
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let scene =
            Self { dir: tempfile::tempdir().expect("a directory"), time: 1_000_000_000, mounted: Vec::new() };
        fs::create_dir_all(scene.at("source/d")).expect("a directory");
        fs::create_dir(scene.at("disk")).expect("a directory");
        for n in 0..50u32 {
            scene.write(&format!("source/d/{n}"), &noise(n, 8000));
        }
        scene.write("source/a", b"first");
        scene
    }

    /// The same with a repository on a small file system of its own: so many MB of ext4 in a file, of tmpfs
    /// where there are no loop devices.
    pub(crate) fn on_small_disk(megabytes: u64) -> Self {
        let mut scene = Self::new();
        let (image, disk) = (scene.at("image"), scene.at("disk"));
        let file = fs::File::create(&image).expect("a file");
        file.set_len(megabytes << 20).expect("a length");
        let (image, disk_text) = (image.to_str().expect("text"), disk.to_str().expect("text"));
        call("mkfs.ext4", &["-q", "-F", "-m", "0", image]);
        let looped = Command::new("mount").args(["-o", "loop", image, disk_text]).output().expect("mount");
        if !looped.status.success() {
            let size = format!("size={megabytes}m");
            call("mount", &["-t", "tmpfs", "-o", &size, "none", disk_text]);
        }
        scene.mounted.push(disk);
        scene
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.at(path).to_str().expect("text").to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        fs::write(self.at(path), content).expect("a file");
    }

    pub(crate) fn ours(&self, words: &[&str]) -> Run {
        self.ours_under(&[], words)
    }

    /// Runs the program under strace with these options, if there are any. Words that name a file of the scene
    /// stand for its path.
    pub(crate) fn ours_under(&self, strace: &[&str], words: &[&str]) -> Run {
        run(self.command(strace, words))
    }

    /// What runs it.
    pub(crate) fn command(&self, strace: &[&str], words: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_rdiff-backup");
        let mut command = Command::new("env");
        // Who runs the tests in the background of a shell may ignore it, and what they start then does.
        command.arg("--default-signal=INT");
        if !strace.is_empty() {
            command.args(["strace", "-f", "-qq", "-o", "/dev/null"]).args(strace);
        }
        command.arg(program);
        let places = ["source", "disk/repo", "target", "elsewhere"];
        let is_place = |word: &str| places.iter().any(|p| word == *p || word.starts_with(&format!("{p}/")));
        let place = |word: &&str| if is_place(word) { self.text(word) } else { (*word).to_owned() };
        command.args(words.iter().map(place));
        command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        command
    }

    pub(crate) fn backup(&mut self) -> Run {
        self.backup_under(&[], &[])
    }

    pub(crate) fn backup_under(&mut self, strace: &[&str], options: &[&str]) -> Run {
        self.time += 1000;
        let time = self.time.to_string();
        let words = [&["--current-time", &time, "backup"], options, &["source", "disk/repo"]].concat();
        self.ours_under(strace, &words)
    }

    /// Restores a session and compares contents with a copy of its source.
    #[track_caller]
    pub(crate) fn restores(&self, at: i64, copy: &str) {
        let target = self.at("target");
        self.ours(&["restore", "--at", &at.to_string(), "disk/repo", "target"]).ends(&[0, 2], &[]);
        let diff = Command::new("diff").arg("-r").arg(self.at(copy)).arg(&target).output().expect("diff");
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
        fs::remove_dir_all(target).expect("a directory goes");
    }

    /// All sessions are whole.
    #[track_caller]
    pub(crate) fn verifies(&self) {
        self.ours(&["verify", "--all", "disk/repo"]).ends(&[0], &["verified successfully"]);
    }

    pub(crate) fn copy_source(&self, name: &str) {
        call("cp", &["-a", &self.text("source"), &self.text(name)]);
    }

    /// Bytes that are free on the disk of the repository.
    pub(crate) fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.at("disk")).expect("a file system");
        stat.f_bavail * stat.f_frsize
    }

    /// Leaves only so many bytes free.
    pub(crate) fn fill(&self, free: u64) {
        let filler = self.at("disk/filler");
        fs::remove_file(&filler).ok();
        let most = self.free().saturating_sub(free).to_string();
        // To the last block, where nothing is to be left.
        Command::new("fallocate").args(["-l", &most]).arg(&filler).output().expect("fallocate");
        if free == 0 {
            Command::new("dd")
                .args(["if=/dev/zero", "bs=4k", &format!("of={}", self.text("disk/filler-2"))])
                .output()
                .expect("dd");
        }
    }

    pub(crate) fn unfill(&self) {
        for name in ["disk/filler", "disk/filler-2"] {
            fs::remove_file(self.at(name)).ok();
        }
    }
}

/// Bytes that nothing compresses.
pub(crate) fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// What needs root can't be tried without: mounts.
pub(crate) fn may_mount() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "these tests mount file systems: run them as root");
    is_root
}
