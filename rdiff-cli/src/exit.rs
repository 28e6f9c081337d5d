//! Exit codes: bits, of which a run can set several.

use std::ops::{BitOr, BitOrAssign};
use std::process::ExitCode;

/// What became of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Exit(u8);

impl Exit {
    /// All went well.
    pub const OK: Exit = Exit(0);
    /// The action failed as a whole.
    pub const ERROR: Exit = Exit(1);
    /// The action was done, and there is something to know.
    pub const WARNING: Exit = Exit(2);
    /// Some files could not be dealt with.
    pub const FILE_ERROR: Exit = Exit(4);
    /// Some files differ.
    pub const FILE_WARNING: Exit = Exit(8);

    /// The source is gone or has lost too much to be believed, and the repository was left as it was. It
    /// comes with [`Exit::ERROR`].
    pub const SOURCE_GONE: Exit = Exit(16);

    /// The number.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The bits in words.
    pub fn words(self) -> Vec<&'static str> {
        let bits = [
            (Exit::ERROR, "error"),
            (Exit::WARNING, "warning"),
            (Exit::FILE_ERROR, "file_error"),
            (Exit::FILE_WARNING, "file_warning"),
            (Exit::SOURCE_GONE, "source_gone"),
        ];
        bits.into_iter().filter(|(bit, _)| self.has(*bit)).map(|(_, word)| word).collect()
    }

    /// Does it have all the bits of the other?
    pub fn has(self, bits: Exit) -> bool {
        self.0 & bits.0 == bits.0
    }
}

impl BitOr for Exit {
    type Output = Exit;
    fn bitor(self, other: Exit) -> Exit {
        Exit(self.0 | other.0)
    }
}

impl BitOrAssign for Exit {
    fn bitor_assign(&mut self, other: Exit) {
        self.0 |= other.0;
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_add_up() {
        let exit = Exit::WARNING | Exit::FILE_ERROR;
        assert!(exit.has(Exit::WARNING) && exit.has(Exit::FILE_ERROR));
        assert!(!exit.has(Exit::ERROR) && !exit.has(Exit::ERROR | Exit::WARNING));
        assert!(exit.has(Exit::OK));
        assert_eq!(exit.words(), ["warning", "file_error"]);
    }
}
