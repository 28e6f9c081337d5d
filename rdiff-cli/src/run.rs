//! One function for each action: locate, call, report.

mod ahead;
pub(crate) mod backup;
mod clock;
mod compare;
mod diff;
mod explain;
mod history;
mod lines;
mod list;
pub(crate) mod open;
mod options;
mod other;
mod place;
mod regress;
pub(crate) mod remove;
pub(crate) mod restore;
mod selection;
pub(crate) mod source;
pub(crate) mod status;
mod target;
mod verify;
mod would;

use crate::action::{Action, Generic, Invocation};
use crate::exit::Exit;
use crate::json::lines::Start;
use crate::json::{self, Json};
use crate::locate::DATA;
use crate::ui::{Api, Level, Ui};
use crate::{doctor, setup, tasks};
use rdiff_core::time::{BadTime, TimeSeparator, TimeSpec};
use rdiff_core::tree::Root;
use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

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
    mounts: place::Mounts,
}

/// Carries it out.
pub fn run(invocation: &Invocation) -> Exit {
    let generic = &invocation.generic;
    let (api, refused) = match generic.api_version {
        None | Some(200) => (Api::V200, None),
        Some(201) => (Api::V201, None),
        Some(n) => (Api::V200, Some(format!("API version {n} must be between 200 and 201"))),
    };
    let action = &invocation.action;
    let ui = Ui::new(generic, api, &Start::new(action.words(), generic.output.dry_run));
    let exit = match refused {
        Some(message) => {
            ui.fatal(&message);
            Exit::ERROR
        }
        None => carry_out(invocation, &ui),
    };
    if let Some(json) = &ui.json {
        json.finish(action.words(), exit);
    }
    exit
}

/// What is said where the command line is no call of an action: help, a version, or why it can't be read.
pub fn refused(message: &clap::Error) -> ExitCode {
    // Nobody may be reading; the exit code says it all.
    drop(message.print());
    let code = u8::try_from(message.exit_code()).unwrap_or(2);
    if code != 0 && std::env::args_os().any(|word| word == "--json") {
        json::refuse("rdiff-backup", &message.to_string(), code);
    }
    ExitCode::from(code)
}

fn carry_out(invocation: &Invocation, ui: &Ui) -> Exit {
    let generic = &invocation.generic;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = generic.current_time.unwrap_or(i64::try_from(clock).unwrap_or(i64::MAX));
    let context = Context::new(generic, ui, now);
    let outcome = context.check_generic(&invocation.action).and_then(|()| context.act(&invocation.action));
    context.end();
    match (&invocation.action, outcome) {
        // Their last line is all that somebody wants to read in a mail of cron.
        (Action::Doctor(_) | Action::Job(_) | Action::Setup(_), outcome) => outcome.unwrap_or(Exit::ERROR),
        (action, outcome) => conclude(ui, action, outcome),
    }
}

/// The last words on an action.
fn conclude(ui: &Ui, action: &Action, outcome: Outcome) -> Exit {
    let name = action.name();
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Failure::Silent) => return Exit::ERROR,
        Err(Failure::At(step)) => {
            ui.tell(Level::Error, &format!("Action {name} failed on step {step}"));
            return Exit::ERROR;
        }
        Err(Failure::SourceGone(step)) => {
            ui.tell(Level::Error, &format!("Action {name} failed on step {step}"));
            return Exit::ERROR | Exit::SOURCE_GONE;
        }
    };
    if exit.has(Exit::ERROR) {
        ui.tell(Level::Error, &format!("Action {name} failed on step {}", Step::Run));
        return exit;
    }
    if action.answers_by_exit_code() {
        return exit;
    }
    for (bit, what) in [
        (Exit::WARNING, "emitted warnings, see previous messages for details"),
        (Exit::FILE_ERROR, "failed on one or more files, see previous messages for details"),
        (Exit::FILE_WARNING, "emitted a warning on one or more files, see previous messages for details"),
    ] {
        if exit.has(bit) {
            ui.tell(Level::Warning, &format!("Action {name} {what}"));
        }
    }
    exit
}

impl<'a> Context<'a> {
    /// What an action needs, before anything is mounted for it.
    pub(crate) fn new(generic: &'a Generic, ui: &'a Ui, now: i64) -> Self {
        Self { generic, ui, now, mounts: place::Mounts::default() }
    }
}

impl Context<'_> {
    /// Takes down what was mounted. Whatever the action held in it must be gone.
    pub(crate) fn end(&self) {
        self.mounts.end(self.ui);
    }

    fn act(&self, action: &Action) -> Outcome {
        if matches!(
            action,
            Action::Backup(_)
                | Action::Compare(_)
                | Action::Job(_)
                | Action::Regress(_)
                | Action::RemoveIncrements(_)
                | Action::Restore(_)
                | Action::Verify(_)
        ) {
            self.ui.stop.listen();
        }
        match action {
            Action::Backup(a) => backup::backup(a, self),
            Action::Calculate(files) => other::calculate(files, self),
            Action::Compare(a) => compare::compare(a, self),
            Action::Complete(a) => other::complete(a, self),
            Action::Doctor(a) => doctor::doctor(a, self),
            Action::Diff(a) => diff::diff(a, self),
            Action::History(a) => history::history(a, self),
            Action::Info => other::info(self),
            Action::Job(a) => tasks::job(a, self),
            Action::ListFiles(a) => list::files(a, self),
            Action::ListIncrements(a) => list::increments(a, self),
            Action::Regress(a) => regress::regress(a, self),
            Action::RemoveIncrements(a) => remove::increments(a, self),
            Action::Restore(a) => restore::restore(a, self),
            Action::Server(_) => other::server(self),
            Action::Setup(a) => setup::setup(a, self),
            Action::Status(a) => status::status(a, self),
            Action::Test(locations) => other::test(locations, self),
            Action::Verify(a) => verify::verify(a, self),
        }
    }

    /// Checks what no action needs a file for.
    fn check_generic(&self, action: &Action) -> Result<(), Failure> {
        self.generic_without_effect(action);
        match &self.generic.tempdir {
            Some(dir) if !dir.is_dir() => Err(self.refuse(
                Step::PreCheck,
                &format!(
                    "Temporary directory '{}' doesn't exist; make it, or leave --tempdir out",
                    dir.display()
                ),
            )),
            _ => Ok(()),
        }
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

    fn not_printed(&self, e: &io::Error) -> Failure {
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
    fn separator(&self) -> TimeSeparator {
        if self.generic.use_compatible_timestamps { TimeSeparator::Dash } else { TimeSeparator::Colon }
    }

    /// Lets messages go to the log of an action too, as soon as the repository has room for one.
    fn log(&self, action: &str, repository: &Path) {
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
