//! The floor: the least work that any program must do, without format, history or safety.

use sha1::{Digest, Sha1};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Every path below a directory, with directories before their contents.
fn all_paths(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![root.to_path_buf()];
    let mut next = 0;
    while next < found.len() {
        if fs::symlink_metadata(&found[next])?.is_dir() {
            for entry in fs::read_dir(&found[next])? {
                found.push(entry?.path());
            }
        }
        next += 1;
    }
    Ok(found)
}

/// Looks at every path, on all cores.
///
/// # Errors
/// Those of the system.
pub(crate) fn stat_walk(root: &Path) -> io::Result<u64> {
    let queue = Mutex::new((vec![root.to_path_buf()], 0usize));
    let count = std::sync::atomic::AtomicU64::new(0);
    let work = || -> io::Result<()> {
        loop {
            let dir = {
                let mut q = queue.lock().map_err(|_| io::Error::other("a thread died"))?;
                match q.0.pop() {
                    Some(dir) => {
                        q.1 += 1;
                        dir
                    }
                    None if q.1 == 0 => return Ok(()),
                    None => {
                        drop(q);
                        std::thread::yield_now();
                        continue;
                    }
                }
            };
            let mut subdirs = Vec::new();
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                // Relative to the open directory, like the product.
                if entry.metadata()?.is_dir() {
                    subdirs.push(entry.path());
                }
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            let mut q = queue.lock().map_err(|_| io::Error::other("a thread died"))?;
            q.0.append(&mut subdirs);
            q.1 -= 1;
        }
    };
    on_all_cores(&work)?;
    Ok(count.into_inner())
}

/// Copies a tree with modes and times, hashing on the way, and syncs once at the end.
///
/// # Errors
/// Those of the system.
pub(crate) fn copy_and_hash(from: &Path, to: &Path) -> io::Result<u64> {
    let paths = all_paths(from)?;
    let mut files = Vec::new();
    for path in &paths {
        let target = to.join(path.strip_prefix(from).map_err(io::Error::other)?);
        let meta = fs::symlink_metadata(path)?;
        if meta.is_dir() {
            fs::create_dir(&target)?;
        } else if meta.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(path)?, &target)?;
        } else if meta.is_file() {
            files.push((path, target, meta));
        }
    }
    each(&files, |(path, target, meta), buf| {
        let (mut input, mut output) = (File::open(path)?, File::create_new(target)?);
        let mut hasher = Sha1::new();
        loop {
            let n = input.read(buf)?;
            if n == 0 {
                break;
            }
            hasher.update(&buf[..n]);
            output.write_all(&buf[..n])?;
            if n < buf.len() {
                break;
            }
        }
        std::hint::black_box(hasher.finalize());
        output.set_permissions(meta.permissions())?;
        output.set_modified(meta.modified()?)
    })?;
    rustix::fs::syncfs(File::open(to)?)?;
    Ok(files.len() as u64)
}

/// Reads and hashes every file.
///
/// # Errors
/// Those of the system.
pub(crate) fn read_and_hash(root: &Path) -> io::Result<u64> {
    let files: Vec<PathBuf> =
        all_paths(root)?.into_iter().filter(|p| p.symlink_metadata().is_ok_and(|m| m.is_file())).collect();
    each(&files, |path, buf| {
        let mut input = File::open(path)?;
        let mut hasher = Sha1::new();
        loop {
            let n = input.read(buf)?;
            hasher.update(&buf[..n]);
            if n < buf.len() {
                break;
            }
        }
        std::hint::black_box(hasher.finalize());
        Ok(())
    })?;
    Ok(files.len() as u64)
}

fn on_all_cores(work: &(dyn Fn() -> io::Result<()> + Sync)) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().map_err(|_| io::Error::other("a thread died"))?)
    })
}

fn each<T: Sync>(items: &[T], act: impl Fn(&T, &mut [u8]) -> io::Result<()> + Sync) -> io::Result<()> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    on_all_cores(&|| {
        let mut buf = vec![0; 256 << 10];
        while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            act(item, &mut buf)?;
        }
        Ok(())
    })
}
