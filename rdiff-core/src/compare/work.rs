//! The work on one path: record and source are compared.

use super::Recording;
use super::plan::{Both, Data, Job, Known, gone};
use super::report::Reason;
use crate::entry::{Digest, Entry, File, Kind, Name};
use crate::error::{Error, Problem, ProblemKind, Result};
use crate::monitor::{Counter, Stop};
use crate::path::RepoPathBuf;
use crate::pool::Helpers;
use crate::repo::Repository;
use crate::repo::increments::{Chain, MOST_WAYS};
use crate::repo::put::{BUFFER, hash, hash_with, read_full};
use crate::repo::rebuild::FileContent;
use crate::time::SessionTime;
use crate::tree::means_source_gone;
use crate::tree::source::Source;
use std::io::{self, Read};
use std::sync::Arc;

/// What was found at a path.
pub(super) struct Done {
    pub(super) path: RepoPathBuf,
    pub(super) verdict: Verdict,
    pub(super) no_digest: bool,
    pub(super) read: u64,
}

pub(super) enum Verdict {
    Same,
    Differs(Reason),
    Problem(Problem),
}

pub(super) struct Buffers {
    ours: Vec<u8>,
    theirs: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { ours: vec![0; BUFFER], theirs: vec![0; BUFFER] }
    }
}

pub(super) struct Worker {
    pub(super) repo: Arc<Repository>,
    pub(super) source: Arc<dyn Source>,
    pub(super) recorded: Recording,
    pub(super) at: SessionTime,
    pub(super) stop: Stop,
    pub(super) helpers: Helpers,
}

impl Worker {
    /// Compares one path.
    ///
    /// # Errors
    /// Only that the source as a whole is gone.
    pub(super) fn run(&self, job: Job, buffers: &mut Buffers) -> Result<Done> {
        let done = |path, verdict| Ok(Done { path, verdict, no_digest: false, read: 0 });
        match job {
            Job::New(path) => done(path, Verdict::Differs(Reason::New)),
            Job::Deleted(path) => done(path, Verdict::Differs(Reason::Deleted)),
            Job::Problem(problem) => done(problem.path.clone(), Verdict::Problem(problem)),
            Job::Both(both) => self.both(*both, buffers),
        }
    }

    fn both(&self, mut both: Both, buffers: &mut Buffers) -> Result<Done> {
        let mut read = 0;
        let compared = self.metadata_differ(&both).and_then(|metadata| {
            // Of a file that is reported anyway the original says this much, and programs read it.
            if let (true, Data::Digest(Some(Known { only_of_gone: true, .. }))) = (metadata, &both.data) {
                both.data = Data::Digest(None);
            }
            Ok((metadata, self.data_differ(&both, buffers, &mut read)?))
        });
        let no_digest = matches!(both.data, Data::Digest(None));
        let verdict = match compared {
            Ok((false, None | Some(false))) => Verdict::Same,
            Ok((true, None)) => Verdict::Differs(Reason::Changed),
            Ok((true, Some(false))) => Verdict::Differs(Reason::MetadataOnly),
            Ok((false, Some(true))) => Verdict::Differs(Reason::DataOnly),
            Ok((true, Some(true))) => Verdict::Differs(Reason::MetadataAndData),
            Err(e) if means_source_gone(&e) => return Err(gone(&*self.source, &both.path, &e)),
            Err(source) => {
                Verdict::Problem(Problem { kind: ProblemKind::List, path: both.path.clone(), source })
            }
        };
        Ok(Done { path: both.path, verdict, no_digest, read })
    }

    fn metadata_differ(&self, both: &Both) -> io::Result<bool> {
        let (old, new) = (&*both.old, &both.new);
        let path = both.path.as_path();
        if !looks_same(old, new) {
            return Ok(true);
        }
        if let Kind::Symlink(target) = &old.kind
            && self.source.read_link(path)? != *target
        {
            return Ok(true);
        }
        if !self.recorded.xattrs && !self.recorded.acls {
            return Ok(false);
        }
        let (xattrs, acl) = self.source.attributes(path, &both.stat)?;
        let traits = self.source.traits();
        let xattrs_differ = self.recorded.xattrs && traits.xattrs && !xattrs.same(&old.xattrs);
        let acls_differ = self.recorded.acls && traits.acls && acl != old.acl;
        Ok(xattrs_differ || acls_differ)
    }

    /// Does the content differ? Nothing if that is not asked for.
    fn data_differ(&self, both: &Both, buffers: &mut Buffers, read: &mut u64) -> io::Result<Option<bool>> {
        match both.data {
            Data::Unasked => return Ok(None),
            Data::Digest(None) => return Ok(Some(false)),
            _ => {}
        }
        if both.stat.size != both.old.size() {
            return Ok(Some(true));
        }
        let differs = match &both.data {
            Data::Unasked | Data::Digest(None) => false,
            Data::Digest(Some(Known { digest, .. })) => {
                let file = self.source.open(both.path.as_path())?;
                let mut file = self.stop.over(both.path.as_path(), file).telling(Counter::BytesRead);
                let (found, length) = hash_with(&mut file, both.stat.size, &mut buffers.ours, &self.helpers)?;
                *read += length;
                found != *digest
            }
            Data::Content(chain, digest) => {
                let content = self.content(&both.old, chain, *digest, buffers);
                let mut equals = |content: io::Result<FileContent>, buffers: &mut Buffers| {
                    let file = self.source.open(both.path.as_path())?;
                    let mut file = self.stop.over(both.path.as_path(), file).telling(Counter::BytesRead);
                    is_equal(&mut file, &mut content?, buffers, read)
                };
                match equals(content, buffers) {
                    Ok(true) => false,
                    first => match self.content_now(&both.old, chain, *digest, buffers) {
                        Some(content) => !equals(Ok(content), buffers)?,
                        None => !first?,
                    },
                }
            }
        };
        Ok(Some(differs))
    }

    /// The content as it was, by another way than it was first looked for: where a writer has come before us.
    fn content_now(
        &self,
        entry: &Entry,
        chain: &Chain,
        digest: Option<Digest>,
        buffers: &mut Buffers,
    ) -> Option<FileContent> {
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let mut ways = chain.candidates(&mirror, self.recorded.interrupted);
        for _ in 0..MOST_WAYS {
            ways = self.repo.ways_to(entry, self.at).ok().filter(|now| *now != ways)?;
            for chain in &ways {
                let open = || self.repo.open_chain_until(&self.stop, entry, chain, self.at).ok();
                let found = open().and_then(|content| {
                    hash(&mut self.stop.over(entry.path.as_path(), content), &mut buffers.ours).ok()
                });
                if found.is_some_and(|(found, _)| Some(found) == digest) {
                    return open();
                }
            }
        }
        None
    }

    /// The content as it was. Where a failed session left two ways to rebuild it, the digest decides.
    fn content(
        &self,
        entry: &Entry,
        chain: &Chain,
        digest: Option<Digest>,
        buffers: &mut Buffers,
    ) -> io::Result<FileContent> {
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let open = |chain: &Chain| {
            self.repo.open_chain_until(&self.stop, entry, chain, self.at).map_err(in_repository)
        };
        let candidates = chain.candidates(&mirror, self.recorded.interrupted);
        if let (Some(digest), [_, other]) = (digest, &candidates[..]) {
            let is_right = |content: io::Result<FileContent>, buf: &mut [u8]| {
                content
                    .and_then(|c| hash(&mut self.stop.over(entry.path.as_path(), c), buf))
                    .is_ok_and(|(found, _)| found == digest)
            };
            if !is_right(open(chain), &mut buffers.ours) {
                return open(other);
            }
        }
        open(chain)
    }
}

/// An error of the repository, as a problem of one path.
fn in_repository(e: Error) -> io::Error {
    io::Error::other(crate::error::chain(&e))
}

fn is_equal(
    file: &mut impl Read,
    content: &mut impl Read,
    buffers: &mut Buffers,
    read: &mut u64,
) -> io::Result<bool> {
    loop {
        let n = read_full(file, &mut buffers.ours)?;
        let m = read_full(content, &mut buffers.theirs)
            .map_err(|e| io::Error::other(format!("its content in the repository can't be read: {e}")))?;
        *read += n as u64;
        if buffers.ours[..n] != buffers.theirs[..m] {
            return Ok(false);
        }
        if n < buffers.ours.len() {
            return Ok(true);
        }
    }
}

/// Do record and stat agree in all that a stat tells? Not asked: times of access and change, the owner of
/// a symbolic link, the inode of a file with one name.
fn looks_same(old: &Entry, new: &Entry) -> bool {
    let (a, b) = (&old.attrs, &new.attrs);
    let same_name = |old: &Option<Name>, new: &Option<Name>| old.is_none() || old == new;
    let kinds = match (&old.kind, &new.kind) {
        (Kind::File(old), Kind::File(new)) => {
            let group = |file: &File| file.link.map(|l| l.group());
            old.size == new.size && (new.link.is_none() || group(old) == group(new))
        }
        (Kind::Symlink(_), Kind::Symlink(_)) => return a.mode == b.mode,
        (old, new) => old == new,
    };
    let owners =
        a.uid == b.uid && a.gid == b.gid && same_name(&a.uname, &b.uname) && same_name(&a.gname, &b.gname);
    kinds && owners && a.mode == b.mode && a.mtime == b.mtime
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Attrs;
    use crate::repo::groups::tests::linked;

    #[test]
    fn an_inode_counts_only_for_files_with_several_names() {
        let entry = |file| {
            Entry::new(
                RepoPathBuf::new("f").unwrap(),
                Kind::File(file),
                Attrs { mtime: Some(1), ..Attrs::default() },
            )
        };
        let single = || entry(File { link: None, ..linked(0, None) });
        assert!(looks_same(&entry(linked(7, Some(1))), &entry(linked(7, None))));
        assert!(!looks_same(&entry(linked(7, Some(1))), &entry(linked(8, None))));
        assert!(!looks_same(&single(), &entry(linked(8, None))));
        // its other names are gone
        assert!(looks_same(&entry(linked(7, Some(1))), &single()));
    }
}
