//! What stands in parentheses: groups, looks ahead and behind, conditions, flags.

use super::{Flags, MAX_DEPTH, Node, Parser, Result, decimal};

impl<'p> Parser<'p> {
    /// A group, after its `(`. A comment or global flags leave nothing.
    pub(super) fn group(&mut self, flags: &mut Flags, at_start: bool) -> Result<Option<Node>> {
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
}

/// A group that only groups: a repetition or place in it can be repeated again.
fn keep_apart(node: Node) -> Node {
    Node::Alternatives(vec![node])
}
