//! From what was asked for to the function that does it, and the exit code.

use crate::action::{Action, Invocation};
use crate::exit::Exit;
use crate::json;
use crate::json::lines::Start;
use crate::level::Level;
use crate::run::{
    Context, Failure, Outcome, Step, backup, compare, diff, history, list, other, regress, remove, restore,
    status, verify,
};
use crate::ui::{Api, Ui};
use crate::{doctor, setup, tasks};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

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
    let outcome = context.check_generic(&invocation.action).and_then(|()| act(&invocation.action, &context));
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

/// One function for each.
fn act(action: &Action, cx: &Context<'_>) -> Outcome {
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
        cx.ui.stop.listen();
    }
    match action {
        Action::Backup(a) => backup::backup(a, cx),
        Action::Calculate(files) => other::calculate(files, cx),
        Action::Compare(a) => compare::compare(a, cx),
        Action::Complete(a) => other::complete(a, cx),
        Action::Doctor(a) => doctor::doctor(a, cx),
        Action::Diff(a) => diff::diff(a, cx),
        Action::History(a) => history::history(a, cx),
        Action::Info => other::info(cx),
        Action::Job(a) => tasks::job(a, cx),
        Action::ListFiles(a) => list::files(a, cx),
        Action::ListIncrements(a) => list::increments(a, cx),
        Action::Regress(a) => regress::regress(a, cx),
        Action::RemoveIncrements(a) => remove::increments(a, cx),
        Action::Restore(a) => restore::restore(a, cx),
        Action::Server(_) => other::server(cx),
        Action::Setup(a) => setup::setup(a, cx),
        Action::Status(a) => status::status(a, cx),
        Action::Test(locations) => other::test(locations, cx),
        Action::Verify(a) => verify::verify(a, cx),
    }
}
