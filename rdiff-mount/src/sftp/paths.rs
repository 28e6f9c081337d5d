//! Single questions about the paths of another host, before one of them is mounted.
//!
//! A link on the way is followed by the host, and never by the kernel here: a mount of `/` and a path below
//! it would lead through an absolute link to this machine.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::SftpBounds;
use super::answers::{one_name, stat_from};
use super::link::connect;
use super::packet::Request;
use super::session::{Pending, Session};
use crate::error::{MountError, Result};
use crate::location::Remote;
use crate::sshfs::SshfsOptions;

/// A login that answers questions about single paths.
pub struct SftpPaths {
    session: Session,
    remote: Remote,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The last directory on the way that is there, absolute and without links.
    pub directory: PathBuf,
    /// What follows and is not there; empty when the path is a directory.
    pub missing: PathBuf,
}

impl SftpPaths {
    /// Logs in.
    ///
    /// # Errors
    /// [`MountError::Start`] without ssh, [`MountError::Command`] with what ssh said when there was no login.
    pub fn connect(remote: &Remote, options: &SshfsOptions, bounds: &SftpBounds) -> Result<Self> {
        Ok(Self { session: connect(remote, options, bounds)?, remote: remote.clone() })
    }

    /// Finds where the remote's path leads, as far as it is there.
    ///
    /// # Errors
    /// [`MountError::RemoteDirectory`] when something on the way is no directory or may not be entered.
    pub fn resolve(&self) -> Result<Resolved> {
        self.resolve_path().map_err(|source| self.failed(source))
    }

    /// Tells of each ancestor of the remote's path, itself the first, if it holds `name`; together with the
    /// absolute path, of which no link is followed.
    ///
    /// # Errors
    /// [`MountError::RemoteDirectory`] when the host does not answer as it should.
    pub fn ancestors_with(&self, name: &str) -> Result<(PathBuf, Vec<bool>)> {
        self.ask_ancestors(name).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> MountError {
        MountError::RemoteDirectory { remote: self.remote.to_string(), source }
    }

    fn resolve_path(&self) -> io::Result<Resolved> {
        let (mut here, mut missing) = (self.absolute()?, PathBuf::new());
        loop {
            let bytes = here.as_os_str().as_bytes();
            let inside = [bytes, b"/."].concat();
            let asked = self.session.ask(&[
                Request::LStat(&inside),
                Request::LStat(bytes),
                Request::RealPath(bytes),
            ])?;
            let [inside, itself, real] = asked.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
            match inside.wait().and_then(stat_from) {
                Ok(_) => {
                    let directory = PathBuf::from(OsString::from_vec(one_name(real.wait()?)?));
                    return Ok(Resolved { directory, missing });
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Err(_) if stat_from(itself.wait()?).is_ok() => return Err(Errno::NOTDIR.into()),
                Err(_) => {}
            }
            let Some(Component::Normal(name)) = here.components().next_back() else {
                return Err(Errno::NOENT.into());
            };
            // Joining an empty path would add a slash.
            missing =
                if missing.as_os_str().is_empty() { name.into() } else { Path::new(name).join(&missing) };
            here.pop();
        }
    }

    fn ask_ancestors(&self, name: &str) -> io::Result<(PathBuf, Vec<bool>)> {
        let path = self.absolute()?;
        let places: Vec<_> = path.ancestors().map(|dir| dir.join(name).into_os_string().into_vec()).collect();
        let asked: Vec<_> = places.iter().map(|place| Request::LStat(place)).collect();
        let has = |pending: Pending| match pending.wait().and_then(stat_from) {
            Ok(_) => Ok(true),
            // An ancestor that may not be entered holds nothing that we could read.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        };
        let found = self.session.ask(&asked)?.into_iter().map(has).collect::<io::Result<_>>()?;
        Ok((path, found))
    }

    /// The remote's path from `/`, without needless slashes and dots.
    fn absolute(&self) -> io::Result<PathBuf> {
        let path = self.remote.path();
        if path.is_absolute() {
            return Ok(path.components().collect());
        }
        let login = one_name(self.session.ask_one(&Request::RealPath(b"."))?)?;
        let tidy = path.components().filter(|part| *part != Component::CurDir);
        Ok(PathBuf::from(OsString::from_vec(login)).join(tidy.collect::<PathBuf>()).components().collect())
    }
}
