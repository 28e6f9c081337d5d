//! Is a mounted place fit to be read by a backup? Asked before anything is believed.
//!
//! First comes what hangs never, then a probe by a child process; only a place that answered is looked into.
//!
//! ```
//! use rdiff_mount::preflight::{Severity, clock_difference};
//! use rdiff_mount::{Finding, MountError, Mounter, Preflight, Remote, SshfsOptions};
//!
//! let mounter = Mounter::default();
//! let checks = Preflight { marker: Some("etc/hostname".into()), ..Preflight::new("/mnt/web") };
//! let findings: Vec<Finding> = checks.run(&mounter)?;
//! if findings.iter().any(|finding| finding.severity() == Severity::Stop) {
//!     println!("not now: {}", findings[0]); // here: nothing is mounted there
//! }
//!
//! fn clock(mounter: &Mounter) -> Result<Option<Finding>, MountError> {
//!     clock_difference(&Remote::new(None, "web", None, "/")?, &SshfsOptions::default(), mounter)
//! }
//! # Ok::<(), MountError>(())
//! ```

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{MountError, Result};
use crate::guard::MountGuard;
use crate::location::Remote;
use crate::mount::Mounter;
use crate::sshfs::SshfsOptions;
use crate::watchdog::{Watchdog, probe};

/// How many entries are looked at for symlinks and owners; a sample, not the tree.
const SAMPLE: usize = 500;
/// How many directories are looked into for that: each costs two round trips, one after the other.
const SAMPLE_DIRECTORIES: usize = 4;

/// Clocks this far apart are no finding: a second for rounding, one for the login.
const CLOCK_SLACK: i64 = 2;
/// So far apart, in seconds, they need setting; less is good to know.
const CLOCK_MATTERS: i64 = 10;

/// What a place is to be.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// The mount point.
    pub mount_point: Utf8PathBuf,
    /// The source it should show in the mount table, `user@host:/path`, where that is known.
    pub source: Option<OsString>,
    /// A file or directory below it that must be there, relative. Without one it must not be empty.
    pub marker: Option<Utf8PathBuf>,
    /// How long one answer may take.
    pub limit: Duration,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; said once.
    Note,
    /// The backup will miss something.
    Warning,
    /// A backup now would do harm.
    Stop,
}

/// What was found. Printed, it is one line, with the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Nothing is mounted there.
    NotMounted(Utf8PathBuf),
    /// It is no sshfs.
    OtherType(Utf8PathBuf, String),
    /// It is mounted from somewhere else.
    OtherSource(Utf8PathBuf, String),
    /// It does not answer, or answers with an error.
    NoAnswer(Utf8PathBuf, String),
    /// Its top directory cannot be read.
    Unreadable(Utf8PathBuf, String),
    /// It is empty, and no marker says that it is the right place nevertheless.
    Empty(Utf8PathBuf),
    /// The marker is not there.
    NoMarker(Utf8PathBuf),
    /// A symlink cannot be read.
    LinkUnreadable(PathBuf),
    /// All owners are one local user, this number: mapped by `idmap` or `uid`, or really so.
    OneOwner(Utf8PathBuf, u32),
    /// The remote's clock is ahead of ours, in seconds; behind when negative.
    Clock(i64),
    /// What sshfs does not carry.
    NotCarried(Utf8PathBuf),
}

impl Finding {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NotCarried(_) | Self::OneOwner(..) => Severity::Note,
            Self::Clock(ahead) if ahead.abs() < CLOCK_MATTERS => Severity::Note,
            Self::LinkUnreadable(_) | Self::Clock(_) => Severity::Warning,
            _ => Severity::Stop,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMounted(place) => write!(f, "{place} is not mounted; 'mount {place}'"),
            Self::OtherType(place, found) => {
                write!(f, "{place} is no sshfs mount but {found}; 'umount {place}', then mount the right one")
            }
            Self::OtherSource(place, found) => {
                write!(f, "{place} is mounted from {found}; 'umount {place}', then mount the right one")
            }
            Self::NoAnswer(_, error) => f.write_str(error),
            Self::Unreadable(place, error) => write!(
                f,
                "{place} cannot be read: {error}; mount it as the user who reads it, and look at the rights on the remote"
            ),
            Self::Empty(place) => write!(
                f,
                "{place} is empty, and a backup would record all as deleted; check the remote path, or set a marker file"
            ),
            Self::NoMarker(path) => {
                write!(f, "{path} is not there, so this is not the place; check the remote path and its disk")
            }
            Self::LinkUnreadable(path) => write!(
                f,
                "symlink {} cannot be read; put no_contain_symlinks into the options of the mount",
                path.display()
            ),
            Self::OneOwner(place, uid) => write!(
                f,
                "all of {place} seems to belong to local user {uid}; with idmap or uid= the true owners are not recorded"
            ),
            Self::Clock(ahead) if *ahead > 0 => {
                write!(f, "the remote's clock is {ahead} s ahead; set both by NTP, or changes can be missed")
            }
            Self::Clock(ahead) => {
                write!(
                    f,
                    "the remote's clock is {} s behind; set both by NTP, or changes can be missed",
                    -ahead
                )
            }
            Self::NotCarried(place) => write!(
                f,
                "{place}: sshfs carries no hard links, extended attributes, ACLs or parts of seconds; they are not recorded"
            ),
        }
    }
}

impl Preflight {
    /// A check of this mount point, ten seconds for an answer.
    pub fn new(mount_point: impl Into<Utf8PathBuf>) -> Self {
        let mount_point = mount_point.into();
        Self { mount_point, source: None, marker: None, limit: Duration::from_secs(10) }
    }

    /// Looks. The findings come in the order of the questions; where one makes the next ones pointless, it
    /// is the last. Should the server stop while we look, a watchdog wakes us.
    ///
    /// # Errors
    /// When the questions cannot be asked: no mount table, no `stat` program.
    pub fn run(&self, mounter: &Mounter) -> Result<Vec<Finding>> {
        let place = &self.mount_point;
        let Some(mount) = mounter.find(place)? else {
            return Ok(vec![Finding::NotMounted(place.clone())]);
        };
        if !mount.is_sshfs() {
            return Ok(vec![Finding::OtherType(place.clone(), mount.described())]);
        }
        if self.source.as_ref().is_some_and(|source| *source != mount.source) {
            let source = mount.source.to_string_lossy().into_owned();
            return Ok(vec![Finding::OtherSource(place.clone(), source)]);
        }
        let guard = match MountGuard::new(&mount, &mounter.mountinfo) {
            Ok(guard) => guard,
            Err(error) => return Ok(vec![Finding::Unreadable(place.clone(), with_source(&error))]),
        };
        match probe(place, self.limit, &*mounter.runner) {
            Ok(_) => {}
            Err(error) if error.is_place_gone() => {
                return Ok(vec![Finding::NoAnswer(place.clone(), error.to_string())]);
            }
            Err(error) => return Err(error),
        }
        let _watchdog = Watchdog::start(&guard, Arc::clone(&mounter.runner), self.limit, self.limit);
        let mut found = self.look_inside();
        if let Err(error) = guard.check() {
            found = vec![Finding::NoAnswer(place.clone(), error.to_string())];
        }
        Ok(found)
    }

    fn look_inside(&self) -> Vec<Finding> {
        let place = &self.mount_point;
        if let Some(marker) = &self.marker {
            let marker = place.join(marker);
            if fs::symlink_metadata(&marker).is_err() {
                return vec![Finding::NoMarker(marker)];
            }
        }
        let sample = match sample(place) {
            Ok(sample) => sample,
            Err(error) => return vec![Finding::Unreadable(place.clone(), error.to_string())],
        };
        if sample.entries == 0 && self.marker.is_none() {
            return vec![Finding::Empty(place.clone())];
        }
        let mut found: Vec<_> = sample.unreadable_link.map(Finding::LinkUnreadable).into_iter().collect();
        let us = rustix::process::geteuid().as_raw();
        if us != 0 && sample.owner == Owner::One(us) {
            found.push(Finding::OneOwner(place.clone(), us));
        }
        found.push(Finding::NotCarried(place.clone()));
        found
    }
}

/// Compares the remote's clock with ours, by `ssh HOST date +%s`. `None` when they agree.
///
/// A read-only mount gives no other way to learn it. What the question itself took is no difference.
///
/// # Errors
/// [`MountError::Command`] with what ssh said, or when the answer is no number.
pub fn clock_difference(
    remote: &Remote,
    options: &SshfsOptions,
    mounter: &Mounter,
) -> Result<Option<Finding>> {
    let command = options.ssh(remote)?.args(["--", &remote.ssh_destination(), "date", "+%s"]);
    let asked = now();
    let output = mounter.runner.run(&command).map_err(|source| MountError::start(&command, source))?;
    let answered = now();
    let Some(theirs) = output.stdout_text().trim().parse::<i64>().ok().filter(|_| output.is_success()) else {
        return Err(MountError::from_output(&command, &output));
    };
    // Their clock was read between the two readings of ours; only what lies outside is a difference.
    let ahead = if theirs < asked { theirs - asked } else { (theirs - answered).max(0) };
    Ok((ahead.abs() > CLOCK_SLACK).then_some(Finding::Clock(ahead)))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Unknown,
    One(u32),
    Several,
}

struct Sample {
    entries: usize,
    owner: Owner,
    unreadable_link: Option<PathBuf>,
}

impl Sample {
    fn see(&mut self, path: &Path, meta: &fs::Metadata) {
        self.entries += 1;
        self.owner = match self.owner {
            Owner::Unknown => Owner::One(meta.uid()),
            Owner::One(uid) if uid == meta.uid() => Owner::One(uid),
            _ => Owner::Several,
        };
        if meta.is_symlink() && self.unreadable_link.is_none() {
            let read = fs::read_link(path);
            self.unreadable_link = read.is_err().then(|| path.to_owned());
        }
    }
}

/// Looks at some entries, those near the top first. Only the top itself must be readable.
fn sample(top: &Utf8Path) -> io::Result<Sample> {
    let mut sample = Sample { entries: 0, owner: Owner::Unknown, unreadable_link: None };
    let mut next = std::collections::VecDeque::from([top.as_std_path().to_owned()]);
    for _ in 0..SAMPLE_DIRECTORIES {
        let Some(dir) = next.pop_front() else { break };
        let entries = match fs::read_dir(&dir) {
            Err(error) if sample.entries == 0 => return Err(error),
            other => other,
        };
        for entry in entries.into_iter().flatten().flatten() {
            if sample.entries >= SAMPLE {
                return Ok(sample);
            }
            let Ok(meta) = entry.metadata() else { continue };
            sample.see(&entry.path(), &meta);
            if meta.is_dir() {
                next.push_back(entry.path());
            }
        }
    }
    Ok(sample)
}

fn with_source(error: &MountError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
