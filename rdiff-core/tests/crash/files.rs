//! Copies of repositories, and whether anything was written to one.

use crate::support::manifest::scan_xattrs;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Makes sure that nothing is at a path.
pub(crate) fn fresh(path: &Path) {
    if path.symlink_metadata().is_ok() {
        std::fs::remove_dir_all(path).expect("a directory goes");
    }
}

/// Copies a repository with all attributes and links. Not by another program: a child that has not yet become
/// that program shares the locks of the other tests.
pub(crate) fn copy(from: &Path, to: &Path) {
    copy_into(from, to, &mut BTreeMap::new());
}

fn copy_into(from: &Path, to: &Path, seen: &mut BTreeMap<u64, PathBuf>) {
    let stat = from.symlink_metadata().expect("something to copy");
    if let Some(first) = seen.get(&stat.ino()) {
        return std::fs::hard_link(first, to).expect("a name");
    }
    let kind = stat.file_type();
    if kind.is_dir() {
        std::fs::create_dir(to).expect("a directory");
        for entry in from.read_dir().expect("a directory") {
            let entry = entry.expect("an entry");
            copy_into(&entry.path(), &to.join(entry.file_name()), seen);
        }
    } else if kind.is_file() {
        std::fs::copy(from, to).expect("a file");
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(from.read_link().expect("a link"), to).expect("a link");
    } else {
        assert!(kind.is_fifo(), "{}", from.display());
        rustix::fs::mknodat(rustix::fs::CWD, to, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe");
    }
    if stat.nlink() > 1 && !kind.is_dir() {
        seen.insert(stat.ino(), to.to_owned());
    }
    std::os::unix::fs::lchown(to, Some(stat.uid()), Some(stat.gid())).expect("an owner");
    for (name, value) in scan_xattrs(from) {
        xattr::set(to, std::ffi::OsStr::from_bytes(&name), &value).expect("an attribute");
    }
    if !kind.is_symlink() {
        std::fs::set_permissions(to, stat.permissions()).expect("a mode");
    }
    let time = filetime::FileTime::from_last_modification_time(&stat);
    filetime::set_symlink_file_times(to, time, time).expect("a time");
}

/// All that writing would change.
pub(crate) fn fingerprint(top: &Path) -> Vec<(PathBuf, u64, u64, i64, i64)> {
    let (mut found, mut todo) = (Vec::new(), vec![top.to_owned()]);
    while let Some(path) = todo.pop() {
        let stat = path.symlink_metadata().expect("a path just listed");
        if stat.is_dir() {
            todo.extend(path.read_dir().expect("a directory").map(|e| e.expect("an entry").path()));
        }
        found.push((path, stat.ino(), stat.size(), stat.ctime(), stat.ctime_nsec()));
    }
    found.sort();
    found
}
