//! Judges a repository at rest by the format alone: a second reading of it, sharing no code with the crate.
//!
//! Each violation names the number of the rule, the path and what is wrong:
//! `check 12: increments/a.2001-09-09T01:46:40Z.diff: a copy leaves the basis`. The rules:
//!
//! | | |
//! |---|---|
//! | 1–5 | markers; the chain of metadata files |
//! | 6–10 | instants and the names that carry them |
//! | 11–16 | increments and what they say about the sessions on both sides |
//! | 17–25 | metadata records |
//! | 26–28 | the mirror against the newest records |
//! | 29–31 | every old content rebuilt and hashed; diffs of metadata; leftovers |
//! | 32–35 | long names, quoting, ACL and xattr files |
//!
//! The rules are those of the format description, as the real program keeps them. Where its habit is wider than
//! their text, so is the judge:
//!
//! - 15: a directory above a change that was no directory before has a `.snapshot`, not a `.dir`. A regular file
//!   of which only attributes changed may be without an increment (API 201 makes none).
//! - 16: sessions with equal records but other ACLs or xattrs are not equal; there are increments then, beside an
//!   empty metadata diff. A new file that cannot be read leaves a `.missing`, and a `.dir` for each directory above,
//!   in every session, though no record changes.
//! - 3: plain metadata is accepted where `lock.yml` shows that API 201 was used.
//! - 27: sockets have a ModTime, but the mirror's socket does not get it.
//!
//! What needs two moments (quoting never changes, regress, remove) is for other tests. Ownership, devices and
//! ACLs are judged only when run as root.

use std::fmt::Display;
use std::path::Path;

pub mod delta;
pub mod increments;
pub mod load;
pub mod metadata;
pub mod mirror;
pub mod names;
pub mod records;
pub mod sessions;

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<String>);

impl Findings {
    /// Notes that `path` breaks rule `check`.
    pub fn add(&mut self, check: u32, path: impl Display, what: impl Display) {
        self.0.push(format!("check {check}: {path}: {what}"));
    }

    /// Notes it when `bad`.
    pub fn add_if(&mut self, bad: bool, check: u32, path: impl Display, what: impl Display) {
        if bad {
            self.add(check, path, what);
        }
    }
}

/// All violations in a repository; empty when it is clean.
///
/// A repository without exactly one marker is not at rest: that is reported, and nothing else is looked at.
///
/// # Panics
/// When the repository cannot be read at all.
pub fn check_repository(repo: &Path) -> Vec<String> {
    let mut findings = Findings::default();
    if let Some(data) = load::DataDirectory::read(repo, &mut findings) {
        let repository = load::Repository::load(data, &mut findings);
        sessions::check(&repository, &mut findings);
        metadata::check(&repository, &mut findings);
        increments::check(&repository, &mut findings);
        mirror::check(&repository, &mut findings);
    }
    findings.0
}
