//! A session, or a part of it, as a tar archive on standard output. Nothing is restored on the way.
//!
//! `cargo run --example export_tar -- REPOSITORY TIME [PATH] | tar -tv`

use rdiff_core::entry::{Entry, Kind};
use rdiff_core::error::chain;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::read::SessionReader;
use rdiff_core::repo::Repository;
use rdiff_core::time::{TimeSpec, Zone};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tar::{Builder, EntryType, Header};

/// Writes the archive.
pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
    let (repo, time, subtree) = match args {
        [repo, time] => (repo, time, RepoPathBuf::default()),
        [repo, time, path] => (repo, time, RepoPathBuf::new(path.as_bytes())?),
        _ => return Err("usage: export_tar REPOSITORY TIME [PATH]".into()),
    };
    let repo = Arc::new(Repository::open(repo.as_ref())?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let at = TimeSpec::parse(&time.to_string_lossy(), now, &Zone::system())?;
    let mut session = SessionReader::new(repo, at)?;
    let mut archive = Builder::new(out);
    // The first name of each file with several: the others become links to it.
    let mut names: HashMap<(u64, u64), RepoPathBuf> = HashMap::new();
    for entry in session.entries(subtree.as_path())? {
        let entry = entry?;
        let mut header = header(&entry);
        let path =
            Path::new(if entry.path.is_root() { OsStr::new(".") } else { entry.path.as_path().as_os_str() });
        let link = entry.file().and_then(|f| f.link);
        match (&entry.kind, link.and_then(|l| names.get(&l.group()))) {
            (Kind::File(_), Some(first)) => {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                archive.append_link(&mut header, path, Path::new(first.as_path().as_os_str()))?;
            }
            (Kind::File(_), None) => {
                names.extend(link.map(|l| (l.group(), entry.path.clone())));
                archive.append_data(&mut header, path, session.open(&entry)?)?;
            }
            (Kind::Symlink(target), _) => {
                archive.append_link(&mut header, path, Path::new(OsStr::from_bytes(target)))?;
            }
            // A tar archive has no sockets.
            (Kind::Socket, _) => {}
            (Kind::Dir | Kind::Fifo | Kind::Device(_), _) => {
                archive.append_data(&mut header, path, io::empty())?;
            }
        }
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn header(entry: &Entry) -> Header {
    let mut header = Header::new_gnu();
    let attrs = &entry.attrs;
    header.set_mode(attrs.mode);
    header.set_uid(u64::from(attrs.uid));
    header.set_gid(u64::from(attrs.gid));
    header.set_mtime(attrs.mtime.and_then(|t| u64::try_from(t).ok()).unwrap_or(0));
    header.set_size(entry.size());
    header.set_entry_type(match &entry.kind {
        Kind::File(_) | Kind::Socket => EntryType::Regular,
        Kind::Dir => EntryType::Directory,
        Kind::Symlink(_) => EntryType::Symlink,
        Kind::Fifo => EntryType::Fifo,
        Kind::Device(device) if device.block => EntryType::Block,
        Kind::Device(_) => EntryType::Char,
    });
    if let Kind::Device(device) = &entry.kind {
        // Both fit: a GNU header has room for them.
        header.set_device_major(device.major).and_then(|()| header.set_device_minor(device.minor)).ok();
    }
    header
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args, &mut io::BufWriter::new(io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("export_tar: {}", chain(&*e));
            ExitCode::FAILURE
        }
    }
}
