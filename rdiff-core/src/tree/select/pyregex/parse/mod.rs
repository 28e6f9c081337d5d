//! Reads Python's syntax.

mod escapes;
mod groups;

use std::collections::HashMap;

use super::{Greed, MAX_DEPTH, Node, PatternError, Place};
use crate::tree::select::bytes::ByteSet;

type Result<T> = std::result::Result<T, PatternError>;

/// Reads a whole pattern.
pub(super) fn parse(pattern: &[u8]) -> Result<Node> {
    let mut parser = Parser::new(pattern);
    let node = parser.alternatives(&mut Flags::default())?;
    if parser.peek().is_some() {
        return parser.fail("a `)` without `(`");
    }
    match parser.conditions.iter().find(|&&(group, _)| group >= parser.groups.len()) {
        Some(&(_, at)) => Err(PatternError { what: "no such group".into(), at }),
        None => Ok(node),
    }
}

/// The flags in force.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    verbose: bool,
}

impl Flags {
    fn set(&mut self, letter: u8, on: bool) {
        match letter {
            b'i' => self.ignore_case = on,
            b'm' => self.multi_line = on,
            b's' => self.dot_all = on,
            b'x' => self.verbose = on,
            _ => {}
        }
    }
}

/// The fewest and the most bytes a part can match.
type Width = (u64, u64);

struct Parser<'p> {
    pattern: &'p [u8],
    at: usize,
    depth: usize,
    /// For each group its width, or nothing while it is open. Group 0 is never referred to.
    groups: Vec<Option<Width>>,
    names: HashMap<&'p [u8], usize>,
    /// Groups named in conditions, which may come later, and where.
    conditions: Vec<(usize, usize)>,
    /// Inside a look-behind: the number of groups before it.
    behind: Option<usize>,
}

impl<'p> Parser<'p> {
    fn new(pattern: &'p [u8]) -> Self {
        Self {
            pattern,
            at: 0,
            depth: 0,
            groups: vec![None],
            names: HashMap::new(),
            conditions: Vec::new(),
            behind: None,
        }
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T> {
        Err(PatternError { what: what.into(), at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn take_while(&mut self, at_most: usize, keep: impl Fn(u8) -> bool) -> &'p [u8] {
        let rest = &self.pattern[self.at..];
        let len = rest.iter().take(at_most).take_while(|&&b| keep(b)).count();
        self.at += len;
        &rest[..len]
    }

    /// Branches separated by `|`, up to a `)` or the end.
    fn alternatives(&mut self, flags: &mut Flags) -> Result<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("groups nested too deep");
        }
        let mut branches = vec![self.sequence(flags, self.depth == 1)?];
        while self.eat(b'|') {
            branches.push(self.sequence(flags, false)?);
        }
        self.depth -= 1;
        Ok(match branches.pop() {
            Some(only) if branches.is_empty() => only,
            last => Node::Alternatives(branches.into_iter().chain(last).collect()),
        })
    }

    /// One branch. Only the very first of a pattern may begin with global flags.
    fn sequence(&mut self, flags: &mut Flags, first: bool) -> Result<Node> {
        let mut parts: Vec<Node> = Vec::new();
        while let Some(byte) = self.peek() {
            if matches!(byte, b'|' | b')') {
                break;
            }
            self.at += 1;
            match byte {
                _ if flags.verbose && is_space(byte) => {}
                b'#' if flags.verbose => {
                    self.take_while(usize::MAX, |b| b != b'\n');
                    self.eat(b'\n');
                }
                b'*' | b'+' | b'?' | b'{' => match self.bounds(byte)? {
                    Some((min, max)) => self.repeat(&mut parts, min, max)?,
                    None => parts.push(literal(byte, *flags)),
                },
                b'\\' => parts.push(self.escape(*flags)?),
                b'[' => parts.push(Node::Set(self.class(*flags)?)),
                b'.' if flags.dot_all => parts.push(Node::Set(ByteSet::NONE.not())),
                b'.' => parts.push(Node::Set(ByteSet::one(b'\n').not())),
                b'^' if flags.multi_line => parts.push(Node::Place(Place::LineStart)),
                b'^' => parts.push(Node::Place(Place::Start)),
                b'$' if flags.multi_line => parts.push(Node::Place(Place::LineEnd)),
                b'$' => parts.push(Node::Place(Place::EndOrLastNewline)),
                b'(' => parts.extend(self.group(flags, first && parts.is_empty())?),
                _ => parts.push(literal(byte, *flags)),
            }
        }
        Ok(match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => Node::Concat(parts.into_iter().chain(last).collect()),
        })
    }

    /// How often to repeat, after `*`, `+`, `?` or `{`. Nothing if the brace is but a brace.
    fn bounds(&mut self, byte: u8) -> Result<Option<(u32, Option<u32>)>> {
        match byte {
            b'*' => return Ok(Some((0, None))),
            b'+' => return Ok(Some((1, None))),
            b'?' => return Ok(Some((0, Some(1)))),
            _ => {}
        }
        let after_brace = self.at;
        if self.peek() == Some(b'}') {
            return Ok(None);
        }
        let low = self.take_while(usize::MAX, |b| b.is_ascii_digit());
        let high = if self.eat(b',') { self.take_while(usize::MAX, |b| b.is_ascii_digit()) } else { low };
        if !self.eat(b'}') {
            self.at = after_brace;
            return Ok(None);
        }
        let (min, max) = (self.count(low)?.unwrap_or(0), self.count(high)?);
        if max.is_some_and(|max| max < min) {
            return self.fail("a repetition with the larger number first");
        }
        Ok(Some((min, max)))
    }

    fn count(&self, digits: &[u8]) -> Result<Option<u32>> {
        if digits.is_empty() {
            return Ok(None);
        }
        match decimal(digits).and_then(|n| u32::try_from(n).ok()) {
            Some(n) => Ok(Some(n)),
            None => self.fail("a repetition too large"),
        }
    }

    /// Repeats the last part.
    fn repeat(&mut self, parts: &mut Vec<Node>, min: u32, max: Option<u32>) -> Result<()> {
        match parts.pop() {
            None | Some(Node::Place(_)) => self.fail("nothing to repeat"),
            Some(Node::Repeat { .. }) => self.fail("a repetition of a repetition"),
            Some(node) => {
                let greed = if self.eat(b'?') {
                    Greed::Lazy
                } else if self.eat(b'+') {
                    Greed::Possessive
                } else {
                    Greed::Greedy
                };
                parts.push(Node::Repeat { node: Box::new(node), min, max, greed });
                Ok(())
            }
        }
    }

    /// The fewest and the most bytes a node can match.
    fn width(&self, node: &Node) -> Width {
        let either = |a: Width, b: Width| (a.0.min(b.0), a.1.max(b.1));
        match node {
            Node::Set(_) => (1, 1),
            Node::Concat(parts) => parts
                .iter()
                .map(|part| self.width(part))
                .fold((0, 0), |a, b| (a.0.saturating_add(b.0), a.1.saturating_add(b.1))),
            Node::Alternatives(parts) => {
                parts.iter().map(|part| self.width(part)).reduce(either).unwrap_or((0, 0))
            }
            Node::Repeat { node, min, max, .. } => {
                let (low, high) = self.width(node);
                let most = max.map_or(u64::MAX, u64::from);
                (low.saturating_mul(u64::from(*min)), high.saturating_mul(most))
            }
            Node::Capture(node) | Node::Atomic(node) => self.width(node),
            Node::BackReference { group, .. } => {
                self.groups.get(*group).copied().flatten().unwrap_or((0, u64::MAX))
            }
            Node::Condition { yes, no, .. } => either(self.width(yes), self.width(no)),
            Node::Look { .. } | Node::Place(_) => (0, 0),
        }
    }
}

fn literal(byte: u8, flags: Flags) -> Node {
    let set = ByteSet::one(byte);
    Node::Set(if flags.ignore_case { set.fold_case() } else { set })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
