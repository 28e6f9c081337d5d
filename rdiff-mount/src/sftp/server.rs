//! Starting ssh, and writing to it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Stdio};

use rustix::net::{SendFlags, send};

use crate::runner::{self, Command};

/// A server, and what leads there.
pub(super) struct Server {
    /// For messages.
    pub(super) command: String,
    pub(super) stdin: UnixStream,
    pub(super) stdout: OwnedFd,
    pub(super) child: Option<Child>,
    /// Where it writes what went wrong.
    pub(super) stderr: File,
}

impl Server {
    /// Starts a program that leads to a server, in a process group of its own, so that a Ctrl-C at the
    /// terminal leaves it to us when it ends. One that asks at the terminal must be in ours, or it would be
    /// stopped for asking.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(command: &Command) -> io::Result<Self> {
        let stderr = runner::memory_file()?;
        // A socket and no pipe: writing to one that is closed must not raise SIGPIPE in whoever links us.
        let (stdin, theirs) = UnixStream::pair()?;
        let mut program = process::Command::new(command.program());
        if !command.is_at_terminal() {
            program.process_group(0);
        }
        let mut child = program
            .args(command.arguments())
            .env("LC_ALL", "C")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone()?)
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?.into();
        Ok(Self { command: command.brief(), stdin, stdout, child: Some(child), stderr })
    }
}

/// Writes all; a reader that is gone is an error and no signal.
///
/// # Errors
/// Those of `send`.
pub(super) fn send_all(socket: &UnixStream, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match send(socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
