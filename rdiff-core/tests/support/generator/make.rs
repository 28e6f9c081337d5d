//! Making one path of any kind, and giving it attributes.

use std::fs::File;
use std::os::unix::fs::{FileExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use filetime::FileTime;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::super::check::names::IncrementName;
use super::Generator;

/// What can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    BigFile,
    SparseFile,
    Dir,
    EmptyDir,
    Symlink,
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::File,
        Self::BigFile,
        Self::SparseFile,
        Self::Dir,
        Self::EmptyDir,
        Self::Symlink,
        Self::Fifo,
        Self::Socket,
        Self::CharDevice,
        Self::BlockDevice,
    ];

    /// The name that the first one of a tree has.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::BigFile => "big.zip",
            Self::SparseFile => "sparse",
            Self::Dir => "dir",
            Self::EmptyDir => "empty-dir",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharDevice => "char-device",
            Self::BlockDevice => "block-device",
        }
    }

    pub fn is_dir(self) -> bool {
        matches!(self, Self::Dir | Self::EmptyDir)
    }
}

/// Directories of such names are what the real program's `remove` takes for increments.
pub fn is_like_increment(name: &[u8]) -> bool {
    IncrementName::parse(name).is_some()
}

/// Where times are near: 1969, 1970, 2001, 2033, 2100, 2200.
pub const TIMES: [i64; 6] = [-40_000_000, -50_000, 999_000_000, 1_999_000_000, 4_102_444_800, 7_258_118_400];

impl Generator {
    /// Makes something, with random attributes.
    pub(super) fn make(&mut self, path: &Path, kind: Kind) {
        let full = self.full(path);
        let node =
            |kind, device| mknodat(CWD, &full, kind, Mode::from_raw_mode(0o600), device).expect("a node");
        match kind {
            Kind::File => std::fs::write(&full, self.any_content()).expect("a file"),
            Kind::BigFile => std::fs::write(&full, self.content(120_000)).expect("a file"),
            Kind::SparseFile => self.make_sparse(&full),
            Kind::Dir | Kind::EmptyDir => std::fs::create_dir(&full).expect("a directory"),
            Kind::Symlink => symlink(self.target(), &full).expect("a symlink"),
            Kind::Fifo => node(FileType::Fifo, 0),
            Kind::Socket => node(FileType::Socket, 0),
            Kind::CharDevice => node(FileType::CharacterDevice, self.device()),
            Kind::BlockDevice => node(FileType::BlockDevice, self.device()),
        }
        for n in 0..if kind == Kind::Dir { 1 + self.random.below(2) } else { 0 } {
            self.make(&path.join(format!("inside-{n}")), Kind::File);
        }
        self.attributes(path, kind.is_dir());
        if self.random.below(4) == 0 && (kind.is_dir() || full.is_file() && !full.is_symlink()) {
            self.xattrs(path);
            self.acls(path);
        }
        self.stamp(path);
    }

    fn make_sparse(&mut self, full: &Path) {
        let file = File::create_new(full).expect("a file");
        file.set_len(400_000).expect("a length");
        let at = u64::try_from(self.random.below(300_000)).expect("small");
        file.write_all_at(&self.content(2000), at).expect("an island");
    }

    pub(super) fn any_content(&mut self) -> Vec<u8> {
        let length = self.random.pick(&[0, 1, 17, 1000, 2048, 5000, 20_000]);
        self.content(length)
    }

    /// Text that compresses, or bytes that do not.
    pub(super) fn content(&mut self, length: usize) -> Vec<u8> {
        if self.random.below(2) == 0 {
            return self.random.bytes(length);
        }
        let mut text = Vec::new();
        while text.len() < length {
            text.extend(
                format!("{:06} a line that compresses {}\n", text.len(), self.random.below(9)).bytes(),
            );
        }
        text.truncate(length);
        text
    }

    fn target(&mut self) -> std::ffi::OsString {
        let targets: [&[u8]; 5] = [b"file", b"/nowhere/at all", b"../up", b"odd \xff\n\\name", &[b't'; 900]];
        std::os::unix::ffi::OsStringExt::from_vec(self.random.pick(&targets).to_vec())
    }

    fn device(&mut self) -> u64 {
        makedev(self.random.pick(&[1, 7, 300]), self.random.pick(&[3, 5, 1000]))
    }

    /// A new mtime, never given before.
    pub(super) fn stamp(&mut self, path: &Path) {
        self.count += 1;
        let seconds = self.random.pick(&TIMES) + i64::try_from(self.count * 3).expect("small");
        let time = FileTime::from_unix_time(seconds, self.random.pick(&[0, 0, 1, 500_000_000, 999_999_999]));
        filetime::set_symlink_file_times(self.full(path), time, time).expect("a time");
    }

    /// Owner, group and mode.
    pub(super) fn attributes(&mut self, path: &Path, is_dir: bool) {
        let full = self.full(path);
        if self.root {
            let (uid, gid) = (self.random.pick(&[0, 0, 1, 1234, 65_534]), self.random.pick(&[0, 0, 5, 4321]));
            lchown(&full, Some(uid), Some(gid)).expect("chown");
        }
        if !full.is_symlink() {
            let any: &[u32] = &[0o644, 0o600, 0o755, 0o000, 0o4755, 0o2755, 0o6711, 0o1777, 0o444, 0o640];
            let own: &[u32] = if is_dir { &[0o755, 0o700, 0o2750] } else { &[0o644, 0o600, 0o6755, 0o640] };
            let mode = self.random.pick(if self.root { any } else { own });
            std::fs::set_permissions(full, PermissionsExt::from_mode(mode)).expect("chmod");
        }
    }

    /// Some xattrs more or less, for a file or directory.
    pub(super) fn xattrs(&mut self, path: &Path) {
        let full = self.full(path);
        let old: Vec<_> = xattr::list(&full).expect("xattrs").collect();
        for name in old.iter().filter(|n| !n.to_string_lossy().starts_with("system.")) {
            if self.random.below(2) == 0 && name != "security.selinux" {
                xattr::remove(&full, name).expect("an xattr");
            }
        }
        let mut names = vec!["user.plain", "user.with.dots", "user.UPPER", "user.empty", "user.bytes"];
        if self.options.odd_xattr_names {
            names.extend(["user.a b", "user.equals=", "user.back\\slash", "user.\u{e9}"]);
        }
        if self.root {
            names.push("trusted.secret");
        }
        for _ in 0..=self.random.below(3) {
            let name = self.random.pick(&names);
            let any: [&[u8]; 4] = [b"value", b"two\nlines", b"\0nul\0", b"blanks at the end  "];
            let value = match name {
                "user.empty" => Vec::new(),
                "user.bytes" => self.random.bytes(300),
                _ => self.random.pick(&any).to_vec(),
            };
            xattr::set(&full, name, &value).expect("an xattr");
        }
        if self.root && full.is_file() && self.random.below(3) == 0 {
            let capability: Vec<u8> =
                [0x0200_0001_u32, 1 << 10, 0, 0, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
            xattr::set(&full, "security.capability", &capability).expect("a capability");
        }
    }

    /// An access ACL, and for directories perhaps a default one.
    pub(super) fn acls(&mut self, path: &Path) {
        if !self.root {
            return;
        }
        let (full, mut entries) = (self.full(path), vec![(0x01, 6, u32::MAX)]);
        let user = self.random.pick(&[1, 1234, 65_534]);
        entries.push((0x02, self.random_permissions(), user));
        entries.push((0x04, 5, u32::MAX));
        if self.random.below(2) == 0 {
            entries.push((0x08, self.random_permissions(), 4321));
        }
        entries.push((0x10, self.random.pick(&[7, 5, 6]), u32::MAX));
        entries.push((0x20, self.random.pick(&[0, 4]), u32::MAX));
        xattr::set(&full, "system.posix_acl_access", &kernel_acl(&entries)).expect("an ACL");
        if full.is_dir() && self.random.below(2) == 0 {
            xattr::set(&full, "system.posix_acl_default", &kernel_acl(&entries)).expect("an ACL");
        }
    }

    fn random_permissions(&mut self) -> u16 {
        self.random.pick(&[0, 1, 4, 5, 6, 7])
    }
}

/// The kernel's form of an ACL from (tag, permissions, id), in order.
fn kernel_acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut out = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(permissions.to_le_bytes());
        out.extend(id.to_le_bytes());
    }
    out
}
