//! How far a long job is: a bar on a terminal, lines where they were asked for, or lines of JSON.
//!
//! Nothing is shown in the first second. What is counted comes from many threads, so it is kept in atomics.

use crate::json::Json;
use crate::json::lines::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rdiff_core::format::stats::human_size;
use rdiff_core::monitor::Counter;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much there is to do, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Paths.
    pub paths: u64,
    /// Bytes; nothing where the job skips files that have not changed.
    pub bytes: Option<u64>,
}

/// Where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Nowhere,
    Bar,
    Lines,
    Json,
}

/// Counts what a job does, and shows it.
#[derive(Debug)]
pub struct Meter {
    show: Show,
    started: Instant,
    paths: AtomicU64,
    bytes: AtomicU64,
    total: OnceLock<Total>,
    /// When it was shown last, in milliseconds from the start.
    shown: AtomicU64,
    bar: OnceLock<ProgressBar>,
}

impl Meter {
    /// Shown if `wanted`, or, where that isn't said, if standard error is a terminal.
    pub fn new(wanted: Option<bool>, verbosity: u8, json: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let show = match wanted {
            Some(false) => Show::Nowhere,
            Some(true) if json => Show::Json,
            _ if json => Show::Nowhere,
            // From 5 on there is a line for each path anyway.
            None if is_terminal && (3..5).contains(&verbosity) => Show::Bar,
            None => Show::Nowhere,
            Some(true) if is_terminal => Show::Bar,
            Some(true) => Show::Lines,
        };
        Self {
            show,
            started: Instant::now(),
            paths: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            total: OnceLock::new(),
            shown: AtomicU64::new(0),
            bar: OnceLock::new(),
        }
    }

    /// Is it shown at all?
    pub fn is_shown(&self) -> bool {
        self.show != Show::Nowhere
    }

    /// Says how much there is to do. Only the first word on it counts.
    pub fn expect(&self, total: Total) {
        self.total.set(total).ok();
    }

    /// Work was done.
    pub fn count(&self, counter: Counter, by: u64, json: Option<&Json>) {
        match counter {
            Counter::Paths => self.paths.fetch_add(by, Ordering::Relaxed),
            Counter::BytesRead | Counter::BytesWritten => self.bytes.fetch_add(by, Ordering::Relaxed),
            _ => return,
        };
        if self.is_shown() {
            self.refresh(json);
        }
    }

    /// Shows it, if it is time to.
    fn refresh(&self, json: Option<&Json>) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let every = match self.show {
            Show::Bar => 100,
            Show::Json => 1000,
            _ => 10_000,
        };
        let last = self.shown.load(Ordering::Relaxed);
        let is_due = now >= 1000 && now >= last.saturating_add(every);
        let order = Ordering::Relaxed;
        if !is_due || self.shown.compare_exchange(last, now, order, order).is_err() {
            return;
        }
        let state = self.state();
        match (self.show, json) {
            (Show::Bar, _) => self.draw(&state),
            // Nobody may be reading.
            (Show::Lines, _) => drop(writeln!(io::stderr(), "{}", state.text())),
            (Show::Json, Some(json)) => json.event("progress", &Progress::from(&state)),
            _ => {}
        }
    }

    fn draw(&self, state: &State) {
        let bar = self.bar.get_or_init(|| {
            let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let form = if state.part.is_some() { "{bar:24} {percent:>3}%  {msg}" } else { "{spinner} {msg}" };
        bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(state.part.map_or(0, |part| (part * 1000.0) as u64));
        bar.set_message(state.text());
    }

    /// Lets something be written to the terminal that the bar must not spoil.
    pub fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        match self.bar.get() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    fn state(&self) -> State {
        let (paths, bytes) = (self.paths.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        State::new(paths, bytes, self.total.get().copied(), self.started.elapsed())
    }
}

/// What is shown at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    paths: u64,
    bytes: u64,
    total: Option<Total>,
    /// Bytes a second.
    rate: f64,
    /// From 0 to 1.
    part: Option<f64>,
    left: Option<Duration>,
}

impl State {
    fn new(paths: u64, bytes: u64, total: Option<Total>, elapsed: Duration) -> Self {
        let of = |done: u64, all: u64| if all == 0 { 1.0 } else { (done as f64 / all as f64).min(1.0) };
        let part = total.filter(|t| t.paths > 0).map(|total| match total.bytes {
            Some(all) => (of(paths, total.paths) + of(bytes, all)) / 2.0,
            None => of(paths, total.paths),
        });
        let seconds = elapsed.as_secs_f64().max(0.001);
        // Too early to say anything of use.
        let is_known = |part: &f64| *part >= 0.01 && seconds >= 2.0;
        let left = part.filter(is_known).map(|part| Duration::from_secs_f64(seconds * (1.0 - part) / part));
        Self { paths, bytes, total, rate: bytes as f64 / seconds, part, left }
    }

    /// `1234 of 5678 files, 1.21 GB of 3.40 GB, 45.2 MB/s, 3 minutes left`.
    fn text(&self) -> String {
        let of = |all: Option<String>| all.map(|all| format!(" of {all}")).unwrap_or_default();
        let paths = of(self.total.map(|t| t.paths.to_string()));
        let bytes = of(self.total.and_then(|t| t.bytes).map(|b| human_size(b as f64)));
        let left = self.left.map(|left| format!(", {} left", HumanDuration(left))).unwrap_or_default();
        format!(
            "{}{paths} files, {}{bytes}, {}/s{left}",
            self.paths,
            human_size(self.bytes as f64),
            human_size(self.rate)
        )
    }
}

impl From<&State> for Progress {
    fn from(state: &State) -> Self {
        Self {
            files: state.paths,
            bytes: state.bytes,
            total_files: state.total.map(|t| t.paths),
            total_bytes: state.total.and_then(|t| t.bytes),
            bytes_per_second: state.rate as u64,
            part: state.part.map(|part| (part * 1000.0).round() / 1000.0),
            seconds_left: state.left.map(|left| left.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_come_from_what_was_done() {
        let total = Total { paths: 100, bytes: Some(1 << 20) };
        let state = State::new(50, 1 << 19, Some(total), Duration::from_secs(10));
        assert_eq!((state.part, state.left), (Some(0.5), Some(Duration::from_secs(10))));
        assert_eq!(state.text(), "50 of 100 files, 512 KB of 1.00 MB, 51.2 KB/s, 10 seconds left");
        let unknown = State::new(50, 2048, None, Duration::from_secs(2));
        assert_eq!(unknown.text(), "50 files, 2.00 KB, 1.00 KB/s");
        // More than was expected is not more than all.
        assert_eq!(
            State::new(300, 0, Some(Total { paths: 100, bytes: None }), Duration::from_secs(9)).part,
            Some(1.0)
        );
    }

    #[test]
    fn without_terminal_nothing_is_shown_unless_asked_for() {
        assert_eq!(Meter::new(Some(false), 3, false).show, Show::Nowhere);
        assert_eq!(Meter::new(Some(true), 3, true).show, Show::Json);
        assert_eq!(Meter::new(None, 3, true).show, Show::Nowhere);
        assert_eq!(Meter::new(None, 0, false).show, Show::Nowhere);
    }
}
