//! Regular expressions as Python reads them in a pattern of bytes, searched anywhere in a path.
//!
//! [`parse`] reads Python's syntax into a tree with all flags resolved; [`mod@write`] prints it for the regex
//! crate, which is linear in the length of the path. Four things it cannot do: look-around, back
//! references, conditions and atomic (possessive) parts, and `$` with more to match behind it. Only a
//! pattern that has one goes to a backtracking engine, whose steps are limited.
//!
//! As in Python 3.11: classes and word boundaries are ASCII, `$` also matches before a newline that ends
//! the path, `.` is no newline, `{,n}` begins at zero, global flags stand only at the start, look-behind
//! has a fixed width. What differs: `(?L)` is accepted and does nothing, and a pattern nested deeper than
//! [`MAX_DEPTH`] or with repetitions too large to compile is an error.

mod parse;
mod write;

use super::bytes::ByteSet;

/// How deep groups may be nested.
const MAX_DEPTH: usize = 100;
/// Steps of the backtracking engine on one path.
const MAX_STEPS: usize = 5_000_000;

/// Why a regular expression cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at position {at}")]
pub(crate) struct PatternError {
    what: String,
    at: usize,
}

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(crate) struct PyRegex(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Linear(regex::bytes::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// The backtracking engine used up its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GaveUp;

impl PyRegex {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        Self::of(&parse::parse(pattern)?)
    }

    /// Compiles a pattern that matches from the first byte on or not at all.
    pub(crate) fn at_start(pattern: &[u8]) -> Result<Self, PatternError> {
        Self::of(&Node::Concat(vec![Node::Place(Place::Start), parse::parse(pattern)?]))
    }

    fn of(node: &Node) -> Result<Self, PatternError> {
        let refused = |e: &dyn std::error::Error| PatternError { what: e.to_string(), at: 0 };
        let engine = match write::linear(node) {
            Some(text) => {
                let built = regex::bytes::RegexBuilder::new(&text).unicode(false).nest_limit(1000).build();
                Engine::Linear(built.map_err(|e| refused(&e))?)
            }
            None => {
                let built = fancy_regex::RegexBuilder::new(&write::backtracking(node))
                    .bytes_mode(fancy_regex::BytesMode::Ascii)
                    .optimize(false)
                    .backtrack_limit(MAX_STEPS)
                    .max_prog_size(100_000)
                    .build();
                Engine::Backtracking(Box::new(built.map_err(|e| refused(&e))?))
            }
        };
        Ok(Self(engine))
    }

    /// Does it match anywhere in the path?
    pub(crate) fn search(&self, path: &[u8]) -> Result<bool, GaveUp> {
        match &self.0 {
            Engine::Linear(regex) => Ok(regex.is_match(path)),
            Engine::Backtracking(regex) => regex.is_match(path).map_err(|_| GaveUp),
        }
    }
}

/// A pattern, with flags resolved: case is in the sets, `.` is a set, `^` and `$` are of one kind.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Set(ByteSet),
    Concat(Vec<Node>),
    Alternatives(Vec<Node>),
    Repeat { node: Box<Node>, min: u32, max: Option<u32>, greed: Greed },
    Capture(Box<Node>),
    Atomic(Box<Node>),
    Look { node: Box<Node>, behind: bool, negated: bool },
    BackReference { group: usize, ignore_case: bool },
    Condition { group: usize, yes: Box<Node>, no: Box<Node> },
    Place(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

/// What matches between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    LineStart,
    End,
    EndOrLastNewline,
    LineEnd,
    WordBoundary,
    NoWordBoundary,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, path: &[u8]) -> bool {
        PyRegex::new(pattern.as_bytes()).unwrap_or_else(|e| panic!("{pattern}: {e}")).search(path).unwrap()
    }

    #[test]
    fn python_syntax_means_what_python_says() {
        for (pattern, path, expected) in [
            (r"txt$", &b"a/b.txt"[..], true),
            (r"txt$", b"a/b.txt\n", true),
            (r"txt\Z", b"a/b.txt\n", false),
            (r"(?m)b$", b"a/b\nc", true),
            (r"a.b", b"a\nb", false),
            (r"(?s)a.b", b"a\nb", true),
            (r"(?P<q>a|b)(?P=q)", b"xaax", true),
            (r"(?P<q>a|b)(?P=q)", b"xabx", false),
            (r"(?i:A)b", b"ab", true),
            (r"(?i:A)b", b"aB", false),
            (r"^a{,2}$", b"aaa", false),
            (r"a{,2", b"a{,2", true),
            (r"a{}", b"a{}", true),
            (r"\101\x42\0?", b"AB", true),
            (r"^\w$", b"\xe9", false),
            (r"^[^\w]{2}$", "é".as_bytes(), true),
            (r"é", "é".as_bytes(), true),
            (r"(?x) a b # c", b"ab", true),
            (r"[]a]\[", b"][", true),
            (r"[\b]", b"\x08", true),
            (r"^/home/(?!bob/)", b"/home/eve/x", true),
            (r"^/home/(?!bob/)", b"/home/bob/x", false),
            (r"(?<=a)b", b"ab", true),
            (r"(?>a*)ab", b"aaab", false),
            (r"a*+ab", b"aaab", false),
            (r"^(<)?a(?(1)>|!)$", b"<a>", true),
            (r"^(<)?a(?(1)>|!)$", b"<a!", false),
            (r"a$\n", b"a\n", true),
            (r"(?:a$|b)c", b"bc", true),
            (r"(?i)[^a]", b"A", false),
            (r"(?i)(a)\1", b"aA", true),
        ] {
            assert_eq!(found(pattern, path), expected, "{pattern} in {:?}", String::from_utf8_lossy(path));
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for pattern in [
            "(",
            ")",
            "[",
            "[z-a]",
            "*",
            "a**",
            "a{2,1}",
            "^*",
            r"\",
            r"\q",
            r"\1",
            r"(\1)",
            r"\x4",
            r"[\400]",
            "a(?i)b",
            "(?i",
            "(?u)a",
            "(?-i)a",
            "(?P<1>a)",
            "(?P<a>b)(?P<a>c)",
            "(?P=x)",
            "(?<a>b)",
            "(?<=a*)b",
            "(?(1)a)",
            "()(?(1)a|b|c)",
            "(?#a",
            "(?P>a)",
            r"\u0041",
            r"[a-\d]",
            r"\8",
        ] {
            assert!(PyRegex::new(pattern.as_bytes()).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_an_error_or_gives_up_but_ends() {
        let deep = "(".repeat(100_000) + &")".repeat(100_000);
        assert!(PyRegex::new(deep.as_bytes()).is_err());
        assert!(PyRegex::new(b"((((a{1000}){1000}){1000}){1000})").is_err());
        let slow = PyRegex::new(b"^(?=a)(a|aa|a|aa)*\\1$").unwrap();
        assert_eq!(slow.search(&[b"a".repeat(200), b"b".to_vec()].concat()), Err(GaveUp));
    }

    #[test]
    fn ordinary_patterns_go_to_the_linear_engine() {
        for pattern in [r"\.(o|a)$", r"(^|/)core(\.\d+)?$", r"(?i)\bcache\b", r"^(?:a$|b\Z)", "a*?b+?"] {
            assert!(matches!(PyRegex::new(pattern.as_bytes()).unwrap().0, Engine::Linear(_)), "{pattern}");
        }
    }
}
