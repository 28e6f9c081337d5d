//! What can be odd or wrong in rules.

use super::bytes::Quoted;
use std::fmt;

/// Something odd in the rules that does not stop the job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A line of a list that is not in the source. It is ignored.
    OffSource {
        /// The line, without `+ ` or `- `.
        line: Vec<u8>,
        /// The list.
        list: String,
        /// The source.
        base: Vec<u8>,
    },
    /// More such lines of the same list are not reported.
    NoMoreWarnings,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::OffSource { line, list, base } => {
                write!(f, "{} in {list} is not in the source {}, and is ignored", Quoted(line), Quoted(base))
            }
            Warning::NoMoreWarnings => {
                f.write_str("more lines that are not in the source are ignored without a word")
            }
        }
    }
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The last rule can only include, which is the default anyway.
    #[error(
        "the last rule, {rule}, only includes, but what no rule excludes is taken anyway; put one behind it that \
         excludes '**' to take nothing else"
    )]
    LastOnlyIncludes {
        /// The rule in words, and of a list its line.
        rule: String,
    },
    /// A path or glob that does not reach the source.
    #[error(
        "{} matches nothing in {base}; a path or pattern begins with that, as typed, or with '**'",
        Quoted(spec),
        base = Quoted(base)
    )]
    CannotMatch {
        /// The path or glob.
        spec: Vec<u8>,
        /// The source.
        base: Vec<u8>,
    },
    /// `//` in a glob, before its first `**`.
    #[error("the glob {} has two slashes in a row, so it matches nothing; write one", Quoted(glob))]
    ConsecutiveSlashes {
        /// The glob.
        glob: Vec<u8>,
    },
    /// A size of 0.
    #[error("the largest or smallest size of files is 1 byte or more, and not {size}")]
    FileSize {
        /// The size.
        size: u64,
    },
    /// A glob with a bad range in brackets, or too large to compile.
    #[error("the glob {} cannot be used: {why}", Quoted(glob))]
    Glob {
        /// As typed.
        glob: Vec<u8>,
        /// What is wrong.
        why: String,
    },
    /// A bad regular expression.
    #[error("the regular expression {} cannot be used: {why}", Quoted(pattern))]
    Regexp {
        /// As typed.
        pattern: Vec<u8>,
        /// What is wrong, and where.
        why: String,
    },
}
