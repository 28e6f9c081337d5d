//! Reading a whole source the way a backup does: a walk, and chunks of files by many workers.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::io::Read;
use std::sync::Arc;

use rdiff_core::entry::Name;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::pool::Pool;
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::{Everything, Found, Walk, What};
use rdiff_core::tree::{FileKind, Stat};

/// What was found at a path: all that SFTP tells of it, in one line, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: RepoPathBuf,
    pub(crate) what: String,
    pub(crate) content: Option<Result<(u64, u64), String>>,
}

/// The paths of a source as a backup meets them.
pub(crate) fn walk(source: &Arc<dyn Source>, workers: usize) -> Vec<Found> {
    Walk::new(Arc::clone(source), Arc::new(Pool::new(workers)), Everything).collect()
}

/// Walks a source, and reads all links and files.
pub(crate) fn read_all(source: &Arc<dyn Source>, workers: usize) -> Vec<Seen> {
    let pool = Arc::new(Pool::new(workers));
    let found = walk(source, workers);
    let mut chunks: Vec<Vec<Found>> = Vec::new();
    for found in found {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < 128 => chunk.push(found),
            _ => chunks.push(vec![found]),
        }
    }
    let source = Arc::clone(source);
    let read = pool.map_ordered(chunks.into_iter(), 2 * workers, move |chunk| read_chunk(&*source, chunk));
    read.flatten().collect()
}

fn read_chunk(source: &dyn Source, chunk: Vec<Found>) -> Vec<Seen> {
    let is_file = |found: &&Found| matches!(found.what, What::Here(Stat { kind: FileKind::Regular, .. }));
    let paths: Vec<_> = chunk.iter().filter(is_file).map(|found| found.path.as_path()).collect();
    let mut files = source.open_each(&paths);
    let mut seen = Vec::with_capacity(chunk.len());
    for found in &chunk {
        let (what, mut content) = match &found.what {
            What::Here(stat) => (line(source, found, stat), None),
            What::Unknown(error) => (error.to_string(), None),
        };
        if is_file(&found) {
            let file = files.next().expect("as many files as paths");
            content = Some(file.and_then(|mut file| digest(&mut file)).map_err(|e| e.to_string()));
        }
        seen.push(Seen { path: found.path.clone(), what, content });
    }
    assert!(files.next().is_none());
    seen
}

fn line(source: &dyn Source, found: &Found, stat: &Stat) -> String {
    let (uid, gid, mode, mtime) = (stat.uid, stat.gid, stat.mode, stat.mtime.0);
    let text = |name: Option<Name>| name.map(|name| String::from_utf8_lossy(&name).into_owned());
    let names = (text(source.user_name(uid)), text(source.group_name(gid)));
    let size = if stat.kind == FileKind::Regular { stat.size } else { 0 };
    let target = (stat.kind == FileKind::Symlink).then(|| source.read_link(found.path.as_path()).unwrap());
    format!("{:?} {mode:o} {uid} {gid} {names:?} {size} {mtime} {target:?}", stat.kind)
}

/// Length and digest of what is left of a file.
pub(crate) fn digest(file: &mut dyn Read) -> std::io::Result<(u64, u64)> {
    let (mut hasher, mut buffer, mut len) = (DefaultHasher::new(), vec![0; 64 << 10], 0);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((len, hasher.finish()));
        }
        // Byte by byte in effect: how the reads were cut does not matter.
        hasher.write(&buffer[..read]);
        len += read as u64;
    }
}
