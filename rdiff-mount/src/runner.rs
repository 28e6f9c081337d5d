//! Running other programs, each within a time limit, with their outcome as a value.
//!
//! A program that has to be given up is killed with all it started, and never waited for without end.
//!
//! ```
//! use rdiff_mount::runner::{Command, CommandRunner, Exit, Output, SystemRunner};
//! use std::time::Duration;
//!
//! let command = Command::new("sh").args(["-c", "echo done; exit 3"]).within(Duration::from_secs(10));
//! let output: Output = SystemRunner.run(&command)?;
//! assert_eq!((output.exit, output.stdout_text().trim()), (Exit::Code(3), "done"));
//! assert!(!output.is_success());
//!
//! /// Answers by itself, for tests.
//! struct Canned;
//!
//! impl CommandRunner for Canned {
//!     fn run(&self, _: &Command) -> std::io::Result<Output> {
//!         Ok(Output::failure(1, "no such host"))
//!     }
//! }
//! assert_eq!(Canned.run(&command)?.stderr_text(), "no such host");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};

/// How much of a program's output is kept, in bytes, for each of its two streams: the end of it.
const KEPT: u64 = 64 * 1024;

/// How long a killed program may take to go before it is left to itself.
const GRACE: Duration = Duration::from_millis(500);

/// A program to run: name, arguments, time limit. Nothing passes through a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    limit: Duration,
    at_terminal: bool,
}

impl Command {
    /// A program found by the search path, with a limit of a minute.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), args: Vec::new(), limit: Duration::from_secs(60), at_terminal: false }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets how long the program may run.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Lets the program ask at the terminal, for those who start it without a [`CommandRunner`].
    #[must_use]
    pub fn at_terminal(mut self) -> Self {
        self.at_terminal = true;
        self
    }

    /// May it ask at the terminal?
    pub(crate) fn is_at_terminal(&self) -> bool {
        self.at_terminal
    }

    /// The program.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[OsString] {
        &self.args
    }

    /// How long it may run.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl Command {
    /// As one would type it into a shell, without options of the kind `-o NAME=VALUE`.
    pub fn brief(&self) -> String {
        let mut args = self.args.iter();
        let mut text = quoted(&self.program);
        while let Some(arg) = args.next() {
            if arg == "-o" {
                args.next();
            } else {
                text.push(' ');
                text.push_str(&quoted(arg));
            }
        }
        text
    }
}

impl fmt::Display for Command {
    /// As one would type it into a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=+,./:@%~[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Not within its limit; it was killed, as far as the kernel let us.
    TimedOut,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("no end within the time limit"),
        }
    }
}

/// What a program left: how it ended, and the last 64 KiB of each stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// The end of what it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Success, with this on standard output.
    pub fn success(stdout: impl Into<Vec<u8>>) -> Self {
        Self { exit: Exit::Code(0), stdout: stdout.into(), stderr: Vec::new() }
    }

    /// Failure with a code, and this on standard error.
    pub fn failure(code: i32, stderr: impl Into<Vec<u8>>) -> Self {
        Self { exit: Exit::Code(code), stdout: Vec::new(), stderr: stderr.into() }
    }

    /// Tells if the program ended by itself with code 0.
    pub fn is_success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard error as text, blanks at its ends removed.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs programs. The seam at which tests put their own answers.
pub trait CommandRunner: Send + Sync {
    /// Runs to the end, or to the command's limit. A non-zero exit is an `Output`, not an `Err`.
    ///
    /// # Errors
    /// When the program cannot be started, `NotFound` where there is none of that name.
    fn run(&self, command: &Command) -> io::Result<Output>;
}

/// Runs programs of this machine: in a process group of their own, in the C locale, without input.
///
/// Their output goes to memory files and not through pipes: sshfs leaves an ssh behind that keeps its
/// streams open, and reading a pipe to its end would wait as long as the mount lives. The group of its own
/// keeps a Ctrl-C at the terminal from killing that ssh before the mount is taken down.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRunner;

impl CommandRunner for SystemRunner {
    fn run(&self, command: &Command) -> io::Result<Output> {
        let (stdout, stderr) = (memory_file()?, memory_file()?);
        let mut child = std::process::Command::new(&command.program)
            .args(&command.args)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?)
            .process_group(0)
            .spawn()?;
        let exit = match wait(&mut child, command.limit)? {
            Some(status) => exit_of(status),
            None => {
                give_up(child);
                Exit::TimedOut
            }
        };
        Ok(Output { exit, stdout: tail(&stdout)?, stderr: tail(&stderr)? })
    }
}

pub(crate) fn memory_file() -> io::Result<File> {
    Ok(memfd_create("rdiff-mount-output", MemfdFlags::CLOEXEC)?.into())
}

/// Waits by asking, so that a child nobody can kill does not hold us.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Kills the child and all of its group; one that does not go is left to a thread that collects it.
pub(crate) fn give_up(mut child: Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Those of another user stay; they end with the streams they talk to.
        let _not_ours = kill_process_group(group, Signal::KILL);
    }
    if !matches!(wait(&mut child, GRACE), Ok(Some(_))) {
        thread::spawn(move || child.wait());
    }
}

pub(crate) fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

pub(crate) fn tail(file: &File) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len();
    let from = len.saturating_sub(KEPT);
    let mut bytes = vec![0; usize::try_from(len - from).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit_ms: u64) -> Output {
        let command = Command::new("sh").arg("-c").arg(script).within(Duration::from_millis(limit_ms));
        SystemRunner.run(&command).unwrap()
    }

    #[test]
    fn a_failure_is_an_output() {
        let output = sh("echo out; echo err >&2; exit 3", 5_000);
        assert_eq!(output.exit, Exit::Code(3));
        assert_eq!((output.stdout_text().as_str(), output.stderr_text().as_str()), ("out\n", "err"));
        assert_eq!(sh("kill -9 $$", 5_000).exit, Exit::Signal(9));
    }

    #[test]
    fn what_takes_too_long_is_killed_with_its_children() {
        let started = Instant::now();
        let output = sh("sleep 1234.5 & echo $!; wait", 200);
        assert_eq!(output.exit, Exit::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(3));
        let child = format!("/proc/{}/cmdline", output.stdout_text().trim());
        // It dies when the kernel gets to it, which need not be before its parent is reaped.
        let is_alive = || std::fs::read(&child).is_ok_and(|line| line.starts_with(b"sleep\x001234.5"));
        while is_alive() && started.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!is_alive());
    }

    #[test]
    fn a_daemon_that_keeps_the_streams_does_not_hold_us() {
        let started = Instant::now();
        assert!(sh("sleep 3 & echo up", 10_000).is_success());
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn of_long_output_the_end_is_kept() {
        let output = sh("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done", 20_000);
        assert!(output.stdout.len() as u64 == KEPT && output.stdout.ends_with(b"19999\n"));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error = SystemRunner.run(&Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_command_prints_as_one_would_type_it() {
        let command = Command::new("mount").arg("/mnt/a b").arg("it's");
        assert_eq!(command.to_string(), r"mount '/mnt/a b' 'it'\''s'");
        let command = Command::new("ssh").args(["-o", "A=b", "-s", "-o", "C=d", "--", "web", "sftp"]);
        assert_eq!(command.brief(), "ssh -s -- web sftp");
    }
}
