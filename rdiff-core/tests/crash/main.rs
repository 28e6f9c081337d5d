//! Every point at which a job can be stopped: by an error, a kill, or a power cut.
//!
//! Each scenario runs once to count its operations on the disk, then once for each of them and each mode,
//! stopped there. After that every earlier session restores exactly from the repository as it is, with nothing
//! written to it; the next backup (at odd points: regress, then the next backup) recovers by itself; the judge
//! finds nothing; and every session restores exactly again.
//!
//! By default some points of each are tried. `CRASH_POINTS=all` tries all, `CRASH_POINTS=40` so many of each
//! scenario and mode; `CRASH_ONLY=mode:n` tries one.

mod checks;
mod files;
mod mode;
mod scenario;
mod story;
#[path = "../support/mod.rs"]
mod support;

use checks::{IGNORED, is_interrupted};
use files::fresh;
use mode::Mode;
use rdiff_core::monitor::Silent;
use rdiff_core::repo::Repository;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::testing::Fault;
use rdiff_core::time::SessionTime;
use rdiff_core::tree::walk::Everything;
use scenario::{Job, STEP, Scenario};
use std::sync::Arc;
use support::manifest::{Manifest, differences};

/// Stops a backup of the source as it is at one of its last operations, so that there is much to undo.
fn interrupt(scenario: &mut Scenario, part: (u64, u64)) {
    let job = std::mem::replace(&mut scenario.job, Job::Backup);
    scenario.time += STEP;
    let half = scenario.at("half");
    let (disk, done) = scenario.run(&half, Fault::Never);
    done.expect("a backup");
    // What comes last of all is no longer part of the session.
    let stopped = |n: &u64| scenario.run(&half, Mode::Kill.fault(*n)).1.is_err() && is_interrupted(&half);
    let last = disk.operations() * part.0 / part.1;
    (0..last).rev().find(stopped).expect("a stopped backup");
    fresh(&scenario.at("base"));
    std::fs::rename(half, scenario.at("base")).expect("a rename");
    scenario.job = job;
}

fn second_backup() -> Scenario {
    let (mut scenario, mut story) = Scenario::new("second backup", Job::Backup);
    scenario.session();
    story.second();
    scenario.ready()
}

fn late_regress() -> Scenario {
    let (mut scenario, mut story) = Scenario::new("regress, late", Job::Regress);
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    interrupt(&mut scenario, (1, 1));
    scenario.ready()
}

fn early_regress() -> Scenario {
    let (mut scenario, mut story) = Scenario::new("regress, early", Job::Regress);
    scenario.session();
    story.second();
    interrupt(&mut scenario, (4, 5));
    scenario.ready()
}

fn purge_of_paths(quoted: &'static [u8]) -> Scenario {
    let (mut scenario, mut story) = Scenario::new("purge", Job::Purge);
    scenario.quoted = quoted;
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    scenario.session();
    scenario.ready()
}

#[test]
fn a_first_backup() {
    Scenario::new("first backup", Job::Backup).0.ready().all_points();
}

#[test]
fn a_second_backup() {
    second_backup().all_points();
}

#[test]
fn a_third_backup() {
    let (mut scenario, mut story) = Scenario::new("third backup", Job::Backup);
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    scenario.ready().all_points();
}

#[test]
fn a_regress_of_a_session_that_was_nearly_done() {
    late_regress().all_points();
}

#[test]
fn a_regress_of_a_session_that_had_begun_to_apply() {
    early_regress().all_points();
}

#[test]
fn a_removal_of_old_sessions() {
    let (mut scenario, mut story) = Scenario::new("remove", Job::Remove);
    for n in 0..4 {
        scenario.session();
        if n % 2 == 0 { story.second() } else { story.first() }
    }
    let stays = *scenario.sessions.keys().nth(2).expect("a session");
    let staying = scenario.sessions.split_off(&stays);
    scenario.old = std::mem::replace(&mut scenario.sessions, staying);
    scenario.ready().all_points();
}

#[test]
fn a_purge_of_paths() {
    purge_of_paths(b"").all_points();
}

#[test]
fn an_undo_of_a_good_session() {
    let (mut scenario, mut story) = Scenario::new("undo", Job::Undo);
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    scenario.session();
    scenario.open = scenario.sessions.pop_last();
    scenario.ready().all_points();
}

#[test]
fn jobs_with_many_barriers() {
    second_backup().in_batches("second backup, batches").all_points();
    late_regress().in_batches("regress, late, batches").all_points();
    early_regress().in_batches("regress, early, batches").all_points();
}

#[test]
fn a_purge_of_paths_that_stand_under_numbers() {
    Scenario { name: "purge, quoted", ..purge_of_paths(b"E") }.all_points();
}

#[test]
fn a_file_that_is_lost_costs_its_names_and_no_more() {
    let mut scenario = Scenario::new("lost file", Job::Backup).0;
    scenario.session();
    let (repo, target) = (scenario.at("base"), scenario.at("restored"));
    for name in ["group-a", "group-b"] {
        std::fs::remove_file(repo.join(name)).expect("a file of the mirror");
    }
    let repo = Arc::new(Repository::open(&repo).expect("a repository"));
    let request = RestoreRequest::new(SessionTime(scenario.time));
    let report = restore(&repo, &target, &request, Everything, &Silent).expect("a restore");
    assert_eq!(report.problems, 2);
    let wrong = differences(&scenario.sessions[&scenario.time], &Manifest::scan(&target), IGNORED);
    assert_eq!(wrong, ["group-a: reg is missing", "group-b: reg is missing"]);
}
