//! Colours, where they are wanted: on a terminal, and not if `NO_COLOR` is set.

use anstyle::{AnsiColor, Effects};
use std::io;

/// Colours or none.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// As standard output wants it. `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM=dumb` are obeyed.
    pub fn of_stdout() -> Self {
        Self { colours: anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never }
    }

    /// The same for standard error.
    pub fn of_stderr() -> Self {
        Self { colours: anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never }
    }

    /// Are there any?
    pub fn has_colours(self) -> bool {
        self.colours
    }

    fn paint(self, style: anstyle::Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default() | Effects::BOLD, text)
    }

    /// Something is not.
    pub fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default() | Effects::BOLD, text)
    }

    /// Something failed.
    pub fn failed(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default() | Effects::BOLD, text)
    }

    /// The lines of a unified diff.
    pub fn diff(self, text: &[u8]) -> Vec<u8> {
        if !self.colours {
            return text.to_vec();
        }
        let mut painted = Vec::with_capacity(text.len() + text.len() / 8);
        for line in text.split_inclusive(|&b| b == b'\n') {
            let style = match line {
                [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => Effects::BOLD.into(),
                [b'+', ..] => AnsiColor::Green.on_default(),
                [b'-', ..] => AnsiColor::Red.on_default(),
                [b'@', b'@', ..] => AnsiColor::Cyan.on_default(),
                _ => anstyle::Style::new(),
            };
            let (text, end) = line.split_at(line.len() - usize::from(line.ends_with(b"\n")));
            painted.extend_from_slice(format!("{style}").as_bytes());
            painted.extend_from_slice(text);
            painted.extend_from_slice(format!("{style:#}").as_bytes());
            painted.extend_from_slice(end);
        }
        painted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_nothing_is_added() {
        let plain = Style { colours: false };
        assert_eq!(plain.good("OK") + &plain.bad("!") + &plain.failed("x"), "OK!x");
        assert_eq!(plain.diff(b"+a\n\xff"), b"+a\n\xff");
        let painted = Style { colours: true }.diff(b"+a\n b");
        assert_eq!(painted, b"\x1b[32m+a\x1b[0m\n b");
    }
}
