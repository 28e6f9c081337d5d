//! What is backed up: made here, or from packages that anyone can fetch.

use crate::place::done;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Eight successive versions of one big package.
const VERSIONS: [&str; 8] = ["5.0", "5.0.1", "5.0.2", "5.0.3", "5.0.4", "5.0.6", "5.1", "5.1.2"];
/// More packages, to make a large tree with the versions.
const MORE: [(&str, &str); 2] = [("ansible", "9.1.0"), ("plotly", "5.18.0")];

/// A small generator (xorshift): the same bytes on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    pub(crate) fn fill(&mut self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Tiny files, a hundred in each directory, of up to a KiB.
pub(crate) fn tiny_files(root: &Path, count: u64) -> io::Result<()> {
    let mut random = Random(1);
    let mut content = vec![0u8; 1024];
    for i in 0..count {
        let dir = root.join(format!("d{}", i / 10_000)).join(format!("d{}", i / 100 % 100));
        if i % 100 == 0 {
            fs::create_dir_all(&dir)?;
        }
        random.fill(&mut content[..16]);
        let len = 50 + i as usize * 37 % 900;
        content.rotate_right(16);
        fs::write(dir.join(format!("f{i}")), &content[..len])?;
    }
    Ok(())
}

fn package(packages: &Path, name: &str, version: &str, ending: &str, kind: &str) -> io::Result<PathBuf> {
    let file = packages.join(format!("{name}-{version}{ending}"));
    if !file.exists() {
        fs::create_dir_all(packages)?;
        let mut pip = Command::new("pip3");
        pip.args(["download", "--quiet", "--no-deps", kind, ":all:", "--dest"]).arg(packages);
        done(pip.arg(format!("{name}=={version}")))?;
    }
    Ok(file)
}

/// The `i`-th of the eight versions; every file is as old as the unpacking.
pub(crate) fn version(packages: &Path, i: usize, to: &Path) -> io::Result<()> {
    let file = package(packages, "Django", VERSIONS[i], ".tar.gz", "--no-binary")?;
    fs::create_dir_all(to)?;
    done(
        Command::new("tar")
            .args(["--touch", "--no-same-owner", "--strip-components=1", "-xzf"])
            .arg(file)
            .arg("-C")
            .arg(to),
    )
}

/// A tree of about a hundred thousand real files.
pub(crate) fn large_tree(packages: &Path, to: &Path) -> io::Result<()> {
    for i in 0..VERSIONS.len() {
        version(packages, i, &to.join(format!("django-{i}")))?;
    }
    for (name, version) in MORE {
        let file = package(packages, name, version, "-py3-none-any.whl", "--only-binary")?;
        done(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(file).arg(to.join(name)))?;
    }
    Ok(())
}

/// Adds a line to one file in a hundred.
pub(crate) fn change_one_percent(root: &Path) -> io::Result<u64> {
    let mut files = Vec::new();
    let mut dirs = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path());
            } else if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut changed = 0;
    for file in files.iter().step_by(100) {
        fs::OpenOptions::new().append(true).open(file)?.write_all(b"one more line\n")?;
        changed += 1;
    }
    Ok(changed)
}

/// A file of random bytes.
pub(crate) fn image(path: &Path, mib: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut random, mut block) = (Random(7), vec![0; 1 << 20]);
    for _ in 0..mib {
        random.fill(&mut block);
        out.write_all(&block)?;
    }
    out.flush()
}

/// Overwrites one in a hundred of its blocks of 4 KiB, here and there.
pub(crate) fn overwrite(path: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    let blocks = file.metadata()?.len() / 4096;
    let (mut random, mut block) = (Random(99), vec![0; 4096]);
    for _ in 0..blocks / 100 {
        random.fill(&mut block);
        file.write_all_at(&block, random.below(blocks) * 4096)?;
    }
    Ok(())
}

/// Inserts 1 MiB near the front and appends 16.
pub(crate) fn insert(from: &Path, to: &Path) -> io::Result<()> {
    let (mut input, mut output) = (File::open(from)?, File::create(to)?);
    let (mut random, mut block) = (Random(5), vec![0; 1 << 20]);
    let head = io::copy(&mut io::Read::take(&mut input, 5_000_011), &mut output)?;
    random.fill(&mut block);
    output.write_all(&block)?;
    let len = input.metadata()?.len();
    io::copy(&mut io::Read::take(&mut input, len - head), &mut output)?;
    for _ in 0..16 {
        random.fill(&mut block);
        output.write_all(&block)?;
    }
    Ok(())
}

const MAKE_DATABASE: &str = "
import sqlite3, random, sys
random.seed(1); db = sqlite3.connect(sys.argv[1]); n = int(sys.argv[2])
db.execute('create table t(id integer primary key, owner integer, name text, body blob)')
words = [''.join(random.choices('abcdefghijklmnopqrstuvwxyz', k=random.randint(3, 9))) for _ in range(5000)]
text = lambda k: ' '.join(random.choices(words, k=k))
db.executemany('insert into t values(?,?,?,?)',
    ((i, random.randrange(1000), text(3), text(40)) for i in range(n)))
db.execute('create index by_owner on t(owner)'); db.execute('create index by_name on t(name)')
db.commit()
";

const CHANGE_DATABASE: &str = "
import sqlite3, random, sys
random.seed(2); db = sqlite3.connect(sys.argv[1]); n = int(sys.argv[2])
for i in random.sample(range(n), n // 100):
    db.execute('update t set name = ?, body = body || ? where id = ?', ('changed %d' % i, ' more', i))
for i in random.sample(range(n), n // 200): db.execute('delete from t where id = ?', (i,))
for i in range(n // 100): db.execute('insert into t(owner, name, body) values(?,?,?)', (i % 1000, 'new %d' % i, 'x' * 200))
db.commit()
";

/// A database of about 300 MB.
pub(crate) fn database(path: &Path, rows: u64) -> io::Result<()> {
    done(Command::new("python3").args(["-c", MAKE_DATABASE]).arg(path).arg(rows.to_string()))
}

/// Changes, deletes and adds some rows of it.
pub(crate) fn change_database(path: &Path, rows: u64) -> io::Result<()> {
    done(Command::new("python3").args(["-c", CHANGE_DATABASE]).arg(path).arg(rows.to_string()))
}

/// Links, lists, attributes, sparse files: what a plain copy forgets.
pub(crate) fn special_tree(root: &Path, count: u64) -> io::Result<()> {
    for i in 0..count / 10 {
        let dir = root.join(format!("d{i}"));
        fs::create_dir_all(&dir)?;
        let name = |n: u64| dir.join(format!("f{n}"));
        fs::write(name(0), format!("file {i}"))?;
        for n in 1..4 {
            fs::hard_link(name(0), name(n))?;
        }
        for n in 4..6 {
            std::os::unix::fs::symlink(format!("f{n}"), name(n))?;
        }
        for n in 6..9 {
            fs::write(name(n), format!("file {i} {n}"))?;
        }
        File::create(name(9))?.write_all_at(b"end", 1 << 20)?;
    }
    let script = "cd \"$1\" && setfacl -m u:daemon:r d*/f6 && setfattr -n user.note -v \"some words\" d*/f7";
    done(Command::new("sh").args(["-c", script, "sh"]).arg(root))
}
