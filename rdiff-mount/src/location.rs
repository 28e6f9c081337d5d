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

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::quoting::{
    decode_url_path, escape_backslashes, escape_local, escape_path, percent_decode, percent_encode,
    percent_path, unescape,
};

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

/// Why a text is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Nothing was given.
    #[error("the location is empty")]
    Empty,
    /// A NUL byte, which no path can hold.
    #[error("location '{text}' holds a NUL byte")]
    Nul {
        /// The location as given.
        text: String,
    },
    /// More than one `::`.
    #[error(
        "too many '::' in '{text}'; write '\\::' for those that belong to a name, or './…' if all of it is a local path"
    )]
    TooManyParts {
        /// The location as given.
        text: String,
    },
    /// `::path`.
    #[error("no host before '::' in '{text}'; a local path that begins so is written './::…'")]
    NoHost {
        /// The location as given.
        text: String,
    },
    /// `host::`.
    #[error("no path after the host in '{text}'; write '{text}.' for the login directory")]
    NoPath {
        /// The location as given.
        text: String,
    },
    /// A host that `ssh` must not see.
    #[error("'{host}' is not a host name: {why}; a local path with '::' is written './…::…'")]
    BadHost {
        /// The part before the path.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A user that `ssh` must not see.
    #[error("'{user}' is not a user name: {why}")]
    BadUser {
        /// The part before the `@`.
        user: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A port that is no number from 1 to 65535.
    #[error("'{port}' is not a port; it is a number from 1 to 65535")]
    BadPort {
        /// The part after the colon.
        port: String,
    },
    /// A `%` that no two hexadecimal digits follow, in an `ssh://` location.
    #[error("bad percent-encoding in '{text}'; a '%' itself is written '%25'")]
    BadPercent {
        /// The part that does not decode.
        text: String,
    },
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

/// Where the colons are that mean something.
struct Scan {
    doubles: Vec<usize>,
    single: Option<usize>,
}

impl Scan {
    fn single_or_double(&self) -> Option<usize> {
        self.single.or(self.doubles.first().copied())
    }
}

/// Finds the colons that no backslash and no bracket takes away.
fn scan(text: &[u8]) -> Scan {
    let mut found = Scan { doubles: Vec::new(), single: None };
    let (mut at, mut in_host) = (0, true);
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'[' if in_host && (at == 0 || text[at - 1] == b'@') => {
                at += bracketed(&text[at + 1..]).map_or(1, |len| len + 2);
            }
            b':' if text.get(at + 1) == Some(&b':') => {
                found.doubles.push(at);
                in_host = false;
                at += 2;
            }
            // The second colon of an escaped pair, `\::`, is no single one either.
            b':' => {
                if in_host && (at == 0 || text[at - 1] != b':') {
                    found.single = Some(at);
                    in_host = false;
                }
                at += 1;
            }
            b'/' => {
                in_host = false;
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// The length of an address in brackets, `text` beginning after the first.
fn bracketed(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| matches!(byte, b']' | b'[' | b'/' | b'\\'))?;
    (text[end] == b']').then_some(end)
}

fn parse(text: &[u8], scp: bool) -> Result<Location, LocationError> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    if text.is_empty() {
        return Err(LocationError::Empty);
    }
    if text.contains(&0) {
        return Err(LocationError::Nul { text: shown() });
    }
    if let Some(rest) = text.strip_prefix(b"ssh://") {
        return parse_url(rest, text).map(Location::Remote);
    }
    let colons = scan(text);
    if let (true, Some(colon)) = (scp, colons.single) {
        return parse_scp(text, colon).map(Location::Remote);
    }
    let is_local = colons.doubles.first().is_none_or(|at| text[..*at].contains(&b'/'));
    match colons.doubles[..] {
        _ if is_local => Ok(Location::Local(path(unescape(text)))),
        [0] => Err(LocationError::NoHost { text: shown() }),
        [at] if at + 2 == text.len() => Err(LocationError::NoPath { text: shown() }),
        [at] => {
            let (user, host) = user_and_host(&unescape(&text[..at]))?;
            let path = path(unescape(&text[at + 2..]));
            Remote::checked(user.as_deref(), &host, None, path, Form::DoubleColon).map(Location::Remote)
        }
        _ => Err(LocationError::TooManyParts { text: shown() }),
    }
}

fn parse_scp(text: &[u8], colon: usize) -> Result<Remote, LocationError> {
    let (user, host) = user_and_host(&text[..colon])?;
    Remote::checked(user.as_deref(), &host, None, path(text[colon + 1..].to_vec()), Form::Scp)
}

/// Parses what follows `ssh://`. The host ends at the first slash, or at `::`.
fn parse_url(rest: &[u8], whole: &[u8]) -> Result<Remote, LocationError> {
    let shown = || String::from_utf8_lossy(whole).into_owned();
    let slash = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let double = scan(&rest[..slash]).doubles.first().copied();
    let (authority, path, form) = match double {
        Some(at) => (&rest[..at], unescape(&rest[at + 2..]), Form::UrlDoubleColon),
        None => (&rest[..slash], decoded(&rest[slash..], decode_url_path)?, Form::Url),
    };
    if path.is_empty() {
        return Err(LocationError::NoPath { text: shown() });
    }
    let (user, host_port) = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => (Some(text_of(&decoded(&authority[..at], percent_decode)?)), &authority[at + 1..]),
        None => (None, authority),
    };
    let (host, port) = host_and_port(&text_of(host_port))?;
    Remote::checked(user.as_deref(), &host, port, self::path(path), form)
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), LocationError> {
    let split = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match split.1 {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse().map_err(|_| LocationError::BadPort { port: port.to_owned() })?)
        }
        Some(port) => return Err(LocationError::BadPort { port: port.to_owned() }),
        None => None,
    };
    Ok((split.0.to_owned(), port))
}

fn user_and_host(text: &[u8]) -> Result<(Option<String>, String), LocationError> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(LocationError::BadHost { host: text_of(text), why: "it is not UTF-8" });
    };
    let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((user.map(str::to_owned), host.to_owned()))
}

/// Refuses what could be taken for an option or by a shell. OpenSSH refuses the same since 9.6.
fn check_host(host: &str) -> Result<(), LocationError> {
    let bad = |why| Err(LocationError::BadHost { host: host.to_owned(), why });
    match name_problem(host) {
        Some(why) => bad(why),
        None if host.contains(['$', '\\', ',', '@']) => bad("it holds a character no host name has"),
        None => Ok(()),
    }
}

fn check_user(user: &str) -> Result<(), LocationError> {
    let bad = |why| Err(LocationError::BadUser { user: user.to_owned(), why });
    match name_problem(user) {
        Some(why) => bad(why),
        None if user.contains(':') => bad("a password has no place in a location; use a key"),
        None if user.contains(',') => bad("it holds a comma"),
        None if user.ends_with('\\') => bad("it ends with a backslash"),
        None => Ok(()),
    }
}

fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        _ if name.starts_with('-') => Some("it begins with '-' and would be read as an option"),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Some("it holds a blank or a control character")
        }
        _ if name.contains('/') => Some("it holds a slash"),
        _ if name.contains(['<', '>']) => Some("the '<' and '>' of an example must go"),
        _ if name.contains(['\'', '`', '"', ';', '&', '|', '(', ')', '{', '}', '[', ']', '#']) => {
            Some("it holds a character that means something to a shell")
        }
        _ => None,
    }
}

fn decoded(text: &[u8], decode: fn(&[u8]) -> Option<Vec<u8>>) -> Result<Vec<u8>, LocationError> {
    decode(text).ok_or_else(|| LocationError::BadPercent { text: text_of(text) })
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}
