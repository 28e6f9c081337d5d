//! Lists are those of the real program.

use super::support::golden::Golden;
use super::support::is_root;
use super::support::real::Real;
use super::{generated, names_at_rest, open, path, write_at};
use rdiff_core::error::Error;
use rdiff_core::list;
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::repo::Repository;
use rdiff_core::time::{SessionTime, Zone};
use std::collections::BTreeSet;
use std::path::Path;

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
