//! Reading what people type.

use super::{Form, Location, LocationError, Remote};
use crate::quoting::{decode_url_path, percent_decode, unescape};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Where the colons are that mean something.
pub(super) struct Scan {
    doubles: Vec<usize>,
    single: Option<usize>,
}

impl Scan {
    pub(super) fn single_or_double(&self) -> Option<usize> {
        self.single.or(self.doubles.first().copied())
    }
}

/// Finds the colons that no backslash and no bracket takes away.
pub(super) fn scan(text: &[u8]) -> Scan {
    let mut found = Scan { doubles: Vec::new(), single: None };
    let (mut at, mut in_host) = (0, true);
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'[' if in_host && (at == 0 || text[at - 1] == b'@') => {
                at += bracketed(&text[at + 1..]).map_or(1, |len| len + 2);
            }
            b':' if text.get(at + 1) == Some(&b':') => {
                found.doubles.push(at);
                in_host = false;
                at += 2;
            }
            // The second colon of an escaped pair, `\::`, is no single one either.
            b':' => {
                if in_host && (at == 0 || text[at - 1] != b':') {
                    found.single = Some(at);
                    in_host = false;
                }
                at += 1;
            }
            b'/' => {
                in_host = false;
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// The length of an address in brackets, `text` beginning after the first.
fn bracketed(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| matches!(byte, b']' | b'[' | b'/' | b'\\'))?;
    (text[end] == b']').then_some(end)
}

pub(super) fn parse(text: &[u8], scp: bool) -> Result<Location, LocationError> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    if text.is_empty() {
        return Err(LocationError::Empty);
    }
    if text.contains(&0) {
        return Err(LocationError::Nul { text: shown() });
    }
    if let Some(rest) = text.strip_prefix(b"ssh://") {
        return parse_url(rest, text).map(Location::Remote);
    }
    let colons = scan(text);
    if let (true, Some(colon)) = (scp, colons.single) {
        return parse_scp(text, colon).map(Location::Remote);
    }
    let is_local = colons.doubles.first().is_none_or(|at| text[..*at].contains(&b'/'));
    match colons.doubles[..] {
        _ if is_local => Ok(Location::Local(path(unescape(text)))),
        [0] => Err(LocationError::NoHost { text: shown() }),
        [at] if at + 2 == text.len() => Err(LocationError::NoPath { text: shown() }),
        [at] => {
            let (user, host) = user_and_host(&unescape(&text[..at]))?;
            let path = path(unescape(&text[at + 2..]));
            Remote::checked(user.as_deref(), &host, None, path, Form::DoubleColon).map(Location::Remote)
        }
        _ => Err(LocationError::TooManyParts { text: shown() }),
    }
}

pub(super) fn parse_scp(text: &[u8], colon: usize) -> Result<Remote, LocationError> {
    let (user, host) = user_and_host(&text[..colon])?;
    Remote::checked(user.as_deref(), &host, None, path(text[colon + 1..].to_vec()), Form::Scp)
}

/// Parses what follows `ssh://`. The host ends at the first slash, or at `::`.
fn parse_url(rest: &[u8], whole: &[u8]) -> Result<Remote, LocationError> {
    let shown = || String::from_utf8_lossy(whole).into_owned();
    let slash = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let double = scan(&rest[..slash]).doubles.first().copied();
    let (authority, path, form) = match double {
        Some(at) => (&rest[..at], unescape(&rest[at + 2..]), Form::UrlDoubleColon),
        None => (&rest[..slash], decoded(&rest[slash..], decode_url_path)?, Form::Url),
    };
    if path.is_empty() {
        return Err(LocationError::NoPath { text: shown() });
    }
    let (user, host_port) = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => (Some(text_of(&decoded(&authority[..at], percent_decode)?)), &authority[at + 1..]),
        None => (None, authority),
    };
    let (host, port) = host_and_port(&text_of(host_port))?;
    Remote::checked(user.as_deref(), &host, port, self::path(path), form)
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), LocationError> {
    let split = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match split.1 {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse().map_err(|_| LocationError::BadPort { port: port.to_owned() })?)
        }
        Some(port) => return Err(LocationError::BadPort { port: port.to_owned() }),
        None => None,
    };
    Ok((split.0.to_owned(), port))
}

fn user_and_host(text: &[u8]) -> Result<(Option<String>, String), LocationError> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(LocationError::BadHost { host: text_of(text), why: "it is not UTF-8" });
    };
    let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((user.map(str::to_owned), host.to_owned()))
}

fn decoded(text: &[u8], decode: fn(&[u8]) -> Option<Vec<u8>>) -> Result<Vec<u8>, LocationError> {
    decode(text).ok_or_else(|| LocationError::BadPercent { text: text_of(text) })
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}
