//! What has to hold wherever a job was stopped.

use crate::files::{fingerprint, fresh};
use crate::mode::Mode;
use crate::scenario::{Job, STEP, Scenario, fail, purge_all, purged, without_purged};
use crate::support::check::check_repository;
use crate::support::manifest::{Ignore, Manifest, differences, sorted_names};
use rdiff_core::error::{Error, chain};
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPath;
use rdiff_core::regress::regress;
use rdiff_core::remove::remove_older_than;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::metadata::Detail;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::walk::Everything;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Restored times have no nanoseconds after the original's hands; links and pipes are not compared by time.
pub(crate) const IGNORED: Ignore = Ignore::BY_REAL;

impl Scenario {
    pub(crate) fn try_point(&self, mode: Mode, n: u64) -> Result<(), String> {
        let repo = self.at("repo");
        let (disk, done) = self.run(&repo, mode.fault(n));
        let mut must = self.sessions.clone();
        if done.is_ok() {
            match self.job {
                Job::Backup => must.extend(self.open.clone()),
                Job::Purge => {}
                Job::Regress | Job::Undo | Job::Remove => {
                    let there = Repository::open(&repo).and_then(|r| r.sessions());
                    let there = there.map_err(|e| chain(&e))?;
                    if there.iter().any(|t| !must.contains_key(&t.0)) {
                        return Err("the job succeeded, and the session is still there".into());
                    }
                }
            }
        }
        if let Some(lost) = mode.lost(n) {
            disk.cut_power(lost).expect("a power cut");
        }
        drop(disk);
        self.read_all(&repo, &must).map_err(|e| format!("before repair ({}): {e}", said(&done)))?;
        // What reached the disk may be in another order.
        if mode.lost(n).is_none() {
            self.old_are_whole(&repo)?;
        }
        if n % 2 == 1 && is_interrupted(&repo) {
            self.regress_alone(&repo, &mut must)?;
        }
        if let Job::Remove = self.job {
            self.remove_again(&repo)?;
        }
        if let Job::Purge = self.job {
            self.purge_again(&repo)?;
        }
        self.back_up(&repo, self.time + STEP)?;
        must.insert(self.time + STEP, self.now.clone());
        judge(&repo)?;
        let read = self.read_all(&repo, &must).map_err(|e| format!("after the next backup: {e}"))?;
        self.without_strangers(&read, &must)
    }

    pub(crate) fn regress_alone(
        &self,
        repo: &Path,
        must: &mut BTreeMap<i64, Manifest>,
    ) -> Result<(), String> {
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let writer = Writer::new(Arc::new(open), false).map_err(|e| chain(&e))?;
        if let Err(e) = regress(&writer, &Silent) {
            return fail("regress", &e);
        }
        drop(writer);
        judge(repo).map_err(|e| format!("after regress: {e}"))?;
        let newest = must.values().next_back().expect("a session");
        let wrong = differences(newest, &Manifest::of_mirror(repo), IGNORED);
        if let Some(wrong) = wrong.first() {
            return Err(format!("the mirror after regress: {wrong}"));
        }
        self.read_all(repo, must).map_err(|e| format!("after regress: {e}")).map(|_| ())
    }

    /// Sessions that are being removed and are still listed are whole.
    fn old_are_whole(&self, repo: &Path) -> Result<(), String> {
        if self.old.is_empty() {
            return Ok(());
        }
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let listed = open.sessions().map_err(|e| chain(&e))?;
        let mut old = listed.iter().filter_map(|t| self.old.get_key_value(&t.0));
        old.try_for_each(|(&at, manifest)| self.read_exactly(repo, at, manifest))
    }

    /// What a stopped removal left is for the next one.
    pub(crate) fn remove_again(&self, repo: &Path) -> Result<(), String> {
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let writer = Writer::new(Arc::new(open), false).map_err(|e| chain(&e))?;
        remove_older_than(&writer, self.cut(), &Silent).map_err(|e| chain(&e))?;
        judge(repo).map_err(|e| format!("after the second removal: {e}"))
    }

    /// What a stopped purge left is for the next one. After that there is nothing to be seen of the paths.
    pub(crate) fn purge_again(&self, repo: &Path) -> Result<(), String> {
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let writer = Writer::new(Arc::new(open), false).map_err(|e| chain(&e))?;
        purge_all(&writer).map_err(|e| format!("the second purge: {}", chain(&e)))?;
        judge(repo).map_err(|e| format!("after the second purge: {e}"))?;
        for (&at, manifest) in &self.sessions {
            self.read_exactly(repo, at, &without_purged(manifest)).map_err(|e| format!("purged, {e}"))?;
        }
        self.nothing_under_numbers(repo)?;
        match differences(&without_purged(&self.now), &Manifest::of_mirror(repo), IGNORED).first() {
            Some(wrong) => Err(format!("the mirror after the purge: {wrong}")),
            None => Ok(()),
        }
    }

    /// Of what was purged nothing is left in `long_filename_data`, where only records say what belongs to what.
    pub(crate) fn nothing_under_numbers(&self, repo: &Path) -> Result<(), String> {
        let base = Repository::open(&self.at("base")).map_err(|e| chain(&e))?;
        let long = repo.join("rdiff-backup-data/long_filename_data");
        let left = sorted_names(&long);
        for (&at, path) in self.sessions.keys().flat_map(|at| purged().map(|path| (at, path))) {
            let path = RepoPath::new(path.as_bytes()).expect("a path");
            let records = base.metadata_at(SessionTime(at), path, Detail::Records).map_err(|e| chain(&e))?;
            for record in records {
                let Some(name) = record.map_err(|e| chain(&e))?.entry.long_name else { continue };
                let begins = |n: &&Vec<u8>| n.split(|&b| b == b'.').next() == Some(name.number());
                if let Some(name) = left.iter().find(begins) {
                    return Err(format!("{} of {path} is left", String::from_utf8_lossy(name)));
                }
            }
        }
        Ok(())
    }

    /// Only sessions that someone made are there.
    pub(crate) fn without_strangers(
        &self,
        read: &[i64],
        must: &BTreeMap<i64, Manifest>,
    ) -> Result<(), String> {
        let known = |t: &i64| must.contains_key(t) || self.open.as_ref().is_some_and(|(at, _)| at == t);
        match read.iter().find(|t| !known(t)) {
            Some(stranger) => Err(format!("a session {stranger} that nobody made")),
            None => Ok(()),
        }
    }

    /// Restores all sessions that are there, and writes nothing to the repository.
    pub(crate) fn read_all(&self, repo: &Path, must: &BTreeMap<i64, Manifest>) -> Result<Vec<i64>, String> {
        let before = fingerprint(repo);
        let sessions = match Repository::open(repo) {
            Err(Error::NotARepository { .. }) => Vec::new(),
            Err(e) => return fail("open", &e),
            Ok(repo) => repo.sessions().map_err(|e| chain(&e))?,
        };
        let sessions: Vec<i64> = sessions.iter().map(|t| t.0).collect();
        if let Some(lost) = must.keys().find(|t| !sessions.contains(t)) {
            return Err(format!("session {lost} is not listed: {sessions:?}"));
        }
        for &at in sessions.iter().filter(|t| !self.old.contains_key(t)) {
            let open = self.open.as_ref().filter(|(t, _)| *t == at).map(|(_, m)| m);
            let Some(manifest) = must.get(&at).or(open) else { continue };
            self.read(repo, at, manifest)?;
        }
        let after = fingerprint(repo);
        if before == after { Ok(sessions) } else { Err("reading has changed the repository".into()) }
    }

    /// Of what is being purged each path is whole or gone, and nothing is said of it.
    pub(crate) fn read(&self, repo: &Path, at: i64, manifest: &Manifest) -> Result<(), String> {
        if !matches!(self.job, Job::Purge) || !self.sessions.contains_key(&at) {
            return self.read_exactly(repo, at, manifest);
        }
        match self.restore(repo, at)? {
            0 => {}
            problems => return Err(format!("restore {at}: {problems} problems")),
        }
        let (mut want, got) = (manifest.clone(), Manifest::scan(&self.at("restored")));
        for path in purged() {
            if got.without(path.as_bytes()) == got {
                want = want.without(path.as_bytes());
            }
        }
        match differences(&want, &got, IGNORED).first() {
            Some(wrong) => Err(format!("restore {at}: {wrong}")),
            None => Ok(()),
        }
    }

    pub(crate) fn read_exactly(&self, repo: &Path, at: i64, manifest: &Manifest) -> Result<(), String> {
        match self.restore(repo, at)? {
            0 => {}
            problems => return Err(format!("restore {at}: {problems} problems")),
        }
        match differences(manifest, &Manifest::scan(&self.at("restored")), IGNORED).first() {
            Some(wrong) => Err(format!("restore {at}: {wrong}")),
            None => Ok(()),
        }
    }

    /// How many problems there were.
    pub(crate) fn restore(&self, repo: &Path, at: i64) -> Result<u64, String> {
        let target = self.at("restored");
        fresh(&target);
        let repo = Arc::new(Repository::open(repo).map_err(|e| chain(&e))?);
        let request = RestoreRequest { workers: 1, ..RestoreRequest::new(SessionTime(at)) };
        match restore(&repo, &target, &request, Everything, &Silent) {
            Err(e) => fail(&format!("restore {at}"), &e),
            Ok(report) => Ok(report.problems),
        }
    }
}

pub(crate) fn said(done: &Result<(), Error>) -> String {
    done.as_ref().map_or_else(|e| format!("stopped by: {}", chain(e)), |()| "finished".into())
}

pub(crate) fn is_interrupted(repo: &Path) -> bool {
    Repository::open(repo).is_ok_and(|repo| matches!(repo.state(), Ok(MirrorState::Interrupted { .. })))
}

pub(crate) fn judge(repo: &Path) -> Result<(), String> {
    let findings = check_repository(repo);
    if findings.is_empty() { Ok(()) } else { Err(format!("the judge: {}", findings.join("; "))) }
}
