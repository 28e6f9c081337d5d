//! What can go wrong with a mount. Each message is one line, names the path and tells the way out.
//!
//! ```
//! use rdiff_mount::{Location, MountError, SftpBounds, SftpSource, SshfsOptions};
//!
//! fn connect(text: &str) -> Result<SftpSource, MountError> {
//!     let Location::Remote(remote) = Location::parse(text)? else { panic!("{text} is a local path") };
//!     SftpSource::connect(&remote, &SshfsOptions::default(), &SftpBounds::default())
//! }
//! match connect("-oProxyCommand=x::/srv").map(|_| ()) {
//!     Err(MountError::Location(refused)) => println!("{refused}"), // one line, with the way out
//!     Err(MountError::Command { stderr, .. }) => println!("no login: {stderr}"),
//!     other => panic!("{other:?}"),
//! }
//! ```

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::diagnosis;
use crate::location::LocationError;
use crate::runner::{Command, Exit, Output};

/// The result of anything about mounts.
pub type Result<T> = std::result::Result<T, MountError>;

/// What went wrong with a mount.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// A program was run and failed.
    #[error("'{command}' failed ({exit}): {stderr}{}", way_out(.stderr, .exit))]
    Command {
        /// The program and its arguments, as [`Command::brief`] has them.
        command: String,
        /// How it ended.
        exit: Exit,
        /// The last of what it wrote to standard error, in one line.
        stderr: String,
    },
    /// A program could not be started.
    #[error("cannot run '{program}'; {}", diagnosis::missing_program(.program))]
    Start {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried: `read`, `replace`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The mount command said it succeeded, but there is no mount.
    #[error(
        "{mount_point} is not mounted {waited:?} after 'mount' said it was; sshfs ended at once: run it with -d"
    )]
    NotListed {
        /// Where it should be.
        mount_point: Utf8PathBuf,
        /// How long we looked.
        waited: Duration,
    },
    /// Something else is mounted where we wanted to mount.
    #[error(
        "{mount_point} holds another mount, {found}; unmount it ('umount {mount_point}') or use another place"
    )]
    Occupied {
        /// The place.
        mount_point: Utf8PathBuf,
        /// Type and source of what is there.
        found: String,
    },
    /// A mount point that is not an absolute path.
    #[error("mount point '{mount_point}' is not an absolute path without '..'; write it from '/'")]
    NotAbsolute {
        /// The path as given.
        mount_point: Utf8PathBuf,
    },
    /// There is no mount any more where one was.
    #[error("{mount_point} is not mounted any more: the server or sshfs went away; mount it and run again")]
    Vanished {
        /// Where it was.
        mount_point: Utf8PathBuf,
    },
    /// There is another mount, or another directory, than before.
    #[error("{mount_point} is not the mount it was: {now}; run again when it is")]
    Replaced {
        /// The place.
        mount_point: Utf8PathBuf,
        /// What is there now.
        now: String,
    },
    /// The mount is listed but answers with an error.
    #[error(
        "{mount_point} does not work: {answer}; take it down with 'fusermount3 -uz {mount_point}' and run again"
    )]
    Disconnected {
        /// The place.
        mount_point: Utf8PathBuf,
        /// What was answered.
        answer: String,
    },
    /// The mount does not answer at all.
    #[error(
        "{mount_point} did not answer within {waited:?}; the server or the network hangs: look there and run again"
    )]
    Stalled {
        /// The place.
        mount_point: Utf8PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// There is no control directory for the connection of a mount.
    #[error(
        "no control of FUSE connection {connection}; 'mount -t fusectl fusectl /sys/fs/fuse/connections' gives it"
    )]
    NoControl {
        /// The number of the connection.
        connection: u32,
    },
    /// The mount is still there after all ways to unmount were tried.
    #[error("{mount_point} cannot be unmounted ({why}); see who uses it with 'fuser -vm {mount_point}'")]
    StillMounted {
        /// The place.
        mount_point: Utf8PathBuf,
        /// What the last attempt said.
        why: String,
    },
    /// There is no entry for a mount point.
    #[error("{} has no entry for {mount_point}; add one, or mount by location", .fstab.display())]
    NoEntry {
        /// The file.
        fstab: PathBuf,
        /// The mount point.
        mount_point: Utf8PathBuf,
    },
    /// There is an entry for a mount point already.
    #[error("{mount_point} has an entry already: '{line}'; replace or remove that")]
    EntryExists {
        /// The mount point.
        mount_point: Utf8PathBuf,
        /// The line.
        line: String,
    },
    /// A file was changed by someone else between reading and writing.
    #[error("{} was changed by another program meanwhile; nothing was written, try again", .path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// A value that cannot be written where it would have to be.
    #[error("{what} '{value}' cannot be written there: {why}")]
    BadValue {
        /// What it is for.
        what: &'static str,
        /// The value.
        value: String,
        /// Why it cannot be, and what can be done.
        why: &'static str,
    },
    /// The connection to an sftp server ended while it was in use.
    #[error(
        "the connection to {remote} ended ({exit}): {stderr}; see that host and network are up, and run again"
    )]
    Lost {
        /// User and host.
        remote: String,
        /// How ssh ended.
        exit: Exit,
        /// The last of what ssh wrote to standard error, in one line.
        stderr: String,
    },
    /// An sftp server said nothing for too long.
    #[error(
        "{remote} did not answer within {waited:?}; the server or the network hangs: look there and run again"
    )]
    NoReply {
        /// User and host.
        remote: String,
        /// How long we waited.
        waited: Duration,
    },
    /// What answered does not speak SFTP as we know it.
    #[error(
        "{remote} does not speak SFTP as it should: {what}; a start-up file of its shell that prints text does this"
    )]
    NotSftp {
        /// User and host.
        remote: String,
        /// What was wrong.
        what: String,
    },
    /// A remote directory cannot be read over SFTP.
    #[error("cannot read the directory {remote}; check the path after the host's colon, and who may read it")]
    RemoteDirectory {
        /// The place.
        remote: String,
        /// Why not.
        source: io::Error,
    },
    /// A text that is no location.
    #[error(transparent)]
    Location(#[from] LocationError),
}

impl MountError {
    /// The error for a command that ended with anything but success.
    pub fn from_output(command: &Command, output: &Output) -> Self {
        let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        Self::command(&command.brief(), output.exit, said)
    }

    pub(crate) fn command(command: &str, exit: Exit, said: &[u8]) -> Self {
        Self::Command { command: command.to_owned(), exit, stderr: one_line(said) }
    }

    /// The error with its causes, in one line.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    pub(crate) fn start(command: &Command, source: io::Error) -> Self {
        Self::Start { program: command.program().to_string_lossy().into_owned(), source }
    }

    /// Tells if the mounted place is gone, so that nothing read from it may be believed.
    pub fn is_place_gone(&self) -> bool {
        matches!(
            self,
            Self::Vanished { .. }
                | Self::Replaced { .. }
                | Self::Disconnected { .. }
                | Self::Stalled { .. }
                | Self::Lost { .. }
                | Self::NoReply { .. }
                | Self::NotSftp { .. }
        )
    }
}

/// The last lines as one, and not more than a screen line or three.
pub(crate) fn one_line(text: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line: String = lines.join("; ").replace(char::is_control, " ");
    match line.char_indices().rev().nth(MOST) {
        Some((at, _)) => format!("…{}", &line[at..]),
        None if line.is_empty() => "it said nothing".to_owned(),
        None => line,
    }
}

fn way_out(stderr: &str, exit: &Exit) -> String {
    match diagnosis::of(stderr) {
        Some(known) => format!("; {}", known.way_out),
        None if *exit == Exit::TimedOut => format!("; {}", diagnosis::TIMED_OUT),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> String {
        let command = Command::new("mount").arg("/mnt/web");
        MountError::from_output(&command, &Output::failure(32, stderr)).to_string()
    }

    #[test]
    fn a_failed_command_is_one_line_with_the_way_out() {
        let text = failed("\nmount: /mnt/web: can't find in /etc/fstab.\n");
        assert!(
            text.starts_with("'mount /mnt/web' failed (exit status 32): mount: /mnt/web: can't"),
            "{text}"
        );
        assert!(text.contains("; ") && !text.contains('\n'), "{text}");
    }

    #[test]
    fn of_a_long_story_the_end_is_told() {
        let text = failed(&format!("{}\nlast words", "blah ä ".repeat(500)));
        assert!(text.ends_with("last words") && text.chars().count() < 400, "{text}");
    }

    #[test]
    fn silence_is_said() {
        assert!(failed("").contains("it said nothing"));
    }
}
