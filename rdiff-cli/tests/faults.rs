//! The program on disks that fail it: full, read-only, broken; sources that vanish while they
//! are read; signals. Each time: the exit code, a line that names the path and the way out, earlier sessions as
//! they were, and a next run that works.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// How a run ended, and what it said.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn ends(self, codes: &[i32], words: &[&str]) -> Self {
        assert!(self.code.is_some_and(|code| codes.contains(&code)), "{codes:?}: {self:?}");
        for word in words {
            assert!(self.err.contains(word) || self.out.contains(word), "{word}: {self:?}");
        }
        self
    }
}

fn run(mut command: Command) -> Run {
    let output = command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").output().expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs something else, which must succeed.
#[track_caller]
fn call(program: &str, words: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(words);
    run(command).ends(&[0], &[]).out
}

/// A source of some fifty files with a first session, in a place of its own.
struct Scene {
    dir: TempDir,
    time: i64,
    mounted: Vec<PathBuf>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for place in self.mounted.iter().rev() {
            Command::new("umount").arg("-l").arg(place).status().ok();
        }
    }
}

impl Scene {
    fn new() -> Self {
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
    fn on_small_disk(megabytes: u64) -> Self {
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

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        self.at(path).to_str().expect("text").to_owned()
    }

    fn write(&self, path: &str, content: &[u8]) {
        fs::write(self.at(path), content).expect("a file");
    }

    fn ours(&self, words: &[&str]) -> Run {
        self.ours_under(&[], words)
    }

    /// Runs the program under strace with these options, if there are any. Words that name a file of the scene
    /// stand for its path.
    fn ours_under(&self, strace: &[&str], words: &[&str]) -> Run {
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
        run(command)
    }

    fn backup(&mut self) -> Run {
        self.backup_under(&[], &[])
    }

    fn backup_under(&mut self, strace: &[&str], options: &[&str]) -> Run {
        self.time += 1000;
        let time = self.time.to_string();
        let words = [&["--current-time", &time, "backup"], options, &["source", "disk/repo"]].concat();
        self.ours_under(strace, &words)
    }

    /// Restores a session and compares contents with a copy of its source.
    #[track_caller]
    fn restores(&self, at: i64, copy: &str) {
        let target = self.at("target");
        self.ours(&["restore", "--at", &at.to_string(), "disk/repo", "target"]).ends(&[0, 2], &[]);
        let diff = Command::new("diff").arg("-r").arg(self.at(copy)).arg(&target).output().expect("diff");
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
        fs::remove_dir_all(target).expect("a directory goes");
    }

    /// All sessions are whole.
    #[track_caller]
    fn verifies(&self) {
        self.ours(&["verify", "--all", "disk/repo"]).ends(&[0], &["verified successfully"]);
    }

    fn copy_source(&self, name: &str) {
        call("cp", &["-a", &self.text("source"), &self.text(name)]);
    }

    /// Bytes that are free on the disk of the repository.
    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.at("disk")).expect("a file system");
        stat.f_bavail * stat.f_frsize
    }

    /// Leaves only so many bytes free.
    fn fill(&self, free: u64) {
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

    fn unfill(&self) {
        for name in ["disk/filler", "disk/filler-2"] {
            fs::remove_file(self.at(name)).ok();
        }
    }
}

/// Bytes that nothing compresses.
fn noise(seed: u32, length: usize) -> Vec<u8> {
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
fn may_mount() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "these tests mount file systems: run them as root");
    is_root
}

#[test]
fn one_file_that_is_too_big_is_refused_before_it_is_written() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.backup().ends(&[0], &[]);
    let (first, free) = (scene.time, scene.free());
    scene.copy_source("first");
    scene.write("source/big", &noise(1, 12 << 20));
    scene.write("source/a", b"second");
    let words = ["disk/repo has no room for this session", "make room", "--no-space-check", "is as it was"];
    scene.backup().ends(&[1], &words);
    assert!(scene.free() + 65_536 > free, "{} of {free} are still free", scene.free());
    // Who insists finds the disk full, and gets it back.
    let words = ["may not fit", "No space left on device", "make room", "is as it was"];
    scene.backup_under(&[], &["--no-space-check"]).ends(&[1], &words);
    assert!(scene.free() + 65_536 > free, "{} of {free} are still free", scene.free());
    scene.restores(first, "first");
    fs::remove_file(scene.at("source/big")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    scene.restores(first, "first");
    scene.verifies();
}

#[test]
fn a_first_session_that_does_not_fit_leaves_room_for_one_that_does() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.write("source/big", &noise(1, 12 << 20));
    scene.backup().ends(&[1], &["has no room", "the next backup begins anew"]);
    scene.backup_under(&[], &["--no-space-check"]).ends(&[1], &["No space left on device"]);
    fs::remove_file(scene.at("source/big")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}

#[test]
fn a_disk_that_is_full_at_any_moment_costs_no_session() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    let mut failed = 0;
    for free in [0, 8 << 10, 60 << 10, 250 << 10] {
        for n in 0..30 {
            scene.write(&format!("source/d/{n}"), &noise(free as u32 + n, 8000 + n as usize));
        }
        scene.fill(free);
        let done = scene.backup_under(&[], &["--no-space-check"]).ends(&[0, 1, 2], &[]);
        failed += u32::from(done.code == Some(1));
        scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &[]);
        scene.restores(first, "first");
        scene.unfill();
        scene.backup().ends(&[0, 2], &[]);
        scene.verifies();
    }
    assert!(failed >= 3, "the disk was full {failed} times only");
}

#[test]
fn regress_and_removal_work_on_a_full_disk() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.backup().ends(&[0], &[]);
    for round in 0..2 {
        for n in 0..20 {
            scene.write(&format!("source/d/{n}"), &noise(n + 100 + round, 9000));
        }
        scene.backup().ends(&[0], &[]);
    }
    let good = scene.time;
    scene.copy_source("good");
    for n in 0..20 {
        scene.write(&format!("source/d/{n}"), &noise(n + 300, 9000));
    }
    scene.write("source/new", &noise(7, 100_000));
    // With some of the files in their places.
    scene.backup_under(&["-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=12"], &[]);
    scene.fill(0);
    scene.ours(&["regress", "disk/repo"]).ends(&[2], &["Regressing"]);
    scene.restores(good, "good");
    scene.fill(0);
    scene.ours(&["--force", "remove", "increments", "--older-than", "1B", "disk/repo"]).ends(&[0], &[]);
    scene.unfill();
    scene.verifies();
    scene.backup().ends(&[0], &[]);
    scene.restores(good, "good");
}

#[test]
fn an_interrupted_repository_is_read_on_a_read_only_file_system() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::new();
    fs::create_dir(scene.at("disk/repo")).expect("a directory");
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    scene.write("source/a", b"second");
    fs::remove_file(scene.at("source/d/3")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    let second = scene.time;
    scene.copy_source("second");
    for n in 10..20 {
        scene.write(&format!("source/d/{n}"), b"third");
    }
    scene.backup_under(&["-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=6"], &[]);
    let repo = scene.text("disk/repo");
    call("mount", &["--bind", &repo, &repo]);
    scene.mounted.push(scene.at("disk/repo"));
    call("mount", &["-o", "remount,bind,ro", &repo]);

    let said = ["did not finish", "rdiff-backup regress"];
    scene.restores(first, "first");
    scene.restores(second, "second");
    let at = first.to_string();
    scene.ours(&["restore", "disk/repo", "target"]).ends(&[2], &said);
    fs::remove_dir_all(scene.at("target")).expect("a directory goes");
    scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &said);
    scene.ours(&["list", "increments", "--size", "disk/repo"]).ends(&[0], &said);
    scene.ours(&["list", "files", "--changed-since", &at, "disk/repo"]).ends(&[0], &["deleted d/3"]);
    scene.ours(&["verify", "--all", "disk/repo"]).ends(&[0], &said);
    fs::rename(scene.at("first"), scene.at("elsewhere")).expect("a rename");
    let compared =
        ["--api-version", "201", "compare", "--method", "full", "--at", &at, "elsewhere", "disk/repo"];
    scene.ours(&compared).ends(&[0], &["No changes found"]);

    let words = ["Read-only file system", "mount it so that it can be written"];
    scene.backup().ends(&[1], &words);
    scene.ours(&["regress", "disk/repo"]).ends(&[1], &words);
    call("mount", &["-o", "remount,bind,rw", &repo]);
    scene.backup().ends(&[2], &["regressing"]);
    scene.restores(second, "second");
    scene.verifies();
}

/// The kernel makes a broken file system read-only in the midst of things, and fails what is asked of a broken
/// disk.
#[test]
fn a_repository_that_fails_in_the_midst_keeps_its_sessions() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    for (n, (inject, words)) in [
        ("renameat:error=EROFS:when=3+", ["Read-only file system", "mount it so"]),
        ("openat2:error=EROFS:when=70+", ["Read-only file system", "mount it so"]),
        ("syncfs:error=EIO:when=1", ["Input/output error", "kernel's log"]),
        ("pwrite64,write:error=EDQUOT:when=12+", ["", ""]),
    ]
    .into_iter()
    .enumerate()
    {
        for file in 0..20u32 {
            scene.write(&format!("source/d/{file}"), &noise(file + 1000 * n as u32, 8100));
        }
        let trace = format!("trace={}", inject.split(':').next().unwrap_or_default());
        scene.backup_under(&["-e", &trace, "-e", &format!("inject={inject}")], &[]).ends(&[1], &words);
        scene.restores(first, "first");
    }
    scene.backup().ends(&[0, 2], &[]);
    scene.restores(first, "first");
    scene.verifies();
}

#[test]
fn a_source_that_cannot_be_read_keeps_its_last_good_version() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    scene.copy_source("first");
    scene.write("source/d/5", b"nobody reads this");
    let file = scene.text("source/d/5");
    let inject = ["-P", &file, "-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO"];
    scene.backup_under(&inject, &[]).ends(&[4], &["ListError: 'd/5' Input/output error"]);
    scene.restores(scene.time, "first");
    let root = scene.text("source");
    for error in ["EIO", "ENOTCONN", "ESTALE", "ETIMEDOUT", "ECONNABORTED"] {
        let inject = format!("inject=getdents64:error={error}");
        let inject = ["-P", &root, "-e", "trace=getdents64", "-e", &inject];
        let words = ["the source", "is gone", "nothing was removed from the backup"];
        scene.backup_under(&inject, &[]).ends(&[17], &words);
    }
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}

#[test]
fn a_source_that_lost_too_much_has_an_exit_code_of_its_own() {
    let mut scene = Scene::new();
    for n in 0..150 {
        scene.write(&format!("source/many-{n}"), b"one of many");
    }
    scene.backup().ends(&[0], &[]);
    scene.copy_source("first");
    let first = scene.time;
    for n in 0..150 {
        fs::remove_file(scene.at(&format!("source/many-{n}"))).expect("a file goes");
    }
    scene.backup().ends(&[17], &["150 of 203 paths are gone", "--max-deletions"]);
    fs::rename(scene.at("source"), scene.at("kept")).expect("a rename");
    fs::create_dir(scene.at("source")).expect("a directory");
    scene.backup().ends(&[17], &["is empty", "--allow-empty-source"]);
    let sessions = scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &["Found 0 increments"]);
    assert!(!sessions.err.contains("did not finish"), "{sessions:?}");
    scene.restores(first, "first");
    scene.backup_under(&[], &["--allow-empty-source", "--max-deletions", "100%"]).ends(&[0], &[]);
    scene.restores(first, "first");
}

#[test]
fn a_signal_stops_a_job_and_the_next_run_goes_on() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    for n in 0..50u32 {
        scene.write(&format!("source/d/{n}"), &noise(n + 77, 9000));
    }
    for (signal, words) in [("SIGTERM", "stopped by SIGTERM"), ("SIGINT", "stopped by SIGINT")] {
        // Early in the session; the second time, early in the regress before it.
        let inject = format!("inject=fsync:signal={signal}:when=1");
        let words = [words, "is left unfinished", "rdiff-backup regress"];
        scene.backup_under(&["-e", "trace=fsync", "-e", &inject], &[]).ends(&[1], &words);
        scene.restores(first, "first");
    }
    scene.backup().ends(&[2], &[]);
    scene.restores(first, "first");
    scene.verifies();
    let file = scene.text("disk/repo/a");
    let inject = ["-P", &file, "-e", "trace=close", "-e", "inject=close:signal=SIGTERM:when=1"];
    scene.ours_under(&inject, &["restore", "disk/repo", "target"]).ends(&[1], &["stopped by SIGTERM"]);
}

/// Runs the program, slow in reading one file of 200 pieces, and given a signal by the last call before that. It must
/// not read to the end.
#[track_caller]
fn stops_within(scene: &Scene, slow: &str, before: &str, words: &[&str]) {
    let (slow, log) = (scene.text(slow), scene.text("strace.log"));
    let delay = "inject=read,pread64:delay_exit=20000";
    let signal = format!("inject={before}:signal=SIGTERM:when=1");
    let trace = format!("trace=read,pread64,{before}");
    let strace = ["-o", &log, "-P", &slow, "-e", &trace, "-e", delay, "-e", &signal];
    scene.ours_under(&strace, words).ends(&[1], &["stopped by SIGTERM"]);
    let log = fs::read_to_string(log).expect("a log");
    let pieces = log.lines().filter(|line| line.contains("read(") || line.contains("pread64(")).count();
    assert!(log.contains("SIGTERM") && pieces < 200, "{pieces} pieces were read");
}

#[test]
fn a_signal_stops_a_job_in_the_midst_of_a_large_file() {
    let mut scene = Scene::new();
    scene.write("source/large", &vec![1; 200 * (256 << 10)]);
    scene.time = 1000;
    stops_within(
        &scene,
        "source/large",
        "flistxattr",
        &["--current-time", "1000", "backup", "source", "disk/repo"],
    );
    scene.backup().ends(&[0], &[]);
    stops_within(&scene, "disk/repo/large", "statx", &["restore", "disk/repo", "target"]);
    assert!(!scene.at("target/large").exists(), "a part of a file under its name");
    scene.verifies();
}

/// What is damaged in the mirror is lost, and no more than that: sessions go on, and can be undone.
#[test]
fn a_mirror_file_that_is_lost_or_damaged_stops_neither_backup_nor_regress() {
    let mut scene = Scene::new();
    scene.write("source/b", b"first");
    scene.backup().ends(&[0], &[]);
    let first = scene.time.to_string();
    fs::remove_file(scene.at("disk/repo/a")).expect("a file goes");
    scene.write("disk/repo/b", b"worst");
    for name in ["source/a", "source/b"] {
        scene.write(name, b"the second");
    }
    scene.backup().ends(&[0], &[]);
    scene.ours(&["verify", "disk/repo"]).ends(&[0], &[]);
    scene.ours(&["verify", "--all", "disk/repo"]).ends(&[2], &["file a of", "file b of", "found 2"]);
    let said = ["a was damaged before", "b was damaged before", "`touch` that"];
    scene.ours(&["--api-version", "201", "--force", "regress", "disk/repo"]).ends(&[0, 2], &said);
    assert_eq!(fs::read(scene.at("disk/repo/b")).expect("a file"), b"worst");
    scene.backup().ends(&[0], &[]);
    scene.ours(&["verify", "disk/repo"]).ends(&[0], &[]);
    scene.ours(&["verify", "--at", &first, "disk/repo"]).ends(&[2], &["found 2"]);
}

/// A repository may belong to somebody who wishes its readers ill. What stands there instead of a file is neither
/// followed nor waited for.
#[test]
fn what_the_owner_of_a_repository_plants_is_not_followed() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    scene.write("secret", b"nobody's business");
    call("cp", &["-a", &scene.text("disk/repo"), &scene.text("clean")]);
    let data = "disk/repo/rdiff-backup-data";
    let places = ["backup.log", "restore.log", "lock.yml", "staging", "long_filename_data", "increments"];
    for (place, plant) in places.iter().flat_map(|place| [(place, "link"), (place, "pipe")]) {
        let (repo, planted) = (scene.text("disk/repo"), scene.at(&format!("{data}/{place}")));
        fs::remove_dir_all(&repo).expect("a directory goes");
        call("cp", &["-a", &scene.text("clean"), &repo]);
        if planted.is_dir() {
            fs::remove_dir_all(&planted).expect("a directory goes");
        } else if planted.exists() {
            fs::remove_file(&planted).expect("a file goes");
        }
        match plant {
            "link" => std::os::unix::fs::symlink(scene.at("secret"), &planted).expect("a link"),
            _ => drop(call("mkfifo", &[&planted.display().to_string()])),
        }
        scene.write("source/a", plant.as_bytes());
        // They end, one way or the other.
        scene.backup().ends(&[0, 1], &[]);
        scene.ours(&["restore", "disk/repo", "target"]).ends(&[0, 1, 2], &[]);
        fs::remove_dir_all(scene.at("target")).ok();
        let secret = fs::read(scene.at("secret")).expect("a file");
        assert_eq!(secret, b"nobody's business", "{place}: a {plant}");
    }
}

#[test]
fn a_repository_in_its_own_source_is_left_out_and_that_is_said_once() {
    let mut scene = Scene::new();
    let repo = scene.text("source/d/repo");
    for _ in 0..2 {
        scene.time += 1000;
        let time = scene.time.to_string();
        let done = scene.ours(&["--current-time", &time, "backup", "source", &repo]).ends(&[0], &[]);
        assert_eq!(done.out.matches("left out d/repo").count(), 1, "{done:?}");
    }
    let listed = scene.ours(&["list", "files", &repo]).ends(&[0], &["d/7"]);
    assert!(!listed.out.contains("repo"), "{listed:?}");
    let inside = scene.text("source/d/repo/d");
    scene.ours(&["backup", &inside, &repo]).ends(&[1], &["lies in the repository"]);
}

#[test]
fn a_clock_that_was_set_back_is_told() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    for step in [0, 1_000_000] {
        scene.time -= 1000 + step;
        scene.backup().ends(&[1], &["is not in the past", "set the clock right"]);
        scene.time += step;
    }
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}
