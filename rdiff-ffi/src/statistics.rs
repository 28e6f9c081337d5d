//! The statistics that sessions wrote, and what weighs most in them.

use crate::arg;
use crate::cursor::{self, Cursor, HasCursor, Shown};
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::{Failure, rdiff_status};
use crate::versioned::{report_to, versioned};
use crate::view::{Text, View};
use crate::{RDIFF_ALL_SESSIONS, RDIFF_NEWEST, RDIFF_UNKNOWN};
use rdiff_core::format::stats::SessionStatistics;
use rdiff_core::statistics::{Measure, StatisticsFiles, Weights};
use rdiff_core::status::statistics_at;
use std::ffi::c_char;
use std::sync::Mutex;

/// The totals that a session wrote when it ended. Set it up with RDIFF_STATISTICS_INIT. Sizes are in bytes and count regular
/// files; numbers of files count every path. Numbers that are not known are RDIFF_UNKNOWN.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_statistics {
    /// Set by the init macro.
    pub version: u32,
    /// 1 if the session wrote them, else 0, and then nothing else is known.
    pub is_known: u32,
    /// The session, in seconds since 1970.
    pub session: i64,
    /// When it ended, in seconds since 1970; 0 if that is not known.
    pub end_time: f64,
    /// How many seconds it took; 0 if that is not known.
    pub elapsed_time: f64,
    /// Paths in the source.
    pub source_files: u64,
    /// Their size.
    pub source_file_size: u64,
    /// Paths in the mirror before.
    pub mirror_files: u64,
    /// Their size.
    pub mirror_file_size: u64,
    /// Paths that were new.
    pub new_files: u64,
    /// Their size.
    pub new_file_size: u64,
    /// Paths that went.
    pub deleted_files: u64,
    /// Their size.
    pub deleted_file_size: u64,
    /// Paths that changed.
    pub changed_files: u64,
    /// Their size then.
    pub changed_source_size: u64,
    /// Their size before.
    pub changed_mirror_size: u64,
    /// Increments that were written.
    pub increment_files: u64,
    /// Their size.
    pub increment_file_size: u64,
    /// Paths that could not be read.
    pub errors: u64,
}

versioned!(report rdiff_statistics);

/// The statistics of the newest session not later than `at`, or of RDIFF_NEWEST.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_session_statistics(
    repository: *const rdiff_repository,
    at: i64,
    out: *mut rdiff_statistics,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        unsafe { arg::out(out, "out")? };
        // SAFETY: as above.
        let report = unsafe { report_to(out)? };
        let repo = &handle::get(repository)?.0;
        let session = repo.session_at(arg::time(at))?;
        report.set(shown(session.0, statistics_at(repo, session)?.as_ref()));
        Ok(())
    })
}

fn shown(session: i64, of: Option<&SessionStatistics>) -> rdiff_statistics {
    // They are whole numbers, as floating point for the sake of averages.
    let number = |get: fn(&SessionStatistics) -> f64| of.map_or(RDIFF_UNKNOWN, |s| get(s) as u64);
    rdiff_statistics {
        version: 1,
        is_known: of.is_some().into(),
        session,
        end_time: of.and_then(|s| s.end_time).unwrap_or(0.0),
        elapsed_time: of.and_then(|s| s.elapsed_time).unwrap_or(0.0),
        source_files: number(|s| s.source_files),
        source_file_size: number(|s| s.source_file_size),
        mirror_files: number(|s| s.mirror_files),
        mirror_file_size: number(|s| s.mirror_file_size),
        new_files: number(|s| s.new_files),
        new_file_size: number(|s| s.new_file_size),
        deleted_files: number(|s| s.deleted_files),
        deleted_file_size: number(|s| s.deleted_file_size),
        changed_files: number(|s| s.changed_files),
        changed_source_size: number(|s| s.changed_source_size),
        changed_mirror_size: number(|s| s.changed_mirror_size),
        increment_files: number(|s| s.increment_files),
        increment_file_size: number(|s| s.increment_file_size),
        errors: of.and_then(|s| s.errors).map_or(RDIFF_UNKNOWN, |n| n as u64),
    }
}

/// What paths are weighed by: bytes in the source.
pub const RDIFF_MEASURE_SOURCE_SIZE: u32 = 0;
/// What paths are weighed by: bytes of increments.
pub const RDIFF_MEASURE_INCREMENT_SIZE: u32 = 1;
/// What paths are weighed by: how often they, or what is in them, changed.
pub const RDIFF_MEASURE_CHANGES: u32 = 2;

/// A path that weighs much.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_weight {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// Its part of all, in percent, without those below it that are listed themselves.
    pub percent: f64,
    /// Where, as the statistics have it: "." for the root.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
}

/// A cursor over the paths that weigh most, the heaviest first. One thread at a time may use it.
pub struct rdiff_weights(Mutex<Cursor<ShownWeight>>);

impl Named for rdiff_weights {
    const NAME: &'static str = "cursor of weights";
}

impl HasCursor for rdiff_weights {
    type Shown = ShownWeight;
    fn cursor(&self) -> &Mutex<Cursor<ShownWeight>> {
        &self.0
    }
}

/// A weight with what its pointer leads to.
pub(crate) struct ShownWeight {
    weight: View<rdiff_weight>,
    _path: Text,
}

impl Shown for ShownWeight {
    type Item = (Vec<u8>, f64);
    type Seen = rdiff_weight;

    fn new((path, percent): &(Vec<u8>, f64)) -> Box<Self> {
        let path = Text::new(path.clone());
        let (shown, path_len) = (path.as_ptr(), path.len());
        let weight = View(rdiff_weight { version: 1, percent: *percent, path: shown, path_len });
        Box::new(Self { weight, _path: path })
    }

    fn as_ptr(&self) -> *const rdiff_weight {
        &raw const self.weight.0
    }
}

/// Opens a cursor over the paths that weigh most in the sessions from `from` (or RDIFF_ALL_SESSIONS) to `to` (or RDIFF_NEWEST)
/// together, by one of the measures above. Those with less than `least_percent` of a session count in what they are
/// in. Sessions that wrote no line for each path don't count. Free it with rdiff_weights_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_weights_open(
    repository: *const rdiff_repository,
    from: i64,
    to: i64,
    measure: u32,
    least_percent: f64,
    out: *mut *mut rdiff_weights,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(out, "out")? };
        let repo = &handle::get(repository)?.0;
        let measure = match measure {
            RDIFF_MEASURE_SOURCE_SIZE => Measure::SourceSize,
            RDIFF_MEASURE_INCREMENT_SIZE => Measure::IncrementSize,
            RDIFF_MEASURE_CHANGES => Measure::Changes,
            unknown => return Err(Failure::argument(format!("measure is {unknown}, which is none"))),
        };
        if !(0.0..=100.0).contains(&least_percent) {
            return Err(Failure::argument(format!("least_percent is {least_percent}")));
        }
        let bound = |time: i64, none: i64| (time != none).then_some(time);
        let files = StatisticsFiles::find(repo, bound(from, RDIFF_ALL_SESSIONS), bound(to, RDIFF_NEWEST))?;
        let mut sum: Option<Weights> = None;
        for pair in &files.pairs {
            let weights = Weights::read(repo, pair, least_percent / 100.0, b'\n', &mut |_| {})?;
            match &mut sum {
                Some(sum) => sum.add(weights),
                none => *none = Some(weights),
            }
        }
        out.put(rdiff_weights(Cursor::over(sum.map_or_else(Vec::new, |sum| sum.top(measure)))));
        Ok(())
    })
}

/// Moves on to the next path. RDIFF_END is returned after the last one, and `weight` is then NULL. What it points to
/// stays valid until the next call with this cursor; it is not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_weights_next(
    weights: *mut rdiff_weights,
    weight: *mut *const rdiff_weight,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    unsafe { cursor::next(weights, weight, "weight") }
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_weights_free(weights: *mut rdiff_weights) {
    quietly(|| handle::free(weights));
}
