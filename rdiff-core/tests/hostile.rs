//! Damaged and hostile repositories and targets: a clear error in one line, no panic, nothing written outside.

#[path = "hostile/deep.rs"]
mod deep;
mod ours;
#[path = "hostile/sizes.rs"]
mod sizes;
mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use ours::Problems;
use rdiff_core::monitor::{Event, Monitor, Silent};
use rdiff_core::path::RepoPath;
use rdiff_core::repo::Repository;
use rdiff_core::repo::increments::{Base, Increments};
use rdiff_core::repo::metadata::Detail;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
use rdiff_core::tree::walk::Everything;
use rdiff_core::verify::{VerifyRequest, verify};
use support::check::check_repository;
use support::manifest::{Ignore, Manifest, differences};
use tempfile::TempDir;

const TIMES: [i64; 3] = [1_700_000_000, 1_700_000_100, 1_700_000_200];

/// A repository of three sessions that is going to be damaged, and a place that must stay as it is.
struct Victim {
    dir: TempDir,
}

impl Victim {
    fn new() -> Self {
        let victim = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        for dir in ["source", "outside", "source/d", "source/d/sub"] {
            fs::create_dir(victim.at(dir)).expect("a directory");
        }
        fs::write(victim.at("outside/secret"), "nobody's business").expect("a file");
        let long = "n".repeat(250);
        for (n, at) in (0u8..).zip(TIMES) {
            for name in ["f", "d/g", "d/sub/h", &long] {
                let content: Vec<u8> = (0..2000u32).map(|i| ((i * i) >> 3) as u8).chain([n; 100]).collect();
                fs::write(victim.at("source").join(name), content).expect("a file");
            }
            fs::write(victim.at("source/gone"), "removed later").expect("a file");
            if n == 1 {
                fs::remove_file(victim.at("source/gone")).expect("a removal");
            }
            ours::back_up(&victim.at("source"), &victim.repo(), at);
        }
        victim
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn repo(&self) -> PathBuf {
        self.at("repo")
    }

    fn data(&self, path: &str) -> PathBuf {
        self.at("repo/rdiff-backup-data").join(path)
    }

    /// A file of the data directory of the n-th session: `base.TIME.end`.
    fn of(&self, base: &str, n: usize, end: &str) -> PathBuf {
        let time = SessionTime(TIMES[n]).format(&Zone::utc(), TimeSeparator::Colon);
        let path = self.data(&format!("{base}.{time}.{end}"));
        assert!(path.symlink_metadata().is_ok(), "{}", path.display());
        path
    }

    fn newest_metadata(&self) -> PathBuf {
        self.of("mirror_metadata", 2, "snapshot.gz")
    }

    /// Tries all jobs. What they complain of, one line each.
    fn try_all(&self) -> Vec<String> {
        let outside = Manifest::scan(&self.at("outside"));
        let (problems, mut lines) = (Problems::default(), Vec::new());
        for at in TIMES {
            let target = self.at("target");
            lines.extend(
                ours::try_restore(&self.repo(), at, b"", &target, &problems).err().map(|e| ours::line(&e)),
            );
            fs::remove_dir_all(&target).ok();
        }
        fs::write(self.at("source/d/g"), "a fourth state").expect("a file");
        fs::remove_file(self.at("source/d/sub/h")).expect("a removal");
        let request = ours::request(TIMES[2] + 100);
        let done = ours::try_backup(&self.at("source"), &self.repo(), &request, &problems);
        lines.extend(done.err().map(|e| ours::line(&e)));
        lines.extend(ours::undo(&self.repo()).err().map(|e| ours::line(&e)));
        lines.extend(problems.lines());
        for line in &lines {
            assert!(!line.contains('\n') && line.len() < 1000, "not one line: {line}");
        }
        let found = differences(&outside, &Manifest::scan(&self.at("outside")), Ignore::default());
        assert_eq!(found, [""; 0], "written outside");
        lines
    }

    /// All jobs; something must be said, with these words.
    #[track_caller]
    fn assert_says(&self, words: &[&str]) {
        let lines = self.try_all();
        assert!(lines.iter().any(|l| words.iter().all(|w| l.contains(w))), "{words:?} not in {lines:#?}");
    }
}

fn gunzip(path: &Path) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(fs::File::open(path).expect("a file")).read_to_end(&mut plain).expect("gzip");
    plain
}

fn write_gz(path: &Path, content: &[u8]) {
    let mut out = GzEncoder::new(fs::File::create(path).expect("a file"), Compression::fast());
    out.write_all(content).expect("a file");
    out.finish().expect("a file");
}

fn edit_gz(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    write_gz(path, &change(gunzip(path)));
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

// ---- files that are cut short or hold nonsense

#[test]
fn truncated_files_are_named() {
    for (base, n, end) in [
        ("mirror_metadata", 2, "snapshot.gz"),
        ("mirror_metadata", 0, "diff.gz"),
        ("increments/f", 0, "diff.gz"),
        ("increments/gone", 0, "snapshot.gz"),
    ] {
        let victim = Victim::new();
        let path = victim.of(base, n, end);
        let content = fs::read(&path).expect("a file");
        for length in [content.len() / 2, content.len() - 3, 0] {
            fs::write(&path, &content[..length]).expect("a file");
            let lines = victim.try_all();
            let named = lines.iter().any(|l| l.contains(&name_of(&path)));
            // An empty diff is a diff; of a delta all but the checksum of gzip is there, and SHA-1 agrees.
            let is_diff = end == "diff.gz";
            let harmless =
                is_diff && if base.contains("metadata") { length == 0 } else { length + 3 == content.len() };
            assert!(named || harmless, "{base} of {length} bytes: {lines:#?}");
            fs::write(victim.at("source/d/sub/h"), "again").expect("a file");
        }
    }
}

#[test]
fn bad_deltas_are_named() {
    let magic = &b"rs\x026"[..];
    let deltas: [&[u8]; 7] = [
        b"",
        b"rs\x02",
        b"nonsense",
        // a copy from outside the basis, one of an absurd length, one that overflows, an absurd literal
        &[magic, b"\x45\x00\xff\xff\x00"].concat(),
        &[magic, b"\x54\0\0\0\0\0\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff\0"].concat(),
        &[magic, b"\x54\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"].concat(),
        &[magic, b"\x44\xff\xff\xff\xff\xff\xff\xff\xffabc"].concat(),
    ];
    let victim = Victim::new();
    for delta in deltas {
        let path = victim.of("increments/f", 1, "diff.gz");
        write_gz(&path, delta);
        let problems = Problems::default();
        let target = victim.at("target");
        ours::try_restore(&victim.repo(), TIMES[1], b"", &target, &problems)
            .expect("a restore of the others");
        let lines = problems.lines();
        let good = lines.len() == 1 && lines[0].contains(&name_of(&path));
        assert!(good, "{}: {lines:#?}", delta.escape_ascii());
        fs::remove_dir_all(target).expect("a removal");
    }
}

#[test]
fn records_that_lead_out_of_the_tree_are_refused() {
    let bad: [(&[u8], &[u8]); 8] = [
        (b"File f\n", b"File ../evil\n"),
        (b"File f\n", b"File /evil\n"),
        (b"File f\n", b"File f//evil\n"),
        (b"File f\n", b"File f\0evil\n"),
        (b"File d/g\n", b"File d/../../evil\n"),
        (b"AlternateIncrementName 1\n", b"AlternateIncrementName ../../../outside/secret\n"),
        (b"AlternateIncrementName 1\n", b"AlternateMirrorName ../../../outside/secret\n"),
        (b"AlternateIncrementName 1\n", b"AlternateMirrorName /etc/passwd\n"),
    ];
    for (good, bad) in bad {
        let victim = Victim::new();
        let path = victim.newest_metadata();
        edit_gz(&path, |text| {
            let at = text.windows(good.len()).position(|w| w == good).expect("the text");
            [&text[..at], bad, &text[at + good.len()..]].concat()
        });
        victim.assert_says(&[&name_of(&path), "line"]);
        assert!(!victim.at("evil").exists());
    }
}

#[test]
fn records_out_of_order_and_nonsense_are_refused() {
    let changes: [fn(Vec<u8>) -> Vec<u8>; 6] = [
        |text| [&text[..], b"File a\n  Type reg\n  Size 0\n"].concat(),
        |text| [&text[..], b"File zz\n  Type reg\n  Size 99999999999999999999999\n"].concat(),
        |text| [&text[..], b"File zz\n  Type whatever\n"].concat(),
        |text| [&text[..], b"File zz\n  Type reg\n  Size -1\n"].concat(),
        |text| [&text[..], b"File zz\n  Type reg\n  Size 1\n  Permissions 65535\n"].concat(),
        |text| [&text[..], b"File zz\n"].concat(),
    ];
    for change in changes {
        let victim = Victim::new();
        let path = victim.newest_metadata();
        edit_gz(&path, change);
        victim.assert_says(&[&name_of(&path)]);
    }
}

/// Keeps the warnings of a job.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Monitor for Warnings {
    fn event(&self, event: &Event<'_>) {
        if let Event::Warning(text) = event {
            self.0.lock().expect("no test panics here").push((*text).to_owned());
        }
    }
}

#[test]
fn a_time_that_the_target_has_no_room_for_is_said() {
    let victim = Victim::new();
    edit_gz(&victim.newest_metadata(), |text| {
        let text = String::from_utf8(text).expect("plain names");
        let (before, of_f) = text.split_once("File f\n").expect("the record of f");
        let (start, rest) = of_f.split_once("ModTime ").expect("its time");
        let (_, rest) = rest.split_once('\n').expect("the end of the line");
        format!("{before}File f\n{start}ModTime {}\n{rest}", i64::MAX).into_bytes()
    });
    let (target, warnings) = (victim.at("target"), Warnings::default());
    let repo = Arc::new(Repository::open(&victim.repo()).expect("a repository"));
    let request = RestoreRequest::new(SessionTime(TIMES[2]));
    restore(&repo, &target, &request, Everything, &warnings).expect("a restore");
    let was_set = fs::symlink_metadata(target.join("f")).expect("the file").mtime() == i64::MAX;
    let said = warnings.0.into_inner().expect("no test panics here");
    assert_eq!(
        said.iter().any(|text| text.contains("did not take the times of 1 paths")),
        !was_set,
        "{said:?}"
    );
}

#[test]
fn a_record_without_end_is_not_read_to_its_end() {
    let victim = Victim::new();
    let path = victim.newest_metadata();
    edit_gz(&path, |text| [&text[..], b"File zz", &vec![b'z'; 80 << 20]].concat());
    victim.assert_says(&[&name_of(&path), "bytes"]);
}

// ---- bombs

/// Writes so many MiB of zeros, gzipped.
fn write_bomb(path: &Path, megabytes: usize) {
    let mut out = GzEncoder::new(fs::File::create(path).expect("a file"), Compression::fast());
    let zeros = vec![0; 1 << 20];
    (0..megabytes).for_each(|_| out.write_all(&zeros).expect("a file"));
    out.finish().expect("a file");
}

#[test]
fn a_snapshot_gives_no_more_than_its_record_says() {
    let victim = Victim::new();
    let path = victim.of("increments/gone", 0, "snapshot.gz");
    write_bomb(&path, 300);
    let problems = Problems::default();
    let begun = std::time::Instant::now();
    ours::try_restore(&victim.repo(), TIMES[0], b"", &victim.at("target"), &problems).expect("a restore");
    assert!(begun.elapsed().as_secs() < 20);
    assert_eq!(problems.heads(), ["ListError gone"], "{:?}", problems.lines());
    assert!(!victim.at("target/gone").exists());
}

#[test]
fn of_a_base_no_more_is_unpacked_than_the_deltas_use() {
    // f: a diff at the first session, on a snapshot at the second
    let victim = Victim::new();
    let (diff, snapshot) = (victim.of("increments/f", 1, "diff.gz"), victim.data("x"));
    write_bomb(&snapshot, 300);
    fs::rename(&snapshot, diff.with_file_name(name_of(&diff).replace("diff", "snapshot"))).expect("a rename");
    fs::remove_file(&diff).expect("a removal");
    let repo = Repository::open(&victim.repo()).expect("a repository");
    let mut increments = Increments::new(&repo);
    let mut entries =
        repo.metadata_at(SessionTime(TIMES[0]), RepoPath::new(b"f").expect("a path"), Detail::All);
    let entry = entries.as_mut().expect("metadata").next().expect("f").expect("f").entry;
    let chain = increments.chain(&entry, SessionTime(TIMES[0])).expect("a chain");
    assert!(chain.deltas.len() == 1 && matches!(chain.base, Base::Snapshot(_)));
    let before = written_bytes();
    let mut content =
        repo.open_chain(&entry, &chain, SessionTime(TIMES[0])).expect("a base as long as needed");
    let mut all = Vec::new();
    content.read_to_end(&mut all).expect("content");
    assert_eq!(all.len() as u64, entry.size());
    assert!(written_bytes() - before < 100 << 20, "a spill file of all of it");
}

/// Bytes that this thread wrote so far.
fn written_bytes() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    text.lines().find_map(|l| l.strip_prefix("wchar: ")).and_then(|n| n.parse().ok()).unwrap_or(0)
}

// ---- links that were planted

#[test]
fn planted_links_lead_nowhere() {
    let places = [
        "repo/d",
        "repo/d/sub",
        "repo/f",
        "repo/rdiff-backup-data/increments",
        "repo/rdiff-backup-data/increments/d",
        "repo/rdiff-backup-data/increments/d/sub",
        "repo/rdiff-backup-data/long_filename_data",
        "repo/rdiff-backup-data/staging",
        "repo/rdiff-backup-data/lock.yml",
    ];
    for place in places {
        let victim = Victim::new();
        let path = victim.at(place);
        if path.symlink_metadata().is_ok() {
            fs::rename(&path, victim.at("moved")).expect("a rename");
        }
        let to = if path.ends_with("f") || path.ends_with("lock.yml") { "outside/secret" } else { "outside" };
        symlink(victim.at(to), &path).expect("a link");
        // Some can be put right by the way; what matters is that nothing happens outside.
        victim.try_all();
    }
}

#[test]
fn a_link_in_place_of_what_did_not_change_is_found_by_verify() {
    for (place, names) in [("f", &["f"][..]), ("d", &["d/g", "d/sub/h"])] {
        let victim = Victim::new();
        let path = victim.repo().join(place);
        fs::rename(&path, victim.at("moved")).expect("a rename");
        symlink(victim.at("source").join(place), &path).expect("a link");
        // The same content lies behind the link, and the source is what it was: the backup doesn't look.
        ours::back_up(&victim.at("source"), &victim.repo(), TIMES[2] + 100);
        let repo = Arc::new(Repository::open(&victim.repo()).expect("a repository"));
        let request =
            VerifyRequest { at: Some(SessionTime(TIMES[2] + 100).into()), ..VerifyRequest::default() };
        let report = verify(&repo, &request, &Silent).expect("a verification");
        let mut bad: Vec<_> = report.bad.iter().map(|bad| bad.path.to_string()).collect();
        bad.sort();
        assert_eq!(bad, names);
    }
}

#[test]
fn a_data_directory_behind_a_link_is_no_repository() {
    let victim = Victim::new();
    fs::rename(victim.data(""), victim.at("elsewhere")).expect("a rename");
    symlink(victim.at("elsewhere"), victim.at("repo/rdiff-backup-data")).expect("a link");
    let elsewhere = Manifest::scan(&victim.at("elsewhere"));
    let lines = victim.try_all();
    assert!(lines.iter().all(|l| l.contains("rdiff-backup-data") || l.contains("repo")), "{lines:#?}");
    assert!(lines.len() >= 4, "{lines:#?}");
    let found = differences(&elsewhere, &Manifest::scan(&victim.at("elsewhere")), Ignore::default());
    assert_eq!(found, [""; 0]);
}

#[test]
fn links_in_the_restore_target_are_replaced_and_not_followed() {
    let victim = Victim::new();
    let outside = Manifest::scan(&victim.at("outside"));
    let target = victim.at("target");
    fs::create_dir(&target).expect("a directory");
    symlink(victim.at("outside"), target.join("d")).expect("a link");
    symlink(victim.at("outside/secret"), target.join("f")).expect("a link");
    fs::hard_link(victim.at("outside/secret"), target.join("gone")).expect("a link");
    for at in TIMES {
        ours::try_restore_over(&victim.repo(), at, &target, &Problems::default()).expect("a restore");
        assert!(!target.join("d").is_symlink() && !target.join("f").is_symlink());
    }
    assert_eq!(differences(&outside, &Manifest::scan(&victim.at("outside")), Ignore::default()), [""; 0]);
}

// ---- large and deep

/// `LINES` in the environment for more.
#[test]
fn metadata_of_any_length_are_read_in_little_memory() {
    const NAME: &str = "metadata_of_any_length_are_read_in_little_memory";
    if let Some(repo) = std::env::var_os("LARGE_METADATA") {
        let repo = Repository::open(Path::new(&repo)).expect("a repository");
        let all = repo.metadata_at(SessionTime(TIMES[2]), RepoPath::ROOT, Detail::All).expect("metadata");
        let count = all.inspect(|r| assert!(r.is_ok(), "{r:?}")).count();
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let peak = status.lines().find(|l| l.starts_with("VmHWM")).expect("a peak");
        println!("records {count} {peak}");
        return;
    }
    let victim = Victim::new();
    let lines: u64 = std::env::var("LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let records = lines / 8;
    let file = fs::File::create(victim.newest_metadata()).expect("a file");
    let mut out = GzEncoder::new(std::io::BufWriter::new(file), Compression::fast());
    out.write_all(b"File .\n  Type dir\n  ModTime 1\n  Uid 0\n  Gid 0\n  Permissions 493\n").expect("a file");
    for n in 0..records {
        let rest = "  Type reg\n  Size 0\n  ModTime 1\n  Uid 0\n  Gid 0\n  Permissions 420\n";
        let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        write!(out, "File f{n:09}\n{rest}  SHA1Digest {digest}\n").expect("a file");
    }
    out.finish().expect("a file");
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", NAME, "--nocapture"])
        .env("LARGE_METADATA", victim.repo())
        .output()
        .expect("this program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|l| l.split_once("records ")).expect(&said).1;
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[0].parse::<u64>().ok(), Some(records + 1), "{line}");
    let kilobytes: u64 = words[2].parse().expect("a number");
    assert!(kilobytes < 64 << 10, "{line}");
}

#[test]
fn names_like_those_of_increments_are_names_like_others() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    let names =
        ["f.2001-09-09T01:46:40Z.diff.gz", "f.2001-09-09T01:46:40Z.missing", "f.2001-09-09T01:46:40Z.dir"];
    let mut manifests = Vec::new();
    fs::create_dir(&source).expect("a directory");
    for (n, at) in TIMES.into_iter().enumerate() {
        fs::write(source.join("f"), format!("session {n}")).expect("a file");
        for (i, name) in names.iter().enumerate() {
            let path = source.join(name);
            // A directory, a file, nothing, and so on.
            match fs::symlink_metadata(&path) {
                Ok(m) if m.is_dir() => fs::remove_dir_all(&path).expect("a removal"),
                Ok(_) => fs::remove_file(&path).expect("a removal"),
                Err(_) => {}
            }
            match (n + i) % 3 {
                0 => {
                    fs::create_dir(&path).expect("a directory");
                    fs::write(path.join(name), format!("inside {n}")).expect("a file");
                }
                1 => fs::write(&path, format!("file {n}")).expect("a file"),
                _ => {}
            }
        }
        ours::back_up(&source, &repo, at);
        assert_eq!(check_repository(&repo), [""; 0], "session {n}");
        manifests.push(Manifest::scan(&source));
    }
    for (at, manifest) in TIMES.iter().zip(&manifests) {
        let target = dir.path().join(at.to_string());
        ours::restore_all(&repo, *at, &target);
        assert_eq!(differences(manifest, &Manifest::scan(&target), Ignore::default()), [""; 0]);
    }
    // The increment of a file, in a directory that has such a name itself.
    assert!(repo.join("rdiff-backup-data/increments").join(names[0]).is_dir());
}

#[test]
fn a_file_whose_increments_contradict_its_record_does_not_keep_others_from_coming_back() {
    let victim = Victim::new();
    let of_h = victim.data("increments/d/sub");
    let (first, second) = (SessionTime(TIMES[0]), SessionTime(TIMES[1]));
    let name = |at: SessionTime, end| format!("h.{}.{end}", at.format(&Zone::utc(), TimeSeparator::Colon));
    fs::remove_file(of_h.join(name(first, "diff.gz"))).expect("the increment of h");
    fs::rename(of_h.join(name(second, "diff.gz")), of_h.join(name(second, "missing"))).expect("its next one");
    let (target, problems) = (victim.at("target"), Problems::default());
    let report = ours::try_restore(&victim.repo(), TIMES[0], b"", &target, &problems).expect("a restore");
    assert_eq!(problems.heads(), ["ListError d/sub/h"]);
    assert_eq!((report.problems, report.restored), (1, 7));
    assert!(!target.join("d/sub/h").exists());
    let content = |name| fs::read(target.join(name)).expect("a file");
    assert_eq!(content("d/g"), content("f"));
}

#[test]
fn an_empty_file_comes_back_from_its_record_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("empty"), "").expect("a file");
    fs::write(source.join("stays"), "as it is").expect("a file");
    ours::back_up(&source, &repo, TIMES[0]);
    fs::remove_file(source.join("empty")).expect("a removal");
    ours::back_up(&source, &repo, TIMES[1]);
    let increments = repo.join("rdiff-backup-data/increments");
    fs::remove_dir_all(&increments).expect("the loss of all increments");
    ours::restore_all(&repo, TIMES[0], &dir.path().join("target"));
    assert_eq!(fs::read(dir.path().join("target/empty")).expect("the file"), b"");
}
