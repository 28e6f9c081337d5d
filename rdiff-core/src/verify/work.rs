//! The work on one path: its versions are rebuilt and compared with what was recorded.

use super::SMALL;
use super::budget::Budget;
use super::plan::{How, Job, Version};
use super::report::{Bad, Why};
use crate::delta;
use crate::entry::Digest;
use crate::error::{Error, Result, chain as in_words};
use crate::format::names::IncrementKind;
use crate::monitor::{Counter, Stop};
use crate::path::RepoPathBuf;
use crate::pool::Helpers;
use crate::repo::Repository;
use crate::repo::increments::{Chain, Increment, MOST_WAYS};
use crate::repo::layout::StoredPath;
use crate::repo::put::{digest_of, hash_with};
use crate::repo::rebuild::read_out;
use crate::time::SessionTime;
use std::io::Read;
use std::sync::Arc;

/// What was found of one path.
pub(super) struct Tally {
    pub(super) path: RepoPathBuf,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) no_digest: u64,
    pub(super) bad: Vec<Bad>,
}

/// The content of a version and the files that it came from.
struct Rebuilt<T> {
    content: Result<T, String>,
    files: Vec<StoredPath>,
}

pub(super) struct Worker {
    pub(super) repo: Arc<Repository>,
    /// The last good session, if the one after it failed.
    pub(super) interrupted: Option<SessionTime>,
    pub(super) in_memory: u64,
    pub(super) budget: Budget,
    pub(super) stop: Stop,
    pub(super) helpers: Helpers,
}

impl Worker {
    /// Asked between paths of which there is nothing to read.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.stop.is_set() { Err(Error::Cancelled { at: None }) } else { Ok(()) }
    }

    /// Checks all versions of a path. Nothing if the job is to stop: what couldn't be read because of that isn't bad.
    pub(super) fn run(&self, job: &Job, buf: &mut [u8]) -> Option<Tally> {
        let path = job.versions.first().map(|v| v.entry.path.clone()).unwrap_or_default();
        let mut tally = Tally { path, files: 0, bytes: 0, no_digest: 0, bad: Vec::new() };
        match &job.how {
            How::Known => tally.files = job.versions.iter().filter(|v| v.counts).count() as u64,
            How::Stepwise(chain, increments) => self.stepwise(&job.versions, chain, increments, &mut tally),
            How::Composed(chains) => self.composed(&job.versions, chains, buf, &mut tally),
        }
        (!self.stop.is_set()).then_some(tally)
    }

    fn composed(
        &self,
        versions: &[Version],
        chains: &[Option<Result<Chain, String>>],
        buf: &mut [u8],
        tally: &mut Tally,
    ) {
        let mut found = Rebuilt { content: Err("nothing leads to it".to_owned()), files: Vec::new() };
        for (version, chain) in versions.iter().zip(chains) {
            match chain {
                None => {}
                Some(Err(why)) => found = Rebuilt { content: Err(why.clone()), files: Vec::new() },
                Some(Ok(chain)) => {
                    found = self.of_candidates(version, chain, |content| {
                        let content = self.stop.over(version.entry.path.as_path(), content);
                        let mut content = content.telling(Counter::BytesRead);
                        hash_with(&mut content, version.entry.size(), buf, &self.helpers)
                            .map(|found| (found, found))
                    });
                    tally.bytes += found.content.as_ref().map_or(0, |(_, length)| *length);
                }
            }
            self.check(version, &found, tally);
        }
    }

    /// Rebuilds a version. Where a failed session left two ways, the one that gives what was recorded.
    fn of_candidates<T>(
        &self,
        version: &Version,
        chain: &Chain,
        mut take: impl FnMut(Box<dyn Read>) -> std::io::Result<(T, (Digest, u64))>,
    ) -> Rebuilt<T> {
        let entry = &*version.entry;
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let mut first: Option<Rebuilt<T>> = None;
        let mut ways = chain.candidates(&mirror, self.interrupted);
        let mut next = 0;
        for _ in 0..MOST_WAYS {
            if next == ways.len() {
                match self.repo.ways_to(entry, version.session) {
                    Ok(now) if now != ways => (ways, next) = (now, 0),
                    _ => break,
                }
            }
            let Some(chain) = ways.get(next).cloned() else { break };
            next += 1;
            let files: Vec<StoredPath> = chain.files().cloned().collect();
            let content = match self.repo.open_chain_strictly(&self.stop, entry, &chain, version.session) {
                Err(e) => Err(in_words(&e)),
                Ok(content) => take(Box::new(content)).map_err(|e| match &files[..] {
                    [only] => format!("{}: {e}", self.repo.path_of(only).display()),
                    _ => e.to_string(),
                }),
            };
            let right = content.as_ref().is_ok_and(|(_, (digest, length))| {
                *length == entry.size() && version.digest.is_none_or(|d| d == *digest)
            });
            let rebuilt = Rebuilt { content: content.map(|(taken, _)| taken), files };
            if right {
                return rebuilt;
            }
            match &mut first {
                None => first = Some(rebuilt),
                Some(first) => {
                    let more = rebuilt.files.into_iter().filter(|f| !first.files.contains(f));
                    first.files.extend(more.collect::<Vec<_>>());
                }
            }
        }
        first.unwrap_or(Rebuilt { content: Err("nothing leads to it".to_owned()), files: Vec::new() })
    }

    fn stepwise(&self, versions: &[Version], chain: &Chain, increments: &[Increment], tally: &mut Tally) {
        let Some((newest, older)) = versions.split_first() else { return };
        // A version, and the one that is made from it.
        let largest = versions.iter().map(|v| v.entry.size()).max().unwrap_or(0);
        let _loan = self.budget.take(largest.saturating_mul(2));
        // Nothing that says it is small may unpack to much more.
        let limit = largest.max(SMALL).min(self.in_memory);
        let mut now = self.of_candidates(newest, chain, |content| {
            let mut bytes = Vec::new();
            self.stop
                .over(newest.entry.path.as_path(), content)
                .take(limit.saturating_add(1))
                .read_to_end(&mut bytes)?;
            let (digest, length) = (digest_of(&bytes), bytes.len() as u64);
            Ok((bytes, (digest, length)))
        });
        let mut found = summary(&now, tally);
        self.check(newest, &found, tally);
        let mut increments = increments.iter().peekable();
        for version in older {
            if self.stop.is_set() {
                return;
            }
            let mut changed = false;
            while let Some(increment) = increments.next_if(|i| i.time >= version.session) {
                self.step(version, &mut now, increment, limit);
                changed = true;
            }
            if changed {
                found = summary(&now, tally);
            }
            self.check(version, &found, tally);
        }
    }

    /// Goes back by one increment, to a content of at most `limit` bytes.
    fn step(&self, version: &Version, now: &mut Rebuilt<Vec<u8>>, increment: &Increment, limit: u64) {
        let path = version.entry.path.as_path();
        let shown = || self.repo.path_of(&increment.place).display().to_string();
        if increment.kind != IncrementKind::Diff {
            now.files.clear();
        }
        now.files.push(increment.place.clone());
        let open = || self.repo.open_increment(increment).map_err(|e| in_words(&e));
        now.content = match (increment.kind, &now.content) {
            (IncrementKind::Diff, Ok(basis)) => open().and_then(|mut delta| {
                let mut out = Vec::with_capacity(basis.len());
                delta::apply(basis, basis.len() as u64, self.stop.over(path, &mut delta), limit, &mut out)
                    .map_err(|e| format!("{}: {}", shown(), in_words(&e)))?;
                read_out(&mut delta).map_err(|e| format!("{}: {e}", shown()))?;
                Ok(out)
            }),
            (IncrementKind::Diff, Err(why)) => Err(why.clone()),
            (IncrementKind::Snapshot, _) => open().and_then(|content| {
                let mut bytes = Vec::new();
                self.stop
                    .over(path, content)
                    .take(limit.saturating_add(1))
                    .read_to_end(&mut bytes)
                    .map_err(|e| format!("{}: {e}", shown()))?;
                Ok(bytes)
            }),
            _ => Err(format!("{} says that it was no file, metadata say that it was", shown())),
        };
    }

    /// Checks a version against its record.
    fn check(&self, version: &Version, found: &Rebuilt<(Digest, u64)>, tally: &mut Tally) {
        if !version.counts {
            return;
        }
        tally.files += 1;
        tally.no_digest += u64::from(version.digest.is_none());
        let size = version.entry.size();
        let why = match (&found.content, version.digest) {
            (Err(why), _) => Why::Lost(why.clone()),
            (Ok((found, _)), Some(recorded)) if *found != recorded => Why::Digest { recorded, found: *found },
            (Ok((_, found)), _) if *found != size => Why::Size { recorded: size, found: *found },
            _ => return,
        };
        tally.bad.push(Bad {
            path: version.entry.path.clone(),
            session: version.session,
            why,
            files: found.files.iter().map(|f| self.repo.path_of(f)).collect(),
        });
    }
}

/// Digest and length of a content in memory.
fn summary(now: &Rebuilt<Vec<u8>>, tally: &mut Tally) -> Rebuilt<(Digest, u64)> {
    let content = now.content.as_ref().map(|bytes| (digest_of(bytes), bytes.len() as u64));
    tally.bytes += now.content.as_ref().map_or(0, |bytes| bytes.len() as u64);
    Rebuilt { content: content.map_err(Clone::clone), files: now.files.clone() }
}
