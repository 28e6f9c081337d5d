//! The options of `backup` in a job: kept as words, and read as the command line reads them.

use crate::action::Backup;
use crate::args::parts::utf8_text;
use crate::args::shared::{backup, backup_of, matches};
use crate::job::file::Job;
use camino::Utf8PathBuf;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, ValueHint};
use std::ffi::{OsStr, OsString};

/// Checks all of a job that can be checked without looking at any place.
///
/// # Errors
/// The first thing that is wrong, in one line.
pub(crate) fn check(job: &Job) -> Result<(), String> {
    job.check()?;
    backup_of_job(job).map(drop)
}

/// The action that `backup` with the options of a job is.
///
/// # Errors
/// What is wrong with the options.
pub(crate) fn backup_of_job(job: &Job) -> Result<Backup, String> {
    let options = job.options.iter().map(String::as_str);
    let words = options.chain(["--", &job.source, job.repository.as_str()]).map(OsString::from).collect();
    let found = matches(backup(), words).map_err(|e| {
        let text = e.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        format!("options: {}", first.trim_start_matches("error: "))
    })?;
    backup_of(&found, job.source.clone().into(), job.repository.clone().into_std_path_buf().into())
        .map_err(|e| format!("options: {e}"))
}

/// A path that must be in the source of a job, if there is such.
pub(crate) fn marker_of_job(job: &Job) -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(backup_of_job(job).ok()?.safety.marker?).ok()
}

/// The options as they were given, in their order, as words that mean the same from anywhere.
pub(super) fn given(m: &ArgMatches, options: &[Arg]) -> Result<Vec<String>, String> {
    let mut placed = Vec::new();
    for arg in options {
        let id = arg.get_id().as_str();
        if m.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let takes_value =
            arg.get_num_args().is_none_or(|n| n.max_values() > 0) && arg.get_action().takes_values();
        let is_file = arg.get_value_hint() == ValueHint::FilePath;
        let values: Vec<_> = m.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect();
        for (at, index) in m.indices_of(id).into_iter().flatten().enumerate() {
            let word = match values.get(at).filter(|_| takes_value) {
                None => format!("--{id}"),
                Some(value) => {
                    let mut value = utf8_text(id, value.clone())?;
                    if is_file {
                        let absolute =
                            camino::absolute_utf8(&value).map_err(|e| format!("--{id} '{value}': {e}"))?;
                        value = absolute.into_string();
                    }
                    format!("--{id}={value}")
                }
            };
            placed.push((index, word));
        }
    }
    placed.sort();
    Ok(placed.into_iter().map(|(_, word)| word).collect())
}
