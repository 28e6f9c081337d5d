//! What every action needs, and how it ends.

use super::mounts::Mounts;
use crate::action::Generic;
use crate::exit::Exit;
use crate::json::Json;
use crate::locate::DATA;
use crate::ui::Ui;
use rdiff_core::time::{BadTime, TimeSeparator, TimeSpec};
use rdiff_core::tree::Root;
use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

/// The part of an action in which it failed, as messages call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    PreCheck,
    Check,
    Setup,
    Run,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::PreCheck => "pre_check",
            Step::Check => "check",
            Step::Setup => "setup",
            Step::Run => "run",
        })
    }
}

/// An action that failed, after it said why.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// In this step.
    At(Step),
    /// In this step, since the source is gone.
    SourceGone(Step),
    /// There is nothing more to say: it was said as fatal, or nobody reads the output any more.
    Silent,
}

/// What an action returns.
pub(crate) type Outcome = Result<Exit, Failure>;

/// What every action needs.
pub(crate) struct Context<'a> {
    pub(crate) generic: &'a Generic,
    pub(crate) ui: &'a Ui,
    pub(crate) now: i64,
    pub(super) mounts: Mounts,
}

impl<'a> Context<'a> {
    /// What an action needs, before anything is mounted for it.
    pub(crate) fn new(generic: &'a Generic, ui: &'a Ui, now: i64) -> Self {
        Self { generic, ui, now, mounts: Mounts::default() }
    }
}

impl Context<'_> {
    /// Takes down what was mounted. Whatever the action held in it must be gone.
    pub(crate) fn end(&self) {
        self.mounts.end(self.ui);
    }

    /// Says why the action fails.
    pub(crate) fn refuse(&self, step: Step, message: &str) -> Failure {
        self.ui.error(message);
        Failure::At(step)
    }

    /// Prints a result. A reader who went away is no reason for a message.
    pub(crate) fn print(&self, text: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.ui.print(text.as_ref()).map_err(|e| self.not_printed(&e))
    }

    /// Prints what programs get in another form.
    pub(crate) fn print_for_people(&self, text: &str) -> Result<(), Failure> {
        if self.json().is_some() { Ok(()) } else { self.print(text) }
    }

    pub(super) fn not_printed(&self, e: &io::Error) -> Failure {
        match e.kind() {
            io::ErrorKind::BrokenPipe => Failure::Silent,
            _ => self.refuse(Step::Run, &format!("cannot write to standard output: {e}")),
        }
    }

    /// Is nothing to be changed?
    pub(crate) fn is_dry(&self) -> bool {
        self.generic.output.dry_run
    }

    /// Output for programs, if that is wanted.
    pub(crate) fn json(&self) -> Option<&Json> {
        self.ui.json.as_ref()
    }

    /// The result as a whole, for programs.
    pub(crate) fn result(&self, result: &impl Serialize) {
        if let Some(json) = self.json() {
            json.result(result);
        }
    }

    /// Reads a time.
    pub(crate) fn time(&self, text: &str) -> Result<TimeSpec, Failure> {
        TimeSpec::parse(text, self.now, &self.ui.zone)
            .map_err(|e: BadTime| self.refuse(Step::Setup, &e.to_string()))
    }

    /// How times are written in the names of files.
    pub(super) fn separator(&self) -> TimeSeparator {
        if self.generic.use_compatible_timestamps { TimeSeparator::Dash } else { TimeSeparator::Colon }
    }

    /// Lets messages go to the log of an action too, as soon as the repository has room for one.
    pub(super) fn log(&self, action: &str, repository: &Path) {
        if !self.ui.wants_log() || self.ui.has_log() {
            return;
        }
        let name = format!("{action}.log");
        let path = repository.join(DATA).join(&name);
        match open_log(repository, &name) {
            Ok(file) => self.ui.log_to(file),
            // A first session makes the directory, and then asks again.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(e) => self.ui.warning(&format!("Unable to open logfile '{}' due to '{e}'", path.display())),
        }
    }
}

/// Opens a log to write at its end. Whoever owns the repository may be another than runs this: no link is followed,
/// nothing but a regular file is written to, and a pipe is not waited for.
fn open_log(repository: &Path, name: &str) -> io::Result<File> {
    use rustix::fs::OFlags;
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = Root::open(repository)?.open_at(format!("{DATA}/{name}").as_bytes(), flags, 0o600);
    let file = File::from(opened?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

/// An error is said, with its causes, and ends the action.
pub(crate) trait OrFail<T> {
    fn or_fail(self, cx: &Context<'_>, step: Step) -> Result<T, Failure>;
}

impl<T, E: Error + 'static> OrFail<T> for Result<T, E> {
    fn or_fail(self, cx: &Context<'_>, step: Step) -> Result<T, Failure> {
        self.map_err(|e| {
            cx.ui.failure(&e);
            let known = (&e as &(dyn Error + 'static)).downcast_ref();
            match known {
                Some(rdiff_core::error::Error::SourceVanished { .. }) => Failure::SourceGone(step),
                _ => Failure::At(step),
            }
        })
    }
}
