//! The golden repositories: judged, restored session by session, regressed.

mod support;

use std::path::Path;

use support::check::check_repository;
use support::golden::{self, Golden};
use support::is_root;
use support::manifest::{Ignore, Manifest, differences};
use support::real::Real;

/// Restores a repository's tree, as it was at a session, into a directory that is not there yet.
type Restore = fn(repo: &Path, at: i64, target: &Path);

/// The programs that must give every session back, and what each of them loses. Ours is to be added here.
fn restorers() -> Vec<(&'static str, Restore, Ignore)> {
    vec![("the real program", restore_with_real, Ignore::BY_REAL)]
}

fn restore_with_real(repo: &Path, at: i64, target: &Path) {
    Real::find().restore(repo, at, target).expect_success();
}

/// What a repository does not hold, besides what a program loses.
fn not_in(name: &str, ignore: Ignore) -> Ignore {
    match name {
        "without-links-acls-xattrs" => Ignore { links: true, acls: true, xattrs: true, ..ignore },
        "xattr-names" => Ignore { escaped_xattr_names: true, ..ignore },
        // the owner of sym-attributes changed alone, which is no change to the real program
        "types" => Ignore { owner_of_symlinks: true, ..ignore },
        _ => ignore,
    }
}

/// Restores one session with every program and compares it with what was backed up.
fn assert_comes_back(name: &str, golden: &Golden, at: i64) {
    for (program, restore, ignore) in restorers() {
        let target = golden.beside(&format!("{program} at {at}"));
        restore(&golden.repo(), at, &target);
        let found = differences(&golden.sessions[&at], &Manifest::scan(&target), not_in(name, ignore));
        assert!(found.is_empty(), "{name} at {at} by {program}:\n{}", found.join("\n"));
    }
}

fn is_interrupted(name: &str) -> bool {
    name.starts_with("interrupted")
}

fn names_at_rest() -> Vec<String> {
    golden::names().into_iter().filter(|n| !is_interrupted(n)).collect()
}

#[test]
fn what_the_real_program_wrote_breaks_no_rule() {
    if !is_root("golden") {
        return;
    }
    for name in names_at_rest() {
        let found = check_repository(&Golden::unpack(&name).repo());
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn the_oldest_session_of_each_repository_comes_back() {
    if !is_root("golden") {
        return;
    }
    for name in names_at_rest() {
        let golden = Golden::unpack(&name);
        let oldest = golden.sessions.keys().next().copied().expect("a session");
        assert_comes_back(&name, &golden, oldest);
    }
}

#[test]
fn every_session_of_a_few_repositories_comes_back() {
    if !is_root("golden") {
        return;
    }
    for name in ["type-changes", "long-names-quoted", "hard-links", "time-zones"] {
        let golden = Golden::unpack(name);
        for &at in golden.sessions.keys() {
            assert_comes_back(name, &golden, at);
        }
    }
}

#[test]
fn the_mirror_is_the_newest_session() {
    if !is_root("golden") {
        return;
    }
    // quoted names are not those of the source
    for name in names_at_rest().iter().filter(|n| !n.contains("quoted")) {
        let golden = Golden::unpack(name);
        let newest = golden.sessions.values().last().expect("a session");
        let ignore = Ignore { owner_of_symlinks: true, links: name == "regressed", ..Ignore::BY_REAL };
        let found = differences(newest, &Manifest::of_mirror(&golden.repo()), not_in(name, ignore));
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn an_interrupted_repository_is_clean_after_a_regress() {
    if !is_root("golden") {
        return;
    }
    for name in golden::names().into_iter().filter(|n| is_interrupted(n)) {
        let golden = Golden::unpack(&name);
        assert!(check_repository(&golden.repo())[0].starts_with("check 1:"), "{name}");
        if let Some((_, good)) = golden.sessions.last_key_value() {
            let outcome = Real::find().regress(&golden.repo());
            assert!(matches!(outcome.status, 0 | 2), "{name}: {outcome:?}");
            let found = check_repository(&golden.repo());
            assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
            let ignore = Ignore { links: true, ..Ignore::BY_REAL };
            let found = differences(good, &Manifest::of_mirror(&golden.repo()), ignore);
            assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        }
    }
}
