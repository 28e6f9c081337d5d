//! Fresh file systems, so that no run meets what an earlier one left: ext4 slows down after a big `rm -r`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in a file, mounted until it is dropped.
pub(crate) struct Fresh {
    image: PathBuf,
    dir: PathBuf,
}

impl Fresh {
    /// Makes and mounts one of up to `gib` GiB; only what is written takes room.
    ///
    /// # Errors
    /// Those of the system, and where `mkfs.ext4` or `mount` fails.
    pub(crate) fn new(work: &Path, name: &str, gib: u64, inodes: u64) -> io::Result<Self> {
        let fresh = Self { image: work.join(format!("{name}.ext4")), dir: work.join(name) };
        File::create(&fresh.image)?.set_len(gib << 30)?;
        fs::create_dir_all(&fresh.dir)?;
        let mut mkfs = Command::new("mkfs.ext4");
        mkfs.args(["-q", "-F", "-E", "lazy_itable_init=1", "-N", &inodes.to_string()]);
        done(mkfs.arg(&fresh.image))?;
        // Without a thread in the background that would write while others are measured.
        let mut mount = Command::new("mount");
        done(mount.args(["-o", "loop,noinit_itable,user_xattr,acl"]).arg(&fresh.image).arg(&fresh.dir))?;
        fs::remove_dir(fresh.dir.join("lost+found"))?;
        Ok(fresh)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let unmounted = done(Command::new("umount").arg(&self.dir));
        let removed =
            unmounted.and_then(|()| fs::remove_file(&self.image)).and_then(|()| fs::remove_dir(&self.dir));
        if let Err(e) = removed {
            eprintln!("{} is left behind: {e}", self.image.display());
        }
    }
}

/// Runs a command that must succeed.
pub(crate) fn done(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

/// The bytes of all files below a directory.
pub(crate) fn size_of(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                dirs.push(entry.path());
            } else {
                sum += meta.len();
            }
        }
    }
    Ok(sum)
}
