//! The generator and the real program: what the one makes, the other keeps, and the judge approves.

mod support;

use support::check::check_repository;
use support::generator::{Generator, Options};
use support::manifest::{Ignore, Manifest, differences};
use support::real::Real;

const STEP: i64 = 100_000;

/// Backs up six sessions of a random tree with the real program; says what is wrong with any.
fn history(seed: u64) -> Vec<String> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (repo, real) = (place.path().join("repo"), Real::find().with(&["--no-fsync"]));
    let mut source = Generator::new(&place.path().join("source"), seed, Options::default());
    let mut wrong = Vec::new();
    let mut manifests = Vec::new();
    for at in (1..=6).map(|n| 1_000_000_000 + n * STEP) {
        real.backup(source.top(), &repo, at, &[]).expect_success();
        wrong.extend(check_repository(&repo).into_iter().map(|f| format!("seed {seed}, {at}: {f}")));
        manifests.push((at, source.manifest()));
        source.evolve();
    }
    for (at, manifest) in manifests.iter().step_by(2) {
        let target = place.path().join(at.to_string());
        real.restore(&repo, *at, &target).expect_success();
        let found = differences(manifest, &Manifest::scan(&target), Ignore::BY_REAL);
        wrong.extend(found.into_iter().map(|f| format!("seed {seed}, restored {at}: {f}")));
    }
    wrong
}

#[test]
fn the_real_program_keeps_random_trees() {
    let seeds = std::env::var("SEEDS").unwrap_or_else(|_| "1 2".into());
    for seed in seeds.split_whitespace() {
        let wrong = history(seed.parse().expect("a number"));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn the_same_seed_makes_the_same_trees() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let [mut a, mut b] = ["a", "b"].map(|n| Generator::new(&place.path().join(n), 5, Options::default()));
    for _ in 0..5 {
        assert_eq!(differences(&a.manifest(), &b.manifest(), Ignore::default()), [""; 0]);
        a.evolve();
        b.evolve();
    }
    let mut c = Generator::new(&place.path().join("c"), 6, Options::default());
    c.evolve();
    assert_ne!(a.manifest(), c.manifest());
}
