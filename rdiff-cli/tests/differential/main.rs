//! Both programs do the same: the same standard output, exit code and effect, for each line of [`cases`],
//! but for the differences that [`intended`] lists with their reasons.
//!
//! A part of the lines is tried by default; `DIFFERENTIAL=all` tries all of them, and any other value those
//! that contain it. `UPDATE=1` writes `docs/compatibility.md` anew.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cases;
mod intended;
mod newer;
mod programs;
mod world;
mod writing;

use cases::{Case, cases};
use intended::REASONS;
use programs::{Outcome, ours, real, run, words};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use world::{World, manifest};

/// One line in so many is tried by default.
const SAMPLE: usize = 6;

#[test]
fn both_programs_do_the_same() {
    let chosen = chosen();
    assert!(!chosen.is_empty(), "no command line contains $DIFFERENTIAL");
    let bench = Bench { ours: ours(), world: World::new(&real()), real: real(), started: SystemTime::now() };
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(failure) = bench.judge(case) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} command lines tried", chosen.len());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), chosen.len(), failures.join("\n"));
}

fn chosen() -> Vec<Case> {
    let all = cases();
    match std::env::var("DIFFERENTIAL").unwrap_or_default().as_str() {
        "" => all.into_iter().step_by(SAMPLE).collect(),
        "all" => all,
        part => all.into_iter().filter(|case| case.line.contains(part)).collect(),
    }
}

struct Bench {
    world: World,
    ours: PathBuf,
    real: PathBuf,
    started: SystemTime,
}

/// What became of one command line.
struct Result {
    outcome: Outcome,
    stdout: String,
    effect: BTreeMap<String, String>,
}

impl Bench {
    fn result(&self, program: &Path, case: &Case) -> Result {
        let copy = self.world.copy(&format!("{} {}", case.line, case.stdin));
        let outcome = run(program, copy.path(), &words(&case.line), case.stdin);
        let stdout = without_clock(&outcome.stdout);
        Result { stdout, effect: manifest(copy.path(), self.started), outcome }
    }

    /// What is wrong, if anything is.
    fn judge(&self, case: &Case) -> Option<String> {
        let (real, ours) = (self.result(&self.real, case), self.result(&self.ours, case));
        let mut wrong = Vec::new();
        if real.outcome.code != ours.outcome.code {
            wrong.push(format!("exit code {} -> {}", real.outcome.code, ours.outcome.code));
        }
        wrong.extend(first_difference(&real.stdout, &ours.stdout));
        wrong.extend(changed_paths(&real.effect, &ours.effect));
        let panicked = ours.outcome.code == 101 || ours.outcome.code < 0;
        match (case.because, wrong.is_empty()) {
            (None, true) => None,
            (Some(_), false) if !panicked => None,
            (Some(_), true) => Some(format!("--- {}\n  is listed as a difference, and is none", case.line)),
            _ => Some(format!(
                "--- {}\n  {}\n  real: {}\n  ours: {}",
                case.line,
                wrong.join("\n  "),
                real.outcome.stderr.lines().last().unwrap_or_default(),
                ours.outcome.stderr.lines().last().unwrap_or_default()
            )),
        }
    }
}

/// Without the lines that say when the run took place.
fn without_clock(stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let timed = |line: &&str| !line.starts_with("EndTime ") && !line.starts_with("ElapsedTime ");
    text.split_inclusive('\n').filter(timed).collect()
}

fn first_difference(real: &str, ours: &str) -> Option<String> {
    if real == ours {
        return None;
    }
    let (mut a, mut b) = (real.lines(), ours.lines());
    for n in 1.. {
        match (a.next(), b.next()) {
            (None, None) => break,
            (x, y) if x != y => return Some(format!("output line {n}: {x:?} -> {y:?}")),
            _ => {}
        }
    }
    Some("the ends of output lines".to_owned())
}

fn changed_paths(real: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) -> Vec<String> {
    let paths: HashSet<&String> = real.keys().chain(ours.keys()).collect();
    let mut differing: Vec<String> = paths
        .into_iter()
        .filter(|path| real.get(*path) != ours.get(*path))
        .map(|path| format!("{path:?}: {} -> {}", shown(real.get(path)), shown(ours.get(path))))
        .collect();
    differing.sort();
    differing.truncate(5);
    differing
}

/// What is at a path, short enough to be read.
fn shown(what: Option<&String>) -> String {
    what.map_or("nothing".to_owned(), |what| what.chars().take(120).collect())
}

#[test]
fn the_document_lists_the_intended_differences() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let text = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "docs/compatibility.md is out of date: run this test with UPDATE=1");
}

/// `docs/compatibility.md`.
fn document() -> String {
    let all = cases();
    let mut text = intended::PREFACE.replace("COUNT", &all.len().to_string());
    for (because, title, reason) in REASONS {
        text += &format!("\n## {title}\n\n{reason}\n");
        let lines: Vec<&Case> = all.iter().filter(|case| case.because == Some(*because)).collect();
        assert!(!lines.is_empty() || because.is_beyond_the_cases(), "{because:?} has no case");
        if !lines.is_empty() {
            text += "\n```\n";
            text.extend(lines.iter().map(|case| format!("rdiff-backup {}\n", case.line)));
            text += "```\n";
        }
    }
    text
}

#[test]
fn no_line_is_there_twice() {
    let mut seen = HashSet::new();
    for case in cases() {
        assert!(seen.insert((case.line.clone(), case.stdin)), "{}", case.line);
    }
}
