//! The golden repositories: judged, restored session by session, regressed.

mod ours;
mod support;

use std::path::Path;

use support::check::check_repository;
use support::golden::{self, Golden};
use support::is_root;
use support::manifest::{Ignore, Manifest, differences};
use support::real::Real;

/// A program that must give every session back.
struct Restorer {
    name: &'static str,
    /// Restores a repository's tree, as it was at a session, into a directory that is not there yet.
    restore: fn(repo: &Path, at: i64, target: &Path),
    /// What any of its restores loses.
    loses: Ignore,
    /// The repositories of which it restores every session; of the others, the oldest.
    thorough_with: fn(name: &str) -> bool,
}

/// The programs that are tried. What the real program recorded has whole seconds, and no times of links and devices.
fn restorers() -> Vec<Restorer> {
    let real = Restorer {
        name: "the real program",
        restore: restore_with_real,
        loses: Ignore::BY_REAL,
        // it is slow
        thorough_with: |name| {
            ["type-changes", "long-names-quoted", "hard-links", "unreadable"].contains(&name)
        },
    };
    let ours = Restorer {
        name: "ours",
        restore: |repo, at, target| drop(ours::restore_all(repo, at, target)),
        loses: Ignore::BY_REAL,
        thorough_with: |_| true,
    };
    vec![real, ours]
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

/// Restores sessions with every program and compares them with what was backed up.
fn assert_comes_back(name: &str, golden: &Golden) {
    for Restorer { name: program, restore, loses, thorough_with } in restorers() {
        let count = if thorough_with(name) { usize::MAX } else { 1 };
        for (&at, manifest) in golden.sessions.iter().take(count) {
            let target = golden.beside(&format!("{program} at {at}"));
            restore(&golden.repo(), at, &target);
            let found = differences(manifest, &Manifest::scan(&target), not_in(name, loses));
            assert!(found.is_empty(), "{name} at {at} by {program}:\n{}", found.join("\n"));
        }
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
fn old_sessions_come_back() {
    if !is_root("golden") {
        return;
    }
    for name in names_at_rest() {
        assert_comes_back(&name, &Golden::unpack(&name));
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

/// Everything in a repository, of the mirror and of its data.
fn all_of(repo: &Path) -> [Manifest; 2] {
    [Manifest::of_mirror(repo), Manifest::scan(&repo.join("rdiff-backup-data"))]
}

#[test]
fn ours_restores_from_an_interrupted_repository_and_changes_nothing_in_it() {
    if !is_root("golden") {
        return;
    }
    for name in golden::names().into_iter().filter(|n| is_interrupted(n)) {
        let golden = Golden::unpack(&name);
        let before = all_of(&golden.repo());
        for (&at, manifest) in &golden.sessions {
            let target = golden.beside(&format!("at {at}"));
            ours::restore_all(&golden.repo(), at, &target);
            let found = differences(manifest, &Manifest::scan(&target), Ignore::BY_REAL);
            assert!(found.is_empty(), "{name} at {at}:\n{}", found.join("\n"));
        }
        let after = all_of(&golden.repo());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(differences(before, after, Ignore::default()), [""; 0], "{name} was changed");
        }
    }
}

#[test]
fn ours_regresses_an_interrupted_repository() {
    if !is_root("golden") {
        return;
    }
    for name in golden::names().into_iter().filter(|n| is_interrupted(n)) {
        let golden = Golden::unpack(&name);
        let done = ours::undo(&golden.repo()).unwrap_or_else(|e| panic!("{name}: {}", ours::line(&e)));
        let Some((_, good)) = golden.sessions.last_key_value() else {
            assert_eq!(done, None, "{name}: there is nothing to go back to");
            continue;
        };
        let found = check_repository(&golden.repo());
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        let found = differences(good, &Manifest::of_mirror(&golden.repo()), Ignore::BY_REAL);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        assert_comes_back(&name, &golden);
    }
}
