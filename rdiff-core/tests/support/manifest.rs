//! Manifests: what a tree is, path by path, and how two trees differ.
//!
//! The text form is described in `tests/golden/README.md`. A manifest read from text and one scanned from a
//! live tree are the same structure, so any two can be compared.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};

/// What a path is, and what only its kind has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Reg { size: u64, sha256: String },
    Dir,
    Sym { target: Vec<u8> },
    Fifo,
    Sock,
    Chr { major: u32, minor: u32 },
    Blk { major: u32, minor: u32 },
}

impl Kind {
    /// Its name in a manifest.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reg { .. } => "reg",
            Self::Dir => "dir",
            Self::Sym { .. } => "sym",
            Self::Fifo => "fifo",
            Self::Sock => "sock",
            Self::Chr { .. } => "chr",
            Self::Blk { .. } => "blk",
        }
    }

    /// Kinds whose mtime the real program does not restore.
    fn is_timeless(&self) -> bool {
        !matches!(self, Self::Reg { .. } | Self::Dir | Self::Fifo)
    }
}

/// One path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Whole seconds, rounded down.
    pub mtime: i64,
    /// Nanoseconds beyond them.
    pub ns: u32,
    /// The first path of its hard-link group, when another path of the tree is in it.
    pub link: Option<Vec<u8>>,
    /// All but ACLs and `security.selinux`.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub acl: Option<Vec<u8>>,
    pub default_acl: Option<Vec<u8>>,
}

/// A tree: its records by relative path. The root is `.`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    pub records: BTreeMap<Vec<u8>, Record>,
}

/// What a comparison passes over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignore {
    pub nanoseconds: bool,
    /// The mtime of symlinks, devices and sockets.
    pub mtime_of_special: bool,
    pub owner_of_symlinks: bool,
    pub links: bool,
    pub acls: bool,
    pub xattrs: bool,
    /// `user.a\040b` and `user.a b` are the same name.
    pub escaped_xattr_names: bool,
}

impl Ignore {
    /// What any restore by the real program loses.
    pub const BY_REAL: Self = Self {
        nanoseconds: true,
        mtime_of_special: true,
        owner_of_symlinks: false,
        links: false,
        acls: false,
        xattrs: false,
        escaped_xattr_names: false,
    };
}

// ---- text

/// Bytes of a `%XX` text.
fn unpercent(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let digits: String = bytes.by_ref().take(2).map(char::from).collect();
            out.push(u8::from_str_radix(&digits, 16).expect("two hex digits after %"));
        } else {
            out.push(b);
        }
    }
    out
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hex {text}");
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex digits")).collect()
}

/// A path or name for a message.
pub fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() > 80 { format!("{}...({} bytes)", &text[..70], bytes.len()) } else { text }
}

/// The fields of one line, single ones by key and `xattr` collected.
struct Line<'a> {
    fields: HashMap<&'a str, &'a str>,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Line<'a> {
    fn split(text: &'a str) -> Self {
        let mut line = Self { fields: HashMap::new(), xattrs: BTreeMap::new() };
        for field in text.split(' ') {
            let (key, value) = field.split_once('=').expect("key=value");
            if key == "xattr" {
                let (name, value) = value.split_once(':').expect("NAME:HEX");
                line.xattrs.insert(unpercent(name), unhex(value));
            } else {
                line.fields.insert(key, value);
            }
        }
        line
    }

    fn get(&self, key: &str) -> &'a str {
        self.fields.get(key).unwrap_or_else(|| panic!("a manifest line without {key}: {:?}", self.fields))
    }

    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, key: &str) -> T {
        self.get(key).parse().expect("a decimal number")
    }

    fn device(&self) -> (u32, u32) {
        let (major, minor) = self.get("device").split_once(',').expect("MAJOR,MINOR");
        (major.parse().expect("a number"), minor.parse().expect("a number"))
    }

    fn kind(&self) -> Kind {
        match self.get("type") {
            "reg" => Kind::Reg { size: self.number("size"), sha256: self.get("sha256").to_owned() },
            "dir" => Kind::Dir,
            "sym" => Kind::Sym { target: unpercent(self.get("target")) },
            "fifo" => Kind::Fifo,
            "sock" => Kind::Sock,
            "chr" => Kind::Chr { major: self.device().0, minor: self.device().1 },
            "blk" => Kind::Blk { major: self.device().0, minor: self.device().1 },
            other => panic!("type {other} in a manifest"),
        }
    }

    fn record(self) -> Record {
        Record {
            kind: self.kind(),
            mode: u32::from_str_radix(self.get("mode"), 8).expect("an octal mode"),
            uid: self.number("uid"),
            gid: self.number("gid"),
            mtime: self.number("mtime"),
            ns: self.number("ns"),
            link: None,
            acl: self.fields.get("acl").map(|v| unhex(v)),
            default_acl: self.fields.get("default-acl").map(|v| unhex(v)),
            xattrs: self.xattrs,
        }
    }
}

impl Manifest {
    /// Reads the text form.
    ///
    /// # Panics
    /// On anything that is not a manifest: it is part of the tests.
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        Self::parse(&text)
    }

    /// Parses the text form.
    pub fn parse(text: &str) -> Self {
        let (mut records, mut firsts) = (BTreeMap::new(), HashMap::new());
        for line in text.lines().map(Line::split) {
            let path = unpercent(line.get("path"));
            let group = line.fields.get("link").copied();
            let link = group.map(|g| firsts.entry(g).or_insert_with(|| path.clone()).clone());
            records.insert(path, Record { link, ..line.record() });
        }
        Self { records }
    }

    /// The same tree without a path and all below it. Links to it have another first name then.
    #[must_use]
    pub fn without(&self, path: &[u8]) -> Self {
        let is_gone = |p: &[u8]| p == path || (p.starts_with(path) && p[path.len()] == b'/');
        let kept = self.records.iter().filter(|(p, _)| !is_gone(p));
        let mut records: BTreeMap<_, _> = kept.map(|(p, r)| (p.clone(), r.clone())).collect();
        let mut groups: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
        for (p, record) in &records {
            if let Some(first) = &record.link {
                groups.entry(first.clone()).or_default().push(p.clone());
            }
        }
        for names in groups.values_mut() {
            names.sort_by(|a, b| a.split(|&b| b == b'/').cmp(b.split(|&b| b == b'/')));
            for name in &*names {
                let first = (names.len() > 1).then(|| names[0].clone());
                records.entry(name.clone()).and_modify(|r| r.link = first);
            }
        }
        Self { records }
    }

    // ---- live trees

    /// Scans the tree at `top`.
    ///
    /// # Panics
    /// When anything in it cannot be read.
    pub fn scan(top: &Path) -> Self {
        Self::scan_without(top, b"")
    }

    /// Scans the mirror of a repository, without `rdiff-backup-data`.
    pub fn of_mirror(repo: &Path) -> Self {
        Self::scan_without(repo, b"rdiff-backup-data")
    }

    fn scan_without(top: &Path, skipped: &[u8]) -> Self {
        let mut scan = Scan { top, skipped, records: Vec::new(), inodes: HashMap::new() };
        scan.visit(b".");
        scan.finish()
    }
}

/// Device and inode.
type Inode = (u64, u64);

struct Scan<'a> {
    top: &'a Path,
    skipped: &'a [u8],
    /// In path order; an inode for what can have links.
    records: Vec<(Vec<u8>, Record, Option<Inode>)>,
    inodes: HashMap<Inode, u32>,
}

impl Scan<'_> {
    fn visit(&mut self, path: &[u8]) {
        let full = self.top.join(OsStr::from_bytes(path));
        let record = scan_one(&full);
        let stat = std::fs::symlink_metadata(&full).unwrap_or_else(|e| panic!("{}: {e}", full.display()));
        let is_dir = stat.is_dir();
        let inode = (!is_dir).then(|| (stat.dev(), stat.ino()));
        if let Some(inode) = inode {
            *self.inodes.entry(inode).or_default() += 1;
        }
        self.records.push((path.to_vec(), record, inode));
        if is_dir {
            for name in sorted_names(&full) {
                if path != b"." {
                    self.visit(&[path, b"/", &name].concat());
                } else if name != self.skipped {
                    self.visit(&name);
                }
            }
        }
    }

    fn finish(self) -> Manifest {
        let (mut records, mut firsts) = (BTreeMap::new(), HashMap::new());
        for (path, record, inode) in self.records {
            let group = inode.filter(|i| self.inodes[i] > 1);
            let link = group.map(|i| firsts.entry(i).or_insert_with(|| path.clone()).clone());
            records.insert(path, Record { link, ..record });
        }
        Manifest { records }
    }
}

/// The names in a directory, as bytes, sorted.
pub fn sorted_names(dir: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name().into_vec()).collect();
    names.sort();
    names
}

fn scan_one(full: &Path) -> Record {
    let stat = std::fs::symlink_metadata(full).unwrap_or_else(|e| panic!("{}: {e}", full.display()));
    let mut xattrs = scan_xattrs(full);
    Record {
        kind: scan_kind(full, &stat),
        mode: stat.mode() & 0o7777,
        uid: stat.uid(),
        gid: stat.gid(),
        mtime: stat.mtime(),
        ns: u32::try_from(stat.mtime_nsec()).expect("under 10^9"),
        link: None,
        acl: xattrs.remove(b"system.posix_acl_access".as_slice()),
        default_acl: xattrs.remove(b"system.posix_acl_default".as_slice()),
        xattrs,
    }
}

fn scan_kind(full: &Path, stat: &std::fs::Metadata) -> Kind {
    let (major, minor) = (rustix::fs::major(stat.rdev()), rustix::fs::minor(stat.rdev()));
    let kind = stat.file_type();
    if kind.is_file() {
        let content = std::fs::read(full).unwrap_or_else(|e| panic!("{}: {e}", full.display()));
        return Kind::Reg { size: stat.size(), sha256: hex(&Sha256::digest(&content)) };
    }
    if kind.is_symlink() {
        let target = std::fs::read_link(full).unwrap_or_else(|e| panic!("{}: {e}", full.display()));
        return Kind::Sym { target: target.into_os_string().into_vec() };
    }
    match () {
        () if kind.is_dir() => Kind::Dir,
        () if kind.is_fifo() => Kind::Fifo,
        () if kind.is_socket() => Kind::Sock,
        () if kind.is_char_device() => Kind::Chr { major, minor },
        () => Kind::Blk { major, minor },
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        write!(text, "{b:02x}").expect("a String takes all");
        text
    })
}

/// All xattrs of a path, ACLs among them; none where the file system has none.
pub fn scan_xattrs(full: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let Ok(names) = xattr::list(full) else { return BTreeMap::new() };
    let kept = names.filter(|n| n != "security.selinux");
    let pairs = kept.filter_map(|name| Some((xattr::get(full, &name).ok()??, name.into_vec())));
    pairs.map(|(value, name)| (name, value)).collect()
}

// ---- comparing

/// What distinguishes `got` from `want`, one line for each difference; empty when they are equal.
pub fn differences(want: &Manifest, got: &Manifest, ignore: Ignore) -> Vec<String> {
    let mut out = Vec::new();
    for (path, w) in &want.records {
        match got.records.get(path) {
            None => out.push(format!("{}: {} is missing", show(path), w.kind.name())),
            Some(g) => compare_records(path, w, g, ignore, &mut out),
        }
    }
    let extra = got.records.iter().filter(|(path, _)| !want.records.contains_key(*path));
    out.extend(extra.map(|(path, g)| format!("{}: {} should not be there", show(path), g.kind.name())));
    out
}

fn compare_records(path: &[u8], want: &Record, got: &Record, ignore: Ignore, out: &mut Vec<String>) {
    let mut differ = |what: &str, w: &dyn std::fmt::Debug, g: &dyn std::fmt::Debug| {
        out.push(format!("{}: {what}: want {w:?}, got {g:?}", show(path)));
    };
    if want.kind != got.kind {
        return differ("type and content", &want.kind, &got.kind);
    }
    let is_symlink = matches!(want.kind, Kind::Sym { .. });
    if want.mode != got.mode && !is_symlink {
        differ("mode", &format_args!("{:04o}", want.mode), &format_args!("{:04o}", got.mode));
    }
    if (want.uid, want.gid) != (got.uid, got.gid) && !(is_symlink && ignore.owner_of_symlinks) {
        differ("owner", &(want.uid, want.gid), &(got.uid, got.gid));
    }
    if !(want.kind.is_timeless() && ignore.mtime_of_special) {
        let ns = |r: &Record| if ignore.nanoseconds { 0 } else { r.ns };
        if (want.mtime, ns(want)) != (got.mtime, ns(got)) {
            differ("mtime", &(want.mtime, want.ns), &(got.mtime, got.ns));
        }
    }
    if !ignore.links && want.link != got.link {
        let shown = |r: &Record| r.link.as_deref().map(show);
        differ("hard-link group of", &shown(want), &shown(got));
    }
    if !ignore.acls && (&want.acl, &want.default_acl) != (&got.acl, &got.default_acl) {
        differ("ACLs", &(&want.acl, &want.default_acl), &(&got.acl, &got.default_acl));
    }
    let names =
        |r: &Record| if ignore.escaped_xattr_names { plain_names(&r.xattrs) } else { r.xattrs.clone() };
    if !ignore.xattrs && names(want) != names(got) {
        let shown = |r: &Record| r.xattrs.iter().map(|(k, v)| (show(k), show(v))).collect::<Vec<_>>();
        differ("xattrs", &shown(want), &shown(got));
    }
}

/// `user.a\040b` -> `user.a b`, in all names.
fn plain_names(xattrs: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    xattrs.iter().map(|(name, value)| (super::check::records::unoctal(name), value.clone())).collect()
}
