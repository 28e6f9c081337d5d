//! Reads Python's syntax.

use std::collections::HashMap;

use super::super::bytes::ByteSet;
use super::{Greed, MAX_DEPTH, Node, PatternError, Place};

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

    /// What follows a backslash outside a class.
    fn escape(&mut self, flags: Flags) -> Result<Node> {
        let Some(byte) = self.next() else { return self.fail("a backslash at the end") };
        let place = match byte {
            b'A' => Some(Place::Start),
            b'Z' => Some(Place::End),
            b'b' => Some(Place::WordBoundary),
            b'B' => Some(Place::NoWordBoundary),
            _ => None,
        };
        if let Some(place) = place {
            return Ok(Node::Place(place));
        }
        if let Some(set) = category(byte) {
            return Ok(Node::Set(set));
        }
        if matches!(byte, b'1'..=b'9') {
            return self.octal_or_reference(flags);
        }
        if byte == b'0' {
            let digits = self.take_while(2, is_octal);
            return Ok(literal(octal(digits).unwrap_or(0), flags));
        }
        self.escaped_byte(byte).map(|byte| literal(byte, flags))
    }

    /// Three octal digits, or the number of a group. The first digit was read.
    fn octal_or_reference(&mut self, flags: Flags) -> Result<Node> {
        self.at -= 1;
        let three = &self.pattern[self.at..self.pattern.len().min(self.at + 3)];
        if three.len() == 3 && three.iter().all(|&b| is_octal(b)) {
            self.at += 3;
            return match octal(three) {
                Some(byte) => Ok(literal(byte, flags)),
                None => self.fail("an octal number above 377"),
            };
        }
        let digits = self.take_while(2, |b| b.is_ascii_digit());
        self.reference(decimal(digits).unwrap_or(0), flags)
    }

    fn reference(&self, group: usize, flags: Flags) -> Result<Node> {
        match self.groups.get(group) {
            Some(None) => self.fail("a reference to an open group"),
            Some(Some(_)) if self.behind.is_some_and(|before| group >= before) => {
                self.fail("a reference to a group of the same look-behind")
            }
            Some(Some(_)) => Ok(Node::BackReference { group, ignore_case: flags.ignore_case }),
            None => self.fail("no such group"),
        }
    }

    /// The byte behind `\n`, `\xHH` or a backslash before punctuation.
    fn escaped_byte(&mut self, byte: u8) -> Result<u8> {
        Ok(match byte {
            b'a' => 7,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'x' => {
                let digits = self.take_while(2, |b| b.is_ascii_hexdigit());
                if digits.len() < 2 {
                    return self.fail("an incomplete `\\x`");
                }
                digits.iter().fold(0, |n, &d| n * 16 + char::from(d).to_digit(16).unwrap_or(0) as u8)
            }
            _ if byte.is_ascii_alphanumeric() => {
                return self.fail(format!("a bad escape `\\{}`", char::from(byte)));
            }
            _ => byte,
        })
    }

    /// A class, after its `[`.
    fn class(&mut self, flags: Flags) -> Result<ByteSet> {
        let negated = self.eat(b'^');
        let mut set = ByteSet::NONE;
        let mut first = true;
        loop {
            if !first && self.eat(b']') {
                break;
            }
            first = false;
            let low = self.class_member()?;
            let is_range = self.peek() == Some(b'-') && self.pattern.get(self.at + 1) != Some(&b']');
            if !is_range {
                set = set.or(low.set());
                continue;
            }
            self.at += 1;
            match (low, self.class_member()?) {
                (Member::Byte(low), Member::Byte(high)) if low <= high => {
                    set = set.or(ByteSet::range(low, high));
                }
                _ => return self.fail("a bad range of characters"),
            }
        }
        let set = if flags.ignore_case { set.fold_case() } else { set };
        Ok(if negated { set.not() } else { set })
    }

    fn class_member(&mut self) -> Result<Member> {
        let Some(byte) = self.next() else { return self.fail("a `[` without `]`") };
        if byte != b'\\' {
            return Ok(Member::Byte(byte));
        }
        let Some(byte) = self.next() else { return self.fail("a backslash at the end") };
        if let Some(set) = category(byte) {
            return Ok(Member::Category(set));
        }
        Ok(Member::Byte(match byte {
            b'b' => 8,
            _ if is_octal(byte) => {
                self.at -= 1;
                let digits = self.take_while(3, is_octal);
                match octal(digits) {
                    Some(byte) => byte,
                    None => return self.fail("an octal number above 377"),
                }
            }
            _ => self.escaped_byte(byte)?,
        }))
    }

    /// A group, after its `(`. A comment or global flags leave nothing.
    fn group(&mut self, flags: &mut Flags, at_start: bool) -> Result<Option<Node>> {
        if !self.eat(b'?') {
            return self.capture(None, *flags).map(Some);
        }
        let Some(byte) = self.next() else { return self.fail("an unfinished group") };
        match byte {
            b':' => self.inner(*flags).map(|node| Some(keep_apart(node))),
            b'#' => {
                self.take_while(usize::MAX, |b| b != b')');
                self.close().map(|()| None)
            }
            b'P' => self.named(*flags).map(Some),
            b'=' | b'!' => self.look(false, byte == b'!', *flags).map(Some),
            b'<' => match self.next() {
                Some(byte @ (b'=' | b'!')) => self.look(true, byte == b'!', *flags).map(Some),
                _ => self.fail("an unknown kind of group"),
            },
            b'>' => self.inner(*flags).map(|node| Some(Node::Atomic(Box::new(node)))),
            b'(' => self.condition(*flags).map(Some),
            _ if byte == b'-' || byte.is_ascii_alphabetic() => {
                self.at -= 1;
                self.flags(flags, at_start)
            }
            _ => self.fail("an unknown kind of group"),
        }
    }

    /// What is inside a group, up to and with its `)`.
    fn inner(&mut self, mut flags: Flags) -> Result<Node> {
        let node = self.alternatives(&mut flags)?;
        self.close().map(|()| node)
    }

    fn close(&mut self) -> Result<()> {
        if self.eat(b')') { Ok(()) } else { self.fail("a `(` without `)`") }
    }

    fn capture(&mut self, name: Option<&'p [u8]>, flags: Flags) -> Result<Node> {
        let number = self.groups.len();
        self.groups.push(None);
        if name.is_some_and(|name| self.names.insert(name, number).is_some()) {
            return self.fail("a name used twice");
        }
        let node = self.inner(flags)?;
        self.groups[number] = Some(self.width(&node));
        Ok(Node::Capture(Box::new(node)))
    }

    /// `(?P<name>...)` or `(?P=name)`, after the `P`.
    fn named(&mut self, flags: Flags) -> Result<Node> {
        match self.next() {
            Some(b'<') => {
                let name = self.name(b'>')?;
                self.capture(Some(name), flags)
            }
            Some(b'=') => {
                let name = self.name(b')')?;
                match self.names.get(name) {
                    Some(&group) => self.reference(group, flags),
                    None => self.fail("no group of that name"),
                }
            }
            _ => self.fail("an unknown kind of group"),
        }
    }

    fn name(&mut self, end: u8) -> Result<&'p [u8]> {
        let name = self.take_while(usize::MAX, |b| b.is_ascii_alphanumeric() || b == b'_');
        if name.first().is_none_or(u8::is_ascii_digit) || !self.eat(end) {
            return self.fail("a bad name of a group");
        }
        Ok(name)
    }

    fn look(&mut self, behind: bool, negated: bool, flags: Flags) -> Result<Node> {
        let outer = self.behind;
        if behind {
            self.behind.get_or_insert(self.groups.len());
        }
        let node = self.inner(flags)?;
        self.behind = outer;
        let (low, high) = self.width(&node);
        if behind && low != high {
            return self.fail("a look-behind of varying width");
        }
        Ok(Node::Look { node: Box::new(node), behind, negated })
    }

    /// `(?(group)yes|no)`, after the second `(`.
    fn condition(&mut self, flags: Flags) -> Result<Node> {
        let start = self.at;
        let digits = self.take_while(usize::MAX, |b| b.is_ascii_digit());
        let group = if digits.is_empty() {
            let name = self.name(b')')?;
            match self.names.get(name) {
                Some(&group) => group,
                None => return self.fail("no group of that name"),
            }
        } else {
            self.close()?;
            decimal(digits).unwrap_or(usize::MAX)
        };
        if group == 0 {
            return self.fail("a bad number of a group");
        }
        if self.behind.is_some() {
            self.reference(group, flags)?;
        }
        self.conditions.push((group, start));
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("groups nested too deep");
        }
        let mut flags = flags;
        let yes = Box::new(self.sequence(&mut flags, false)?);
        let no = if self.eat(b'|') { self.sequence(&mut flags, false)? } else { Node::Concat(Vec::new()) };
        self.depth -= 1;
        self.close().map(|()| Node::Condition { group, yes, no: Box::new(no) })
    }

    /// `(?i)` for the whole pattern or `(?i-s:...)` for a group, at the first letter.
    fn flags(&mut self, flags: &mut Flags, at_start: bool) -> Result<Option<Node>> {
        let on = self.take_while(usize::MAX, |b| b.is_ascii_alphabetic());
        let off = if self.eat(b'-') {
            Some(self.take_while(usize::MAX, |b| b.is_ascii_alphabetic()))
        } else {
            None
        };
        if on.iter().any(|b| !b"aimsxL".contains(b)) || (on.contains(&b'a') && on.contains(&b'L')) {
            return self.fail("a bad flag");
        }
        if off.is_some_and(|off| off.is_empty() || off.iter().any(|b| !b"imsx".contains(b) || on.contains(b)))
        {
            return self.fail("a bad flag to turn off");
        }
        if self.eat(b':') {
            let mut inner = *flags;
            on.iter().for_each(|&b| inner.set(b, true));
            off.unwrap_or_default().iter().for_each(|&b| inner.set(b, false));
            return self.inner(inner).map(|node| Some(keep_apart(node)));
        }
        if off.is_some() || !at_start {
            return self.fail("flags for the whole pattern that are not at its start");
        }
        self.close()?;
        on.iter().for_each(|&b| flags.set(b, true));
        Ok(None)
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

/// One member of a class.
enum Member {
    Byte(u8),
    Category(ByteSet),
}

impl Member {
    fn set(&self) -> ByteSet {
        match self {
            Member::Byte(byte) => ByteSet::one(*byte),
            Member::Category(set) => *set,
        }
    }
}

/// A group that only groups: a repetition or place in it can be repeated again.
fn keep_apart(node: Node) -> Node {
    Node::Alternatives(vec![node])
}

fn literal(byte: u8, flags: Flags) -> Node {
    let set = ByteSet::one(byte);
    Node::Set(if flags.ignore_case { set.fold_case() } else { set })
}

/// `\d`, `\s`, `\w` and their opposites.
fn category(letter: u8) -> Option<ByteSet> {
    let set = match letter.to_ascii_lowercase() {
        b'd' => ByteSet::range(b'0', b'9'),
        b's' => ByteSet::range(9, 13).or(ByteSet::one(b' ')),
        b'w' => {
            (ByteSet::range(b'a', b'z').fold_case()).or(ByteSet::range(b'0', b'9')).or(ByteSet::one(b'_'))
        }
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { set.not() } else { set })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

fn is_octal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'7')
}

/// Octal digits as a byte; nothing above 377.
fn octal(digits: &[u8]) -> Option<u8> {
    u8::try_from(digits.iter().fold(0u32, |n, &d| n * 8 + u32::from(d - b'0'))).ok()
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
