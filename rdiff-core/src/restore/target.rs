//! Where a restore goes: the target is checked, made and opened before anything in it changes.

use super::RestoreRequest;
use crate::entry::Entry;
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::path::RepoPathBuf;
use crate::pool::Pool;
use crate::repo::disk::{RealDisk, remove_all};
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Stream;
use crate::tree::Root;
use crate::tree::attrs::Names;
use crate::tree::local::LocalSource;
use crate::tree::source::Source;
use crate::tree::walk::{Filter, Found, Walk};
use std::path::Path;
use std::sync::Arc;

/// Where to restore to.
pub(super) struct Target {
    pub(super) root: Arc<Root>,
    /// The name in `root`, where the target isn't a directory.
    pub(super) prefix: Vec<u8>,
    pub(super) is_empty: bool,
}

impl Target {
    /// Checks and makes what there must be, and opens it.
    pub(super) fn prepare(path: &Path, first: &Entry, request: &RestoreRequest) -> Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        let stat = std::fs::symlink_metadata(path).ok();
        let parent = match path.parent() {
            Some(p) if p.as_os_str().is_empty() => Path::new("."),
            Some(p) => p,
            None => path,
        };
        if request.create_parents {
            use std::os::unix::fs::DirBuilderExt;
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(parent).while_doing(Doing::Create, parent)?;
        }
        let in_the_way = || in_the_way(path);
        let open = |path: &Path| -> Result<Arc<Root>> {
            let root = Root::open(path).while_doing(Doing::Open, path)?;
            refuse_read_only(&root)?;
            Ok(Arc::new(root))
        };
        let remove = |path: &Path| -> Result<()> {
            let root = open(parent)?;
            let name = path.file_name().ok_or_else(in_the_way)?;
            let disk = RealDisk::new(root, false);
            remove_all(&disk, &StoredPath::root().listed(name.as_bytes())).while_doing(Doing::Remove, path)
        };
        if !first.is_dir() {
            if stat.is_some() {
                // An empty directory that was made for what is restored gives way to it.
                let gave_way = std::fs::remove_dir(path).is_ok();
                if !gave_way && !request.overwrite {
                    return Err(in_the_way());
                }
                if !gave_way {
                    remove(path)?;
                }
            }
            let name = path.file_name().ok_or_else(in_the_way)?;
            return Ok(Self { root: open(parent)?, prefix: name.as_bytes().to_vec(), is_empty: true });
        }
        // A link to a directory is none: what it leads to was not named, and is not to be emptied.
        let is_dir = stat.as_ref().is_some_and(|m| m.is_dir());
        if stat.is_some() && !is_dir {
            if !request.overwrite {
                return Err(is_not_a_directory(path));
            }
            remove(path)?;
        }
        if !is_dir {
            refuse_read_only(&*open(parent)?)?;
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().mode(0o700).create(path).while_doing(Doing::Create, path)?;
        }
        let root = open(path)?;
        let is_empty = root.list(b"").while_doing(Doing::List, path)?.is_empty();
        if !is_empty && !request.overwrite {
            return Err(is_not_empty(path));
        }
        Ok(Self { root, prefix: Vec::new(), is_empty })
    }

    /// What is in the target already, under the paths of the session.
    pub(super) fn walk(
        &self,
        pool: &Arc<Pool>,
        names: &Arc<Names>,
        subtree: &RepoPathBuf,
        filter: impl Filter + 'static,
    ) -> Result<Stream<Found>> {
        if self.is_empty {
            return Ok(Box::new(std::iter::empty()));
        }
        walk(&self.root, pool, names, subtree, filter)
    }
}

/// What is in a directory, under the paths of the session.
pub(super) fn walk(
    root: &Root,
    pool: &Arc<Pool>,
    names: &Arc<Names>,
    subtree: &RepoPathBuf,
    filter: impl Filter + 'static,
) -> Result<Stream<Found>> {
    let source = LocalSource::open(root.path(), Arc::clone(names)).while_doing(Doing::Open, root.path())?;
    let subtree = subtree.clone();
    let walk = Walk::new(Arc::new(source), Arc::clone(pool), filter);
    Ok(Box::new(walk.map(move |found| {
        let path = if found.path.is_root() {
            subtree.clone()
        } else {
            subtree.as_path().join(found.path.as_bytes())
        };
        Ok(Found { path, what: found.what })
    })))
}

pub(super) fn in_the_way(target: &Path) -> Error {
    Refusal::TargetExists { path: target.to_path_buf() }.into()
}

pub(super) fn is_not_a_directory(target: &Path) -> Error {
    Refusal::TargetNotADirectory { path: target.to_path_buf() }.into()
}

pub(super) fn is_not_empty(target: &Path) -> Error {
    Refusal::TargetNotEmpty { path: target.to_path_buf() }.into()
}

/// Refuses a target that keeps no access control lists, where they must not be dropped.
pub(super) fn refuse_without_acls(root: &Root, names: &Arc<Names>, request: &RestoreRequest) -> Result<()> {
    if !request.never_drop_acls {
        return Ok(());
    }
    let path = root.path();
    let here = LocalSource::open(path, Arc::clone(names)).while_doing(Doing::Open, path)?;
    if request.acls && here.traits().acls {
        return Ok(());
    }
    Err(Refusal::AclsNotKept { from: None, target: path.to_path_buf() }.into())
}

pub(super) fn refuse_read_only(root: &Root) -> Result<()> {
    match rustix::fs::fstatvfs(root.fd()) {
        Ok(fs) if fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) => {
            Err(Refusal::TargetReadOnly { path: root.path().to_path_buf() }.into())
        }
        _ => Ok(()),
    }
}
