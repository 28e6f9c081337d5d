//! What is mounted, from `/proc/self/mountinfo`: the one truth about mounts, and reading it never hangs.
//!
//! Nothing here touches a mounted place: a stopped server cannot stop a caller of this module.
//!
//! ```
//! use rdiff_mount::mountinfo::{Device, MountInfo, MountTable};
//!
//! let table = MountTable::parse(
//!     b"27 1 254:0 / / rw - ext4 /dev/root rw\n77 27 0:48 / /mnt/web ro - fuse.sshfs me@web:/srv rw\n",
//! )?;
//! let mount: &MountInfo = table.covering("/mnt/web/dir".as_ref()).expect("a mount");
//! assert!(mount.is_sshfs() && mount.is_read_only());
//! assert_eq!(mount.device, Device { major: 0, minor: 48 });
//! assert!(MountTable::read()?.at("/".as_ref()).is_some());
//! # Ok::<(), std::io::Error>(())
//! ```

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where the kernel lists the mounts this process sees.
pub const SELF_MOUNTINFO: &str = "/proc/self/mountinfo";

/// A device number; file systems without a disk, all of FUSE among them, have major 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The major number.
    pub major: u32,
    /// The minor number; for FUSE also the name of the connection in `/sys/fs/fuse/connections`.
    pub minor: u32,
}

/// One line of the mount table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountInfo {
    /// Names the mount as long as it lives; the kernel uses numbers again.
    pub id: u64,
    /// The mount this one is mounted on.
    pub parent: u64,
    /// The device of the files inside.
    pub device: Device,
    /// Which directory of the file system is at the mount point.
    pub root: PathBuf,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Options of this mount, such as `ro`.
    pub options: String,
    /// Fields whose number varies, such as `shared:1`.
    pub optional: Vec<String>,
    /// The type of the file system: `fuse.sshfs`.
    pub fs_type: String,
    /// What is mounted: `user@host:/path`.
    pub source: OsString,
    /// Options of the file system, such as `user_id=1000`.
    pub super_options: String,
}

impl MountInfo {
    /// What it is, for messages.
    pub(crate) fn described(&self) -> String {
        format!("{} of {}", self.fs_type, self.source.to_string_lossy())
    }

    /// Tells if this is an sshfs mount.
    pub fn is_sshfs(&self) -> bool {
        matches!(self.fs_type.as_str(), "fuse.sshfs" | "fuse3.sshfs" | "sshfs")
    }

    /// Tells if this is a FUSE mount, of any kind.
    pub fn is_fuse(&self) -> bool {
        self.is_sshfs() || self.fs_type == "fuse" || self.fs_type.starts_with("fuse.")
    }

    /// Tells if nothing can be written through this mount.
    pub fn is_read_only(&self) -> bool {
        self.options.split(',').chain(self.super_options.split(',')).any(|option| option == "ro")
    }

    /// The line as the kernel would print it.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line =
            format!("{} {} {}:{} ", self.id, self.parent, self.device.major, self.device.minor).into_bytes();
        escape_into(&mut line, self.root.as_os_str());
        line.push(b' ');
        escape_into(&mut line, self.mount_point.as_os_str());
        line.extend_from_slice(format!(" {}", self.options).as_bytes());
        for field in &self.optional {
            line.extend_from_slice(format!(" {field}").as_bytes());
        }
        line.extend_from_slice(format!(" - {} ", self.fs_type).as_bytes());
        escape_into(&mut line, &self.source);
        line.extend_from_slice(format!(" {}\n", self.super_options).as_bytes());
        line
    }
}

/// All mounts, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountTable {
    mounts: Vec<MountInfo>,
}

impl MountTable {
    /// Reads the table of this process.
    ///
    /// # Errors
    /// Those of reading, and `InvalidData` for a line that cannot be understood.
    pub fn read() -> io::Result<Self> {
        Self::read_from(Path::new(SELF_MOUNTINFO))
    }

    /// Reads a table from another file; tests do.
    ///
    /// # Errors
    /// As [`MountTable::read`].
    pub fn read_from(file: &Path) -> io::Result<Self> {
        Self::parse(&fs::read(file)?)
    }

    /// Parses the text of a table.
    ///
    /// # Errors
    /// `InvalidData` with the line that cannot be understood. Guessing here could unmount the wrong place.
    pub fn parse(text: &[u8]) -> io::Result<Self> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mounts = lines.map(|line| {
            parse_line(line).ok_or_else(|| {
                let line = String::from_utf8_lossy(line);
                io::Error::new(io::ErrorKind::InvalidData, format!("cannot understand mount line '{line}'"))
            })
        });
        Ok(Self { mounts: mounts.collect::<io::Result<_>>()? })
    }

    /// All mounts, in the kernel's order.
    pub fn mounts(&self) -> &[MountInfo] {
        &self.mounts
    }

    /// What is mounted exactly at `path` and not hidden by another mount. The path is not resolved.
    ///
    /// A directory that is bound over itself is not another one: systemd does that to each path that a service
    /// may write to, and what counts is what was there before.
    pub fn at(&self, path: &Path) -> Option<&MountInfo> {
        let mut here = self.covering(path)?;
        for _ in 0..self.mounts.len() {
            match self.bound_over(here) {
                Some(beneath) => here = beneath,
                None => break,
            }
        }
        (here.mount_point == path).then_some(here)
    }

    /// The mount of which this one is a part, in its own place.
    fn bound_over(&self, mount: &MountInfo) -> Option<&MountInfo> {
        let beneath = self.by_id(mount.parent).filter(|parent| parent.id != mount.id)?;
        let below = mount.mount_point.strip_prefix(&beneath.mount_point).ok()?;
        let is_same = mount.device == beneath.device && mount.root == beneath.root.join(below);
        is_same.then_some(beneath)
    }

    /// The mount that the files at `path` belong to. The path must be absolute and without symlinks.
    ///
    /// Follows the mounts down as the kernel does: a mount on `/a` hides what was mounted on `/a/b` before.
    pub fn covering(&self, path: &Path) -> Option<&MountInfo> {
        let is_root = |mount: &&MountInfo| {
            mount.parent == mount.id || !self.mounts.iter().any(|other| other.id == mount.parent)
        };
        let above = |mount: &&MountInfo| path.starts_with(&mount.mount_point);
        let depth = |mount: &&MountInfo| mount.mount_point.components().count();
        let mut here = self.mounts.iter().filter(is_root).filter(above).max_by_key(depth)?;
        // Each step goes to a child; the count keeps a table with a circle from holding us.
        for _ in 0..self.mounts.len() {
            let children = self.mounts.iter().filter(|mount| mount.parent == here.id && mount.id != here.id);
            match children.filter(above).min_by_key(depth) {
                Some(child) => here = child,
                None => break,
            }
        }
        Some(here)
    }

    /// The mount with this number.
    pub fn by_id(&self, id: u64) -> Option<&MountInfo> {
        self.mounts.iter().find(|mount| mount.id == id)
    }
}

fn parse_line(line: &[u8]) -> Option<MountInfo> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let id = text(fields.next()?)?.parse().ok()?;
    let parent = text(fields.next()?)?.parse().ok()?;
    let device = text(fields.next()?)?;
    let (major, minor) = device.split_once(':')?;
    let device = Device { major: major.parse().ok()?, minor: minor.parse().ok()? };
    let root = PathBuf::from(unescape(fields.next()?));
    let mount_point = PathBuf::from(unescape(fields.next()?));
    let options = text(fields.next()?)?;
    let mut optional = Vec::new();
    loop {
        match text(fields.next()?)? {
            field if field == "-" => break,
            field => optional.push(field),
        }
    }
    let fs_type = text(fields.next()?)?;
    // The kernel prints an empty source as nothing at all.
    let (source, super_options) = match (fields.next()?, fields.next()) {
        (source, Some(options)) => (unescape(source), text(options)?),
        (options, None) => (OsString::new(), text(options)?),
    };
    Some(MountInfo {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        optional,
        fs_type,
        source,
        super_options,
    })
}

/// Options are mostly text, but FUSE lets a file system put any bytes there; those are for reading only.
fn text(field: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(field).into_owned())
}

/// Undoes `\040` and its like. A backslash that begins no octal number stays.
pub(crate) fn unescape(field: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(field.len());
    let mut at = 0;
    while at < field.len() {
        match octal(&field[at..]) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(field[at]);
                at += 1;
            }
        }
    }
    OsString::from_vec(out)
}

fn octal(text: &[u8]) -> Option<u8> {
    let [b'\\', high @ b'0'..=b'3', mid @ b'0'..=b'7', low @ b'0'..=b'7', ..] = text else { return None };
    Some((high - b'0') * 64 + (mid - b'0') * 8 + (low - b'0'))
}

/// Writes blanks, tabs, newlines, `#` and backslashes as octal numbers, as the kernel and mount(8) do.
pub(crate) fn escape_into(out: &mut Vec<u8>, field: &OsStr) {
    for byte in field.as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'\\' | b'#' => {
                out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            }
            _ => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 27 0:40 / /a/b rw - fuse.sshfs me@web:/srv rw,user_id=0,group_id=0
31 27 0:41 / /a\\040x ro,nosuid shared:7 master:1 - fuse.sshfs me@web:/srv\\040x rw,user_id=1000
32 30 0:42 / /a/b rw - tmpfs none rw
33 27 0:43 / /e rw -  fuse.sshfs  rw
";

    fn table(text: &str) -> MountTable {
        MountTable::parse(text.as_bytes()).unwrap()
    }

    fn id_over(table: &MountTable, path: &str) -> Option<u64> {
        table.covering(Path::new(path)).map(|mount| mount.id)
    }

    #[test]
    fn octal_escapes_and_optional_fields_are_read() {
        let table = table(TABLE);
        let mount = table.at(Path::new("/a x")).unwrap();
        assert_eq!((mount.id, mount.device), (31, Device { major: 0, minor: 41 }));
        assert_eq!(mount.source, "me@web:/srv x");
        assert_eq!(mount.optional, ["shared:7", "master:1"]);
        assert!(mount.is_read_only() && mount.is_sshfs());
        assert_eq!(table.at(Path::new("/e")).unwrap().source, "");
    }

    #[test]
    fn of_two_mounts_on_one_place_the_upper_one_counts() {
        assert_eq!(id_over(&table(TABLE), "/a/b/c"), Some(32));
        assert_eq!(id_over(&table(TABLE), "/a/bc"), Some(27));
    }

    #[test]
    fn a_mount_above_hides_the_ones_below() {
        let hidden = format!("{TABLE}34 27 0:50 / /a rw - tmpfs none rw\n");
        assert_eq!(id_over(&table(&hidden), "/a/b/c"), Some(34));
        assert_eq!(table(&hidden).at(Path::new("/a/b")), None);
    }

    #[test]
    fn a_directory_that_is_bound_over_itself_is_not_mounted() {
        let bound = "\
50 27 254:0 /mnt/web /mnt/web rw - ext4 /dev/root rw
51 50 254:0 /mnt/web /mnt/web ro - ext4 /dev/root rw
52 27 254:0 /srv/web /mnt/other rw - ext4 /dev/root rw
53 30 0:40 / /a/b rw - fuse.sshfs me@web:/srv rw,user_id=0,group_id=0
";
        let table = table(&format!("{}{bound}", TABLE.replace("32 30 0:42 / /a/b rw - tmpfs none rw\n", "")));
        let at = |path: &str| table.at(Path::new(path)).map(|mount| mount.id);
        assert_eq!((at("/mnt/web"), at("/mnt/other"), at("/")), (None, Some(52), Some(27)));
        // What was mounted there before still is.
        assert_eq!(at("/a/b"), Some(30));
    }

    #[test]
    fn a_damaged_table_is_an_error_and_a_circle_ends() {
        assert!(MountTable::parse(b"27 1 254:0 / /").is_err());
        let circle = table(
            "1 2 0:1 / / rw - x y rw\n2 1 0:2 / / rw - x y rw\n3 9 0:2 / / rw - x y rw\n1 3 0:1 / / rw - x y rw\n",
        );
        assert!(circle.covering(Path::new("/x")).is_some());
    }

    fn any_mount() -> impl Strategy<Value = MountInfo> {
        let bytes = prop::collection::vec(1..=255_u8, 1..8).prop_map(OsString::from_vec);
        let text = "[a-z:=,]{1,8}";
        let optional = prop::collection::vec("[a-z]{1,5}:[0-9]", 0..3);
        (any::<(u64, u64, u32, u32)>(), bytes.clone(), bytes.clone(), bytes, (text, text, text), optional)
            .prop_map(|((id, parent, major, minor), root, point, source, texts, optional)| MountInfo {
                id,
                parent,
                device: Device { major, minor },
                root: root.into(),
                mount_point: point.into(),
                options: texts.0,
                optional,
                fs_type: texts.1,
                source,
                super_options: texts.2,
            })
    }

    proptest! {
        #[test]
        fn a_line_survives_the_trip(mount in any_mount()) {
            let table = MountTable::parse(&mount.to_line()).unwrap();
            prop_assert_eq!(table.mounts(), [mount]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ignored = MountTable::parse(&bytes).map(|table| table.covering(Path::new("/a")).cloned());
        }
    }
}
