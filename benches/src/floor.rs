//! The floor: the least work that any program must do, without format, history or safety.

use sha1::{Digest, Sha1};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Visits every directory below a root, on all cores: `visit` gets each with its entries and says which of its
/// directories to go into.
fn walk<V>(root: &Path, visit: V) -> io::Result<()>
where
    V: Fn(&Path, Vec<fs::DirEntry>, &mut Vec<u8>) -> io::Result<Vec<PathBuf>> + Sync,
{
    let queue = Mutex::new((vec![root.to_path_buf()], 0usize));
    on_all_cores(&|| {
        let mut buf = vec![0; 256 << 10];
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
            let entries = fs::read_dir(&dir)?.collect::<io::Result<Vec<_>>>()?;
            let below = visit(&dir, entries, &mut buf);
            let mut q = queue.lock().map_err(|_| io::Error::other("a thread died"))?;
            q.0.append(&mut below?);
            q.1 -= 1;
        }
    })
}

/// Looks at every path, on all cores; at the names of its extended attributes too, if asked to.
///
/// # Errors
/// Those of the system.
pub(crate) fn stat_walk(root: &Path, xattrs: bool) -> io::Result<u64> {
    let count = AtomicU64::new(0);
    walk(root, |_, entries, _| {
        let mut below = Vec::new();
        count.fetch_add(entries.len() as u64, Ordering::Relaxed);
        for entry in entries {
            // Relative to the open directory, like the product.
            if entry.metadata()?.is_dir() {
                below.push(entry.path());
            }
            if xattrs {
                rustix::fs::llistxattr(&*entry.path(), &mut [0u8; 512][..])?;
            }
        }
        Ok(below)
    })?;
    Ok(count.into_inner())
}

/// Copies a tree with modes and times, hashing on the way, on all cores, and syncs once at the end. With `forget`, large
/// copies are left to nobody in memory.
///
/// # Errors
/// Those of the system.
pub(crate) fn copy_and_hash(from: &Path, to: &Path, forget: bool) -> io::Result<u64> {
    let count = AtomicU64::new(0);
    fs::create_dir(to)?;
    walk(from, |dir, entries, buf| {
        let target = to.join(dir.strip_prefix(from).map_err(io::Error::other)?);
        let mut below = Vec::new();
        for entry in entries {
            let (meta, target) = (entry.metadata()?, target.join(entry.file_name()));
            if meta.is_dir() {
                fs::create_dir(&target)?;
                below.push(entry.path());
            } else if meta.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
            } else if meta.is_file() {
                copy_file(&entry.path(), &target, &meta, forget, buf)?;
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(below)
    })?;
    rustix::fs::syncfs(File::open(to)?)?;
    Ok(count.into_inner())
}

fn copy_file(from: &Path, to: &Path, meta: &fs::Metadata, forget: bool, buf: &mut [u8]) -> io::Result<()> {
    let (mut input, mut output) = (File::open(from)?, File::create_new(to)?);
    let mut passing = Passing::new(if forget { meta.len() } else { 0 });
    let mut hasher = Sha1::new();
    loop {
        let n = input.read(buf)?;
        hasher.update(&buf[..n]);
        output.write_all(&buf[..n])?;
        passing.wrote(&output, n);
        if n < buf.len() {
            break;
        }
    }
    std::hint::black_box(hasher.finalize());
    output.set_permissions(meta.permissions())?;
    output.set_modified(meta.modified()?)
}

/// So much of a large file goes to the disk at once.
const AT_ONCE: u64 = 4 << 20;
/// And is there when so much more has followed.
const BEHIND: u64 = 16 << 20;

/// A large file that passes through the system's memory without staying there. For that much memory a virtual machine
/// may have to ask its host, which takes longer than the copy.
struct Passing {
    is_large: bool,
    at: u64,
    begun: u64,
    forgotten: u64,
}

impl Passing {
    fn new(size: u64) -> Self {
        Self { is_large: size >= 64 << 20, at: 0, begun: 0, forgotten: 0 }
    }

    /// So much more was written.
    fn wrote(&mut self, file: &File, n: usize) {
        self.at += n as u64;
        if self.is_large && self.at - self.begun >= AT_ONCE {
            // Of what isn't there yet this begins the way to the disk.
            forget(file, self.begun, self.at);
            self.begun = self.at;
            let until = self.at.saturating_sub(BEHIND);
            forget(file, self.forgotten, until);
            self.forgotten = until;
        }
    }

    /// So much more was read.
    fn read(&mut self, file: &File, n: usize) {
        self.at += n as u64;
        if self.is_large && self.at - self.forgotten >= AT_ONCE {
            forget(file, self.forgotten, self.at);
            self.forgotten = self.at;
        }
    }
}

fn forget(file: &File, from: u64, to: u64) {
    if let Some(length) = NonZeroU64::new(to.saturating_sub(from)) {
        // It is advice.
        rustix::fs::fadvise(file, from, Some(length), rustix::fs::Advice::DontNeed).ok();
    }
}

/// Brings a mirror up to date: each file that is not as old as its copy is read once with the copy, and hashed;
/// where they differ the new one is written, and the blocks of the old one that differ to `kept`, where what is
/// gone goes too. With `every`, that is done for equal ones too: a new file and an increment for each. One sync at the end.
///
/// # Errors
/// Those of the system.
pub(crate) fn update(from: &Path, mirror: &Path, kept: &Path, every: bool) -> io::Result<u64> {
    fs::create_dir_all(kept)?;
    let (count, number) = (AtomicU64::new(0), AtomicU64::new(0));
    let name = || kept.join(number.fetch_add(1, Ordering::Relaxed).to_string());
    walk(from, |dir, entries, buf| {
        let there = mirror.join(dir.strip_prefix(from).map_err(io::Error::other)?);
        let mut gone: HashSet<OsString> =
            fs::read_dir(&there)?.map(|e| e.map(|e| e.file_name())).collect::<io::Result<_>>()?;
        let mut below = Vec::new();
        for entry in entries {
            let (new, to) = (entry.metadata()?, there.join(entry.file_name()));
            let was_there = gone.remove(&entry.file_name());
            if new.is_dir() {
                if !was_there {
                    fs::create_dir(&to)?;
                }
                below.push(entry.path());
            } else if new.is_file() {
                let old = was_there.then(|| fs::symlink_metadata(&to)).transpose()?;
                if old.is_some_and(|o| o.modified().ok() == new.modified().ok() && o.len() == new.len()) {
                    continue;
                }
                count.fetch_add(1, Ordering::Relaxed);
                if every || !was_there || differs(&entry.path(), &to, buf)? {
                    let staged = name();
                    if new.len() > 1 << 30 {
                        update_large(&entry.path(), &to, &staged, &name())?;
                    } else {
                        update_file(&entry.path(), &to, &staged, &name(), buf)?;
                    }
                    fs::rename(&staged, &to)?;
                }
                let file = File::open(&to)?;
                file.set_permissions(new.permissions())?;
                file.set_modified(new.modified()?)?;
            }
        }
        for lost in gone {
            fs::rename(there.join(lost), name())?;
        }
        Ok(below)
    })?;
    rustix::fs::syncfs(File::open(mirror)?)?;
    Ok(count.into_inner())
}

/// Small files are compared before anything is written; both are then read from memory.
fn differs(new: &Path, old: &Path, buf: &mut [u8]) -> io::Result<bool> {
    let (mut new, mut old) = (File::open(new)?, File::open(old)?);
    let len = new.metadata()?.len();
    if len != old.metadata()?.len() || len > buf.len() as u64 / 2 {
        return Ok(true);
    }
    let (a, b) = buf.split_at_mut(len as usize);
    new.read_exact(a)?;
    old.read_exact(&mut b[..len as usize])?;
    std::hint::black_box(Sha1::digest(&*a));
    Ok(*a != b[..len as usize])
}

const BLOCK: usize = 4096;

fn update_file(new: &Path, old: &Path, staged: &Path, kept: &Path, buf: &mut [u8]) -> io::Result<()> {
    let (mut input, mut output, mut kept) =
        (File::open(new)?, File::create_new(staged)?, File::create_new(kept)?);
    let mut old = File::open(old).ok();
    let (a, b) = buf.split_at_mut(buf.len() / 2);
    let mut hasher = Sha1::new();
    loop {
        let n = fill(&mut input, a)?;
        let m = old.as_mut().map_or(Ok(0), |old| fill(old, b))?;
        hasher.update(&a[..n]);
        output.write_all(&a[..n])?;
        keep_differing(&a[..n], &b[..m], &mut kept)?;
        if n < a.len() && m < b.len() {
            std::hint::black_box(hasher.finalize());
            return Ok(());
        }
    }
}

/// The same for a large file, hashed by one core and written by the other.
fn update_large(new: &Path, old: &Path, staged: &Path, kept: &Path) -> io::Result<()> {
    let (mut output, mut kept) = (File::create_new(staged)?, File::create_new(kept)?);
    std::thread::scope(|scope| {
        let hashing = scope.spawn(|| -> io::Result<()> {
            let (mut input, mut buf, mut hasher) = (File::open(new)?, vec![0; 256 << 10], Sha1::new());
            loop {
                match fill(&mut input, &mut buf)? {
                    0 => break,
                    n => hasher.update(&buf[..n]),
                }
            }
            std::hint::black_box(hasher.finalize());
            Ok(())
        });
        let (mut input, mut old) = (File::open(new)?, File::open(old)?);
        let (mut a, mut b) = (vec![0; 256 << 10], vec![0; 256 << 10]);
        let size = old.metadata()?.len();
        let (mut passing, mut passing_old) = (Passing::new(size), Passing::new(size));
        loop {
            let (n, m) = (fill(&mut input, &mut a)?, fill(&mut old, &mut b)?);
            output.write_all(&a[..n])?;
            passing.wrote(&output, n);
            passing_old.read(&old, m);
            keep_differing(&a[..n], &b[..m], &mut kept)?;
            if n == 0 && m == 0 {
                break;
            }
        }
        hashing.join().map_err(|_| io::Error::other("a thread died"))?
    })
}

fn keep_differing(new: &[u8], old: &[u8], kept: &mut File) -> io::Result<()> {
    for (i, block) in old.chunks(BLOCK).enumerate() {
        if new.get(i * BLOCK..i * BLOCK + block.len()) != Some(block) {
            kept.write_all(block)?;
        }
    }
    Ok(())
}

fn fill(file: &mut File, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read(&mut buf[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

/// Unpacks files of metadata and prints the paths in them.
///
/// # Errors
/// Those of the system.
pub(crate) fn list_paths(files: &[PathBuf]) -> io::Result<u64> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut text, mut count) = (Vec::new(), 0);
    for file in files {
        text.clear();
        flate2::read::MultiGzDecoder::new(File::open(file)?).read_to_end(&mut text)?;
        for start in memchr::memmem::find_iter(&text, b"File ") {
            let end = memchr::memchr(b'\n', &text[start..]).unwrap_or(text.len() - start);
            out.write_all(&text[start + 5..=(start + end).min(text.len() - 1)])?;
            count += 1;
        }
    }
    out.flush()?;
    Ok(count)
}

/// Copies one file, and syncs it.
///
/// # Errors
/// Those of the system.
pub(crate) fn one_file(from: &Path, to: &Path) -> io::Result<u64> {
    let mut output = File::create(to)?;
    let copied = io::copy(&mut File::open(from)?, &mut output)?;
    output.sync_all()?;
    Ok(copied)
}

/// Reads and hashes every file, on all cores.
///
/// # Errors
/// Those of the system.
pub(crate) fn read_and_hash(root: &Path) -> io::Result<u64> {
    let count = AtomicU64::new(0);
    walk(root, |_, entries, buf| {
        let mut below = Vec::new();
        for entry in entries {
            let kind = entry.file_type()?;
            if kind.is_dir() {
                below.push(entry.path());
            } else if kind.is_file() {
                count.fetch_add(1, Ordering::Relaxed);
                let (mut input, mut hasher) = (File::open(entry.path())?, Sha1::new());
                loop {
                    let n = input.read(buf)?;
                    hasher.update(&buf[..n]);
                    if n < buf.len() {
                        break;
                    }
                }
                std::hint::black_box(hasher.finalize());
            }
        }
        Ok(below)
    })?;
    Ok(count.into_inner())
}

fn on_all_cores(work: &(dyn Fn() -> io::Result<()> + Sync)) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().map_err(|_| io::Error::other("a thread died"))?)
    })
}
