//! Changing `/etc/fstab` on disk: a copy of the old one first, then all at once, or not at all.
//!
//! ```
//! use rdiff_mount::fstab::FstabEntry;
//! use rdiff_mount::fstab_file::FstabFile;
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("fstab");
//! # std::fs::write(&path, "# mine\n")?;
//! let mut file = FstabFile::open(&path)?;
//! let entry = FstabEntry::parse(b"backup@web:/srv /mnt/web fuse.sshfs ro,noauto 0 0").expect("an entry");
//! file.fstab.add(&entry)?;
//! let kept = file.save()?; // where the old text is
//! assert!(kept.is_some_and(|old| old.exists()));
//! assert!(std::fs::read_to_string(&path)?.contains("/mnt/web"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::error::{MountError, Result};
use crate::fstab::Fstab;

/// Where the system has it.
pub const ETC_FSTAB: &str = "/etc/fstab";

/// What the copy of the old file has at the end of its name.
const COPY: &str = ".before-rdiff-backup";

/// An fstab on disk, and what it held when it was read.
#[derive(Debug)]
pub struct FstabFile {
    path: PathBuf,
    text: Vec<u8>,
    /// The entries; change them, then [`FstabFile::save`].
    pub fstab: Fstab,
}

impl FstabFile {
    /// Reads an fstab. Symlinks are followed now, so that saving replaces the file and not the link.
    ///
    /// # Errors
    /// [`MountError::Io`] when it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let read = || -> io::Result<Self> {
            let path = fs::canonicalize(path)?;
            let text = fs::read(&path)?;
            Ok(Self { fstab: Fstab::parse(&text), path, text })
        };
        read().map_err(|source| io_error("read", path, source))
    }

    /// Writes the changed entries, and returns where the copy of the old file is; `None` if nothing changed.
    ///
    /// Copy and new file are complete on disk before the name changes hands. Mode and owner stay.
    ///
    /// # Errors
    /// [`MountError::ChangedMeanwhile`] when the file is not what was read; [`MountError::Io`] otherwise.
    pub fn save(&mut self) -> Result<Option<PathBuf>> {
        let new = self.fstab.to_bytes();
        if new == self.text {
            return Ok(None);
        }
        let now = fs::read(&self.path).map_err(|source| io_error("read", &self.path, source))?;
        if now != self.text {
            return Err(MountError::ChangedMeanwhile { path: self.path.clone() });
        }
        let copy = beside(&self.path, COPY);
        replace(&copy, &self.text, &self.path).map_err(|source| io_error("write", &copy, source))?;
        replace(&self.path, &new, &self.path).map_err(|source| io_error("replace", &self.path, source))?;
        self.text = new;
        Ok(Some(copy))
    }
}

/// Writes `path` under another name, with mode and owner of `like`, and renames it.
fn replace(path: &Path, text: &[u8], like: &Path) -> io::Result<()> {
    let temporary = beside(path, &format!(".{}.new", std::process::id()));
    let written = write_new(&temporary, text, like).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _second = fs::remove_file(&temporary);
    }
    written?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

fn write_new(path: &Path, text: &[u8], like: &Path) -> io::Result<()> {
    let like = fs::metadata(like)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
    file.write_all(text)?;
    file.sync_all()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> MountError {
    MountError::Io { doing, path: path.to_owned(), source }
}
