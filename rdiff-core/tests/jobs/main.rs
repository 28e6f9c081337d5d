//! List, compare, verify and remove, beside the real program.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may fail like tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rdiff_core::compare::{CompareReport, CompareRequest, Method, compare};
use rdiff_core::error::{Error, Result};
use rdiff_core::list;
use rdiff_core::monitor::{Recorder, Silent};
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::remove::{RemoveReport, remove_older_than, sessions_older_than};
use rdiff_core::repo::Repository;
use rdiff_core::repo::disk::{Disk, DiskFile, Node, RealDisk};
use rdiff_core::repo::layout::StoredPath;
use rdiff_core::repo::lock::Writer;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::{SessionTime, Zone};
use rdiff_core::tree::Root;
use rdiff_core::tree::attrs::{Applied, Names};
use rdiff_core::tree::local::LocalSource;
use rdiff_core::tree::source::{Listing, Source, SourceFile, SourceTraits};
use rdiff_core::tree::walk::Everything;
use rdiff_core::verify::{VerifyReport, VerifyRequest, Why, verify};
use support::generator::{Generator, Options};
use support::golden::{self, Golden};
use support::is_root;
use support::manifest::{Ignore, Kind, Manifest, differences, sorted_names};
use support::real::Real;

fn open(repo: &Path) -> Arc<Repository> {
    Arc::new(Repository::open(repo).unwrap())
}

fn path(text: &str) -> RepoPathBuf {
    RepoPathBuf::new(text).unwrap()
}

fn is_interrupted(name: &str) -> bool {
    name.starts_with("interrupted")
}

fn names_at_rest() -> Vec<String> {
    golden::names().into_iter().filter(|n| !is_interrupted(n)).collect()
}

/// Writes a file with an mtime, since the real program takes equal sizes and times for no change.
fn write_at(path: &Path, at: i64, content: &str) {
    std::fs::write(path, content).unwrap();
    filetime::set_file_mtime(path, filetime::FileTime::from_unix_time(at, 0)).unwrap();
}

/// A repository that the real program made of random trees.
fn generated(dir: &Path, seed: u64, sessions: i64) -> PathBuf {
    let (source, repo) = (dir.join("source"), dir.join("repo"));
    let mut trees = Generator::new(&source, seed, Options::default());
    for i in 0..sessions {
        if i > 0 {
            trees.evolve();
        }
        Real::find().backup(&source, &repo, 1_700_000_000 + i * 1000, &[]).expect_success();
    }
    repo
}

// ---- restore

/// The restored content of `x` at a session, and the problems.
fn restored_x(repo: &Path, at: i64, target: &Path) -> (Vec<u8>, u64) {
    let request = RestoreRequest::new(SessionTime(at));
    let report = restore(&open(repo), target, &request, Everything, &Silent).unwrap();
    (std::fs::read(target.join("x")).unwrap_or_default(), report.problems)
}

#[test]
fn content_that_a_later_session_has_too_is_taken_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    std::fs::create_dir(&source).unwrap();
    let (one, two) = ("one ".repeat(1000), "two ".repeat(900));
    for (i, content) in (0..).zip([&one, &one, &two, &one]) {
        write_at(&source.join("x"), 1_600_000_000 + i, content);
        Real::find().backup(&source, &repo, 1_700_000_000 + i * 1000, &[]).expect_success();
    }
    let at = |n: i64| 1_700_000_000 + n * 1000;
    for (n, content) in [(0, &one), (1, &one), (2, &two), (3, &one)] {
        let target = dir.path().join(format!("out-{n}"));
        assert_eq!(restored_x(&repo, at(n), &target), (content.clone().into_bytes(), 0));
    }
    // What leads from the second session to the first is not needed.
    let mut increments = Vec::new();
    files_below(&repo.join("rdiff-backup-data/increments"), &mut increments);
    increments.sort();
    assert_eq!(increments.len(), 3);
    std::fs::write(&increments[0], "damaged").unwrap();
    assert_eq!(restored_x(&repo, at(0), &dir.path().join("again")), (one.into_bytes(), 0));
    // Then the short way is damaged as well.
    std::fs::write(&increments[1], "damaged").unwrap();
    assert_eq!(restored_x(&repo, at(0), &dir.path().join("lost")).1, 1);
}

// ---- list

fn real_list(repo: &Path, words: &[&str]) -> String {
    let outcome = Real::find().run(words.iter().copied().chain([repo.to_str().unwrap()]));
    String::from_utf8_lossy(&outcome.expect_success()).into_owned()
}

/// The report of `list increments`, as the command line prints it.
fn increments_as_text(repo: &Repository, subtree: &str) -> (String, String) {
    let list = list::increments(repo, path(subtree).as_path()).unwrap();
    let mut text = format!("Found {} increments:\n", list.increments.len());
    let mut parsable = String::new();
    for i in &list.increments {
        let name = String::from_utf8_lossy(&i.name);
        text.push_str(&format!("    {name}   {}\n", i.time.asctime(&Zone::utc())));
        parsable.push_str(&format!("{} {}\n", i.time.0, i.kind.as_str()));
    }
    text.push_str(&format!("Current mirror: {}\n", list.mirror.asctime(&Zone::utc())));
    parsable.push_str(&format!("{} {}\n", list.mirror.0, list.mirror_kind.as_str()));
    (text, parsable)
}

fn files_as_text(repo: &Repository, at: i64, subtree: &str) -> String {
    let entries = list::entries_at(repo, SessionTime(at), path(subtree).as_path()).unwrap();
    entries.map(|e| format!("{}\n", e.unwrap().path)).collect()
}

fn changes_as_text(repo: &Repository, at: i64, subtree: &str) -> String {
    let changes = list::changed_since(repo, SessionTime(at), path(subtree).as_path()).unwrap();
    let line = |c: list::Change| format!("{:<7} {}\n", c.kind.as_str(), c.path);
    changes.map(|c| line(c.unwrap())).collect()
}

/// `thorough` compares all lists, else one: the real program is slow.
fn assert_lists_as_real(name: &str, repo: &Path, thorough: bool) {
    let ours = open(repo);
    let sessions = ours.sessions().unwrap();
    let oldest = sessions[0].0;
    let at = oldest.to_string();
    let (text, parsable) = increments_as_text(&ours, "");
    if !thorough && name.len().is_multiple_of(2) {
        assert_eq!(parsable, real_list(repo, &["--parsable-output", "list", "increments"]), "{name}");
        return;
    }
    let since = real_list(repo, &["list", "files", "--changed-since", &at]);
    assert_eq!(changes_as_text(&ours, oldest, ""), since, "{name}");
    if !thorough {
        return;
    }
    assert_eq!(parsable, real_list(repo, &["--parsable-output", "list", "increments"]), "{name}");
    assert_eq!(text, real_list(repo, &["list", "increments"]), "{name}");
    assert_eq!(files_as_text(&ours, oldest, ""), real_list(repo, &["list", "files", "--at", &at]), "{name}");
    if name == "odd-names" {
        // The real program counts directories whose names look like increments as increments.
        return;
    }
    let sizes: String = list::sizes(&ours, RepoPath::ROOT)
        .unwrap()
        .iter()
        .map(|s| format!("- size: {}\n  time: {}\n  total_size: {}\n", s.size, s.time.0, s.cumulative))
        .collect();
    let want = real_list(repo, &["--parsable-output", "list", "increments", "--size"]);
    assert_eq!(format!("---\n{sizes}...\n\n"), want, "{name}");
}

#[test]
fn golden_repositories_are_listed_as_by_the_real_program() {
    if !is_root("jobs") {
        return;
    }
    for name in names_at_rest() {
        let thorough = ["chain-of-14", "odd-names", "quoted", "long-names-quoted", "types"];
        assert_lists_as_real(&name, &Golden::unpack(&name).repo(), thorough.contains(&name.as_str()));
    }
}

#[test]
fn random_repositories_are_listed_as_by_the_real_program() {
    let dir = tempfile::tempdir().unwrap();
    let repo = generated(dir.path(), 11, 4);
    assert_lists_as_real("generated", &repo, true);
}

#[test]
fn a_part_of_a_repository_is_listed_as_by_the_real_program() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    std::fs::create_dir_all(source.join("d/e")).unwrap();
    for (at, change) in [("1000", "one"), ("2000", "two"), ("3000", "two"), ("4000", "three")] {
        write_at(&source.join("d/e/file"), if at == "3000" { 2000 } else { at.parse().unwrap() }, change);
        std::fs::remove_file(source.join("d/link")).ok();
        if at != "3000" {
            std::os::unix::fs::symlink(at, source.join("d/link")).unwrap();
        }
        Real::find().backup(&source, &repo, at.parse().unwrap(), &[]).expect_success();
    }
    let ours = open(&repo);
    for part in ["d", "d/e", "d/e/file", "d/link", "never"] {
        let (text, parsable) = increments_as_text(&ours, part);
        let real = repo.join(part);
        assert_eq!(parsable, real_list(&real, &["--parsable-output", "list", "increments"]), "{part}");
        if part.starts_with("d/e") {
            assert_eq!(text, real_list(&real, &["list", "increments"]), "{part}");
            assert_eq!(
                files_as_text(&ours, 2000, part),
                real_list(&real, &["list", "files", "--at", "2000"])
            );
        }
        let since = real_list(&real, &["list", "files", "--changed-since", "1000"]);
        assert_eq!(changes_as_text(&ours, 1000, part), since, "{part}");
    }
    let steps = |part: &str| -> Vec<_> {
        list::history(&ours, path(part).as_path()).unwrap().iter().map(|v| (v.session.0, v.step)).collect()
    };
    use list::Step;
    assert_eq!(
        steps("d/link"),
        [(1000, Step::Added), (2000, Step::Content), (3000, Step::Removed), (4000, Step::Added)]
    );
    assert_eq!(
        steps("d/e/file"),
        [(1000, Step::Added), (2000, Step::Content), (3000, Step::Same), (4000, Step::Content)]
    );
    assert!(matches!(list::history(&ours, path("never").as_path()), Err(Error::NoSuchPath { .. })));
}

#[test]
fn a_history_is_what_every_session_says() {
    if !is_root("jobs") {
        return;
    }
    for name in ["chain-of-14", "type-changes", "long-names", "acls-xattrs", "interrupted-at-commit"] {
        let golden = Golden::unpack(name);
        let repo = open(&golden.repo());
        let paths: BTreeSet<&Vec<u8>> = golden.sessions.values().flat_map(|m| m.records.keys()).collect();
        for p in paths {
            let at = if p == b"." { RepoPathBuf::default() } else { RepoPathBuf::new(&p[..]).unwrap() };
            let history = list::history(&repo, at.as_path()).unwrap();
            assert_eq!(history.len(), golden.sessions.len());
            for version in history {
                let record = golden.sessions[&version.session.0].records.get(p);
                assert_eq!(record.is_some(), version.entry.is_some(), "{name} {at}");
                if let (Some(r), Some(e)) = (record, version.entry) {
                    assert_eq!((r.mode, r.xattrs.len()), (e.attrs.mode, e.xattrs.0.len()), "{name} {at}");
                }
            }
        }
    }
}

// ---- compare

fn our_compare(repo: &Path, source: &Path, at: i64, method: Method) -> (Vec<String>, CompareReport) {
    let source: Arc<dyn Source> = Arc::new(LocalSource::open(source, Arc::new(Names::default())).unwrap());
    compare_with(repo, source, at, method).unwrap()
}

fn compare_with(
    repo: &Path,
    source: Arc<dyn Source>,
    at: i64,
    method: Method,
) -> Result<(Vec<String>, CompareReport)> {
    let mut lines = Vec::new();
    let request = CompareRequest { method, ..CompareRequest::new(SessionTime(at)) };
    let report = compare(&open(repo), &source, &request, Everything, &Silent, |d| {
        lines.push(format!("{}: {}", d.reason.as_str(), d.path));
    })?;
    assert_eq!(report.differences, lines.len() as u64);
    Ok((lines, report))
}

fn real_compare(repo: &Path, source: &Path, at: i64, method: &str) -> Vec<String> {
    let at = at.to_string();
    let words =
        ["compare", "--method", method, "--at", &at, source.to_str().unwrap(), repo.to_str().unwrap()];
    let outcome = Real::find().run(words);
    let stdout = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let lines = stdout.lines().filter(|l| !l.starts_with("NOTE:")).map(str::to_owned);
    let lines: Vec<_> = lines.collect();
    assert!(outcome.status == i32::from(!lines.is_empty()), "{outcome:?}");
    lines
}

const METHODS: [(Method, &str); 3] =
    [(Method::Metadata, "meta"), (Method::Hash, "hash"), (Method::Full, "full")];

fn our_restore(repo: &Path, at: i64, target: &Path) {
    let report = restore(&open(repo), target, &RestoreRequest::new(SessionTime(at)), Everything, &Silent);
    assert_eq!(report.unwrap().problems, 0);
}

#[test]
fn a_tree_of_another_session_differs_as_the_real_program_says() {
    if !is_root("jobs") {
        return;
    }
    // What wasn't recorded is no difference to us; names of attributes that the real program can't read are.
    let names = names_at_rest();
    let names = names.iter().filter(|n| !["without-links-acls-xattrs", "xattr-names"].contains(&n.as_str()));
    for (i, name) in names.enumerate() {
        let golden = Golden::unpack(name);
        let (&oldest, &newest) =
            (golden.sessions.keys().next().unwrap(), golden.sessions.keys().next_back().unwrap());
        let tree = golden.beside("tree");
        our_restore(&golden.repo(), oldest, &tree);
        let (method, word) = METHODS[i % 3];
        let at = if i % 2 == 0 { newest } else { oldest };
        let (lines, report) = our_compare(&golden.repo(), &tree, at, method);
        assert_eq!(
            lines.join("\n"),
            real_compare(&golden.repo(), &tree, at, word).join("\n"),
            "{name} {word}"
        );
        assert_eq!(report.problems, 0, "{name}");
    }
}

#[test]
fn edits_are_found_by_each_method_as_by_the_real_program() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    let old = filetime::FileTime::from_unix_time(1_000_000_000, 0);
    std::fs::create_dir_all(source.join("d")).unwrap();
    for name in ["same", "touched", "rewritten", "sly", "gone", "longer", "becomes-link", "mode", "d/in"] {
        std::fs::write(source.join(name), name).unwrap();
        filetime::set_file_mtime(source.join(name), old).unwrap();
    }
    std::fs::hard_link(source.join("same"), source.join("same-too")).unwrap();
    std::os::unix::fs::symlink("a", source.join("link")).unwrap();
    filetime::set_file_mtime(source.join("d"), old).unwrap();
    // So that the edits below change the root's time by more than a second, however fast they come.
    filetime::set_file_mtime(&source, old).unwrap();
    Real::find().backup(&source, &repo, 1_700_000_000, &[]).expect_success();
    for (method, _) in METHODS {
        assert_eq!(our_compare(&repo, &source, 1_700_000_000, method).0, [""; 0]);
    }
    filetime::set_file_mtime(source.join("touched"), filetime::FileTime::from_unix_time(5, 0)).unwrap();
    std::fs::write(source.join("rewritten"), "REWRITTEN").unwrap();
    std::fs::write(source.join("sly"), "SLY").unwrap();
    filetime::set_file_mtime(source.join("sly"), old).unwrap();
    std::fs::write(source.join("longer"), "longer than it was").unwrap();
    std::fs::remove_file(source.join("gone")).unwrap();
    std::fs::remove_file(source.join("becomes-link")).unwrap();
    std::os::unix::fs::symlink("x", source.join("becomes-link")).unwrap();
    std::fs::remove_file(source.join("link")).unwrap();
    std::os::unix::fs::symlink("b", source.join("link")).unwrap();
    std::fs::set_permissions(source.join("mode"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    std::fs::write(source.join("d/new"), "").unwrap();
    std::fs::hard_link(source.join("mode"), source.join("mode-too")).unwrap();
    for (method, word) in METHODS {
        let (lines, report) = our_compare(&repo, &source, 1_700_000_000, method);
        assert_eq!(lines, real_compare(&repo, &source, 1_700_000_000, word), "{word}");
        assert_eq!(
            (report.problems, report.differences),
            (0, if method == Method::Metadata { 11 } else { 12 })
        );
    }
    // The digest is that of a name that is gone: of what differs anyway the real program compares no content.
    std::fs::remove_file(source.join("same")).unwrap();
    std::fs::write(source.join("same-too"), "SAME").unwrap();
    let told =
        |lines: &[String]| lines.iter().filter(|l| l.ends_with("same-too")).cloned().collect::<Vec<_>>();
    let (lines, report) = our_compare(&repo, &source, 1_700_000_000, Method::Hash);
    assert_eq!(lines, real_compare(&repo, &source, 1_700_000_000, "hash"));
    assert_eq!(
        (told(&lines), report.no_digest),
        (vec!["metadata changed, data the same: same-too".to_owned()], 1)
    );
    // If nothing else differs it says nothing, whatever the content.
    filetime::set_file_mtime(source.join("same-too"), old).unwrap();
    let (lines, report) = our_compare(&repo, &source, 1_700_000_000, Method::Hash);
    assert_eq!(told(&real_compare(&repo, &source, 1_700_000_000, "hash")), [""; 0]);
    assert_eq!(
        (told(&lines), report.no_digest),
        (vec!["metadata the same, data changed: same-too".to_owned()], 0)
    );
    let part = CompareRequest { subtree: path("d"), ..CompareRequest::new(SessionTime(1_700_000_000)) };
    let inside: Arc<dyn Source> =
        Arc::new(LocalSource::open(&source.join("d"), Arc::new(Names::default())).unwrap());
    let mut found = Vec::new();
    compare(&open(&repo), &inside, &part, Everything, &Silent, |d| found.push(d.path.to_string())).unwrap();
    assert_eq!(found, [".", "new"]);
}

#[test]
fn a_restored_tree_is_equal_even_if_the_last_session_failed() {
    if !is_root("jobs") {
        return;
    }
    for name in golden::names().iter().filter(|n| is_interrupted(n)) {
        let golden = Golden::unpack(name);
        let Some(&good) = golden.sessions.keys().next_back() else { continue };
        assert_eq!(
            list::increments(&open(&golden.repo()), RepoPath::ROOT).unwrap().mirror,
            SessionTime(good)
        );
        for &at in golden.sessions.keys() {
            let tree = golden.beside(&format!("tree {at}"));
            our_restore(&golden.repo(), at, &tree);
            let source: Arc<dyn Source> =
                Arc::new(LocalSource::open(&tree, Arc::new(Names::default())).unwrap());
            for (method, _) in METHODS {
                // the inodes of restored links are their own
                let request =
                    CompareRequest { method, hard_links: false, ..CompareRequest::new(SessionTime(at)) };
                let repo = open(&golden.repo());
                let report =
                    compare(&repo, &source, &request, Everything, &Silent, |d| panic!("{name}: {d:?}"));
                assert_eq!(report.unwrap().problems, 0, "{name}");
            }
        }
    }
}

/// A source in which some paths can't be read.
struct Broken {
    inner: LocalSource,
    code: i32,
    bad: fn(&[u8]) -> bool,
}

impl Broken {
    fn check(&self, path: RepoPath<'_>) -> io::Result<()> {
        if (self.bad)(path.as_bytes()) { Err(io::Error::from_raw_os_error(self.code)) } else { Ok(()) }
    }
}

impl Source for Broken {
    fn name(&self) -> String {
        self.inner.name()
    }
    fn root(&self) -> io::Result<rdiff_core::tree::Stat> {
        self.inner.root()
    }
    fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing> {
        self.check(dir)?;
        self.inner.list(dir)
    }
    fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<rdiff_core::tree::Stat>> {
        self.inner.stat_in(dir, names)
    }
    fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>> {
        self.check(path)?;
        self.inner.read_link(path)
    }
    fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
        self.check(path)?;
        self.inner.open(path)
    }
    fn attributes(
        &self,
        path: RepoPath<'_>,
        stat: &rdiff_core::tree::Stat,
    ) -> io::Result<(rdiff_core::entry::Xattrs, rdiff_core::entry::Acl)> {
        self.inner.attributes(path, stat)
    }
    fn traits(&self) -> SourceTraits {
        self.inner.traits()
    }
    fn user_name(&self, uid: u32) -> Option<rdiff_core::entry::Name> {
        self.inner.user_name(uid)
    }
    fn group_name(&self, gid: u32) -> Option<rdiff_core::entry::Name> {
        self.inner.group_name(gid)
    }
}

#[test]
fn what_cannot_be_read_is_a_problem_and_no_difference() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    std::fs::create_dir_all(source.join("d/e")).unwrap();
    for name in ["d/e/x", "d/y", "file"] {
        std::fs::write(source.join(name), name).unwrap();
    }
    std::os::unix::fs::symlink("to", source.join("link")).unwrap();
    Real::find().backup(&source, &repo, 1000, &[]).expect_success();
    let broken = |code, bad| -> Arc<dyn Source> {
        let inner = LocalSource::open(&source, Arc::new(Names::default())).unwrap();
        Arc::new(Broken { inner, code, bad })
    };
    let bad: fn(&[u8]) -> bool = |p| [&b"d"[..], b"file", b"link"].contains(&p);
    for (method, problems) in [(Method::Metadata, 2), (Method::Hash, 3), (Method::Full, 3)] {
        let (lines, report) = compare_with(&repo, broken(13, bad), 1000, method).unwrap();
        assert_eq!((lines, report.problems), (Vec::new(), problems), "{method:?}");
    }
    // the root, or a mount that went: that is the end
    let gone = compare_with(&repo, broken(13, |p| p.is_empty()), 1000, Method::Metadata);
    assert!(matches!(gone, Err(Error::SourceVanished { .. })));
    let gone = compare_with(&repo, broken(107, |p| p == b"file"), 1000, Method::Hash);
    assert!(matches!(gone, Err(Error::SourceVanished { .. })));
}

// ---- verify

fn our_verify(repo: &Path, request: &VerifyRequest) -> VerifyReport {
    let before = Manifest::scan(repo);
    let report = verify(&open(repo), request, &Recorder::default()).unwrap();
    let after = Manifest::scan(repo);
    assert!(before == after, "verify wrote something");
    report
}

fn files_of(manifest: &Manifest) -> u64 {
    manifest.records.values().filter(|r| matches!(r.kind, Kind::Reg { .. })).count() as u64
}

#[test]
fn golden_repositories_are_good_at_every_session() {
    if !is_root("jobs") {
        return;
    }
    for name in golden::names() {
        let golden = Golden::unpack(&name);
        let all = match verify(&open(&golden.repo()), &VerifyRequest::new(None), &Silent) {
            Err(Error::NoSuchSession { .. }) if golden.sessions.is_empty() => continue,
            other => other.unwrap(),
        };
        assert!(all.is_good() && all.no_digest == 0, "{name}: {all:?}");
        assert_eq!(all.files, golden.sessions.values().map(files_of).sum::<u64>(), "{name}");
        for (batch, in_memory) in [(1, 0), (3, 8 << 20), (2, 100)] {
            let request = VerifyRequest { batch, in_memory, ..VerifyRequest::new(None) };
            let batched = verify(&open(&golden.repo()), &request, &Silent).unwrap();
            assert!(batched.is_good() && batched.files == all.files, "{name}: {batched:?}");
        }
        let (&oldest, manifest) = golden.sessions.first_key_value().unwrap();
        let one = our_verify(&golden.repo(), &VerifyRequest::new(Some(SessionTime(oldest))));
        assert!(one.is_good() && one.files == files_of(manifest), "{name}: {one:?}");
        if ["hard-links", "long-names", "odd-names"].contains(&name.as_str()) {
            Real::find().verify(&golden.repo(), oldest).expect_success();
        }
    }
}

/// All files below a directory that have content.
fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    use std::os::unix::ffi::OsStringExt;
    for name in sorted_names(dir) {
        let path = dir.join(std::ffi::OsString::from_vec(name));
        let stat = std::fs::symlink_metadata(&path).unwrap();
        if stat.is_dir() {
            files_below(&path, found);
        } else if stat.is_file() && stat.len() > 0 {
            found.push(path);
        }
    }
}

/// Flips a bit in the middle of what a file holds: in a gzip file, of its compressed data.
fn flip(path: &Path) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let content = std::fs::read(path).unwrap();
    let mut data = 0..content.len();
    if content.starts_with(&[0x1f, 0x8b]) && path.to_string_lossy().ends_with(".gz") {
        let named = content[3] & 8 != 0;
        let start = if named { 10 + content[10..].iter().position(|b| *b == 0).unwrap() + 1 } else { 10 };
        data = start..content.len() - 8;
    }
    let at = data.start + data.len() / 2;
    file.write_all_at(&[content[at] ^ 0x10], at as u64).unwrap();
}

fn bad_versions(report: &VerifyReport) -> BTreeSet<(String, i64)> {
    report.bad.iter().map(|b| (b.path.to_string(), b.session.0)).collect()
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    if !is_root("jobs") {
        return;
    }
    let mut flipped = 0;
    for name in ["chain-of-14", "type-changes", "hard-links", "no-compression", "long-names-quoted"] {
        let golden = Golden::unpack(name);
        let repo = golden.repo();
        let data = repo.join("rdiff-backup-data");
        let mut files = Vec::new();
        files_below(&repo, &mut files);
        files.retain(|f| {
            let in_data = f.strip_prefix(&data).ok();
            in_data.is_none_or(|f| f.starts_with("increments") || f.starts_with("long_filename_data"))
                && !f.ends_with("next_free")
        });
        for file in files {
            let content = std::fs::read(&file).unwrap();
            flip(&file);
            let all = verify(&open(&repo), &VerifyRequest::new(None), &Silent).unwrap();
            assert!(all.bad_files > 0, "{}", file.display());
            // a hard link has several names, and a session several files made from one
            let inode = file.metadata().unwrap().ino();
            let names = |b: &rdiff_core::verify::Bad| {
                b.files.iter().any(|f| f.metadata().is_ok_and(|m| m.ino() == inode))
                    || matches!(&b.why, Why::Lost(why) if why.contains(&*file.to_string_lossy()))
            };
            assert!(all.bad.iter().all(names), "{}: {:?}", file.display(), all.bad);
            let composed = VerifyRequest { batch: 3, in_memory: 0, ..VerifyRequest::new(None) };
            let composed = verify(&open(&repo), &composed, &Silent).unwrap();
            assert_eq!(bad_versions(&composed), bad_versions(&all), "{}", file.display());
            if name == "chain-of-14" {
                // long, and like the others
                std::fs::write(&file, &content).unwrap();
                if flipped < 4 && file.extension().is_some_and(|end| end == "gz") {
                    // The checksum, behind all that a delta needs.
                    let mut cut = content.clone();
                    let at = cut.len() - 7;
                    cut[at] ^= 1;
                    std::fs::write(&file, &cut).unwrap();
                    for in_memory in [0, 8 << 20] {
                        let request = VerifyRequest { in_memory, ..VerifyRequest::new(None) };
                        let all = verify(&open(&repo), &request, &Silent).unwrap();
                        assert!(all.bad_files > 0 && all.bad.iter().all(names), "{}", file.display());
                    }
                    std::fs::write(&file, &content).unwrap();
                }
                flipped += 1;
                continue;
            }
            let mut single = BTreeSet::new();
            for &at in golden.sessions.keys() {
                let request = VerifyRequest::new(Some(SessionTime(at)));
                single.append(&mut bad_versions(&verify(&open(&repo), &request, &Silent).unwrap()));
            }
            assert_eq!(single, bad_versions(&all), "{}", file.display());
            std::fs::write(&file, content).unwrap();
            flipped += 1;
        }
    }
    assert!(flipped > 60, "{flipped}");
}

#[test]
fn damaged_metadata_end_only_the_sessions_that_need_them() {
    if !is_root("jobs") {
        return;
    }
    let golden = Golden::unpack("chain-of-14");
    let data = golden.repo().join("rdiff-backup-data");
    let mut diffs: Vec<_> = sorted_names(&data)
        .into_iter()
        .map(|n| String::from_utf8(n).unwrap())
        .filter(|n| n.starts_with("mirror_metadata") && n.contains(".diff"))
        .collect();
    diffs.sort();
    let damaged = diffs.last().unwrap();
    flip(&data.join(damaged));
    let report = verify(&open(&golden.repo()), &VerifyRequest::new(None), &Silent).unwrap();
    assert_eq!(report.bad, []);
    assert!(!report.damaged.is_empty() && report.damaged.len() < golden.sessions.len(), "{report:?}");
    assert!(report.damaged.iter().all(|d| d.why.contains(damaged)), "{report:?}");
    for &at in golden.sessions.keys() {
        let one = verify(&open(&golden.repo()), &VerifyRequest::new(Some(SessionTime(at))), &Silent);
        let is_damaged = report.damaged.iter().any(|d| d.session.0 == at);
        assert_eq!(one.is_err(), is_damaged, "{at}");
    }
}

#[test]
fn lost_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    std::fs::create_dir(&source).unwrap();
    for at in [1000, 2000] {
        for name in ["a", "b", "c"] {
            write_at(&source.join(name), at, &format!("{name} at {at}"));
        }
        Real::find().backup(&source, &repo, at, &[]).expect_success();
    }
    std::fs::remove_file(repo.join("a")).unwrap();
    std::fs::write(repo.join("b"), "longer than b was at any time").unwrap();
    let report = our_verify(&repo, &VerifyRequest::new(None));
    let versions = bad_versions(&report);
    for version in [("a", 1000), ("a", 2000), ("b", 2000)] {
        assert!(versions.contains(&(version.0.to_owned(), version.1)), "{report:?}");
    }
    assert!(!versions.iter().any(|(name, _)| name == "c"));
    assert!(report.bad.iter().any(|b| matches!(&b.why, Why::Lost(why) if why.contains("/repo/a"))));
}

// ---- remove

/// Everything in the data directory but locks and logs.
fn data_names(repo: &Path) -> BTreeSet<Vec<u8>> {
    let records = Manifest::scan(&repo.join("rdiff-backup-data")).records;
    records.into_keys().filter(|n| !n.ends_with(b".log") && n != b"lock.yml").collect()
}

fn our_remove(repo: &Path, cut: i64) -> RemoveReport {
    let writer = Writer::new(open(repo), false).unwrap();
    remove_older_than(&writer, SessionTime(cut), &Silent).unwrap()
}

fn assert_sessions(name: &str, golden: &Golden, from: i64, with_real: bool) {
    let loses = match name {
        "without-links-acls-xattrs" => Ignore { links: true, acls: true, xattrs: true, ..Ignore::BY_REAL },
        "xattr-names" => Ignore { escaped_xattr_names: true, ..Ignore::BY_REAL },
        "types" => Ignore { owner_of_symlinks: true, ..Ignore::BY_REAL },
        _ => Ignore::BY_REAL,
    };
    for (i, (&at, manifest)) in golden.sessions.range(from..).enumerate() {
        let target = golden.beside(&format!("ours {at}"));
        our_restore(&golden.repo(), at, &target);
        let found = differences(manifest, &Manifest::scan(&target), loses);
        assert!(found.is_empty(), "{name} at {at}:\n{}", found.join("\n"));
        if with_real && i == 0 {
            let target = golden.beside(&format!("real {at}"));
            Real::find().restore(&golden.repo(), at, &target).expect_success();
            let found = differences(manifest, &Manifest::scan(&target), loses);
            assert!(found.is_empty(), "{name} at {at} by the real program:\n{}", found.join("\n"));
        }
    }
}

#[test]
fn a_removal_leaves_what_the_real_program_leaves() {
    if !is_root("jobs") {
        return;
    }
    for (i, name) in names_at_rest().iter().enumerate() {
        let (ours, real) = (Golden::unpack(name), Golden::unpack(name));
        let times: Vec<i64> = ours.sessions.keys().copied().collect();
        // the middle, everything, between two sessions
        let cut = match i % 3 {
            0 => times[times.len() / 2],
            1 => i64::from(u32::MAX),
            _ => times[times.len() / 2] - 1,
        };
        let named = sessions_older_than(&open(&ours.repo()), SessionTime(cut)).unwrap();
        let before = data_names(&ours.repo());
        let report = our_remove(&ours.repo(), cut);
        let outcome = Real::find().remove_older_than(&real.repo(), cut);
        assert_eq!(outcome.status, if named.is_empty() { 2 } else { 0 }, "{name}: {outcome:?}");
        let left = data_names(&ours.repo());
        // The real program takes the empty mirrors of directories with too long names for leftovers.
        let lost: Vec<_> = left.difference(&data_names(&real.repo())).cloned().collect();
        assert!(lost.iter().all(|n| n.starts_with(b"long_filename_data/")), "{name}: {lost:?}");
        assert!(data_names(&real.repo()).is_subset(&left), "{name}");
        let files = before.difference(&left).count() as u64;
        assert!(report.files <= files && (report.files == 0) == named.is_empty(), "{name}: {report:?}");
        let first = times.iter().copied().find(|t| named.last().is_none_or(|n| *t > n.0)).unwrap();
        assert_eq!(open(&ours.repo()).sessions().unwrap()[0].0, first, "{name}");
        assert_sessions(name, &ours, first, i % 4 == 0);
        assert!(verify(&open(&ours.repo()), &VerifyRequest::new(None), &Silent).unwrap().is_good(), "{name}");
        assert_eq!(our_remove(&ours.repo(), cut), RemoveReport::default(), "{name}");
    }
}

#[test]
fn an_interrupted_repository_is_left_alone() {
    if !is_root("jobs") {
        return;
    }
    for name in golden::names().iter().filter(|n| is_interrupted(n)) {
        let golden = Golden::unpack(name);
        let before = data_names(&golden.repo());
        let writer = Writer::new(open(&golden.repo()), true).unwrap();
        let refused = remove_older_than(&writer, SessionTime(i64::MAX), &Silent);
        let right = matches!(refused, Err(Error::Interrupted { .. } | Error::NoSuchSession { .. }));
        assert!(right, "{name}: {refused:?}");
        assert_eq!(data_names(&golden.repo()), before, "{name}");
    }
}

/// A disk that allows so many changes, and none that needs room.
struct Worn {
    inner: RealDisk,
    left: AtomicU64,
    done: AtomicU64,
}

impl Worn {
    fn use_up(&self) -> io::Result<()> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(io::Error::other("worn out"));
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn full<T>() -> io::Result<T> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

impl Disk for Worn {
    fn root(&self) -> &Arc<Root> {
        self.inner.root()
    }
    fn create(&self, _: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        Self::full()
    }
    fn append(&self, _: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        Self::full()
    }
    fn mkdir(&self, _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn rename(&self, _: &StoredPath, _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn link(&self, _: &StoredPath, _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn symlink(&self, _: &[u8], _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn mknod(&self, _: &StoredPath, _: Node) -> io::Result<()> {
        Self::full()
    }
    fn unlink(&self, path: &StoredPath) -> io::Result<()> {
        self.use_up()?;
        self.inner.unlink(path)
    }
    fn rmdir(&self, path: &StoredPath) -> io::Result<()> {
        self.use_up()?;
        self.inner.rmdir(path)
    }
    fn set_attributes(&self, _: &StoredPath, _: &Applied<'_>) -> io::Result<()> {
        Self::full()
    }
    fn sync(&self, path: &StoredPath) -> io::Result<()> {
        self.use_up()?;
        self.inner.sync(path)
    }
    fn barrier(&self) -> io::Result<()> {
        self.use_up()?;
        self.inner.barrier()
    }
}

/// Removes with so many operations; says how many it took.
fn remove_with(repo: &Path, cut: i64, operations: u64) -> (Result<RemoveReport>, u64) {
    let repo = open(repo);
    let inner = RealDisk::new(Arc::clone(repo.root()), false);
    let disk = Arc::new(Worn { inner, left: AtomicU64::new(operations), done: AtomicU64::new(0) });
    let writer = Writer::with_disk(repo, Arc::clone(&disk) as Arc<dyn Disk>, true, false).unwrap();
    let result = remove_older_than(&writer, SessionTime(cut), &Silent);
    (result, disk.done.load(Ordering::Relaxed))
}

fn copy_of(repo: &Path, to: &Path) -> PathBuf {
    std::fs::remove_dir_all(to).ok();
    let done = Command::new("cp").arg("-a").arg(repo).arg(to).status().unwrap();
    assert!(done.success());
    to.to_owned()
}

#[test]
fn a_removal_can_stop_anywhere_and_be_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    // a directory whose name the real program would take for an increment
    let odd = "a.2001-09-09T01:46:40Z.dir";
    std::fs::create_dir_all(source.join("d").join(odd)).unwrap();
    let mut trees = BTreeMap::new();
    for at in [1000, 2000, 3000, 4000] {
        write_at(&source.join("file"), at, &format!("file at {at}"));
        write_at(&source.join("d").join(odd).join("in"), at, &format!("in at {at}"));
        if at == 2000 {
            std::fs::create_dir(source.join("e")).unwrap();
            std::fs::write(source.join("e/f"), "short-lived").unwrap();
        }
        if at == 3000 {
            std::fs::remove_dir_all(source.join("e")).unwrap();
        }
        trees.insert(at, Manifest::scan(&source));
        Real::find().backup(&source, &repo, at, &[]).expect_success();
    }
    let place = dir.path().join("copy");
    let (result, operations) = remove_with(&copy_of(&repo, &place), 2500, u64::MAX);
    assert_eq!(result.unwrap().sessions, [SessionTime(1000), SessionTime(2000)]);
    let done = data_names(&place);
    assert!(done.iter().any(|n| n.starts_with(format!("increments/d/{odd}/in.").as_bytes())), "{done:?}");
    assert!(operations > 20, "{operations}");
    for n in 0..operations {
        let copy = copy_of(&repo, &place);
        let (result, _) = remove_with(&copy, 2500, n);
        assert!(matches!(result, Err(Error::Io { .. })), "operation {n}: {result:?}");
        for at in [3000, 4000] {
            let target = dir.path().join("target");
            our_restore(&copy, at, &target);
            let found = differences(&trees[&at], &Manifest::scan(&target), Ignore::BY_REAL);
            assert!(found.is_empty(), "operation {n}: {}", found.join("\n"));
            std::fs::remove_dir_all(&target).unwrap();
        }
        remove_with(&copy, 2500, u64::MAX).0.unwrap();
        assert_eq!(data_names(&copy), done, "operation {n}");
    }
}
