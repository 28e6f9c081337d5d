//! Random source trees that change from session to session, the same ones for the same seed.
//!
//! ```ignore
//! let mut source = Generator::new(&directory.join("source"), 7, Options::default());
//! for at in [1_000, 2_000, 3_000] {
//!     manifests.push(source.manifest());
//!     // back it up as the session `at`
//!     source.evolve();
//! }
//! ```
//!
//! Trees hold every file type, hard links, ACLs, xattrs, capabilities, holes, odd names and times. Changes are
//! such that the real program notices them all (new mtimes, no change of a symlink's owner alone), and leave
//! out what it is known to stumble over; see [`Options`]. Without root, there are no devices, owners, ACLs of
//! others or `trusted.*`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::manifest::{Manifest, sorted_names};

mod make;
mod random;

use make::Kind;
use random::Random;

/// How large a tree is, and which traps of the real program it has.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Paths of the first tree besides the fixed ones (some eighty), and a measure of the changes.
    pub size: usize,
    /// Names over 200 bytes. The real program's regress does not bring these back.
    pub long_names: bool,
    /// Xattr names with blanks, `=`, backslashes and high bytes. The real program restores them escaped.
    pub odd_xattr_names: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: 40, long_names: true, odd_xattr_names: false }
    }
}

/// Names that some part of a program may take for something else.
const ODD: [&[u8]; 34] = [
    b"new\nline",
    b"back\\slash",
    b"mid\\\nboth",
    b"\\n",
    b" lead",
    b"trail ",
    b"tab\there",
    b"cr\rhere",
    b"\x01ctl\x7f",
    b"\xff\xfe not utf8 \x80",
    b"caf\xc3\xa9",
    b"cafe\xcc\x81",
    b"semi;058colon:",
    b"%41",
    b"...",
    b".hidden",
    b"-rf",
    b"star*[a-z]?",
    b"quote'\"`$(x)",
    b"UPPER",
    b"upper",
    b"File",
    b"# file: x",
    b"increments",
    b"mirror_metadata",
    b"rdiff-backup.tmp.12",
    b"a.snapshot.gz",
    b"a.2001-09-09T01:46:40Z.diff.gz",
    b"a.2001-09-09T01:46:40Z.missing",
    b"a.2001-09-09T01:46:40Z.dir",
    b"current_mirror.2001-09-09T01:46:40Z.data",
    b"host::path",
    b"a",
    b"a.gz",
];

/// A tree on disk and the means to change it.
pub struct Generator {
    top: PathBuf,
    random: Random,
    options: Options,
    root: bool,
    /// Grows with everything made: fresh names and times come from it.
    count: u64,
    /// Never removed, renamed or replaced.
    kept: BTreeSet<PathBuf>,
}

/// A path below the top, and what is there.
type Found = (PathBuf, Metadata);

impl Generator {
    /// Makes the directory `top` and the first tree in it.
    ///
    /// # Panics
    /// On any error, here and in all methods: it is part of the tests.
    pub fn new(top: &Path, seed: u64, options: Options) -> Self {
        std::fs::create_dir(top).unwrap_or_else(|e| panic!("{}: {e}", top.display()));
        let root = rustix::process::geteuid().is_root();
        let mut generator = Self {
            top: top.to_owned(),
            random: Random::new(seed),
            options,
            root,
            count: 0,
            kept: BTreeSet::new(),
        };
        generator.first();
        generator.settle();
        generator
    }

    /// Where the tree is.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// What the tree is now.
    pub fn manifest(&self) -> Manifest {
        Manifest::scan(&self.top)
    }

    /// Changes the tree as between two sessions. One time in eight nothing changes.
    pub fn evolve(&mut self) {
        if self.random.below(8) == 0 {
            return;
        }
        for _ in 0..self.options.size / 3 + 8 {
            match self.random.below(22) {
                0..=5 => self.edit(),
                6..=7 => self.change_attributes(),
                8..=9 => self.change_extended(),
                10..=11 => self.remove_something(),
                12..=14 => self.change_type(),
                15..=17 => self.add_something(),
                18..=19 => self.rename(),
                20 => self.link(),
                _ => self.unlink_from_group(),
            }
        }
        self.settle();
    }

    // ---- the first tree

    fn first(&mut self) {
        for kind in Kind::ALL {
            if self.possible(kind) {
                self.make(Path::new(kind.name()), kind);
            }
        }
        for dir in ["odd", "links", "deep", "nested"] {
            self.make(Path::new(dir), Kind::EmptyDir);
        }
        for name in ODD {
            let kind = self.random.pick(&[Kind::File, Kind::File, Kind::Dir, Kind::Symlink]);
            let kind = if make::is_like_increment(name) { Kind::File } else { kind };
            self.make(&Path::new("odd").join(OsStr::from_bytes(name)), kind);
        }
        self.make(Path::new("nested/rdiff-backup-data"), Kind::EmptyDir);
        self.make(Path::new("nested/rdiff-backup-data/current_mirror.2001-09-09T01:46:40Z.data"), Kind::File);
        let mut deep = PathBuf::from("deep");
        for level in 0..6 {
            deep.push(format!("{level}{}", "y".repeat(60)));
            self.make(&deep, Kind::Dir);
        }
        if self.options.long_names {
            self.long_names();
        }
        for group in 0..4_u64 {
            self.first_group(group);
        }
        for _ in 0..self.options.size {
            self.add_something();
        }
    }

    /// Long names, and after them one that stays: a removed name of 255 bytes at a directory's end makes the real
    /// program's restore run for ever.
    fn long_names(&mut self) {
        for dir in ["", &"D".repeat(250)] {
            if !dir.is_empty() {
                self.make(Path::new(dir), Kind::EmptyDir);
            }
            for (letter, length) in [("L", 204), ("M", 206), ("N", 255)] {
                self.make(&Path::new(dir).join(letter.repeat(length)), Kind::File);
            }
            let last = Path::new(dir).join(OsStr::from_bytes(b"\xff~last"));
            self.make(&last, Kind::File);
            self.kept.extend([PathBuf::from(dir), last]);
        }
    }

    fn first_group(&mut self, group: u64) {
        let first = PathBuf::from(format!("links/{group}-first"));
        self.make(&first, Kind::File);
        for n in 0..=group {
            let dir = if n % 2 == 0 { "links" } else { "nested" };
            let other = PathBuf::from(format!("{dir}/{group}-link-{n}"));
            std::fs::hard_link(self.full(&first), self.full(&other)).expect("a link");
        }
    }

    // ---- changes

    fn edit(&mut self) {
        let Some((path, stat)) = self.choose(|_, s| s.is_file()) else { return };
        let full = self.full(&path);
        let old = std::fs::read(&full).expect("a file");
        let new = self.edited(old);
        // In place: other links of the file see it too. Without O_CREAT, which `fs.protected_regular` forbids even root
        // on somebody else's file in a sticky directory.
        let opened = std::fs::OpenOptions::new().write(true).truncate(true).open(&full);
        opened.and_then(|mut file| file.write_all(&new)).expect("a file");
        std::fs::set_permissions(&full, PermissionsExt::from_mode(stat.mode() & 0o7777)).expect("chmod");
        self.stamp(&path);
    }

    fn edited(&mut self, mut data: Vec<u8>) -> Vec<u8> {
        let (length, at) = (data.len(), self.random.below(data.len() + 1));
        match self.random.below(7) {
            0 => data.truncate(at),
            1 => data.extend(b"appended"),
            2 => drop(data.splice(0..0, *b"prepended")),
            3 => drop(data.splice(at..at, self.content(700))),
            4 => drop(data.drain(at..(at + length / 4).min(length))),
            5 => data.iter_mut().step_by(length / 3 + 1).for_each(|b| *b ^= 0x55),
            _ => data = self.any_content(),
        }
        data
    }

    fn change_attributes(&mut self) {
        // a symlink's owner alone is no change to the real program
        if let Some((path, stat)) = self.choose(|_, s| !s.is_symlink()) {
            self.attributes(&path, stat.is_dir());
            if self.random.below(2) == 0 {
                self.stamp(&path);
            }
        }
    }

    fn change_extended(&mut self) {
        if let Some((path, _)) = self.choose(|_, s| s.is_file() || s.is_dir()) {
            self.xattrs(&path);
            self.acls(&path);
        }
    }

    fn remove_something(&mut self) {
        if let Some((path, stat)) = self.choose_loose() {
            self.remove(&path, &stat);
        }
    }

    fn change_type(&mut self) {
        let Some((path, stat)) = self.choose_loose() else { return };
        self.remove(&path, &stat);
        let kind = self.any_kind(&path);
        self.make(&path, kind);
    }

    fn add_something(&mut self) {
        let path = self.fresh();
        let kind = self.any_kind(&path);
        self.make(&path, kind);
    }

    fn rename(&mut self) {
        let Some((path, _)) = self.choose_loose() else { return };
        let to = self.fresh();
        if !to.starts_with(&path) {
            std::fs::rename(self.full(&path), self.full(&to)).expect("a rename");
        }
    }

    fn link(&mut self) {
        if let Some((path, _)) = self.choose(|_, s| s.is_file()) {
            let to = self.fresh();
            std::fs::hard_link(self.full(&path), self.full(&to)).expect("a link");
        }
    }

    /// The same content, but an inode of its own; with the old mtime or a new one.
    fn unlink_from_group(&mut self) {
        let Some((path, stat)) = self.choose(|_, s| s.is_file() && s.nlink() > 1) else { return };
        let aside = self.fresh();
        let (full, aside) = (self.full(&path), self.full(&aside));
        std::fs::copy(&full, &aside).expect("a copy");
        filetime::set_file_mtime(&aside, filetime::FileTime::from_last_modification_time(&stat))
            .expect("a time");
        std::fs::rename(aside, full).expect("a rename");
        if self.random.below(2) == 0 {
            self.stamp(&path);
        }
    }

    // ---- choosing

    /// Everything below the top, in path order.
    fn all(&self) -> Vec<Found> {
        let (mut found, mut todo) = (Vec::new(), vec![PathBuf::new()]);
        while let Some(dir) = todo.pop() {
            for name in sorted_names(&self.full(&dir)) {
                let path = dir.join(OsStr::from_bytes(&name));
                let stat = std::fs::symlink_metadata(self.full(&path)).expect("a path just listed");
                if stat.is_dir() {
                    todo.push(path.clone());
                }
                found.push((path, stat));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    fn choose(&mut self, fits: impl Fn(&Path, &Metadata) -> bool) -> Option<Found> {
        let mut all: Vec<_> = self.all().into_iter().filter(|(p, s)| fits(p, s)).collect();
        (!all.is_empty()).then(|| all.swap_remove(self.random.below(all.len())))
    }

    /// Something that may be removed or moved.
    fn choose_loose(&mut self) -> Option<Found> {
        let kept = self.kept.clone();
        self.choose(|path, _| !kept.contains(path))
    }

    fn remove(&mut self, path: &Path, stat: &Metadata) {
        let full = self.full(path);
        let removed = if stat.is_dir() { std::fs::remove_dir_all(full) } else { std::fs::remove_file(full) };
        removed.expect("a removal");
    }

    /// A path that is not there, in any directory.
    fn fresh(&mut self) -> PathBuf {
        let dir =
            self.choose(|p, s| s.is_dir() && p.as_os_str().len() < 2000).map_or_else(PathBuf::new, |f| f.0);
        let dir = if self.random.below(4) == 0 { PathBuf::new() } else { dir };
        self.count += 1;
        let stem: &[u8] = self.random.pick(&[b"f", b"File ", b"x\n", b"\xe4", b"n.", b"Z;"]);
        dir.join(OsStr::from_bytes(&[stem, self.count.to_string().as_bytes()].concat()))
    }

    fn any_kind(&mut self, path: &Path) -> Kind {
        let kind = self.random.pick(&Kind::ALL);
        let name = path.file_name().unwrap_or_default().as_bytes();
        let fits = self.possible(kind) && !(kind.is_dir() && make::is_like_increment(name));
        if fits && self.random.below(3) == 0 { kind } else { Kind::File }
    }

    fn possible(&self, kind: Kind) -> bool {
        self.root || !matches!(kind, Kind::CharDevice | Kind::BlockDevice)
    }

    fn full(&self, path: &Path) -> PathBuf {
        self.top.join(path)
    }

    /// Gives every directory a time that follows from its names: the clock of this machine must not be seen.
    fn settle(&self) {
        let dirs = self.all().into_iter().filter(|(_, s)| s.is_dir()).map(|(p, _)| p);
        for path in dirs.chain([PathBuf::new()]) {
            let full = self.full(&path);
            let mut text = path.as_os_str().as_bytes().to_vec();
            text.extend(sorted_names(&full).join(&b'/'));
            let time = make::TIMES[text.len() % make::TIMES.len()] + i64::from(random::hash(&text) % 100_000);
            filetime::set_file_mtime(&full, filetime::FileTime::from_unix_time(time, 0)).expect("a time");
        }
    }
}
