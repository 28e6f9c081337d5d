//! Where messages go: the terminal and a log file, each with its own level.
//!
//! Messages never stop a job: a terminal or a disk that takes no more of them is not its business.

use crate::action::Generic;
use crate::advice::told;
use crate::fold::fold;
use crate::json::Json;
use crate::json::lines::{Done, Message, Output, Start, Trouble};
use crate::level::Level;
use crate::meter::Meter;
use crate::stop::Stop;
use crate::style::Style;
use rdiff_core::error::{Error, Problem};
use rdiff_core::format::stats::error_log_line;
use rdiff_core::path::RepoPath;
use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of the interface, as chosen with `--api-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// The usual one.
    V200,
    /// The one with other layouts, locks and exit codes.
    V201,
}

/// Where messages and results go.
#[derive(Debug)]
pub struct Ui {
    /// The version of the interface.
    pub api: Api,
    /// The zone in which times are shown.
    pub zone: Zone,
    /// Output for programs, if that is wanted.
    pub json: Option<Json>,
    /// How far the job is.
    pub meter: Meter,
    terminal: u8,
    file: u8,
    columns: usize,
    log: Mutex<Option<File>>,
    collected: Option<Mutex<Collected>>,
    /// Whether a signal asked to stop.
    pub stop: Stop,
    /// Paths that messages call by other names: where something was mounted, and what it is.
    names: Mutex<Vec<(String, String)>>,
}

/// What was said, for a caller who tells it in its own way.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The errors.
    pub errors: Vec<String>,
    /// The warnings, paths that could not be dealt with not among them.
    pub warnings: Vec<String>,
    /// The first path that could not be dealt with, and why.
    pub first_problem: Option<String>,
}

/// More than this is not kept of what can be said any number of times.
const MOST_COLLECTED: usize = 1000;

impl Ui {
    /// Messages as the command line wants them.
    pub fn new(generic: &Generic, api: Api, start: &Start<'_>) -> Self {
        Self {
            api,
            zone: Zone::system(),
            json: generic.output.json.then(|| Json::start(start)),
            meter: Meter::new(generic.output.progress, generic.terminal_verbosity, generic.output.json),
            terminal: generic.terminal_verbosity,
            file: generic.verbosity,
            columns: columns(),
            log: Mutex::new(None),
            stop: Stop::default(),
            collected: None,
            names: Mutex::default(),
        }
    }

    /// As another one, but errors and warnings are kept, to be asked for. On the terminal there is nothing unless
    /// it is to show more than usual.
    pub fn collecting(generic: &Generic, other: &Self) -> Self {
        Self {
            api: other.api,
            zone: other.zone.clone(),
            json: None,
            meter: Meter::new(generic.output.progress, other.terminal, other.json.is_some()),
            terminal: if other.terminal > Level::Note as u8 { other.terminal } else { 0 },
            file: generic.verbosity,
            columns: other.columns,
            log: Mutex::new(None),
            stop: other.stop.clone(),
            collected: Some(Mutex::default()),
            names: Mutex::default(),
        }
    }

    /// What was kept.
    pub fn collected(&self) -> Collected {
        self.collecting_into().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }

    fn collecting_into(&self) -> Option<MutexGuard<'_, Collected>> {
        Some(self.collected.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn collect(&self, level: Level, message: &str) {
        let Some(mut kept) = self.collecting_into() else { return };
        let list = match level {
            Level::Error => &mut kept.errors,
            Level::Warning => &mut kept.warnings,
            _ => return,
        };
        if list.len() < MOST_COLLECTED {
            list.push(message.to_owned());
        }
    }

    /// Does any log file want messages at all?
    pub fn wants_log(&self) -> bool {
        self.file > 0
    }

    /// Do messages go to a log file already?
    pub fn has_log(&self) -> bool {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// From now on messages go to this file too.
    pub fn log_to(&self, file: File) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    }

    /// Messages go to no file any more.
    pub fn end_log(&self) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Lets messages call a path, and those below it, by another name; of several the last counts.
    pub fn call(&self, path: &Path, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(0, (path.display().to_string(), name.to_owned()));
    }

    /// A text in which paths have their other names.
    pub(crate) fn named<'m>(&self, message: &'m str) -> Cow<'m, str> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().fold(Cow::Borrowed(message), |text, (path, name)| {
            if text.contains(path) { Cow::Owned(text.replace(path, name)) } else { text }
        })
    }

    /// A message at a level, without its prefix.
    pub fn say(&self, level: Level, message: &str) {
        let message = &*self.named(message);
        if let Some(json) = &self.json {
            match level {
                Level::Error => json.failed(message),
                Level::Warning => json.warned(),
                _ => {}
            }
            if level as u8 <= self.terminal {
                json.event("message", &Message::new(level, message));
            }
        }
        self.collect(level, message);
        self.tell(level, message);
    }

    /// What a job did, in one line. On a terminal it is shown to whoever sits there. Elsewhere standard error is
    /// for what went wrong, and standard output for what scripts know; so it is one of the messages of `-v5`.
    pub fn summary(&self, message: &str) {
        self.meter.finish();
        let is_seen = self.terminal >= Level::Note as u8 && self.terminal < Level::Info as u8;
        if is_seen && self.json.is_none() && io::stderr().is_terminal() {
            drop(writeln!(io::stderr(), "{message}"));
        }
        self.tell(Level::Info, message);
    }

    /// A result that the log file keeps too, if there is one.
    pub fn record(&self, text: &str) {
        if let Some(file) = self.log.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            drop(writeln!(file, "{text}"));
        }
    }

    /// A message for people only: programs get it in another form.
    pub fn tell(&self, level: Level, message: &str) {
        if level as u8 <= self.file {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(file) = log.as_mut() {
                let text = self.text(level, message, self.file);
                // A full disk is for the job to find.
                drop(file.write_all(text.as_bytes()));
            }
        }
        // Standard output is not for people when it is for programs.
        if level as u8 <= self.terminal && (self.json.is_none() || level <= Level::Warning) {
            let text = self.text(level, message, self.terminal);
            self.to_terminal(level, &self.folded(text));
        }
    }

    /// The action failed, or a part of it.
    pub fn error(&self, message: &str) {
        self.say(Level::Error, message);
    }

    /// Something to know.
    pub fn warning(&self, message: &str) {
        self.say(Level::Warning, message);
    }

    /// Something to know if all is well.
    pub fn note(&self, message: &str) {
        self.say(Level::Note, message);
    }

    /// One for each file.
    pub fn info(&self, message: &str) {
        self.say(Level::Info, message);
    }

    /// A path could not be dealt with.
    pub fn problem(&self, problem: &Problem) {
        if let Some(json) = &self.json {
            json.event("problem", &Trouble::from(problem));
        }
        let line = error_log_line(problem, b'\n');
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\n');
        if let Some(mut kept) = self.collecting_into() {
            kept.first_problem.get_or_insert_with(|| line.to_owned());
        }
        self.tell(Level::Warning, line);
    }

    /// Does anybody want messages of this level, on the terminal or in a log? What is said of each path isn't even put
    /// into words otherwise.
    pub fn hears(&self, level: Level) -> bool {
        level as u8 <= self.file.max(self.terminal)
    }

    /// Something was done with a path.
    pub fn path(&self, path: RepoPath<'_>, what: &'static str, message: &str) {
        if let Some(json) = self.json.as_ref().filter(|_| self.terminal >= Level::Info as u8) {
            json.item("path", &Done { path: path.into(), what });
        }
        self.tell(Level::Info, message);
    }

    /// An error with all its causes.
    pub fn failure(&self, error: &(dyn std::error::Error + 'static)) {
        let is_stopped = matches!(error.downcast_ref(), Some(Error::Cancelled { .. }));
        match self.stop.signal().filter(|_| is_stopped) {
            Some(signal) => self.error(&format!(
                "stopped by {signal}; no earlier session is touched by that, and the same command can be run again"
            )),
            None => self.error(&told(error)),
        }
    }

    /// The program can't go on. It is said at any verbosity.
    pub fn fatal(&self, message: &str) {
        let message = &*self.named(message);
        if self.collected.is_some() {
            return self.collect(Level::Error, message);
        }
        if let Some(json) = &self.json {
            json.failed(message);
            json.event("message", &Message::new(Level::Error, message));
        }
        let text = match self.api {
            Api::V200 => format!("Fatal Error: {message}\n"),
            Api::V201 => {
                self.folded(self.text(Level::Error, &format!("Fatal Error: {message}"), self.terminal))
            }
        };
        self.to_terminal(Level::Error, &text);
    }

    /// A result that is a text, to standard output.
    ///
    /// # Errors
    /// When nobody reads it, for one.
    pub fn print(&self, text: &[u8]) -> io::Result<()> {
        if let Some(json) = &self.json {
            json.item("output", &Output { text: String::from_utf8_lossy(text) });
            return json.broken().map_or(Ok(()), |kind| Err(kind.into()));
        }
        self.meter.aside(|| write_out(text))
    }

    fn to_terminal(&self, level: Level, text: &str) {
        drop(self.meter.aside(|| match level {
            Level::Error | Level::Warning => io::stderr().write_all(painted(level, text).as_bytes()),
            _ => write_out(text.as_bytes()),
        }));
    }

    fn text(&self, level: Level, message: &str, verbosity: u8) -> String {
        let prefix = level.prefix();
        if verbosity > Level::Debug as u8 {
            let pid = std::process::id();
            return format!(
                "{}  <CLIENT-{pid}>  {prefix} {message}\n",
                timestamp(SystemTime::now(), &self.zone)
            );
        }
        match self.api {
            Api::V200 => format!("{prefix} {message}\n"),
            // Several lines of information have their own layout.
            Api::V201 if level == Level::Info && message.trim_end_matches('\n').contains('\n') => {
                format!("{message}\n")
            }
            Api::V201 => format!("{prefix:<9}{message}\n"),
        }
    }

    /// Breaks the one line of a message where the terminal ends, in the newer interface.
    fn folded(&self, text: String) -> String {
        let one_line = !text.trim_end_matches('\n').contains('\n');
        if self.api == Api::V201 && one_line && self.file <= Level::Debug as u8 {
            fold(&text, self.columns.saturating_sub(1).max(1), 9)
        } else {
            text
        }
    }
}

/// With its prefix in colour, where standard error wants colours.
fn painted(level: Level, text: &str) -> Cow<'_, str> {
    let style = Style::of_stderr();
    let Some(rest) = text.strip_prefix(level.prefix()).filter(|_| style.has_colours()) else {
        return text.into();
    };
    let prefix = match level {
        Level::Error => style.failed(level.prefix()),
        _ => style.bad(level.prefix()),
    };
    format!("{prefix}{rest}").into()
}

fn write_out(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// How wide the terminal is: `$COLUMNS`, else what standard output says, else 80.
fn columns() -> usize {
    let environment = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|&c| c > 0);
    let terminal = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|s| usize::from(s.ws_col));
    environment.or_else(terminal).filter(|&c| c > 0).unwrap_or(80)
}

/// `2026-11-22 20:12:08.081619 +0000`.
fn timestamp(now: SystemTime, zone: &Zone) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let date = SessionTime(seconds).format(zone, TimeSeparator::Colon).replace('T', " ");
    let offset = zone.offset_at(seconds);
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
    let date = date.get(..19).unwrap_or_default();
    format!("{date}.{:06} {sign}{:02}{:02}", since.subsec_micros(), minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ui(api: Api) -> Ui {
        Ui {
            api,
            zone: Zone::utc(),
            json: None,
            meter: Meter::new(Some(false), 3, false),
            terminal: 3,
            file: 3,
            columns: 40,
            log: Mutex::new(None),
            stop: Stop::default(),
            collected: None,
            names: Mutex::default(),
        }
    }

    #[test]
    fn each_interface_has_its_layout() {
        let (old, new) = (ui(Api::V200), ui(Api::V201));
        assert_eq!(old.text(Level::Note, "a b", 3), "NOTE: a b\n");
        assert_eq!(old.text(Level::Info, "a\nb", 5), "* a\nb\n");
        assert_eq!(new.text(Level::Note, "a b", 3), "NOTE:    a b\n");
        assert_eq!(new.text(Level::Info, "a\nb", 5), "a\nb\n");
        assert_eq!(new.text(Level::Info, "a b", 5), "*        a b\n");
        assert_eq!(
            new.folded(new.text(Level::Warning, "Unable to see that the terminal ends", 3)),
            "WARNING: Unable to see that the\n         terminal ends\n"
        );
        assert_eq!(old.folded("x ".repeat(60)), "x ".repeat(60));
    }

    #[test]
    fn the_time_of_a_message_has_microseconds_and_a_zone() {
        let now = UNIX_EPOCH + Duration::from_micros(1_700_000_000_081_619);
        assert_eq!(timestamp(now, &Zone::utc()), "2023-11-14 22:13:20.081619 +0000");
        let newfoundland = Zone::named("America/St_Johns").unwrap();
        assert_eq!(timestamp(now, &newfoundland), "2023-11-14 18:43:20.081619 -0330");
    }
}
