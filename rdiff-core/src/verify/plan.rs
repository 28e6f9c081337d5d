//! What is to be read for each path, and how.

use super::groups::SpanGroups;
use crate::entry::{Digest, Entry};
use crate::error::{Error, Result, chain as in_words};
use crate::format::names::IncrementKind;
use crate::path::RepoPathBuf;
use crate::repo::history::Lifeline;
use crate::repo::increments::{Chain, Increment, Increments};
use crate::time::SessionTime;
use std::collections::HashSet;
use std::sync::Arc;

/// One path as it was at some sessions.
pub(super) struct Job {
    /// Newest first.
    pub(super) versions: Vec<Version>,
    pub(super) how: How,
}

pub(super) struct Version {
    pub(super) session: SessionTime,
    pub(super) entry: Arc<Entry>,
    pub(super) digest: Option<Digest>,
    /// Is it to be reported? Not if the batch before did.
    pub(super) counts: bool,
}

pub(super) enum How {
    /// Nothing is to be read: it is what it was, and that was good.
    Known,
    /// From the first version on, in memory; the increments older than it, newest first.
    Stepwise(Chain, Vec<Increment>),
    /// Each for itself. Nothing stands for: as the version before.
    Composed(Vec<Option<Result<Chain, String>>>),
}

impl Job {
    pub(super) fn weight(&self) -> u64 {
        let size = self.versions.iter().map(|v| v.entry.size()).max().unwrap_or(0);
        let times = match &self.how {
            How::Known => return 64,
            How::Stepwise(_, increments) => 1 + increments.len() as u64,
            How::Composed(chains) => chains.iter().flatten().count() as u64,
        };
        size.saturating_add(16_384).saturating_mul(times)
    }

    /// Every version rebuilt for itself, unless no increment lies between it and the one before.
    pub(super) fn composed(versions: Vec<Version>, increments: &mut Increments<'_>) -> Result<Job> {
        let mut chains = Vec::with_capacity(versions.len());
        let mut newer: Option<&Version> = None;
        for version in &versions {
            let (entry, at) = (&*version.entry, version.session);
            let long = entry.long_name.as_ref();
            let of_path = increments.of(entry.path.as_path(), long)?;
            let same = newer.is_some_and(|newer| {
                newer.entry.long_name == entry.long_name
                    && !of_path.iter().any(|i| i.time >= at && i.time < newer.session)
            });
            newer = Some(version);
            chains.push(if same { None } else { Some(chain_of(increments, entry, at)?) });
        }
        Ok(Job { versions, how: How::Composed(chains) })
    }
}

/// The chain, or what is wrong with it.
fn chain_of(
    increments: &mut Increments<'_>,
    entry: &Entry,
    at: SessionTime,
) -> Result<Result<Chain, String>> {
    match increments.chain(entry, at) {
        Ok(chain) => Ok(Ok(chain)),
        Err(e @ Error::Corrupt { .. }) => Ok(Err(in_words(&e))),
        Err(e) => Err(e),
    }
}

pub(super) struct Planner<'r> {
    pub(super) increments: Increments<'r>,
    pub(super) sessions: &'r [SessionTime],
    pub(super) in_memory: u64,
    /// The last session, if the batch before has dealt with it.
    pub(super) border: Option<SessionTime>,
    /// The bad files of that session, if all of them are known.
    pub(super) bad_before: Option<HashSet<RepoPathBuf>>,
    pub(super) groups: SpanGroups,
}

impl Planner<'_> {
    pub(super) fn plan(&mut self, lifeline: &Lifeline) -> Result<Option<Job>> {
        let digests = self.groups.digests(lifeline);
        let files = lifeline.states.iter().zip(&digests).zip(self.sessions).rev();
        let versions: Vec<Version> = files
            .filter_map(|((state, digest), &session)| {
                let entry = state.as_ref().filter(|e| e.file().is_some())?;
                let counts = Some(session) != self.border;
                Some(Version { session, entry: Arc::clone(entry), digest: *digest, counts })
            })
            .collect();
        let Some(first) = versions.first() else { return Ok(None) };
        if !versions.iter().any(|v| v.counts) {
            return Ok(None);
        }
        let (newest, entry) = (first.session, Arc::clone(&first.entry));
        let oldest = versions.last().map_or(newest, |v| v.session);
        let one_name = versions.iter().all(|v| v.entry.long_name == entry.long_name);
        let of_path: Vec<Increment> = self
            .increments
            .of(entry.path.as_path(), entry.long_name.as_ref())?
            .iter()
            .rev()
            .filter(|i| i.time >= oldest && i.time < newest && i.kind != IncrementKind::Data)
            .cloned()
            .collect();
        let known = self.border == Some(newest)
            && one_name
            && of_path.is_empty()
            && self.bad_before.as_ref().is_some_and(|bad| !bad.contains(&lifeline.path))
            && versions.iter().all(|v| v.digest.is_some() && v.digest == first.digest);
        if known {
            return Ok(Some(Job { versions, how: How::Known }));
        }
        let small = one_name && versions.iter().all(|v| v.entry.size() <= self.in_memory);
        match chain_of(&mut self.increments, &entry, newest)? {
            Ok(chain) if small && versions.len() > 1 => {
                Ok(Some(Job { versions, how: How::Stepwise(chain, of_path) }))
            }
            _ => Job::composed(versions, &mut self.increments).map(Some),
        }
    }
}
