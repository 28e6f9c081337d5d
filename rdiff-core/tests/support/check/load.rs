//! Reads a repository into memory: names, sessions with their lists of paths, increments, the mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::manifest::{show, sorted_names};
use super::Findings;
use super::names::{IncrementName, Suffix, unquote};
use super::records::{self, Attributes, Index, Record, Type};

/// What a session consists of.
pub type Paths = BTreeMap<Index, Arc<Record>>;

/// A time-stamped file, directly in `rdiff-backup-data`.
#[derive(Debug, Clone)]
pub struct DataFile {
    pub path: PathBuf,
    pub shown: String,
    pub name: IncrementName,
}

/// An increment: where it is, what its name says.
#[derive(Debug, Clone)]
pub struct Increment {
    pub path: PathBuf,
    pub shown: String,
    pub name: IncrementName,
}

/// Where the increments of a path are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the tree below `increments`, under its own name.
    Tree(Index),
    /// In `long_filename_data`, under a number.
    Long(Vec<u8>),
}

impl Place {
    /// Where a path with this record has its increments.
    pub fn of(record: &Record) -> Self {
        record.alternate().map_or_else(|| Self::Tree(record.index.clone()), |n| Self::Long(n.to_vec()))
    }
}

/// Plain bytes of a file; `gz` says whether to unpack it.
pub fn read_file(path: &Path, gz: bool) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    if !gz {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(&*bytes).read_to_end(&mut out).map_err(|e| format!("gzip: {e}"))?;
    Ok(out)
}

/// `rdiff-backup-data`, with its names sorted out.
pub struct DataDirectory {
    pub repo: PathBuf,
    pub path: PathBuf,
    /// Are names quoted?
    pub quoted: bool,
    pub files: Vec<DataFile>,
    /// Every other name.
    pub others: BTreeSet<Vec<u8>>,
    /// The instant of the one marker.
    pub now: i64,
}

impl DataDirectory {
    /// Lists the directory. `None` when there is not exactly one marker.
    pub fn read(repo: &Path, findings: &mut Findings) -> Option<Self> {
        let path = repo.join("rdiff-backup-data");
        let quoted = std::fs::read(path.join("chars_to_quote")).is_ok_and(|c| !c.is_empty());
        let (mut files, mut others) = (Vec::new(), BTreeSet::new());
        for raw in sorted_names(&path) {
            let full = path.join(OsStr::from_bytes(&raw));
            let plain = if quoted { unquote(&raw) } else { raw.clone() };
            match IncrementName::parse(&plain) {
                Some(name) if !full.is_dir() => {
                    files.push(DataFile { path: full, shown: show(&plain), name });
                }
                _ => drop(others.insert(plain)),
            }
        }
        let markers: Vec<_> = files.iter().filter(|f| f.name.base == b"current_mirror").collect();
        let &[marker] = &*markers else {
            findings.add(1, "rdiff-backup-data", format!("{} markers", markers.len()));
            return None;
        };
        let now = marker.name.at;
        Some(Self { repo: repo.to_owned(), path, quoted, files, others, now })
    }

    /// The files of one base, oldest first.
    pub fn of_base(&self, base: &str) -> Vec<&DataFile> {
        let mut files: Vec<_> = self.files.iter().filter(|f| f.name.base == base.as_bytes()).collect();
        files.sort_by_key(|f| f.name.at);
        files
    }
}

/// A session's metadata file, and the list of paths that follows from it.
pub struct Session {
    pub file: DataFile,
    /// As in the file: everything, or for a diff what differs from the next newer session.
    pub records: Vec<Arc<Record>>,
    pub paths: Paths,
    /// Entries of its xattr and ACL files; `None` when it has no such file.
    pub xattrs: Option<Attributes>,
    pub acls: Option<Attributes>,
}

/// A repository in memory, without contents.
pub struct Repository {
    pub data: DataDirectory,
    pub sessions: BTreeMap<i64, Session>,
    /// By place; each list is sorted by instant.
    pub increments: BTreeMap<Place, Vec<Increment>>,
    /// Mirror paths, without those that long_filename_data holds.
    pub mirror: BTreeMap<Index, PathBuf>,
}

impl Repository {
    /// Reads all names and all metadata.
    pub fn load(data: DataDirectory, findings: &mut Findings) -> Self {
        let sessions = load_sessions(&data, findings);
        let mut repository = Self { data, sessions, increments: BTreeMap::new(), mirror: BTreeMap::new() };
        repository.load_increments(findings);
        let top = repository.data.repo.clone();
        repository.walk_mirror(&top, Index::default());
        repository
    }

    /// The newest session's paths.
    pub fn newest(&self) -> &Paths {
        static NONE: Paths = BTreeMap::new();
        self.sessions.last_key_value().map_or(&NONE, |(_, s)| &s.paths)
    }

    /// The session after `at`.
    pub fn next_after(&self, at: i64) -> Option<(&i64, &Session)> {
        self.sessions.range(at + 1..).next()
    }

    /// The mirror's file for a record of the newest session.
    pub fn mirror_file(&self, record: &Record) -> Option<PathBuf> {
        match record.get("AlternateMirrorName") {
            Some(n) => Some(self.data.path.join("long_filename_data").join(OsStr::from_bytes(n))),
            None => self.mirror.get(&record.index).cloned(),
        }
    }

    fn load_increments(&mut self, findings: &mut Findings) {
        let roots = self.data.of_base("increments").into_iter().map(|f| Increment {
            path: f.path.clone(),
            shown: f.shown.clone(),
            name: f.name.clone(),
        });
        self.increments.insert(Place::Tree(Index::default()), roots.collect());
        let tree = self.data.path.join("increments");
        if tree.is_dir() {
            self.walk_increments(&tree, &Index::default(), findings);
        }
        let long = self.data.path.join("long_filename_data");
        for raw in if long.is_dir() { sorted_names(&long) } else { Vec::new() } {
            let (path, plain) = (long.join(OsStr::from_bytes(&raw)), self.plain(&raw));
            if let Some(name) = IncrementName::parse(&plain) {
                let shown = format!("long_filename_data/{}", show(&plain));
                self.add(Place::Long(name.base.clone()), Increment { path, shown, name });
            }
        }
        for list in self.increments.values_mut() {
            list.sort_by_key(|i| i.name.at);
        }
    }

    fn walk_increments(&mut self, dir: &Path, index: &Index, findings: &mut Findings) {
        for raw in sorted_names(dir) {
            let (path, plain) = (dir.join(OsStr::from_bytes(&raw)), self.plain(&raw));
            let at = index.join(&plain);
            if path.is_dir() && !path.is_symlink() {
                self.walk_increments(&path, &at, findings);
            } else if let Some(name) = IncrementName::parse(&plain).filter(|n| n.suffix != Suffix::Data) {
                let shown = format!("increments/{at}");
                self.add(Place::Tree(index.join(&name.base)), Increment { path, shown, name });
            } else {
                let check = if is_temporary(&plain) { 31 } else { 8 };
                findings.add(check, format!("increments/{at}"), "not the name of an increment");
            }
        }
    }

    fn add(&mut self, place: Place, increment: Increment) {
        self.increments.entry(place).or_default().push(increment);
    }

    fn plain(&self, raw: &[u8]) -> Vec<u8> {
        if self.data.quoted { unquote(raw) } else { raw.to_vec() }
    }

    fn walk_mirror(&mut self, full: &Path, index: Index) {
        if full.is_dir() && !full.is_symlink() {
            for raw in sorted_names(full) {
                if !(index.0.is_empty() && raw == b"rdiff-backup-data") {
                    let inner = index.join(&self.plain(&raw));
                    self.walk_mirror(&full.join(OsStr::from_bytes(&raw)), inner);
                }
            }
        }
        self.mirror.insert(index, full.to_owned());
    }
}

/// `rdiff-backup.tmp.7`
pub fn is_temporary(name: &[u8]) -> bool {
    name.strip_prefix(b"rdiff-backup.tmp.").is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
}

/// Reads the metadata files, newest first, each diff on top of the list before.
fn load_sessions(data: &DataDirectory, findings: &mut Findings) -> BTreeMap<i64, Session> {
    let mut sessions: BTreeMap<i64, Session> = BTreeMap::new();
    let mut newer = Paths::new();
    for file in data.of_base("mirror_metadata").into_iter().rev() {
        findings.add_if(
            sessions.contains_key(&file.name.at),
            4,
            &file.shown,
            "a second file of this instant",
        );
        let records = read_metadata(file, findings);
        let mut paths = if file.name.suffix == Suffix::Diff { newer.clone() } else { Paths::new() };
        for record in &records {
            match record.kind() {
                Some(Type::Absent) => drop(paths.remove(&record.index)),
                _ => drop(paths.insert(record.index.clone(), Arc::clone(record))),
            }
        }
        newer = paths.clone();
        let xattrs = read_attributes(data, "extended_attributes", file.name.at, findings);
        let acls = read_attributes(data, "access_control_lists", file.name.at, findings);
        let session = Session { file: file.clone(), records, paths, xattrs, acls };
        sessions.insert(file.name.at, session);
    }
    sessions
}

fn read_metadata(file: &DataFile, findings: &mut Findings) -> Vec<Arc<Record>> {
    let text = read_file(&file.path, file.name.gz).unwrap_or_else(|why| {
        findings.add(3, &file.shown, why);
        Vec::new()
    });
    let (records, bad) = records::parse(&text);
    for what in bad {
        findings.add(21, &file.shown, what);
    }
    records.into_iter().map(Arc::new).collect()
}

fn read_attributes(data: &DataDirectory, base: &str, at: i64, findings: &mut Findings) -> Option<Attributes> {
    let file = data.of_base(base).into_iter().find(|f| f.name.at == at)?;
    let entries = read_file(&file.path, file.name.gz).and_then(|text| records::parse_attributes(&text));
    Some(entries.unwrap_or_else(|why| {
        findings.add(35, &file.shown, why);
        Vec::new()
    }))
}
