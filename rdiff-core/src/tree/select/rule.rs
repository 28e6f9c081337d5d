//! The rules as a user gives them, before they are made ready for a source.

use std::fmt;

use super::Verdict;

/// Does a rule let paths in or keep them out?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sense {
    /// It lets them in.
    Include,
    /// It keeps them out.
    Exclude,
}

/// What ends a line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Separator {
    /// A newline.
    #[default]
    Newline,
    /// A NUL byte.
    Nul,
}

/// The contents of a file of paths or globs.
///
/// Carriage returns that end a line are dropped, empty lines skipped. A line that begins with `+ ` or
/// `- ` includes or excludes, whatever the list does otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct List {
    /// The bytes of the file.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))]
    pub contents: Vec<u8>,
    /// What messages call it: the file name as typed, or `standard input`.
    pub name: String,
    /// What ends a line.
    pub separator: Separator,
}

/// One rule of a selection. Paths in it begin with the source directory. It displays as rdiff-backup calls it, without dashes
/// before it: `exclude /home/ann/**.tmp`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Rule {
    /// `include`, `exclude`: a path or a shell glob.
    ///
    /// Without any of `*?[\` and without `ignorecase:` before it, it is a path: slashes that lead, end or
    /// are doubled do not count. It excludes the path and what is below it, and includes the parents as
    /// well (really, not as Scan, whether the path exists or not).
    ///
    /// A glob matches the path and what is below it; an including one scans the directories that may hold
    /// a match. `**` alone matches all, `?` one byte, `[...]` may match a slash.
    Glob {
        /// Include or exclude.
        sense: Sense,
        /// As typed.
        #[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))]
        pattern: Vec<u8>,
    },
    /// `include-regexp`, `exclude-regexp`: a Python regular expression, searched in the whole path.
    /// It says nothing of parents or contents.
    ///
    /// Look-around and back references work, with a limit of steps; a path on which the limit is reached
    /// is kept: an excluding rule says nothing, an including one includes.
    Regexp {
        /// Include or exclude.
        sense: Sense,
        /// As typed.
        #[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))]
        pattern: Vec<u8>,
    },
    /// `include-filelist`, `exclude-filelist`: paths, none a glob.
    ///
    /// Excluding lines take what is below along, including ones the parents but not the contents. The
    /// order of lines is without meaning: they are sorted. A parent is included only when the line that
    /// follows it in path order includes something below it.
    Filelist {
        /// For lines that do not say themselves.
        sense: Sense,
        /// The lines.
        list: List,
    },
    /// `include-globbing-filelist`, `exclude-globbing-filelist`: each line is a [`Rule::Glob`].
    GlobbingFilelist {
        /// For lines that do not say themselves.
        sense: Sense,
        /// The lines.
        list: List,
    },
    /// Sockets, fifos, devices and symbolic links.
    SpecialFiles(Sense),
    /// Symbolic links.
    SymbolicLinks(Sense),
    /// Block and character devices. (With Include, the original crashes; also for the next three.)
    DeviceFiles(Sense),
    /// Fifos.
    Fifos(Sense),
    /// Sockets.
    Sockets(Sense),
    /// What is not on the device of the root, mount points included.
    OtherFilesystems(Sense),
    /// A directory that holds an entry of that name. With Include also its entries that are no directories.
    IfPresent {
        /// Include or exclude.
        sense: Sense,
        /// The name, which may be a path from the directory.
        #[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))]
        name: Vec<u8>,
    },
    /// Excludes regular files of more bytes. Not 0.
    MaxFileSize(u64),
    /// Excludes regular files of fewer bytes. Not 0.
    MinFileSize(u64),
}

impl Rule {
    /// Lets in what a glob matches: [`Rule::Glob`].
    ///
    /// ```
    /// # use rdiff_core::tree::select::{Rule, Sense};
    /// // Of /home only the letters. The first rule that decides wins.
    /// let rules = [Rule::include("/home/*/letters"), Rule::exclude("/home/*")];
    /// assert_eq!(rules[1], Rule::Glob { sense: Sense::Exclude, pattern: b"/home/*".to_vec() });
    /// ```
    pub fn include(pattern: impl Into<Vec<u8>>) -> Self {
        Rule::Glob { sense: Sense::Include, pattern: pattern.into() }
    }

    /// Keeps out what a glob matches.
    pub fn exclude(pattern: impl Into<Vec<u8>>) -> Self {
        Rule::Glob { sense: Sense::Exclude, pattern: pattern.into() }
    }

    /// The rule's name without the sense, what is typed behind it, and the sense if it has one.
    fn parts(&self) -> (&'static str, Option<String>, Option<Sense>) {
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        match self {
            Rule::Glob { sense, pattern } => ("", text(pattern), Some(*sense)),
            Rule::Regexp { sense, pattern } => ("-regexp", text(pattern), Some(*sense)),
            Rule::Filelist { sense, list } => ("-filelist", Some(list.name.clone()), Some(*sense)),
            Rule::GlobbingFilelist { sense, list } => {
                ("-globbing-filelist", Some(list.name.clone()), Some(*sense))
            }
            Rule::SpecialFiles(sense) => ("-special-files", None, Some(*sense)),
            Rule::SymbolicLinks(sense) => ("-symbolic-links", None, Some(*sense)),
            Rule::DeviceFiles(sense) => ("-device-files", None, Some(*sense)),
            Rule::Fifos(sense) => ("-fifos", None, Some(*sense)),
            Rule::Sockets(sense) => ("-sockets", None, Some(*sense)),
            Rule::OtherFilesystems(sense) => ("-other-filesystems", None, Some(*sense)),
            Rule::IfPresent { sense, name } => ("-if-present", text(name), Some(*sense)),
            Rule::MaxFileSize(size) => ("max-file-size", Some(size.to_string()), None),
            Rule::MinFileSize(size) => ("min-file-size", Some(size.to_string()), None),
        }
    }
}

impl fmt::Display for Rule {
    /// Bytes that are no text are shown as U+FFFD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value, sense) = self.parts();
        f.write_str(match sense {
            Some(Sense::Include) => "include",
            Some(Sense::Exclude) => "exclude",
            None => "",
        })?;
        f.write_str(name)?;
        value.map_or(Ok(()), |value| write!(f, " {value}"))
    }
}

impl Sense {
    /// What a matching rule says.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Sense::Include => Verdict::Include,
            Sense::Exclude => Verdict::Exclude,
        }
    }
}

impl List {
    /// The lines that are not empty, each with its number, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let separator = match self.separator {
            Separator::Newline => b'\n',
            Separator::Nul => 0,
        };
        let lines = self.contents.split(move |&b| b == separator).enumerate();
        lines
            .map(|(i, line)| {
                (i + 1, &line[..line.iter().rposition(|&b| b != b'\r').map_or(0, |end| end + 1)])
            })
            .filter(|(_, line)| !line.is_empty())
    }
}

/// A line without its `+ ` or `- `, and what it does.
pub(super) fn line_sense(line: &[u8], sense: Sense) -> (&[u8], Sense) {
    match line {
        [b'+', b' ', rest @ ..] => (rest, Sense::Include),
        [b'-', b' ', rest @ ..] => (rest, Sense::Exclude),
        _ => (line, sense),
    }
}
