//! How much a message matters.

/// How much a message matters. The number is the verbosity that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The action, or a part of it, failed.
    Error = 1,
    /// Something to know.
    Warning = 2,
    /// Something to know if all is well.
    Note = 3,
    /// One for each file.
    Info = 5,
    /// For those who read the code.
    Debug = 8,
}

impl Level {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }

    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Level::Error => "ERROR:",
            Level::Warning => "WARNING:",
            Level::Note => "NOTE:",
            Level::Info => "*",
            Level::Debug => "DEBUG:",
        }
    }
}
