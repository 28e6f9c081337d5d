//! Long messages on narrow terminals, broken at spaces as Python's `textwrap.fill` breaks them.

use std::iter::Peekable;
use std::str::Chars;

/// Breaks a line at spaces so that no line is wider than `width`, if that can be; all but the first are
/// indented. Spaces at a break go, others stay. It ends with a newline.
pub fn fold(text: &str, width: usize, indent: usize) -> String {
    let text: String =
        expand_tabs(text).chars().map(|c| if c.is_ascii_whitespace() { ' ' } else { c }).collect();
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut chars = text.chars().peekable();
    while let Some(chunk) = next_chunk(&mut chars) {
        let room = if lines.is_empty() { width } else { width.saturating_sub(indent) };
        let is_space = chunk.starts_with(' ');
        if line.is_empty() && is_space && !lines.is_empty() {
            continue;
        }
        if !line.is_empty() && length(&line) + length(&chunk) > room {
            lines.push(line.trim_end_matches(' ').to_owned());
            line = if is_space { String::new() } else { chunk };
        } else {
            line.push_str(&chunk);
        }
    }
    let last = line.trim_end_matches(' ');
    if !last.is_empty() {
        lines.push(last.to_owned());
    }
    lines.join(&format!("\n{}", " ".repeat(indent))) + "\n"
}

/// A run of spaces, or a run without any.
fn next_chunk(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let first = chars.next()?;
    let mut chunk = String::from(first);
    while let Some(c) = chars.next_if(|&c| (c == ' ') == (first == ' ')) {
        chunk.push(c);
    }
    Some(chunk)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn expand_tabs(text: &str) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        if c == '\t' {
            let spaces = 8 - column % 8;
            expanded.extend(std::iter::repeat_n(' ', spaces));
            column += spaces;
        } else {
            expanded.push(c);
            column = if c == '\n' || c == '\r' { 0 } else { column + 1 };
        }
    }
    expanded
}

/// The lines of a text in which something stands, as one.
pub(crate) fn joined(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_nowhere_else() {
        for (text, want) in [
            ("one\n", "one\n"),
            ("NOTE:    one two three\n", "NOTE:    one\n         two\n         three\n"),
            (
                "incomprehensibilities are one word\n",
                "incomprehensibilities\n         are\n         one\n         word\n",
            ),
            ("ab  cd             ef\n", "ab  cd\n         ef\n"),
            ("a-b-c-d-e-f g\n", "a-b-c-d-e-f g\n"),
            ("a\tb\n", "a       b\n"),
        ] {
            assert_eq!(fold(text, 13, 9), want, "{text:?}");
        }
    }
}
