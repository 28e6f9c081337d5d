//! Shell globs over the whole path, source directory included.
//!
//! A glob works on bytes: `?` is one byte, not one character. It also matches everything below what it
//! matches. Its *prefixes*, cut at each slash and at the first `**`, tell which directories may hold a match.

use super::bytes::ByteSet;
use regex::bytes::{Regex, RegexBuilder};

/// Why a glob cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GlobError {
    /// `//` before the first `**`.
    #[error("consecutive slashes")]
    ConsecutiveSlashes,
    /// `[z-a]`.
    #[error("the range {}-{} is backwards", *.0 as char, *.1 as char)]
    BackwardRange(u8, u8),
    /// The engine refuses it.
    #[error("it is too large")]
    TooLarge,
}

/// How a glob sees a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GlobMatch {
    /// The glob matches the path or a directory above it.
    Whole,
    /// Something below the path may match.
    Prefix,
    /// Neither.
    No,
}

/// A compiled glob.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    whole: Regex,
    prefix: Regex,
}

/// The word that makes a glob ignore the case of ASCII letters.
const IGNORE_CASE: &[u8] = b"ignorecase:";

/// Has it special characters? Otherwise it is the name of one path.
pub(super) fn is_glob(text: &[u8]) -> bool {
    text.iter().any(|b| b"*?[\\".contains(b)) || without_marker(text).is_some()
}

impl Glob {
    /// Compiles a glob as typed.
    pub(super) fn new(text: &[u8]) -> Result<Self, GlobError> {
        let ignore_case = without_marker(text).is_some();
        let glob = without_marker(text).unwrap_or(text);
        // The original's `$` also matches before a newline that ends the path.
        let whole = format!(r"\A{}(?:\n?\z|/)", pattern(glob, ignore_case)?);
        let prefixes = prefixes(until_double_star(glob))?
            .iter()
            .map(|prefix| pattern(prefix, ignore_case))
            .collect::<Result<Vec<_>, _>>()?;
        let prefix = format!(r"\A(?:{})\n?\z", prefixes.join("|"));
        Ok(Self { whole: compile(&whole)?, prefix: compile(&prefix)? })
    }

    /// Matches a path that begins with the source directory.
    pub(super) fn matches(&self, path: &[u8]) -> GlobMatch {
        if self.whole.is_match(path) {
            GlobMatch::Whole
        } else if self.prefix.is_match(path) {
            GlobMatch::Prefix
        } else {
            GlobMatch::No
        }
    }

    /// Does it match the path, or a directory above it? Cheaper than [`Glob::matches`].
    pub(super) fn matches_whole(&self, path: &[u8]) -> bool {
        self.whole.is_match(path)
    }
}

/// The glob behind `ignorecase:`, if it begins so.
fn without_marker(text: &[u8]) -> Option<&[u8]> {
    let (marker, rest) = text.split_at_checked(IGNORE_CASE.len())?;
    marker.eq_ignore_ascii_case(IGNORE_CASE).then_some(rest)
}

/// The glob up to and including its first `**`.
fn until_double_star(glob: &[u8]) -> &[u8] {
    glob.windows(2).position(|w| w == b"**").map_or(glob, |at| &glob[..at + 2])
}

/// The first component, the first two, and so on. An empty first component is the root directory.
///
/// The cut is made at every slash, even one inside brackets.
fn prefixes(glob: &[u8]) -> Result<Vec<Vec<u8>>, GlobError> {
    let parts: Vec<_> = glob.split(|&b| b == b'/').collect();
    if parts.len() > 2 && parts[1..parts.len() - 1].iter().any(|part| part.is_empty()) {
        return Err(GlobError::ConsecutiveSlashes);
    }
    let mut prefixes: Vec<_> = (1..=parts.len()).map(|n| parts[..n].join(&b'/')).collect();
    if parts[0].is_empty() || matches!(parts[0], [drive, b':'] if drive.is_ascii_alphabetic()) {
        prefixes[0].push(b'/');
    }
    Ok(prefixes)
}

/// The glob in the syntax of the regex crate, without anchors.
fn pattern(glob: &[u8], ignore_case: bool) -> Result<String, GlobError> {
    let fold = |set: ByteSet| if ignore_case { set.fold_case() } else { set };
    let mut out = String::new();
    let mut rest = glob;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => {
                out += &fold(ByteSet::one(after.first().copied().unwrap_or(byte))).to_string();
                rest = after.get(1..).unwrap_or_default();
            }
            b'*' if after.first() == Some(&b'*') => {
                out += "(?s:.)*";
                rest = &after[1..];
            }
            b'*' => out += "[^/]*",
            b'?' => out += "[^/]",
            b'[' => match split_class(after) {
                Some((body, tail)) => {
                    out += &class(body, ignore_case)?.to_string();
                    rest = tail;
                }
                None => out += &ByteSet::one(byte).to_string(),
            },
            _ => out += &fold(ByteSet::one(byte)).to_string(),
        }
    }
    Ok(out)
}

/// What is between a `[` and its `]`, and what follows. A `]` that comes first, or first after the
/// negation, is a member. Without a closing `]` there is no class.
fn split_class(after: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = usize::from(matches!(after.first(), Some(b'!' | b'^')));
    from += usize::from(after.get(from) == Some(&b']'));
    let close = from + after.get(from..)?.iter().position(|&b| b == b']')?;
    Some((&after[..close], &after[close + 1..]))
}

/// The members of a class. A backslash is a member like others, and a class can match `/`.
fn class(body: &[u8], ignore_case: bool) -> Result<ByteSet, GlobError> {
    let negated = matches!(body.first(), Some(b'!' | b'^'));
    let mut rest = &body[usize::from(negated)..];
    let mut set = ByteSet::NONE;
    while let Some((&low, after)) = rest.split_first() {
        if let [b'-', high, tail @ ..] = after {
            if *high < low {
                return Err(GlobError::BackwardRange(low, *high));
            }
            set = set.or(ByteSet::range(low, *high));
            rest = tail;
        } else {
            set.add(low);
            rest = after;
        }
    }
    let set = if ignore_case { set.fold_case() } else { set };
    Ok(if negated { set.not() } else { set })
}

/// Compiles a pattern over bytes.
fn compile(pattern: &str) -> Result<Regex, GlobError> {
    RegexBuilder::new(pattern).unicode(false).build().map_err(|_| GlobError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(glob: &str, path: &str) -> GlobMatch {
        Glob::new(glob.as_bytes()).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn every_special_character_of_a_glob() {
        use GlobMatch::{No, Prefix, Whole};
        for (glob, path, expected) in [
            ("s/*", "s/a", Whole),
            ("s/*", "s/a/b", Whole),
            ("s/*", "s", Prefix),
            ("s/*.o", "s/a/b.o", No),
            ("s/**.o", "s/a/b.o", Whole),
            ("s/**.o", "s/a", Prefix),
            ("**/x", "s/deep/x/y", Whole),
            ("s/?", "s/a", Whole),
            ("s/?", "s/ab", No),
            ("s/??", "s/é", Whole),
            ("s/[ab]", "s/b", Whole),
            ("s/[a-c]", "s/b", Whole),
            ("s/[!a]", "s/b", Whole),
            ("s/[^a]", "s/a", No),
            ("s/[]a]", "s/]", Whole),
            ("s/[!]a]", "s/]", No),
            ("s/[a-]", "s/-", Whole),
            ("s[!x]a", "s/a", Whole),
            (r"s/[\]", r"s/\", Whole),
            ("s/[a", "s/[a", Whole),
            (r"s/\*", "s/*", Whole),
            (r"s/\*", "s/a", No),
            (r"s/a\", r"s/a\", Whole),
            ("s/{a,b}*", "s/a", No),
            ("s/{a,b}*", "s/{a,b}c", Whole),
            ("s/a*/", "s/ab", Prefix),
            ("s/a*/", "s/ab/c", No),
            ("/e*", "/", Prefix),
            ("/e*", "/etc", Whole),
            ("IgnoreCase:S/A?", "s/ab", Whole),
            ("ignorecase:s/[a-c]", "s/B", Whole),
            ("ignorecase:s/[!a-c]", "s/B", No),
            ("s/a?", "s/ab\n", Whole),
        ] {
            assert_eq!(judge(glob, path), expected, "{glob} over {path}");
        }
    }

    #[test]
    fn what_is_no_glob_and_what_no_good_one() {
        assert!(!is_glob(b"src/{a}+$^.()|"));
        assert!(is_glob(b"IGNORECASE:src"));
        assert_eq!(Glob::new(b"s//*").unwrap_err(), GlobError::ConsecutiveSlashes);
        assert_eq!(Glob::new(b"s/[z-a]").unwrap_err(), GlobError::BackwardRange(b'z', b'a'));
        assert!(Glob::new(b"//*").is_err());
        assert!(Glob::new(b"s/**//x").is_ok());
    }
}
