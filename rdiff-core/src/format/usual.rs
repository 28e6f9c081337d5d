//! Records of metadata as nearly all are: files and directories, with the fields that this program and the original write,
//! in their order. Of such a record each byte is looked at about once, which reading any record can't do.

use crate::entry::{Digest, File, Kind, Link};

/// What such a record says.
pub(super) struct Usual<'a> {
    pub(super) kind: Kind,
    pub(super) mtime: i64,
    pub(super) uid: u32,
    pub(super) uname: &'a [u8],
    pub(super) gid: u32,
    pub(super) gname: &'a [u8],
    pub(super) mode: u32,
}

/// Reads what follows the line with the path. Nothing if there is anything unusual about it, be it right or wrong.
pub(super) fn read(fields: &[u8]) -> Option<Usual<'_>> {
    let mut at = Fields(fields);
    let kind = match at.word(b"  Type ")? {
        b"reg" => Kind::File(at.file()?),
        b"dir" => Kind::Dir,
        _ => return None,
    };
    let usual = Usual {
        kind,
        mtime: i64::try_from(at.number(b"  ModTime ")?).ok()?,
        uid: at.small(b"  Uid ")?,
        uname: at.word(b"  Uname ")?,
        gid: at.small(b"  Gid ")?,
        gname: at.word(b"  Gname ")?,
        mode: at.small(b"  Permissions ").filter(|mode| *mode <= 0o7777)?,
    };
    at.0.is_empty().then_some(usual)
}

/// The fields still to be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn file(&mut self) -> Option<File> {
        let size = self.number(b"  Size ")?;
        let mut link = None;
        if self.0.starts_with(b"  NumHardLinks ") {
            let count = self.number(b"  NumHardLinks ")?;
            let (inode, device) = (self.number(b"  Inode ")?, self.number(b"  DeviceLoc ")?);
            link = (count > 1).then_some(Link { count, inode, device });
        }
        let mut digest = None;
        if let Some(rest) = self.0.strip_prefix(b"  SHA1Digest ") {
            let (hex, rest) = rest.split_at_checked(40)?;
            digest = Some(Digest::from_hex(hex)?);
            self.0 = rest.strip_prefix(b"\n")?;
        }
        Some(File { size, digest, link })
    }

    /// The value of a field that comes next, up to the end of its line.
    fn word(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(name)?;
        let end = rest.iter().position(|&b| b == b'\n').filter(|end| *end > 0)?;
        self.0 = &rest[end + 1..];
        Some(&rest[..end])
    }

    /// The value of a field that comes next and is a number.
    fn number(&mut self, name: &[u8]) -> Option<u64> {
        /// So many digits hold no number too large for 64 bits.
        const MOST: usize = 19;
        let rest = self.0.strip_prefix(name)?;
        let digits = rest.iter().take(MOST).take_while(|b| b.is_ascii_digit());
        let (length, number) =
            digits.fold((0, 0u64), |(length, n), b| (length + 1, n * 10 + u64::from(b - b'0')));
        self.0 = rest[length..].strip_prefix(b"\n").filter(|_| length > 0)?;
        Some(number)
    }

    fn small(&mut self, name: &[u8]) -> Option<u32> {
        u32::try_from(self.number(name)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_usual() {
        let owner = "  Uid 0\n  Uname root\n  Gid 7\n  Gname :\n  Permissions 420\n";
        let digest = "  SHA1Digest a9993e364706816aba3e25717850c26c9cd0d89d\n";
        let file = format!("  Type reg\n  Size 12\n{digest}  ModTime 1700000000\n{owner}");
        let links = file.replace("12\n", "12\n  NumHardLinks 2\n  Inode 17\n  DeviceLoc 65026\n");
        let dir = format!("  Type dir\n  ModTime 1\n{owner}");
        for text in [&file, &links, &file.replace(digest, ""), &dir] {
            let read = read(text.as_bytes()).unwrap();
            assert_eq!(
                (read.uid, read.uname, read.gid, read.gname, read.mode),
                (0, &b"root"[..], 7, &b":"[..], 420)
            );
        }
        for unusual in [
            file.replace("ModTime ", "ModTime -"),
            file.replace("420\n", "420"),
            file.replace("420", "4096"),
            file.replace("Size 12", "Size 18446744073709551615"),
            file.replace("Size 12", "Size "),
            file.replace("root", ""),
            file.replace("a9993e", "A9993g"),
            file.replace("reg", "fifo"),
            file.clone() + "  AlternateMirrorName 1\n",
            file.replace("  Uid", " Uid"),
            String::new(),
        ] {
            assert!(read(unusual.as_bytes()).is_none(), "{unusual}");
        }
    }
}
