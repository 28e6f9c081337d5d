//! Repositories and restores on file systems that hold less than those of Linux.

mod ours;
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ours::Problems;
use rdiff_core::backup::BackupRequest;
use support::check::check_repository;
use support::is_root;
use support::manifest::{Ignore, Manifest, differences};
use support::real::Real;

const FIRST: i64 = 2_000_000_000;

/// A file system in a file; unmounted when dropped.
struct Volume {
    dir: tempfile::TempDir,
}

impl Volume {
    /// One that takes only what Windows takes, and `A` and `a` for one name. It lists them as `a`.
    fn as_on_windows() -> Self {
        Self::mount("windows_names,ignore_case")
    }

    fn mount(options: &str) -> Self {
        Self::new(24 << 20, |image, place| {
            run(Command::new("mkntfs").args(["--force", "--fast", "--quiet"]).arg(image));
            run(Command::new("lowntfs-3g").args(["-o", options]).args([image, place]));
        })
    }

    /// An XFS, whose files can share blocks.
    fn xfs() -> Self {
        Self::new(400 << 20, |image, place| {
            run(Command::new("mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(image));
            run(Command::new("mount").args(["-o", "loop"]).args([image, place]));
        })
    }

    fn new(bytes: u64, mount: impl Fn(&Path, &Path)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (image, place) = (dir.path().join("image"), dir.path().join("mounted"));
        fs::create_dir(&place).expect("a directory");
        fs::File::create(&image).and_then(|f| f.set_len(bytes)).expect("an image");
        mount(&image, &place);
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("mounted").join(name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.path("")));
    }
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e} (Debian: apt install ntfs-3g xfsprogs)"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The rules that a repository breaks, but for the one of owners and modes of the mirror.
fn judged(repo: &Path) -> Vec<String> {
    check_repository(repo).into_iter().filter(|f| !f.starts_with("check 28:")).collect()
}

fn names_of(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).expect("a directory").map(|e| e.expect("a name").file_name());
    let mut names: Vec<String> = names.map(|n| n.into_string().expect("text")).collect();
    names.sort();
    names
}

/// A source with names that Windows doesn't take or keep apart.
fn source(dir: &Path) -> PathBuf {
    let source = dir.join("source");
    fs::create_dir_all(source.join("Dir")).expect("a directory");
    for name in ["case", "CASE", "a:b", "x?y", "trail ", "dot.", "aux", "semi;065", "Dir/In", "Dir/in"] {
        fs::write(source.join(name), name).expect("a file");
    }
    symlink("case", source.join("link")).expect("a link");
    std::os::unix::fs::chown(source.join("case"), Some(33), Some(33)).expect("an owner");
    fs::set_permissions(source.join("case"), fs::Permissions::from_mode(0o4750)).expect("a mode");
    source
}

#[test]
fn names_that_windows_does_not_take_or_keep_apart_are_quoted() {
    if !is_root("file_systems") {
        return;
    }
    let (ntfs, place) = (Volume::as_on_windows(), tempfile::tempdir().expect("a temporary directory"));
    let (source, repo) = (source(place.path()), ntfs.path("repo"));
    let mut manifests = Vec::new();
    for n in 0..3 {
        let at = FIRST + 1000 * n;
        for name in ["CASE", "aux"] {
            // The real program only sees what has another length or second.
            fs::write(source.join(name), format!("{name}{}", "!".repeat(n as usize))).expect("a file");
        }
        manifests.push((at, Manifest::scan(&source)));
        match n {
            1 => drop(Real::find().backup(&source, &repo, at, &[]).expect_success()),
            _ => drop(ours::back_up(&source, &repo, at)),
        }
        assert_eq!(judged(&repo), [""; 0], "session {n}");
    }
    for (at, manifest) in &manifests {
        let target = place.path().join(at.to_string());
        ours::restore_all(&repo, *at, &target);
        let found = differences(manifest, &Manifest::scan(&target), Ignore::BY_REAL);
        assert_eq!(found, [""; 0], "restored {at}");
        Real::find().verify(&repo, *at).expect_success();
    }
}

#[test]
fn a_repository_that_quotes_too_little_for_its_file_system_is_not_continued() {
    if !is_root("file_systems") {
        return;
    }
    let (ntfs, place) = (Volume::mount("windows_names"), tempfile::tempdir().expect("a temporary directory"));
    let (source, repo) = (place.path().join("source"), ntfs.path("repo"));
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("f"), "one").expect("a file");
    let unquoted = |n| BackupRequest { chars_to_quote: Some(Vec::new()), ..ours::request(FIRST + n) };
    let told = |request: &BackupRequest| {
        let done = ours::try_backup(&source, &repo, request, &Problems::default());
        done.map(|_| ()).map_err(|e| ours::line(&e))
    };
    assert_eq!(told(&BackupRequest { compatible_times: true, ..unquoted(0) }), Ok(()));
    let times = || {
        let names = names_of(&repo.join("rdiff-backup-data"));
        names.into_iter().filter(|n| n.contains("2033")).collect::<Vec<_>>()
    };
    let before = times();
    let refused = told(&ours::request(FIRST + 1)).expect_err("a refusal");
    assert!(refused.contains("differ in case") && refused.contains("begin a new one there"), "{refused}");
    assert_eq!(times(), before);
    assert_eq!(told(&BackupRequest { compatible_times: true, ..unquoted(2) }), Ok(()));
}

#[test]
fn a_marker_whose_name_cannot_be_read_is_no_reason_to_begin_anew() {
    if !is_root("file_systems") {
        return;
    }
    let (ntfs, place) = (Volume::as_on_windows(), tempfile::tempdir().expect("a temporary directory"));
    let (source, repo) = (place.path().join("source"), ntfs.path("repo"));
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("f"), "one").expect("a file");
    let request =
        BackupRequest { chars_to_quote: Some(Vec::new()), compatible_times: true, ..ours::request(FIRST) };
    ours::try_backup(&source, &repo, &request, &Problems::default()).expect("a backup");
    let before = names_of(&repo.join("rdiff-backup-data"));
    assert!(before.iter().any(|n| n == "current_mirror.2033-05-18t03-33-20z.data"), "{before:?}");
    let again = BackupRequest { time: Some(FIRST + 1), force: true, ..request };
    let refused = ours::try_backup(&source, &repo, &again, &Problems::default()).expect_err("a refusal");
    assert!(ours::line(&refused).contains("current_mirror.2033-05-18t03-33-20z.data"), "{refused:?}");
    assert_eq!(names_of(&repo.join("rdiff-backup-data")), before);
}

#[test]
fn a_mirror_that_was_not_finished_is_put_right_without_owners() {
    if !is_root("file_systems") {
        return;
    }
    let (ntfs, place) = (Volume::as_on_windows(), tempfile::tempdir().expect("a temporary directory"));
    let (source, repo) = (source(place.path()), ntfs.path("repo"));
    ours::back_up(&source, &repo, FIRST);
    let manifest = Manifest::scan(&source);
    fs::write(source.join("case"), "edited").expect("a file");
    fs::remove_file(source.join("CASE")).expect("a removal");
    ours::back_up(&source, &repo, FIRST + 1000);
    // As if the machine had stopped at the very end.
    fs::write(repo.join("rdiff-backup-data/current_mirror.2033-05-18;08403-33-20;090.data"), "PID NA\n")
        .expect("a marker");
    let report = ours::undo(&repo).unwrap_or_else(|e| panic!("{}", ours::line(&e)));
    assert!(report.is_some());
    assert_eq!(judged(&repo), [""; 0]);
    let target = place.path().join("restored");
    ours::restore_all(&repo, FIRST, &target);
    assert_eq!(differences(&manifest, &Manifest::scan(&target), Ignore::default()), [""; 0]);
}

#[test]
fn what_a_target_has_no_room_for_does_not_end_a_restore() {
    if !is_root("file_systems") {
        return;
    }
    let (ntfs, place) = (Volume::as_on_windows(), tempfile::tempdir().expect("a temporary directory"));
    let source = place.path().join("source");
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("f"), "content").expect("a file");
    std::os::unix::fs::chown(source.join("f"), Some(33), Some(33)).expect("an owner");
    fs::set_permissions(source.join("f"), fs::Permissions::from_mode(0o6750)).expect("a mode");
    let repo = place.path().join("repo");
    ours::back_up(&source, &repo, FIRST);
    ours::restore_all(&repo, FIRST, &ntfs.path("out"));
    let restored = fs::metadata(ntfs.path("out/f")).expect("a file");
    assert_eq!(fs::read_to_string(ntfs.path("out/f")).expect("a file"), "content");
    // It must not run as root.
    assert!(restored.uid() == 33 || restored.mode() & 0o6000 == 0, "{:o}", restored.mode());
}

#[test]
fn of_a_large_file_only_the_blocks_that_differ_are_written_where_files_can_share_them() {
    if !is_root("file_systems") {
        return;
    }
    let (xfs, place) = (Volume::xfs(), tempfile::tempdir().expect("a temporary directory"));
    let (source, repo) = (place.path().join("source"), xfs.path("repo"));
    fs::create_dir(&source).expect("a directory");
    let used = || {
        rustix::fs::syncfs(fs::File::open(xfs.path("")).expect("a directory")).expect("a sync");
        let stat = rustix::fs::statvfs(xfs.path("")).expect("a file system");
        (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    };
    const LENGTH: usize = 64 << 20;
    let first = ours::noise(1, LENGTH);
    let edited = |from: &[u8], at: usize, with: &[u8]| {
        let mut bytes = from.to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    // Edited late and across the ends of blocks; grown; cut off; zeros where there was something.
    let second = [edited(&first, 40 << 20, &[7; 5000]), ours::noise(1, 70_000)].concat();
    let third = edited(&second, 3 << 20, &[0; 300_000])[..LENGTH - 12_345].to_vec();
    // Moved, so that nothing is where it was.
    let fourth = [&third[..1 << 20], &ours::noise(1, 5000), &third[1 << 20..]].concat();
    let mut before = 0;
    for (i, content) in [&first, &second, &third, &fourth].into_iter().enumerate() {
        fs::write(source.join("image"), content).expect("a file");
        ours::back_up(&source, &repo, FIRST + 1000 * i as i64);
        assert!(fs::read(repo.join("image")).expect("a file") == *content, "mirror of session {i}");
        let more = used().saturating_sub(before);
        assert!((i == 0) == (more > 32 << 20), "session {i} took {more} bytes");
        before = used();
    }
    for (i, content) in [&first, &second, &third, &fourth].into_iter().enumerate() {
        let out = place.path().join(format!("out{i}"));
        ours::restore_all(&repo, FIRST + 1000 * i as i64, &out);
        assert!(fs::read(out.join("image")).expect("a file") == *content, "session {i}");
    }
    assert_eq!(check_repository(&repo), Vec::<String>::new());
}
