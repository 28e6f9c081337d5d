//! Histories of random trees, written by this program and by the real one in turn: each reads, verifies and
//! continues what the other wrote.
//!
//! `SEEDS="1 2 3"` in the environment tries other trees.

mod ours;
mod support;

use std::path::{Path, PathBuf};

use support::check::check_repository;
use support::generator::{Generator, Options};
use support::manifest::{Ignore, Kind, Manifest, Record, differences};
use support::real::Real;

const STEP: i64 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Ours,
    Real,
}

/// A session, and what the source was then.
struct Session {
    at: i64,
    by: Program,
    manifest: Manifest,
}

impl Session {
    /// What a restore of it by this program loses. The real program neither records nor restores all times.
    fn loses(&self, restorer: Program) -> Ignore {
        if (self.by, restorer) == (Program::Ours, Program::Ours) {
            Ignore::default()
        } else {
            Ignore::BY_REAL
        }
    }
}

struct History {
    place: tempfile::TempDir,
    label: String,
    sessions: Vec<Session>,
    real: Real,
    wrong: Vec<String>,
}

impl History {
    /// Backs up six sessions of a random tree, by these programs in turn.
    fn write(seed: u64, writers: &[Program], options: Options) -> Self {
        let mut history = Self {
            place: tempfile::tempdir().expect("a temporary directory"),
            label: format!("seed {seed}, by {writers:?}"),
            sessions: Vec::new(),
            real: Real::find().with(&["--no-fsync"]),
            wrong: Vec::new(),
        };
        let mut source = Generator::new(&history.place.path().join("source"), seed, options);
        for (n, &by) in (1..=6).zip(writers.iter().cycle()) {
            let at = 1_000_000_000 + n * STEP;
            match by {
                Program::Ours => {
                    ours::back_up(source.top(), &history.repo(), at);
                }
                Program::Real => {
                    history.real.backup(source.top(), &history.repo(), at, &[]).expect_success();
                }
            }
            history.sessions.push(Session { at, by, manifest: source.manifest() });
            history.judge(at);
            source.evolve();
        }
        history
    }

    fn repo(&self) -> PathBuf {
        self.place.path().join("repo")
    }

    fn note(&mut self, what: &str, found: Vec<String>) {
        let label = &self.label;
        self.wrong.extend(found.into_iter().map(|f| format!("{label}, {what}: {f}")));
    }

    /// The newest session breaks no rule, and the mirror is the source.
    fn judge(&mut self, at: i64) {
        let found = check_repository(&self.repo());
        self.note(&format!("judged after {at}"), found);
        let source = &self.sessions.last().expect("a session").manifest;
        let found = differences(source, &Manifest::of_mirror(&self.repo()), Ignore::BY_REAL);
        self.note(&format!("mirror of {at}"), found);
    }

    /// Restores sessions whole and in parts, with both programs. The real one is slow: it does some.
    fn restore(&mut self) {
        let sessions = std::mem::take(&mut self.sessions);
        for (n, session) in sessions.iter().enumerate() {
            let target = self.place.path().join(format!("ours {n}"));
            ours::restore_all(&self.repo(), session.at, &target);
            let found =
                differences(&session.manifest, &Manifest::scan(&target), session.loses(Program::Ours));
            self.note(&format!("restored {} by ours", session.at), found);
            std::fs::remove_dir_all(&target).expect("a removal");
            self.restore_parts(session);
            if n % 3 == 0 {
                let target = self.place.path().join(format!("real {n}"));
                self.real.restore(&self.repo(), session.at, &target).expect_success();
                let found = differences(
                    &session.manifest,
                    &Manifest::scan(&target),
                    real_of(session.loses(Program::Real)),
                );
                self.note(&format!("restored {} by the real program", session.at), found);
            }
            if n % 3 != 1 {
                self.real.verify(&self.repo(), session.at).expect_success();
            }
        }
    }

    /// Restores some directories and single files of a session.
    fn restore_parts(&mut self, session: &Session) {
        let of_kind = |dir: bool| {
            let fits = move |r: &&Record| (r.kind == Kind::Dir) == dir;
            session.manifest.records.iter().filter(move |(_, r)| fits(r)).map(|(path, _)| path).skip(1)
        };
        let some = of_kind(true).step_by(5).chain(of_kind(false).step_by(9)).filter(|p| *p != b".");
        for path in some {
            let top = self.place.path().join("part");
            std::fs::create_dir(&top).expect("a directory");
            ours::restore_part(&self.repo(), session.at, path, &top.join("x"));
            let want = part(&session.manifest, path);
            let ignore = Ignore { links: true, ..session.loses(Program::Ours) };
            let mut got = Manifest::scan(&top);
            got.records.remove(b".".as_slice());
            let found = differences(&want, &got, ignore);
            self.note(&format!("restored {} of {}", path.escape_ascii(), session.at), found);
            std::fs::remove_dir_all(&top).expect("a removal");
        }
    }
}

/// Xattr names are compared as the real program understands them.
fn real_of(ignore: Ignore) -> Ignore {
    Ignore { escaped_xattr_names: true, ..ignore }
}

/// What is at and below a path, with the name `x` for it.
fn part(manifest: &Manifest, path: &[u8]) -> Manifest {
    let below = |p: &[u8]| p == path || (p.starts_with(path) && p[path.len()] == b'/');
    let kept = manifest.records.iter().filter(|(p, _)| below(p));
    Manifest { records: kept.map(|(p, r)| ([b"x", &p[path.len()..]].concat(), r.clone())).collect() }
}

fn try_seeds(writers: &[Program]) {
    let options = Options { odd_xattr_names: !writers.contains(&Program::Real), ..Options::default() };
    let seeds = std::env::var("SEEDS").unwrap_or_else(|_| "1 2".into());
    for seed in seeds.split_whitespace() {
        let mut history = History::write(seed.parse().expect("a number"), writers, options);
        history.restore();
        if !history.wrong.is_empty() && std::env::var_os("KEEP").is_some() {
            eprintln!("kept: {}", history.place.keep().display());
        }
        assert!(history.wrong.is_empty(), "{}", history.wrong.join("\n"));
    }
}

#[test]
fn all_by_ours() {
    try_seeds(&[Program::Ours]);
}

#[test]
fn in_turn_and_ours_begins() {
    try_seeds(&[Program::Ours, Program::Real]);
}

#[test]
fn in_turn_and_the_real_program_begins() {
    try_seeds(&[Program::Real, Program::Ours]);
}

/// Both regress a session that the other wrote: the marker of the one before is put back.
#[test]
fn each_undoes_a_session_of_the_other() {
    for (writers, undoes) in [([Program::Ours], Program::Real), ([Program::Real], Program::Ours)] {
        let history = History::write(11, &writers, Options { long_names: false, ..Options::default() });
        let [.., good, last] = &history.sessions[..] else { panic!("six sessions") };
        mark(&history.repo(), good.at, last.at);
        match undoes {
            Program::Ours => assert!(ours::undo(&history.repo()).expect("a regress").is_some()),
            Program::Real => {
                let outcome = history.real.regress(&history.repo());
                assert!(matches!(outcome.status, 0 | 2), "{outcome:?}");
            }
        }
        let found = check_repository(&history.repo());
        assert!(found.is_empty(), "{undoes:?}:\n{}", found.join("\n"));
        // The real program's regress puts neither links nor long names back.
        let ignore = Ignore { links: undoes == Program::Real, ..Ignore::BY_REAL };
        let found = differences(&good.manifest, &Manifest::of_mirror(&history.repo()), ignore);
        assert!(found.is_empty(), "{undoes:?}:\n{}", found.join("\n"));
    }
}

/// A default list alone needs an access list beside it, or the real program can't read the record.
#[test]
fn a_default_list_alone_is_the_same_to_both() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let source = place.path().join("source");
    std::fs::create_dir_all(source.join("d")).expect("a directory");
    let line = |(tag, bits, id): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &bits.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let list = [(1, 7, u32::MAX), (2, 7, 1), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 5, u32::MAX)];
    let list = [2u32.to_le_bytes().to_vec(), list.map(line).concat()].concat();
    xattr::set(source.join("d"), "system.posix_acl_default", &list).expect("an ACL");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o751);
    std::fs::set_permissions(source.join("d"), mode).expect("a mode");
    let (ours, theirs) = (place.path().join("ours"), place.path().join("theirs"));
    ours::back_up(&source, &ours, 1_700_000_000);
    let real = Real::find();
    real.backup(&source, &theirs, 1_700_000_000, &[]).expect_success();
    let file = "rdiff-backup-data/access_control_lists.2023-11-14T22:13:20Z.snapshot.gz";
    let text = |repo: &Path| {
        let mut text = String::new();
        let packed = std::fs::File::open(repo.join(file)).expect("a file of lists");
        let mut reader = flate2::read::MultiGzDecoder::new(packed);
        std::io::Read::read_to_string(&mut reader, &mut text).expect("text");
        text
    };
    assert_eq!(text(&ours), text(&theirs));
    let words = |action: &'static str| {
        [action, source.to_str().unwrap_or_default(), ours.to_str().unwrap_or_default()]
    };
    real.run(words("compare")).expect_success();
    real.run(["list", "files", "--changed-since", "now", words("")[2]]).expect_success();
    assert_eq!(ours::back_up(&source, &theirs, 1_700_000_100).statistics.changed_files, 0.0);
    // As this program wrote it at first.
    let alone: String =
        text(&ours).lines().filter(|l| l.starts_with(['#', 'd'])).map(|l| format!("{l}\n")).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, alone.as_bytes()).expect("packed");
    std::fs::write(ours.join(file), packed.finish().expect("packed")).expect("written");
    assert_eq!(ours::back_up(&source, &ours, 1_700_000_100).statistics.changed_files, 0.0);
}

/// Puts the marker of a session back beside that of the one after it, as if that had not finished.
fn mark(repo: &Path, good: i64, failed: i64) {
    let data = repo.join("rdiff-backup-data");
    let name = |at: i64| {
        use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
        format!("current_mirror.{}.data", SessionTime(at).format(&Zone::utc(), TimeSeparator::Colon))
    };
    assert!(data.join(name(failed)).exists(), "{}", name(failed));
    // Of a process that is no more: this one would be taken to be still at work.
    for at in [good, failed] {
        std::fs::write(data.join(name(at)), "PID 9999999\n").expect("a marker");
    }
}
