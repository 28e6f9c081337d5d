//! The names of jobs.

use super::error::{JobError, Result};
use std::fmt;

/// The name of a job: letters, digits, `.`, `_` and `-`, the first a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobName(String);

impl JobName {
    /// Takes a text for a name. It becomes part of the names of files and units, and of lines of crontabs.
    ///
    /// # Errors
    /// [`JobError::BadName`].
    pub fn parse(text: &str) -> Result<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.chars().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(JobError::BadName { name: text.to_owned() })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
