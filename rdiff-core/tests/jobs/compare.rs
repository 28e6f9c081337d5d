//! Differences are those that the real program finds.

use super::support::golden::{self, Golden};
use super::support::is_root;
use super::support::real::Real;
use super::{is_interrupted, names_at_rest, open, our_restore, path};
use rdiff_core::compare::{CompareReport, CompareRequest, Method, compare};
use rdiff_core::error::{Error, Result};
use rdiff_core::list;
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPath;
use rdiff_core::time::SessionTime;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::LocalSource;
use rdiff_core::tree::source::{Listing, Source, SourceFile, SourceTraits};
use rdiff_core::tree::walk::Everything;
use std::io;
use std::path::Path;
use std::sync::Arc;

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
