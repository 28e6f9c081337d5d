//! Where a tree is: a local path, or a path on another host, as people type it.
//!
//! What is printed parses to the same value again. Names of users and hosts go to `ssh` as arguments, so
//! whatever could be taken for an option or mean something to a shell is refused here, once.
//!
//! ```
//! use rdiff_mount::location::{Form, Location, LocationError, Remote};
//!
//! assert_eq!(Location::parse("/srv/web")?, Location::Local("/srv/web".into()));
//! let Location::Remote(remote) = Location::parse("backup@web::/srv")? else { panic!("it is remote") };
//! assert_eq!((remote.user(), remote.host(), remote.form()), (Some("backup"), "web", Form::DoubleColon));
//! assert_eq!(remote.to_os_string(), "backup@web::/srv");
//!
//! // Nothing that ssh could take for an option.
//! assert!(Remote::new(None, "-oProxyCommand=x", None, "/").is_err());
//! # Ok::<(), LocationError>(())
//! ```

mod error;
mod names;
mod parse;

pub use error::LocationError;

use names::{check_host, check_user};
use parse::{parse, parse_scp, scan};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::quoting::{escape_backslashes, escape_local, escape_path, percent_encode, percent_path};

/// A tree on this machine or on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A path on this machine; any bytes but NUL.
    Local(PathBuf),
    /// A path on another machine, reached by ssh.
    Remote(Remote),
}

/// How a remote location was written, and so how it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `user@host:path`, the way of scp and sshfs.
    Scp,
    /// `user@host::path`, the way of rdiff-backup.
    DoubleColon,
    /// `ssh://user@host:port/path`; the path is percent-encoded, `/~/` begins a relative one.
    Url,
    /// `ssh://user@host:port::path`, the newer way of rdiff-backup.
    UrlDoubleColon,
}

/// A path on another host. Made by parsing or by [`Remote::new`], so its names are safe to give to `ssh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    path: PathBuf,
    form: Form,
}

impl Location {
    /// Parses a location of rdiff-backup's command line: a local path, `[user@]host::path` or `ssh://…`.
    ///
    /// No host has a slash in its name: what has one before its first `::` is a local path, as it stands.
    /// (rdiff-backup calls ssh with it, so files with `::` in their names were out of reach by their paths.)
    ///
    /// A backslash takes the meaning from a colon, and from a backslash: `a\::b::c` is path `c` on host
    /// `a::b`, `strange\::file` is a local file. Before any other character it is an ordinary character.
    /// (rdiff-backup then turns the backslashes of a path into slashes, for Windows; we keep them.)
    ///
    /// ```
    /// # use rdiff_mount::location::{Location, LocationError};
    /// for text in ["/repo/one::two", r"/repo/one\::two"] {
    ///     assert_eq!(Location::parse(text)?, Location::Local("/repo/one::two".into()));
    /// }
    /// assert!(matches!(Location::parse("one::two")?, Location::Remote(_)));
    /// # Ok::<(), LocationError>(())
    /// ```
    ///
    /// # Errors
    /// [`LocationError`] says which part is wrong, and how to write it.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, LocationError> {
        parse(text.as_ref().as_bytes(), false)
    }

    /// As [`Location::parse`], and takes `[user@]host:path` for a remote one too.
    ///
    /// Like scp, a colon counts only where no slash comes before it. That path is taken as it is.
    ///
    /// # Errors
    /// As [`Location::parse`].
    pub fn parse_with_scp(text: impl AsRef<OsStr>) -> Result<Self, LocationError> {
        parse(text.as_ref().as_bytes(), true)
    }

    /// The text that parses to this location again, under either parser unless the form is [`Form::Scp`].
    pub fn to_os_string(&self) -> OsString {
        match self {
            Self::Local(path) => OsString::from_vec(escape_local(path.as_os_str().as_bytes())),
            Self::Remote(remote) => remote.to_os_string(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_os_string().to_string_lossy())
    }
}

impl Remote {
    /// A remote path, printed as `host::path`, or as `ssh://…::path` when it has a port.
    ///
    /// # Errors
    /// [`LocationError`] when `ssh` should not see the user or the host, or when the path is empty or holds NUL.
    pub fn new(
        user: Option<&str>,
        host: &str,
        port: Option<u16>,
        path: impl Into<PathBuf>,
    ) -> Result<Self, LocationError> {
        let path: PathBuf = path.into();
        if path.as_os_str().is_empty() {
            return Err(LocationError::NoPath { text: format!("{host}::") });
        }
        Self::checked(user, host, port, path, Form::DoubleColon)
    }

    /// Parses the `user@host:path` of sshfs and scp. An empty path is the login directory.
    ///
    /// # Errors
    /// As [`Location::parse`]; also when the text is a local path.
    pub fn parse_scp(text: impl AsRef<OsStr>) -> Result<Self, LocationError> {
        let bytes = text.as_ref().as_bytes();
        let text = || String::from_utf8_lossy(bytes).into_owned();
        let Some(colon) = scan(bytes).single_or_double() else {
            return Err(LocationError::NoPath { text: text() });
        };
        parse_scp(bytes, colon)
    }

    fn checked(
        user: Option<&str>,
        host: &str,
        port: Option<u16>,
        path: PathBuf,
        form: Form,
    ) -> Result<Self, LocationError> {
        check_host(host)?;
        user.map_or(Ok(()), check_user)?;
        if port == Some(0) {
            return Err(LocationError::BadPort { port: "0".to_owned() });
        }
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(LocationError::Nul { text: path.to_string_lossy().into_owned() });
        }
        Ok(Self { user: user.map(str::to_owned), host: host.to_owned(), port, path, form })
    }

    /// The user to log in as, where one was given.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host, without brackets: a name, an alias of the ssh configuration, or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path on the host. Relative ones begin at the login directory; only scp's form may be empty.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How this location was written.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The same place, to be printed in another form.
    #[must_use]
    pub fn in_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// The same host with another path.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = path.into();
        self
    }

    /// The same place with another port, or none.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> Self {
        self.port = port.filter(|port| *port != 0);
        self
    }

    /// What `ssh` takes as destination: `user@host`. The port is an option of its own.
    pub fn ssh_destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }

    /// What `sshfs` takes as source, and what the mount table then shows: `user@host:path`.
    pub fn sshfs_source(&self) -> OsString {
        let mut text = self.authority(false);
        text.push(b':');
        text.extend_from_slice(self.path.as_os_str().as_bytes());
        OsString::from_vec(text)
    }

    /// The text that parses to this location again, in its own form where that can say it.
    ///
    /// A port needs the `ssh://` forms, a path that begins with a colon cannot follow scp's colon, and an
    /// empty one can follow nothing else: then the nearest form that can say it is used.
    pub fn to_os_string(&self) -> OsString {
        let path = self.path.as_os_str().as_bytes();
        let form = match self.form {
            Form::Scp | Form::DoubleColon if self.port.is_some() => Form::UrlDoubleColon,
            Form::Scp if path.first() == Some(&b':') => Form::DoubleColon,
            other => other,
        };
        let path = if path.is_empty() && form != Form::Scp { b".".as_slice() } else { path };
        OsString::from_vec(match form {
            Form::Scp => [&self.authority(false), b":".as_slice(), path].concat(),
            Form::DoubleColon => {
                [&escape_backslashes(&self.authority(false)), b"::".as_slice(), &escape_path(path)].concat()
            }
            Form::Url => [b"ssh://".as_slice(), &self.authority(true), &percent_path(path)].concat(),
            Form::UrlDoubleColon => {
                [b"ssh://".as_slice(), &self.authority(true), b"::", &escape_path(path)].concat()
            }
        })
    }

    fn authority(&self, url: bool) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(user) = &self.user {
            text = if url { percent_encode(user.as_bytes()) } else { user.as_bytes().to_vec() };
            text.push(b'@');
        }
        if self.host.contains(':') {
            text.extend_from_slice(format!("[{}]", self.host).as_bytes());
        } else {
            text.extend_from_slice(self.host.as_bytes());
        }
        if let (true, Some(port)) = (url, self.port) {
            text.extend_from_slice(format!(":{port}").as_bytes());
        }
        text
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_os_string().to_string_lossy())
    }
}
