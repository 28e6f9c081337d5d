//! A server of our own that answers as real ones may, but OpenSSH does not.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdiff_core::path::RepoPath;
use rdiff_core::tree::means_source_gone;
use rdiff_core::tree::source::{Source, SourceGuard};

use super::server::Server;
use super::session::Session;
use super::{SftpBounds, SftpSource};
use crate::error::MountError;
use crate::location::Remote;
use crate::runner::{Command, memory_file};

/// How it answers.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// No more bytes than this for a read.
    most: usize,
    /// Answers to questions that came together are sent the last first.
    backwards: bool,
    /// What it sends instead of the answer to a READ.
    instead: Option<&'static [u8]>,
}

const GOOD: Manners = Manners { most: usize::MAX, backwards: false, instead: None };

/// One directory `/r` with one file `f`.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |n, byte| n << 8 | usize::from(*byte))
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn attrs(mode: u32, size: usize) -> Vec<u8> {
    let mut attrs = vec![0, 0, 0, 15];
    attrs.extend((size as u64).to_be_bytes());
    [1000, 1000, mode, 5, 5].iter().for_each(|n: &u32| attrs.extend(n.to_be_bytes()));
    attrs
}

fn answer(request: &[u8], file: &[u8], manners: Manners, listed: &mut bool) -> Vec<u8> {
    let (kind, id, rest) = (request[0], &request[1..5], &request[5..]);
    let (text, after) = rest[4..].split_at(number(&rest[..4]));
    let is_file = text.ends_with(b"f");
    let status = |code: u32| (101, [&code.to_be_bytes()[..], &string(b"no"), &string(b"")].concat());
    let (kind, body) = match kind {
        3 if is_file => (102, string(b"f")),
        11 => {
            *listed = false;
            (102, string(b"d"))
        }
        7 | 8 => (105, if is_file { attrs(0o100_644, file.len()) } else { attrs(0o040_755, 0) }),
        12 if !*listed => {
            *listed = true;
            let entry = [string(b"f"), string(b"-rw"), attrs(0o100_644, file.len())].concat();
            (104, [&[0, 0, 0, 1][..], &entry].concat())
        }
        16 => (104, [&[0, 0, 0, 1][..], &string(b"/r"), &string(b""), &[0; 4]].concat()),
        5 => match (number(&after[..8]), manners.instead) {
            (_, Some(nonsense)) => return nonsense.to_vec(),
            (offset, _) if offset >= file.len() => status(1),
            (offset, _) => {
                let len = number(&after[8..12]).min(manners.most).min(file.len() - offset);
                (103, string(&file[offset..offset + len]))
            }
        },
        4 => status(0),
        12 => status(1),
        _ => status(2),
    };
    [&(body.len() as u32 + 5).to_be_bytes()[..], &[kind], id, &body].concat()
}

fn serve(mut questions: UnixStream, mut answers: UnixStream, len: usize, manners: Manners) {
    let (file, mut listed, mut buffer, mut held) = (content(len), false, vec![0; 1 << 20], Vec::new());
    while let Ok(read @ 1..) = questions.read(&mut buffer) {
        held.extend_from_slice(&buffer[..read]);
        let mut replies = Vec::new();
        while held.len() > 4 && held.len() >= 4 + number(&held[..4]) {
            let request: Vec<_> = held.drain(..4 + number(&held[..4])).skip(4).collect();
            replies.push(match request[0] {
                1 => vec![0, 0, 0, 5, 2, 0, 0, 0, 3],
                _ => answer(&request, &file, manners, &mut listed),
            });
        }
        if manners.backwards {
            replies.reverse();
        }
        if answers.write_all(&replies.concat()).is_err() {
            return;
        }
    }
}

fn source(len: usize, manners: Manners, bounds: SftpBounds) -> SftpSource {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (answers, their_answers) = UnixStream::pair().unwrap();
    thread::spawn(move || serve(theirs, their_answers, len, manners));
    let server = Server {
        command: "a fake".to_owned(),
        stdin: ours,
        stdout: answers.into(),
        child: None,
        stderr: memory_file().unwrap(),
    };
    let session = Session::over(server, "fake".to_owned(), Duration::from_secs(5), bounds).unwrap();
    SftpSource::over(session, &Remote::new(None, "fake", None, "/r").unwrap()).unwrap()
}

fn read(source: &SftpSource) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let before = source.open(RepoPath::new(b"f").unwrap()).and_then(|mut file| {
        file.read_to_end(&mut bytes)?;
        file.stat()
    })?;
    assert_eq!(before.size, bytes.len() as u64);
    Ok(bytes)
}

#[test]
fn short_reads_and_answers_in_any_order_give_the_same_bytes() {
    for len in [0, 1, 32 << 10, 100_000, 256 << 10, 300_000, 2_000_000] {
        for most in [usize::MAX, 20_000, 4096, 1000] {
            for backwards in [false, true] {
                let manners = Manners { most, backwards, ..GOOD };
                let source = source(len, manners, SftpBounds::default());
                // Twice: the second time it knows how much the server gives.
                for _ in 0..2 {
                    assert_eq!(read(&source).unwrap(), content(len), "{len} {manners:?}");
                }
                let listing = source.list(RepoPath::ROOT).unwrap();
                assert_eq!(listing.names, [Box::from(*b"f")]);
            }
        }
    }
}

#[test]
fn without_extensions_there_are_no_names_of_owners() {
    let source = source(1, GOOD, SftpBounds::default());
    assert_eq!((source.user_name(1000), source.group_name(1000)), (None, None));
    assert!(source.guard().check().is_ok());
}

#[test]
fn nonsense_fails_the_session_for_everyone() {
    let too_long = &[0xff, 0, 0, 0, 103];
    let unasked = &[0, 0, 0, 9, 103, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let empty_handle = &[0, 0, 0, 9, 102, 0, 0, 0, 1, 0, 0, 0, 0];
    for nonsense in [&too_long[..], unasked, empty_handle] {
        let source = Arc::new(source(10, Manners { instead: Some(nonsense), ..GOOD }, SftpBounds::default()));
        let error = read(&source).unwrap_err();
        assert!(means_source_gone(&error) && error.to_string().contains("does not speak SFTP"), "{error}");
        let error = source.list(RepoPath::ROOT).err().unwrap();
        assert!(means_source_gone(&error), "{error}");
    }
}

#[test]
fn one_question_left_unanswered_ends_it_although_others_are_answered() {
    let bounds = SftpBounds { silence: Duration::from_millis(100), ..SftpBounds::default() };
    let source = Arc::new(source(10, Manners { instead: Some(b""), ..GOOD }, bounds));
    let lists = {
        let source = Arc::clone(&source);
        thread::spawn(move || {
            while source.list(RepoPath::ROOT).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        })
    };
    let started = Instant::now();
    let error = read(&source).unwrap_err();
    assert!(error.kind() == std::io::ErrorKind::TimedOut && means_source_gone(&error), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    lists.join().unwrap();
}

fn start(script: &str) -> MountError {
    let command = Command::new("sh").args(["-c", script]);
    let bounds = SftpBounds { silence: Duration::from_millis(300), ..SftpBounds::default() };
    Session::start(&command, "me@web".to_owned(), Duration::from_millis(300), bounds).unwrap_err()
}

#[test]
fn what_is_no_sftp_server_is_said() {
    let error = start("echo Welcome to web; sleep 5").to_string();
    assert!(error.starts_with("me@web does not speak SFTP") && error.contains("start-up file"), "{error}");
    let error =
        start("echo 'ssh: connect to host web port 22: Connection refused' >&2; exit 255").to_string();
    assert!(error.contains("exit status 255") && error.contains("check the port"), "{error}");
    let started = Instant::now();
    let error = start("sleep 60").to_string();
    assert!(error.contains("no end within the time limit"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
    let missing = Command::new("no-such-ssh");
    let limit = Duration::from_secs(1);
    let error = Session::start(&missing, "web".to_owned(), limit, SftpBounds::default()).unwrap_err();
    assert!(matches!(error, MountError::Start { .. }), "{error}");
}
