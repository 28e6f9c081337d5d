//! Random small histories against what the source was: every session comes back exactly, to the nanosecond.

mod ours;
mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use filetime::FileTime;
use ours::Problems;
use proptest::prelude::*;
use rdiff_core::backup::BackupRequest;
use support::check::check_repository;
use support::generator::{Generator, Options};
use support::manifest::{Ignore, Manifest, differences};
use tempfile::TempDir;

/// Sessions are later than all that happens here: no file is racy unless a test makes it so.
const FIRST: i64 = 2_000_000_000;

/// A source, its repository, and what the source was at each session.
struct Story {
    place: TempDir,
    sessions: BTreeMap<i64, Manifest>,
}

impl Story {
    fn new() -> Self {
        let story =
            Self { place: tempfile::tempdir().expect("a temporary directory"), sessions: BTreeMap::new() };
        fs::create_dir(story.source()).expect("a directory");
        story
    }

    fn source(&self) -> PathBuf {
        self.place.path().join("source")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.source().join(path)
    }

    fn repo(&self) -> PathBuf {
        self.place.path().join("repo")
    }

    fn next(&self) -> i64 {
        self.sessions.keys().last().map_or(FIRST, |t| t + 10)
    }

    #[track_caller]
    fn back_up(&mut self) -> i64 {
        let at = self.next();
        ours::back_up(&self.source(), &self.repo(), at);
        self.sessions.insert(at, Manifest::scan(&self.source()));
        at
    }

    /// What differs between what was and what comes back, over all sessions.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = check_repository(&self.repo());
        for (&at, manifest) in &self.sessions {
            let target = self.place.path().join(format!("at {at}"));
            ours::restore_all(&self.repo(), at, &target);
            let found = differences(manifest, &Manifest::scan(&target), Ignore::default());
            wrong.extend(found.into_iter().map(|f| format!("restored {at}: {f}")));
            fs::remove_dir_all(target).expect("a removal");
        }
        if let Some(newest) = self.sessions.values().last() {
            let found = differences(newest, &Manifest::of_mirror(&self.repo()), Ignore::BY_REAL);
            wrong.extend(found.into_iter().map(|f| format!("mirror: {f}")));
        }
        wrong
    }

    #[track_caller]
    fn assert_exact(&self) {
        let wrong = self.wrong();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn set_time(path: &Path, seconds: i64, nanos: u32) {
    let time = FileTime::from_unix_time(seconds, nanos);
    filetime::set_symlink_file_times(path, time, time).expect("a time");
}

/// Changes the first byte, and puts size and times back.
fn edit_quietly(path: &Path) {
    let before = fs::metadata(path).expect("a file");
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).expect("a byte");
    file.write_all_at(&[byte[0].wrapping_add(1)], 0).expect("a byte");
    set_time(path, before.mtime(), u32::try_from(before.mtime_nsec()).expect("under 10^9"));
}

// ---- random histories

const PATHS: [&str; 12] =
    ["a", "b", "a/x", "a/y", "b/x", "c", "c.d", "c/x", "a/x/z", "b/x/z", "c/x/z", "a.b"];

#[derive(Clone, Debug)]
enum Op {
    Write(usize, u8, usize),
    EditQuietly(usize),
    Time(usize, i64, u32),
    Mode(usize, u32),
    Dir(usize),
    Link(usize, usize),
    Symlink(usize, usize),
    Fifo(usize),
    Remove(usize),
    Rename(usize, usize),
    Xattr(usize, usize, Vec<u8>),
}

const XATTRS: [&[u8]; 5] = [b"user.x", b"user.a b", b"user.a=b", b"user.back\\slash\n", b"user.\xe9"];

fn op() -> impl Strategy<Value = Op> {
    let path = || 0..PATHS.len();
    let length = prop_oneof![Just(0usize), 1..3000usize, Just(70_000usize)];
    prop_oneof![
        4 => (path(), any::<u8>(), length).prop_map(|(p, c, l)| Op::Write(p, c, l)),
        2 => path().prop_map(Op::EditQuietly),
        1 => (path(), -3..3i64, 0..1_000_000_000u32).prop_map(|(p, s, n)| Op::Time(p, s, n)),
        1 => (path(), prop_oneof![Just(0o755u32), Just(0o700), Just(0o6755)]).prop_map(|(p, m)| Op::Mode(p, m)),
        3 => path().prop_map(Op::Dir),
        2 => (path(), path()).prop_map(|(p, q)| Op::Link(p, q)),
        1 => (path(), path()).prop_map(|(p, q)| Op::Symlink(p, q)),
        1 => path().prop_map(Op::Fifo),
        1 => path().prop_map(Op::Remove),
        1 => (path(), path()).prop_map(|(p, q)| Op::Rename(p, q)),
        1 => (path(), 0..XATTRS.len(), proptest::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(p, n, v)| Op::Xattr(p, n, v)),
    ]
}

/// Does it where it can be done.
fn apply(source: &Path, op: &Op) {
    let at = |n: usize| source.join(PATHS[n]);
    let remove = |p: &Path| match fs::symlink_metadata(p) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(p).expect("a removal"),
        Ok(_) => fs::remove_file(p).expect("a removal"),
        Err(_) => {}
    };
    let make_way = |n: usize| {
        let path = at(n);
        let possible = path.parent().is_some_and(|p| p.is_dir() && !p.is_symlink());
        if possible {
            remove(&path);
        }
        possible.then_some(path)
    };
    let is_file = |p: &Path| fs::symlink_metadata(p).is_ok_and(|m| m.is_file());
    match op {
        Op::Write(p, c, l) if is_file(&at(*p)) => fs::write(at(*p), vec![*c; *l]).expect("a file"),
        Op::Write(p, c, l) => {
            if let Some(path) = make_way(*p) {
                fs::write(path, vec![*c; *l]).expect("a file");
            }
        }
        Op::EditQuietly(p) if is_file(&at(*p)) && fs::metadata(at(*p)).is_ok_and(|m| m.len() > 0) => {
            edit_quietly(&at(*p));
        }
        Op::Time(p, s, n) if at(*p).symlink_metadata().is_ok() => set_time(&at(*p), *s, *n),
        Op::Mode(p, m) if at(*p).exists() && !at(*p).is_symlink() => {
            fs::set_permissions(at(*p), fs::Permissions::from_mode(*m)).expect("chmod");
        }
        Op::Dir(p) if !at(*p).is_dir() => {
            if let Some(path) = make_way(*p) {
                fs::create_dir(path).expect("a directory");
            }
        }
        Op::Link(p, q) if is_file(&at(*q)) && p != q && !at(*q).starts_with(at(*p)) => {
            if let Some(path) = make_way(*p) {
                fs::hard_link(at(*q), path).expect("a link");
            }
        }
        Op::Symlink(p, q) => {
            if let Some(path) = make_way(*p) {
                symlink(PATHS[*q], path).expect("a link");
            }
        }
        Op::Fifo(p) => {
            if let Some(path) = make_way(*p) {
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    path,
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::from_raw_mode(0o600),
                    0,
                )
                .expect("a pipe");
            }
        }
        Op::Remove(p) => remove(&at(*p)),
        Op::Rename(p, q) => {
            let related = at(*p).starts_with(at(*q)) || at(*q).starts_with(at(*p));
            if !related
                && at(*p).symlink_metadata().is_ok()
                && let Some(path) = make_way(*q)
            {
                fs::rename(at(*p), path).expect("a rename");
            }
        }
        Op::Xattr(p, n, v) if is_file(&at(*p)) || at(*p).is_dir() && !at(*p).is_symlink() => {
            xattr::set(at(*p), OsStr::from_bytes(XATTRS[*n]), v).expect("an xattr");
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_session_comes_back(steps in proptest::collection::vec(proptest::collection::vec(op(), 0..14), 2..6)) {
        let mut story = Story::new();
        for ops in &steps {
            for op in ops {
                apply(&story.source(), op);
            }
            let at = story.next();
            let problems = Problems::default();
            let request = BackupRequest {
                allow_empty_source: true,
                ..ours::request(at)
            };
            let done = ours::try_backup(&story.source(), &story.repo(), &request, &problems);
            prop_assert!(done.is_ok(), "{}", done.map_or_else(|e| ours::line(&e), |_| String::new()));
            prop_assert_eq!(problems.lines(), Vec::<String>::new());
            story.sessions.insert(at, Manifest::scan(&story.source()));
        }
        let wrong = story.wrong();
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

// ---- where we are better than the original

#[test]
fn times_below_the_second_come_back_also_those_of_links() {
    let mut story = Story::new();
    fs::write(story.at("f"), "x").expect("a file");
    symlink("nowhere", story.at("l")).expect("a link");
    fs::create_dir(story.at("d")).expect("a directory");
    for (n, name) in ["f", "l", "d"].iter().enumerate() {
        set_time(&story.at(name), -1000 * n as i64, 123_456_789);
    }
    story.back_up();
    for name in ["f", "l", "d"] {
        set_time(&story.at(name), 77, 1);
    }
    story.back_up();
    // Only nanoseconds change: nothing that the original would see.
    for name in ["f", "l", "d"] {
        set_time(&story.at(name), 77, 2);
    }
    story.back_up();
    story.assert_exact();
}

#[test]
fn an_edit_within_the_second_of_the_last_session_is_found() {
    let story = Story::new();
    fs::write(story.at("f"), "one").expect("a file");
    set_time(&story.at("f"), FIRST, 0);
    let (first, second) = (FIRST, FIRST + 10);
    // Without change times, as over a network.
    let back_up = |at: i64| {
        let mut source = ours::local(&story.source());
        let traits = rdiff_core::tree::source::Source::traits(&source);
        source.set_traits(rdiff_core::tree::source::SourceTraits { change_marks: false, ..traits });
        ours::backup_from(source, &story.repo(), &ours::request(at), &Problems::default()).expect("a backup")
    };
    back_up(first);
    fs::write(story.at("f"), "two").expect("a file");
    set_time(&story.at("f"), FIRST, 0);
    back_up(second);
    for (at, content) in [(first, "one"), (second, "two")] {
        let target = story.place.path().join(at.to_string());
        ours::restore_all(&story.repo(), at, &target);
        assert_eq!(fs::read_to_string(target.join("f")).expect("a file"), content);
    }
}

#[test]
fn an_edit_is_found_although_size_and_times_were_put_back() {
    for wait in [0, 150] {
        let mut story = Story::new();
        for name in ["f", "g"] {
            fs::write(story.at(name), "some content").expect("a file");
            set_time(&story.at(name), 1_000_000, 5);
        }
        // Young files have no change mark that could be relied on; old ones do.
        std::thread::sleep(Duration::from_millis(wait));
        story.back_up();
        edit_quietly(&story.at("f"));
        story.back_up();
        story.back_up();
        edit_quietly(&story.at("g"));
        story.back_up();
        story.assert_exact();
    }
}

#[test]
fn such_an_edit_is_found_also_after_a_session_of_the_real_program() {
    let story = Story::new();
    for name in ["f", "g"] {
        fs::write(story.at(name), "some content").expect("a file");
        set_time(&story.at(name), 1_000_000, 0);
    }
    let now = std::time::UNIX_EPOCH.elapsed().expect("a time").as_secs() as i64;
    support::real::Real::find().backup(&story.source(), &story.repo(), now - 1, &[]).expect_success();
    edit_quietly(&story.at("f"));
    ours::back_up(&story.source(), &story.repo(), now + 1);
    let target = story.place.path().join("out");
    ours::restore_all(&story.repo(), now + 1, &target);
    for name in ["f", "g"] {
        assert_eq!(fs::read(target.join(name)).expect("a file"), fs::read(story.at(name)).expect("a file"));
    }
    assert_eq!(check_repository(&story.repo()), [""; 0]);
}

#[test]
fn a_restore_over_what_is_right_already_touches_nothing() {
    let story = Story::new();
    fs::create_dir(story.at("d")).expect("a directory");
    for (name, mode) in [("f", 0o644), ("d/suid", 0o6755), ("d/linked", 0o600)] {
        fs::write(story.at(name), name).expect("a file");
        fs::set_permissions(story.at(name), fs::Permissions::from_mode(mode)).expect("a mode");
        xattr::set(story.at(name), "user.name", name.as_bytes()).expect("an xattr");
        set_time(&story.at(name), 1_000_000, 7);
    }
    fs::hard_link(story.at("d/linked"), story.at("linked-too")).expect("a link");
    std::os::unix::fs::symlink("f", story.at("l")).expect("a link");
    ours::back_up(&story.source(), &story.repo(), FIRST);
    let target = story.place.path().join("out");
    ours::restore_all(&story.repo(), FIRST, &target);
    let paths = ["", "f", "d", "d/suid", "d/linked", "linked-too", "l"];
    let marks = || {
        let mark = |path| {
            let stat = fs::symlink_metadata(target.join(path)).expect("a path");
            (path, stat.ino(), stat.ctime(), stat.ctime_nsec())
        };
        paths.map(mark)
    };
    let before = marks();
    let over =
        || ours::try_restore_over(&story.repo(), FIRST, &target, &Problems::default()).expect("a restore");
    assert_eq!(over().unchanged, 5, "all but the directories");
    assert_eq!(marks(), before);
    // Only what differs is put right.
    fs::write(target.join("d/suid"), "edited").expect("a file");
    fs::set_permissions(target.join("f"), fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::remove_file(target.join("linked-too")).expect("a removal");
    over();
    assert_eq!(
        differences(&Manifest::scan(&story.source()), &Manifest::scan(&target), Ignore::default()),
        [""; 0]
    );
}

#[test]
fn names_of_attributes_may_hold_anything() {
    let mut story = Story::new();
    fs::write(story.at("f"), "x").expect("a file");
    fs::create_dir(story.at("d")).expect("a directory");
    let names: [&[u8]; 9] = [
        b"user.a b",
        b"user. lead",
        b"user.trail ",
        b"user.a=b",
        b"user.=",
        b"user.back\\slash",
        b"user.new\nline",
        b"user.\xff\xfe",
        b"user.\xc3\xa9",
    ];
    for name in names {
        xattr::set(story.at("f"), OsStr::from_bytes(name), name).expect("an xattr");
        xattr::set(story.at("d"), OsStr::from_bytes(name), b"").expect("an xattr");
    }
    story.back_up();
    xattr::remove(story.at("f"), OsStr::from_bytes(names[0])).expect("an xattr");
    xattr::set(story.at("d"), OsStr::from_bytes(names[3]), b"\0=\n").expect("an xattr");
    story.back_up();
    story.assert_exact();
}

#[test]
fn hard_links_stay_links() {
    let mut story = Story::new();
    fs::write(story.at("a"), "one").expect("a file");
    fs::create_dir(story.at("d")).expect("a directory");
    for name in ["b", "d/c", "z"] {
        fs::hard_link(story.at("a"), story.at(name)).expect("a link");
    }
    story.back_up();
    fs::write(story.at("a"), "two!").expect("a file");
    story.back_up();
    fs::remove_file(story.at("a")).expect("a removal");
    fs::write(story.at("a"), "alone").expect("a file");
    story.back_up();
    fs::remove_file(story.at("b")).expect("a removal");
    fs::hard_link(story.at("a"), story.at("b")).expect("a link");
    story.back_up();
    fs::set_permissions(story.at("z"), fs::Permissions::from_mode(0o600)).expect("chmod");
    story.back_up();
    story.assert_exact();
}

#[test]
fn content_that_was_moved_within_a_large_file_is_kept_once() {
    let mut story = Story::new();
    // As large as what isn't kept in memory.
    let first = ours::noise(1, 65 << 20);
    let second = [&first[..1_000_001], &ours::noise(2, 700_000), &first[1_000_001..]].concat();
    let third = [&second[..30_000_000], &second[31_000_000..], &ours::noise(3, 100_000)].concat();
    let mut fourth = third.clone();
    for at in (5 << 20..60 << 20).step_by(3 << 20) {
        fourth[at..at + 4096].copy_from_slice(&ours::noise(at as u64, 4096));
    }
    for content in [&first, &second, &third, &fourth] {
        fs::write(story.at("large"), content).expect("a file");
        story.back_up();
    }
    let increments = fs::read_dir(story.repo().join("rdiff-backup-data/increments")).expect("a list");
    let mut sizes: Vec<(String, u64)> = increments
        .map(|entry| entry.expect("an entry"))
        .map(|entry| {
            (entry.file_name().into_string().expect("a name"), entry.metadata().expect("a file").len())
        })
        .collect();
    sizes.sort();
    // What was taken out, and what was written over; of what was put in or added, nothing.
    for ((name, size), lost) in sizes.iter().zip([0, 1_000_000, 19 * 4096]) {
        assert!((lost..lost + 2000).contains(size), "{name} has {size} bytes");
    }
    story.assert_exact();
}

#[test]
fn scattered_blocks_of_a_large_file_are_all_that_is_kept_of_it() {
    let mut story = Story::new();
    let mut content = ours::noise(1, 66 << 20);
    fs::write(story.at("large"), &content).expect("a file");
    story.back_up();
    // Alone, side by side, across pieces of the copy, and not at blocks of a file system.
    let pairs = (0..170).flat_map(|i| [i * 400_000, i * 400_000 + 4096 * (i % 3)]);
    for (i, at) in pairs.chain([(65 << 20) - 2048]).enumerate() {
        content[at..at + 4096].copy_from_slice(&ours::noise(i as u64 + 2, 4096));
    }
    fs::write(story.at("large"), &content).expect("a file");
    story.back_up();
    let increments = fs::read_dir(story.repo().join("rdiff-backup-data/increments")).expect("a list");
    let sizes = increments.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file").len());
    let kept: u64 = sizes.sum();
    assert!(kept < 341 * 4200 + 10_000, "{kept} bytes");
    story.assert_exact();
}

#[test]
fn a_large_mirror_file_of_another_length_than_was_recorded_ends_no_backup() {
    for (is, seed) in [(2 << 20, 1), (6 << 20, 2), (0, 3), (100_000, 4)] {
        let mut story = Story::new();
        let mut content: Vec<u8> = (0..1_000_000u64).flat_map(|i| (i * i * seed).to_le_bytes()).collect();
        content.truncate(5 << 20);
        fs::write(story.at("large"), &content).expect("a file");
        story.back_up();
        // Behind our back.
        let mirror = fs::OpenOptions::new().write(true).open(story.repo().join("large")).expect("a file");
        mirror.set_len(is).expect("a length");
        content[1_000_000..4_000_000].fill(b'x');
        fs::write(story.at("large"), &content).expect("a file");
        story.back_up();
        assert!(fs::read(story.repo().join("large")).expect("a file") == content, "{is}");
        let target = story.place.path().join("out");
        ours::restore_all(&story.repo(), FIRST + 10, &target);
        assert!(fs::read(target.join("large")).expect("a file") == content, "{is}");
    }
}

#[test]
fn sparse_files_stay_sparse() {
    let mut story = Story::new();
    let write = |name: &str, at: u64| {
        let file = fs::OpenOptions::new().create(true).write(true).truncate(false).open(story.at(name));
        let file = file.expect("a file");
        file.set_len(64 << 20).expect("a length");
        file.write_all_at(b"an island", at).expect("an island");
    };
    write("large", 40 << 20);
    fs::File::create(story.at("hole")).and_then(|f| f.set_len(3 << 20)).expect("a file");
    story.back_up();
    let write = |name: &str, at: u64| {
        let file = fs::OpenOptions::new().write(true).open(story.at(name)).expect("a file");
        file.write_all_at(b"another", at).expect("an island");
    };
    write("large", 5 << 20);
    story.back_up();
    let allocated = |path: PathBuf| fs::metadata(path).expect("a file").blocks() * 512;
    for at in [FIRST, FIRST + 10] {
        let target = story.place.path().join(at.to_string());
        ours::restore_all(&story.repo(), at, &target);
        assert!(allocated(target.join("large")) < 1 << 20, "restored at {at}");
        assert!(allocated(target.join("hole")) < 1 << 20, "restored at {at}");
    }
    assert!(allocated(story.repo().join("large")) < 1 << 20);
    assert!(allocated(story.repo().join("hole")) < 1 << 20);
    story.assert_exact();
}

/// All files of `rdiff-backup-data` but those that tell of time spent.
fn data_files(repo: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut dirs) = (BTreeMap::new(), vec![repo.join("rdiff-backup-data")]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("a list") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let passing =
                ["session_statistics.", "lock.yml", "backup.log"].iter().any(|p| name.starts_with(p));
            match fs::symlink_metadata(&path).expect("there") {
                meta if meta.is_dir() => dirs.push(path),
                meta if meta.is_file() && !passing => {
                    let content = fs::read(&path).expect("a file");
                    files.insert(path.strip_prefix(repo).expect("below").to_owned(), content);
                }
                _ => {}
            }
        }
    }
    files
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let mut source = Generator::new(&place.path().join("source"), 3, Options::default());
    // Else the young files of each run would differ in their change marks.
    let settle = || std::thread::sleep(Duration::from_millis(150));
    for at in [FIRST, FIRST + 10, FIRST + 20] {
        settle();
        for workers in [1, 2, 8] {
            let repo = place.path().join(workers.to_string());
            let request = BackupRequest { workers, ..ours::request(at) };
            ours::try_backup(source.top(), &repo, &request, &Problems::default()).expect("a backup");
        }
        let [one, two, eight] = ["1", "2", "8"].map(|n| data_files(&place.path().join(n)));
        for (workers, other) in [(2, &two), (8, &eight)] {
            assert!(one.keys().eq(other.keys()), "{workers} workers, {at}");
            for (name, content) in &one {
                assert!(other[name] == *content, "{}: {workers} workers, {at}", name.display());
            }
        }
        source.evolve();
    }
}
