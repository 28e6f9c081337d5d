//! Prints a pattern for one of the two engines.

use super::{Greed, Node, Place};

/// For the regex crate; nothing if the pattern needs the other engine.
pub(super) fn linear(node: &Node) -> Option<String> {
    let mut out = String::new();
    is_linear(node, true).then(|| write(node, true, &mut out))?;
    Some(out)
}

/// For the backtracking engine. Groups keep their numbers.
pub(super) fn backtracking(node: &Node) -> String {
    let mut out = String::new();
    write(node, false, &mut out);
    out
}

/// Can the regex crate match it? `last`: nothing is matched behind this part.
fn is_linear(node: &Node, last: bool) -> bool {
    match node {
        Node::Set(_) => true,
        Node::Concat(parts) => {
            parts.iter().enumerate().all(|(i, part)| is_linear(part, last && i + 1 == parts.len()))
        }
        Node::Alternatives(parts) => parts.iter().all(|part| is_linear(part, last)),
        Node::Repeat { greed: Greed::Possessive, .. } => false,
        Node::Repeat { node, max, .. } => is_linear(node, last && max.is_some_and(|max| max <= 1)),
        Node::Capture(node) => is_linear(node, last),
        Node::Place(Place::EndOrLastNewline) => last,
        Node::Place(_) => true,
        Node::Atomic(_) | Node::Look { .. } | Node::BackReference { .. } | Node::Condition { .. } => false,
    }
}

/// Appends a node, so that it can be followed or repeated by what comes next.
fn write(node: &Node, linear: bool, out: &mut String) {
    let mut wrapped = |open: &str, node: &Node| {
        *out += open;
        write(node, linear, out);
        *out += ")";
    };
    match node {
        Node::Set(set) => *out += &set.to_string(),
        Node::Concat(parts) => parts.iter().for_each(|part| write(part, linear, out)),
        Node::Alternatives(parts) => {
            for (i, part) in parts.iter().enumerate() {
                *out += if i == 0 { "(?:" } else { "|" };
                write(part, linear, out);
            }
            *out += ")";
        }
        // The engine does not repeat what looks around; asking once or not at all is the same.
        Node::Repeat { max: Some(0), .. } => {}
        Node::Repeat { node, min: 1.., .. } if looks(node) => write(node, linear, out),
        Node::Repeat { node, greed: Greed::Lazy, .. } if looks(node) => wrapped("(?:|", node),
        Node::Repeat { node, greed, .. } if looks(node) => {
            wrapped(if *greed == Greed::Possessive { "(?>(?:" } else { "(?:(?:" }, node);
            *out += "|)";
        }
        Node::Repeat { node, min, max, greed: Greed::Possessive } => {
            let greedy = Node::Repeat { node: node.clone(), min: *min, max: *max, greed: Greed::Greedy };
            wrapped("(?>", &greedy);
        }
        Node::Repeat { node, min, max, greed } => {
            wrapped("(?:", node);
            *out += &match max {
                Some(max) => format!("{{{min},{max}}}"),
                None => format!("{{{min},}}"),
            };
            *out += if *greed == Greed::Lazy { "?" } else { "" };
        }
        Node::Capture(node) => wrapped(if linear { "(?:" } else { "(" }, node),
        Node::Atomic(node) => wrapped("(?>", node),
        Node::Look { node, behind: false, negated: false } => wrapped("(?=", node),
        Node::Look { node, behind: false, negated: true } => wrapped("(?!", node),
        Node::Look { node, behind: true, negated: false } => wrapped("(?<=", node),
        Node::Look { node, behind: true, negated: true } => wrapped("(?<!", node),
        Node::BackReference { group, ignore_case: false } => *out += &format!(r"(?:\{group})"),
        Node::BackReference { group, ignore_case: true } => *out += &format!(r"(?i:\{group})"),
        Node::Condition { group, yes, no } => {
            *out += &format!("(?({group})");
            for (open, branch) in [("(?:", yes), ("|(?:", no)] {
                *out += open;
                write(branch, linear, out);
                *out += ")";
            }
            *out += ")";
        }
        Node::Place(place) => *out += written(*place, linear),
    }
}

/// Does it match no byte, whatever it asks for?
fn looks(node: &Node) -> bool {
    match node {
        Node::Look { .. } | Node::Place(_) => true,
        Node::Repeat { node, .. } => looks(node),
        Node::Concat(parts) | Node::Alternatives(parts) => matches!(&parts[..], [only] if looks(only)),
        _ => false,
    }
}

/// A place. At the very end of a linear pattern, `$` may as well consume the newline.
fn written(place: Place, linear: bool) -> &'static str {
    match place {
        Place::Start => r"\A",
        Place::LineStart => "(?m:^)",
        Place::End => r"\z",
        Place::EndOrLastNewline if linear => r"\n?\z",
        Place::EndOrLastNewline => r"(?=\n?\z)",
        Place::LineEnd => "(?m:$)",
        Place::WordBoundary => r"\b",
        Place::NoWordBoundary => r"\B",
    }
}
