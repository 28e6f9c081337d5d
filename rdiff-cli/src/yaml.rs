//! YAML as PyYAML's `safe_dump` writes it: block style, lines of some 80 columns, ASCII only.
//!
//! Scripts read these documents, and some compare them as text; so each choice of quotes and each break
//! of a line is PyYAML's.
//!
//! No package does this: `serde_yaml` is given up by its author, its successors and `yaml-rust2` quote by rules of their
//! own and break no lines, and libyaml in C, or translated to unsafe Rust, has the line breaks but not the half of this file
//! that tells what Python would read as something else than text. And five kinds of value are all that is written here; nothing is read.

/// What a document can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping; its keys are written in order of the alphabet. They must be plain words.
    Map(Vec<(&'static str, Value)>),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into())
    }
}

/// Columns after which a line is broken at its next space.
const WIDTH: usize = 80;

/// Writes a document with its start and its end marked.
pub fn document(value: &Value) -> String {
    let mut out = Writer { text: "---".to_owned(), column: 3 };
    match value {
        Value::List(items) if !items.is_empty() => {
            out.line(0);
            out.list(items, 0);
        }
        Value::Map(entries) if !entries.is_empty() => {
            out.line(0);
            out.map(entries, 0);
        }
        other => {
            out.push(" ");
            out.node(other, 0);
        }
    }
    out.text + "\n...\n"
}

struct Writer {
    text: String,
    column: usize,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    /// A value behind `key:` or `-`, of a collection that is indented so far.
    fn node(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.push("null"),
            Value::Number(n) => self.push(&n.to_string()),
            Value::Text(text) => self.scalar(text, indent + 2),
            Value::List(items) if items.is_empty() => self.push("[]"),
            Value::List(items) => self.list(items, indent),
            Value::Map(entries) if entries.is_empty() => self.push("{}"),
            Value::Map(entries) => self.map(entries, indent),
        }
    }

    fn list(&mut self, items: &[Value], indent: usize) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.line(indent);
            }
            self.push("- ");
            let deeper = if matches!(item, Value::Map(_) | Value::List(_)) { indent + 2 } else { indent };
            self.node(item, deeper);
        }
    }

    fn map(&mut self, entries: &[(&'static str, Value)], indent: usize) {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        for (i, (key, value)) in entries.into_iter().enumerate() {
            if i > 0 {
                self.line(indent);
            }
            self.push(key);
            self.push(":");
            match value {
                Value::List(items) if !items.is_empty() => {
                    self.line(indent);
                    self.list(items, indent);
                }
                Value::Map(entries) if !entries.is_empty() => {
                    self.line(indent + 2);
                    self.map(entries, indent + 2);
                }
                _ => {
                    self.push(" ");
                    self.node(value, indent);
                }
            }
        }
    }

    fn scalar(&mut self, text: &str, indent: usize) {
        let chars: Vec<char> = text.chars().collect();
        match style(&chars, text) {
            Style::Plain => self.plain(&chars, indent),
            Style::Single => self.single(&chars, indent),
            Style::Double => self.double(&chars, indent),
        }
    }

    /// Words and spaces as they are; one single space at the end of a long line becomes a break.
    fn plain(&mut self, chars: &[char], indent: usize) {
        for run in runs(chars, |c| c == ' ') {
            if run == [' '] && self.column > WIDTH {
                self.line(indent);
            } else {
                self.push(&run.iter().collect::<String>());
            }
        }
    }

    fn single(&mut self, chars: &[char], indent: usize) {
        self.push("'");
        let mut done = 0;
        for run in runs(chars, |c| c == ' ' || c == '\n') {
            let at_edge = done == 0 || done + run.len() == chars.len();
            done += run.len();
            if run == [' '] && self.column > WIDTH && !at_edge {
                self.line(indent);
            } else if run[0] == '\n' {
                // The first break of a run is a space when it is read, so it is written twice.
                self.text.extend(std::iter::repeat_n('\n', run.len()));
                self.line(indent);
            } else {
                self.push(&run.iter().collect::<String>().replace('\'', "''"));
            }
        }
        self.push("'");
    }

    fn double(&mut self, chars: &[char], indent: usize) {
        self.push("\"");
        // As in the original: plain characters wait in `start..end`, and a break comes only between.
        let mut start = 0;
        for end in 0..=chars.len() {
            let c = chars.get(end).copied();
            if c.is_none_or(|c| c == '"' || c == '\\' || !(' '..='~').contains(&c)) {
                self.push(&chars[start..end].iter().collect::<String>());
                start = end;
                if let Some(c) = c {
                    self.push(&escape(c));
                    start = end + 1;
                }
            }
            // An escaped character has been written, and `start` is behind it.
            let column = (self.column + end).saturating_sub(start);
            let may_break = c == Some(' ') || start >= end;
            if 0 < end && end + 1 < chars.len() && may_break && column > WIDTH {
                self.push(&chars[start.min(end)..end].iter().collect::<String>());
                self.push("\\");
                start = start.max(end);
                self.line(indent);
                if chars.get(start) == Some(&' ') {
                    self.push("\\");
                }
            }
        }
        self.push("\"");
    }
}

/// Cuts into runs of characters that are alike: a run of one of the separators, or a run of others.
fn runs(chars: &[char], separator: impl Fn(char) -> bool) -> impl Iterator<Item = &[char]> {
    chars.chunk_by(move |&a, &b| separator(a) == separator(b) && (a == b || !separator(a)))
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => "0",
        '\x07' => "a",
        '\x08' => "b",
        '\t' => "t",
        '\n' => "n",
        '\x0B' => "v",
        '\x0C' => "f",
        '\r' => "r",
        '\x1B' => "e",
        '"' => "\"",
        '\\' => "\\",
        '\u{85}' => "N",
        '\u{A0}' => "_",
        '\u{2028}' => "L",
        '\u{2029}' => "P",
        _ => "",
    };
    let mut text = format!("\\{short}");
    if short.is_empty() {
        let code = u32::from(c);
        text += &match code {
            0..=0xFF => format!("x{code:02X}"),
            0x100..=0xFFFF => format!("u{code:04X}"),
            _ => format!("U{code:08X}"),
        };
    }
    text
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
}

/// Which quotes a text needs.
fn style(chars: &[char], text: &str) -> Style {
    let (Some(&first), Some(&last)) = (chars.first(), chars.last()) else { return Style::Single };
    let pair = |a: char, b: char| chars.windows(2).any(|w| w == [a, b]);
    if chars.iter().any(|&c| c != '\n' && !(' '..='~').contains(&c)) || pair(' ', '\n') {
        return Style::Double;
    }
    if pair('\n', ' ') {
        return Style::Double;
    }
    let edges = [' ', '\n'];
    let plain = !chars.contains(&'\n')
        && !edges.contains(&first)
        && !edges.contains(&last)
        && !has_indicators(chars, text)
        && !means_something_else(text);
    if plain { Style::Plain } else { Style::Single }
}

/// Does it hold something that has a meaning in block style?
fn has_indicators(chars: &[char], text: &str) -> bool {
    let ends_word = |i: usize| chars.get(i + 1).is_none_or(|&c| c == ' ' || c == '\n');
    let first = chars[0];
    text.starts_with("---")
        || text.starts_with("...")
        || "#,[]{}&*!|>'\"%@`".contains(first)
        || ("?:-".contains(first) && ends_word(0))
        || (1..chars.len()).any(|i| match chars[i] {
            ':' => ends_word(i),
            '#' => chars[i - 1] == ' ',
            _ => false,
        })
}

/// Would it be read as a number, a truth, a date or nothing, rather than as text?
fn means_something_else(text: &str) -> bool {
    const WORDS: [&str; 11] = ["yes", "no", "true", "false", "on", "off", "null", "~", "=", "<<", "!"];
    let lower = text.to_ascii_lowercase();
    let one_case = text == lower || text == text.to_ascii_uppercase() || is_capitalized(text);
    (one_case && WORDS.contains(&lower.as_str())) || is_integer(text) || is_float(text) || is_timestamp(text)
}

fn is_capitalized(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase()) && chars.all(|c| !c.is_ascii_uppercase())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn digit_or_underscore(b: u8) -> bool {
    b.is_ascii_digit() || b == b'_'
}

fn starts_with_digit(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

fn is_integer(text: &str) -> bool {
    let text = unsigned(text);
    let rest = |prefix: &str| text.strip_prefix(prefix).unwrap_or_default();
    let first_not_zero = text.as_bytes().first().is_some_and(|b| (b'1'..=b'9').contains(b));
    text == "0"
        || all(rest("0b"), |b| matches!(b, b'0' | b'1' | b'_'))
        || all(rest("0x"), |b| b.is_ascii_hexdigit() || b == b'_')
        || all(rest("0"), |b| matches!(b, b'0'..=b'7' | b'_'))
        || (first_not_zero && (all(text, digit_or_underscore) || is_sexagesimal(text)))
}

/// `190:20:30`
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next().is_some_and(|p| all(p, digit_or_underscore))
        && text.contains(':')
        && parts.all(|p| match p.as_bytes() {
            [b] => b.is_ascii_digit(),
            [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
            _ => false,
        })
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let signed = text;
    let text = unsigned(text);
    if matches!(text, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let Some((whole, rest)) = text.split_once('.') else { return false };
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let good_exponent =
        exponent.is_none_or(|e| e.starts_with(['-', '+']) && all(&e[1..], |b| b.is_ascii_digit()));
    let good_fraction = fraction.bytes().all(digit_or_underscore);
    if whole.is_empty() {
        // `.5`, which takes no sign.
        return signed.len() == text.len() && good_fraction && starts_with_digit(fraction) && good_exponent;
    }
    if !starts_with_digit(whole) || !good_fraction {
        return false;
    }
    (all(whole, digit_or_underscore) && good_exponent) || (exponent.is_none() && is_sexagesimal(whole))
}

/// `2023-11-14`, or with a time of day.
fn is_timestamp(text: &str) -> bool {
    let digits = |t: &str, least: usize, most: usize| {
        (least..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())
    };
    let date = |t: &str, least: usize| {
        let parts: Vec<&str> = t.split('-').collect();
        matches!(parts[..], [y, m, d] if digits(y, 4, 4) && digits(m, least, 2) && digits(d, least, 2))
    };
    if date(text, 2) {
        return true;
    }
    let Some(at) = text.find(['T', 't', ' ', '\t']) else { return false };
    let clock = if text[at..].starts_with(['T', 't']) { &text[at + 1..] } else { text[at..].trim_start() };
    date(&text[..at], 1) && is_clock(clock)
}

/// `22:13:20`, with a fraction and a zone, or without.
fn is_clock(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let parts: Vec<&str> = text[..end].split(':').collect();
    let [h, m, s] = parts[..] else { return false };
    let mut rest = &text[end..];
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let zone = rest.trim_start_matches([' ', '\t']);
    let offset = zone.strip_prefix(['-', '+']).is_some_and(|o| {
        let (hours, minutes) = o.split_once(':').unwrap_or((o, "00"));
        (1..=2).contains(&hours.len())
            && minutes.len() == 2
            && (hours.to_owned() + minutes).bytes().all(|b| b.is_ascii_digit())
    });
    (1..=2).contains(&h.len()) && m.len() == 2 && s.len() == 2 && (rest.is_empty() || zone == "Z" || offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PyYAML 6.0 writes for the same texts.
    #[test]
    fn each_text_has_the_quotes_it_needs() {
        for (text, want) in [
            ("increments.2023-11-14T22:13:20Z.dir", "increments.2023-11-14T22:13:20Z.dir"),
            ("", "''"),
            ("a b", "a b"),
            (" a", "' a'"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a #b", "'a #b'"),
            ("a#b", "a#b"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("--force", "--force"),
            ("---", "'---'"),
            ("...x", "'...x'"),
            ("it's", "it's"),
            ("'x", "'''x'"),
            ("@f", "'@f'"),
            ("h\u{e9}", "\"h\\xE9\""),
            ("a\tb", "\"a\\tb\""),
            ("\u{fffd}", "\"\\uFFFD\""),
            ("a\nb", "'a\n\n  b'"),
            ("a \nb", "\"a \\nb\""),
            ("1.0", "'1.0'"),
            ("1.2.3", "1.2.3"),
            ("007", "'007'"),
            ("089", "089"),
            ("1_0", "'1_0'"),
            ("1:30", "'1:30'"),
            ("1:90", "1:90"),
            ("Yes", "'Yes'"),
            ("yEs", "yEs"),
            ("2023-11-14", "'2023-11-14'"),
            ("2023-11-14T22:13:20Z", "'2023-11-14T22:13:20Z'"),
            ("2023-11-14T22-13-20Z", "2023-11-14T22-13-20Z"),
            ("null", "'null'"),
            ("~", "'~'"),
            ("1e3", "1e3"),
            ("1.e+3", "'1.e+3'"),
        ] {
            let list = Value::List(vec![Value::text(text)]);
            assert_eq!(document(&list), format!("---\n- {want}\n...\n"), "{text:?}");
        }
    }

    #[test]
    fn collections_are_indented_as_pyyaml_does() {
        let inner = Value::Map(vec![("time", Value::Number(1)), ("base", Value::text("x"))]);
        let value = Value::Map(vec![
            ("list", Value::List(vec![Value::text("a"), inner])),
            ("none", Value::Null),
            ("empty", Value::List(Vec::new())),
            ("map", Value::Map(vec![("k", Value::Number(-2))])),
        ]);
        assert_eq!(
            document(&value),
            "---\nempty: []\nlist:\n- a\n- base: x\n  time: 1\nmap:\n  k: -2\nnone: null\n...\n"
        );
        assert_eq!(document(&Value::List(Vec::new())), "--- []\n...\n");
    }
}
