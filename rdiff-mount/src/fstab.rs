//! `/etc/fstab` as text: read, find, add, replace and remove entries; every other byte stays as it is.
//!
//! A line that is no entry (a comment, a blank, anything odd) is kept and never looked into.
//!
//! ```
//! use rdiff_mount::fstab::{Fstab, FstabEntry, Spelling, explained};
//! use rdiff_mount::sshfs::SshfsCapabilities;
//! use rdiff_mount::{MountError, Remote, SshfsOptions};
//!
//! let remote = Remote::new(Some("backup"), "web", None, "/srv")?;
//! let sshfs = SshfsCapabilities::from_texts("SSHFS version 3.7.3", "dcache_max_size");
//! let options = SshfsOptions::default();
//! let entry = FstabEntry::for_sshfs(&remote, "/mnt/web".into(), &options, &sshfs, Spelling::Type)?;
//! for option in explained(&remote, &options, &sshfs) {
//!     println!("{:<30} {}", option.option, option.why);
//! }
//!
//! let mut fstab = Fstab::parse(b"# mine\n/dev/sda1 / ext4 defaults 0 1\n");
//! fstab.add(&entry)?;
//! let text = fstab.to_bytes();
//! assert!(text.starts_with(b"# mine\n"));
//! assert_eq!(Fstab::parse(&text).find("/mnt/web".into()), Some(entry));
//! # Ok::<(), MountError>(())
//! ```

use std::fmt;
use std::os::unix::ffi::OsStrExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{MountError, Result};
use crate::location::Remote;
use crate::mountinfo::{escape_into, unescape};
use crate::sshfs::{Explained, SshfsCapabilities, SshfsOptions};

/// The options that mount(8) reads itself, and why a good entry has them.
const MOUNT_OPTIONS: [(&str, &str); 3] = [
    ("noauto", "the machine boots without it; a backup mounts it when it needs it"),
    ("user", "an ordinary user may mount it, and only this; implies nosuid, nodev and noexec"),
    ("_netdev", "it needs the network"),
];

/// The two ways to write an sshfs entry; mount(8) takes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `sshfs#user@host:/path DIR fuse …`, the older way.
    Hash,
    /// `user@host:/path DIR fuse.sshfs …`
    Type,
}

/// One entry: the six fields, blanks and escapes taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FstabEntry {
    /// What to mount.
    pub spec: String,
    /// Where; `none` for swap.
    pub mount_point: Utf8PathBuf,
    /// The type of the file system.
    pub fs_type: String,
    /// The options, separated by commas.
    pub options: String,
    /// The fifth field: dump(8).
    pub dump: u32,
    /// The sixth field: the pass of fsck(8).
    pub pass: u32,
}

impl FstabEntry {
    /// A good entry for an sshfs mount: the options of [`SshfsOptions`] and those of mount(8).
    ///
    /// # Errors
    /// [`MountError::BadValue`] for what fstab cannot hold: paths that are not text, commas, quotes and
    /// blanks in options. [`MountError::NotAbsolute`] for the mount point.
    pub fn for_sshfs(
        remote: &Remote,
        mount_point: &Utf8Path,
        options: &SshfsOptions,
        sshfs: &SshfsCapabilities,
        spelling: Spelling,
    ) -> Result<Self> {
        if !is_plain_absolute(mount_point) {
            return Err(MountError::NotAbsolute { mount_point: mount_point.to_owned() });
        }
        let source = remote.sshfs_source();
        let Some(source) = source.to_str().filter(|text| !text.contains(char::is_control)) else {
            return Err(bad(
                "remote path",
                &source.to_string_lossy(),
                "fstab holds text only; mount by location",
            ));
        };
        let explained = explained(remote, options, sshfs);
        explained.iter().try_for_each(|option| fits(&option.option))?;
        let options: Vec<_> = explained.into_iter().map(|option| option.option).collect();
        let (spec, fs_type) = match spelling {
            Spelling::Hash => (format!("sshfs#{source}"), "fuse"),
            Spelling::Type => (source.to_owned(), "fuse.sshfs"),
        };
        Ok(Self {
            spec,
            mount_point: mount_point.to_owned(),
            fs_type: fs_type.to_owned(),
            options: options.join(","),
            dump: 0,
            pass: 0,
        })
    }

    /// Parses one line; `None` when it is no entry. The dump and pass fields may be missing.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let fields = line.split(|byte| matches!(byte, b' ' | b'\t'));
        let mut fields = fields.filter(|field| !field.is_empty()).peekable();
        if fields.peek()?.starts_with(b"#") {
            return None;
        }
        let mut field = || fields.next().map(unescape).and_then(|field| field.into_string().ok());
        let spec = field()?;
        let (mount_point, fs_type, options) = (field()?, field()?, field()?);
        let number = |text: Option<String>| text.map_or(Some(0), |text| text.parse().ok());
        let (dump, pass) = (number(field())?, number(field())?);
        Some(Self { spec, mount_point: mount_point.into(), fs_type, options, dump, pass })
    }

    /// The remote place and the spelling, when this is an sshfs entry.
    ///
    /// # Errors
    /// [`MountError::Location`] when it is one, and its location is none: `<sshfs#user@host>:/path`, say.
    pub fn sshfs(&self) -> Option<Result<(Remote, Spelling)>> {
        // The guide's example wraps the whole in '<' and '>': still meant for sshfs.
        let hash = self.spec.trim_start_matches('<').starts_with("sshfs#");
        let (source, spelling) = match self.fs_type.as_str() {
            "fuse" | "fuse3" if hash => {
                (self.spec.strip_prefix("sshfs#").unwrap_or(&self.spec), Spelling::Hash)
            }
            "fuse.sshfs" | "fuse3.sshfs" | "sshfs" => (self.spec.as_str(), Spelling::Type),
            _ => return None,
        };
        let port = self.option("port").or_else(|| self.option("Port")).and_then(|port| port.parse().ok());
        let remote = Remote::parse_scp(source).map(|remote| remote.with_port(port));
        Some(remote.map(|remote| (remote, spelling)).map_err(MountError::from))
    }

    /// The value of the option `name`, empty for one without a value; `None` when it is not there.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut options =
            self.options.split(',').map(|option| option.split_once('=').unwrap_or((option, "")));
        options.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Tells if the option `name` is there.
    pub fn has_option(&self, name: &str) -> bool {
        self.option(name).is_some()
    }

    /// The options of this entry that ssh gets, for [`SshfsOptions::try_login`]: those that begin with a
    /// capital, as ssh's own do.
    pub fn login_options(&self) -> SshfsOptions {
        let options = self.options.split(',');
        let for_ssh = options.filter(|option| option.starts_with(|c: char| c.is_ascii_uppercase()));
        SshfsOptions { extra: for_ssh.map(str::to_owned).collect(), ..SshfsOptions::default() }
    }

    /// The line, without its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        for field in [&self.spec, self.mount_point.as_str(), &self.fs_type, &self.options] {
            escape_spec_into(&mut line, field);
            line.push(b' ');
        }
        line.extend_from_slice(format!("{} {}", self.dump, self.pass).as_bytes());
        line
    }
}

impl fmt::Display for FstabEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_line()))
    }
}

/// The options of a good entry, each with its reason.
pub fn explained(remote: &Remote, options: &SshfsOptions, sshfs: &SshfsCapabilities) -> Vec<Explained> {
    let mut list: Vec<_> = MOUNT_OPTIONS.iter().map(|(option, why)| Explained::new(*option, why)).collect();
    let own = options.explained(remote, sshfs);
    // `ro` first, as people write it.
    let at = usize::from(own.first().is_some_and(|option| option.option == "ro"));
    let rest = own[at..].to_vec();
    list.splice(0..0, own[..at].iter().cloned());
    list.extend(rest);
    list
}

/// A whole fstab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fstab {
    /// What is between the newlines; so a text that ends with one has an empty last piece.
    lines: Vec<Vec<u8>>,
}

impl Fstab {
    /// Takes any text apart. [`Fstab::to_bytes`] gives it back, byte for byte.
    pub fn parse(text: &[u8]) -> Self {
        Self { lines: text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() }
    }

    /// The whole text.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.join(&b'\n')
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = FstabEntry> {
        self.lines.iter().filter_map(|line| FstabEntry::parse(line))
    }

    /// The entry for a mount point: the first, which is the one that mount(8) takes.
    pub fn find(&self, mount_point: &Utf8Path) -> Option<FstabEntry> {
        self.entries().find(|entry| entry.mount_point == mount_point)
    }

    /// Adds an entry as the last line.
    ///
    /// # Errors
    /// [`MountError::EntryExists`] when its mount point has one.
    pub fn add(&mut self, entry: &FstabEntry) -> Result<()> {
        if let Some(found) = self.find(&entry.mount_point) {
            let mount_point = entry.mount_point.clone();
            return Err(MountError::EntryExists { mount_point, line: found.to_string() });
        }
        let after_last = match self.lines.last() {
            Some(last) if !last.is_empty() => self.lines.len(),
            _ => self.lines.len().saturating_sub(1),
        };
        self.lines.insert(after_last, entry.to_line());
        Ok(())
    }

    /// Puts an entry in the place of the one with the same mount point, and returns that one.
    /// Without one it is added.
    pub fn replace(&mut self, entry: &FstabEntry) -> Option<FstabEntry> {
        let Some(at) = self.position(&entry.mount_point) else {
            // There is none with that mount point, which is the only reason for `add` to refuse.
            return self.add(entry).err().and(None);
        };
        let old = std::mem::replace(&mut self.lines[at], entry.to_line());
        FstabEntry::parse(&old)
    }

    /// Removes the entry for a mount point with its line, and returns it.
    pub fn remove(&mut self, mount_point: &Utf8Path) -> Option<FstabEntry> {
        let at = self.position(mount_point)?;
        FstabEntry::parse(&self.lines.remove(at))
    }

    fn position(&self, mount_point: &Utf8Path) -> Option<usize> {
        let is_it =
            |line: &Vec<u8>| FstabEntry::parse(line).is_some_and(|entry| entry.mount_point == mount_point);
        self.lines.iter().position(is_it)
    }
}

pub(crate) fn is_plain_absolute(path: &Utf8Path) -> bool {
    path.is_absolute() && !path.as_str().split('/').any(|part| part == "..") && !path.as_str().contains('\0')
}

/// Escapes a field. A `#` needs it only where it would begin a comment; `sshfs#…` is to stay readable.
fn escape_spec_into(line: &mut Vec<u8>, field: &str) {
    for (at, piece) in field.as_bytes().split(|byte| *byte == b'#').enumerate() {
        if at > 0 {
            let begins = line.last().is_none_or(|byte| *byte == b' ');
            line.extend_from_slice(if begins { b"\\043" } else { b"#" });
        }
        escape_into(line, std::ffi::OsStr::from_bytes(piece));
    }
}

/// mount(8) splits options at commas, takes quotes for its own and hands the rest to a shell script.
fn fits(option: &str) -> Result<()> {
    let bad_char = |c: char| c.is_whitespace() || c.is_control() || "\"'\\,`$;|&<>()#".contains(c);
    if option.contains(bad_char) {
        let why =
            "fstab options hold no blanks, commas, quotes or shell characters; put it into ~/.ssh/config";
        return Err(bad("option", option, why));
    }
    Ok(())
}

fn bad(what: &'static str, value: &str, why: &'static str) -> MountError {
    MountError::BadValue { what, value: value.escape_debug().to_string(), why }
}
