//! Rules 26–28: the mirror is what the newest records say.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::unistd::{Group, User};

use super::super::manifest::{scan_xattrs, show};
use super::Findings;
use super::increments::{is_of_type, sha1_hex};
use super::load::{Repository, is_temporary};
use super::records::{Record, Type, xattrs};

pub(super) fn check(repository: &Repository, findings: &mut Findings) {
    let newest = repository.newest();
    for index in repository.mirror.keys().filter(|i| !newest.contains_key(*i)) {
        let temporary = index.0.last().is_some_and(|n| is_temporary(n));
        findings.add(if temporary { 31 } else { 26 }, index, "is in the mirror and has no record");
    }
    let root = rustix::process::geteuid().is_root();
    for (index, record) in newest {
        let misplaced = record.get("AlternateMirrorName").is_some() && repository.mirror.contains_key(index);
        findings.add_if(misplaced, 26, index, "is in the mirror under its own name too");
        let path = repository.mirror_file(record);
        let Some((path, stat)) = path.and_then(|p| std::fs::symlink_metadata(&p).ok().map(|s| (p, s))) else {
            findings.add(26, index, "has a record and is not in the mirror");
            continue;
        };
        let stands_in = !root && stat.is_file() && stat.len() == 0;
        let same = record.kind().is_some_and(|k| is_of_type(stat.file_type(), k));
        findings.add_if(!same && !stands_in, 27, index, format!("is not {:?}", record.kind()));
        if same {
            content(record, &path, &stat, findings);
            time(record, &stat, findings);
        }
        if same && root {
            owner_and_mode(record, &stat, findings);
        }
    }
    if root {
        extended(repository, findings);
    }
}

/// `c 1 3`, as in a record.
pub(super) fn device(stat: &Metadata) -> Vec<u8> {
    let kind = if stat.file_type().is_block_device() { 'b' } else { 'c' };
    format!("{kind} {} {}", rustix::fs::major(stat.rdev()), rustix::fs::minor(stat.rdev())).into_bytes()
}

fn content(record: &Record, path: &Path, stat: &Metadata, findings: &mut Findings) {
    let index = &record.index;
    match record.kind() {
        Some(Type::Reg) => {
            let wrong = record.number("Size") != Some(i128::from(stat.len()));
            findings.add_if(wrong, 27, index, format!("is {} bytes long", stat.len()));
            let digest = std::fs::read(path).map(|b| sha1_hex(&b)).unwrap_or_default();
            let wrong = record.get("SHA1Digest").is_some_and(|d| d != digest.as_bytes());
            findings.add_if(wrong, 27, index, format!("has the SHA-1 {digest}"));
        }
        Some(Type::Sym) => {
            let target = std::fs::read_link(path).unwrap_or_default();
            let wrong = record.get("SymData") != Some(target.as_os_str().as_bytes());
            findings.add_if(wrong, 27, index, format!("links to {}", target.display()));
        }
        Some(Type::Dev) => {
            let wrong = record.get("DeviceNum") != Some(&*device(stat));
            findings.add_if(wrong, 27, index, "has other device numbers");
        }
        _ => {}
    }
}

/// A socket has a time in its record, but the real program does not set it.
fn time(record: &Record, stat: &Metadata, findings: &mut Findings) {
    if matches!(record.kind(), Some(Type::Reg | Type::Dir | Type::Fifo)) {
        let wrong = record.number("ModTime") != Some(i128::from(stat.mtime()));
        findings.add_if(wrong, 27, &record.index, format!("has the mtime {}", stat.mtime()));
        findings.add_if(stat.mtime_nsec() != 0, 27, &record.index, "has an mtime with nanoseconds");
    }
}

/// Owners are mapped by name where the name is known here, else by number (or always, on demand).
fn owner_and_mode(record: &Record, stat: &Metadata, findings: &mut Findings) {
    let name = |field| record.get(field).and_then(|n| std::str::from_utf8(n).ok()).unwrap_or(":");
    let user = User::from_name(name("Uname")).ok().flatten().map(|u| i128::from(u.uid.as_raw()));
    let group = Group::from_name(name("Gname")).ok().flatten().map(|g| i128::from(g.gid.as_raw()));
    let fits = |found: u32, id: Option<i128>, mapped| [id, mapped].contains(&Some(i128::from(found)));
    let good = fits(stat.uid(), record.number("Uid"), user) && fits(stat.gid(), record.number("Gid"), group);
    findings.add_if(!good, 28, &record.index, format!("belongs to {}:{}", stat.uid(), stat.gid()));
    let mode = stat.mode() & 0o7777;
    let wrong = record.kind() != Some(Type::Sym) && record.number("Permissions") != Some(i128::from(mode));
    findings.add_if(wrong, 28, &record.index, format!("has the mode {mode:o}"));
}

/// Xattrs and ACLs of the mirror against the newest session's files, if it has them and this place can hold them.
fn extended(repository: &Repository, findings: &mut Findings) {
    let Some((_, session)) = repository.sessions.last_key_value() else { return };
    if xattr::list(&repository.data.repo).is_err() {
        return;
    }
    let listed = session.xattrs.as_ref().map(|e| e.iter().map(|(i, l)| (i, l)).collect::<BTreeMap<_, _>>());
    let acls = session.acls.as_ref().map(|e| e.iter().map(|(i, l)| (i, l)).collect::<BTreeMap<_, _>>());
    for (index, record) in &session.paths {
        let Some(path) = repository.mirror_file(record) else { continue };
        let mut found = scan_xattrs(&path);
        let access = found.remove(b"system.posix_acl_access".as_slice());
        let default = found.remove(b"system.posix_acl_default".as_slice());
        found.retain(|name, _| !name.starts_with(b"system."));
        if let Some(listed) = &listed {
            let wanted = listed.get(index).and_then(|l| xattrs(l)).unwrap_or_default();
            let names: Vec<_> = found.keys().map(|n| show(n)).collect();
            findings.add_if(wanted != found, 28, index, format!("has other xattrs: {names:?}"));
        }
        if let Some(acls) = &acls {
            let lines = acls.get(index).map_or(&[][..], |l| l.as_slice());
            for (prefix, found) in [("", access), ("default:", default)] {
                let wanted = kernel_acl(lines, prefix);
                findings.add_if(wanted != found, 28, index, format!("has another {prefix}ACL"));
            }
        }
    }
}

/// The entries with this prefix in the kernel's form; `None` when there are none. Unknown names are dropped.
fn kernel_acl(lines: &[Vec<u8>], prefix: &str) -> Option<Vec<u8>> {
    let texts = lines.iter().filter_map(|l| std::str::from_utf8(l).ok());
    let own = texts.filter(|l| prefix.is_empty() != l.starts_with("default:"));
    let mut entries: Vec<_> = own.filter_map(|l| acl_entry(l.strip_prefix(prefix)?)).collect();
    entries.sort_unstable();
    let bytes = |&(tag, perm, id): &(u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let body: Vec<u8> = entries.iter().flat_map(bytes).collect();
    (!body.is_empty()).then(|| [&2_u32.to_le_bytes()[..], &body].concat())
}

/// Tag, permissions and id of `user:daemon:r-x`.
fn acl_entry(line: &str) -> Option<(u16, u16, u32)> {
    let line = line.split('#').next()?.trim();
    let [kind, who, perms] = line.split(':').collect::<Vec<_>>()[..] else { return None };
    let named = |name: &str| match kind {
        "user" => Some(User::from_name(name).ok()??.uid.as_raw()),
        _ => Some(Group::from_name(name).ok()??.gid.as_raw()),
    };
    let id = if who.is_empty() { u32::MAX } else { who.parse().ok().or_else(|| named(who))? };
    let tag = match (kind, who.is_empty()) {
        ("user", true) => 0x01,
        ("user", false) => 0x02,
        ("group", true) => 0x04,
        ("group", false) => 0x08,
        ("mask", _) => 0x10,
        ("other", _) => 0x20,
        _ => return None,
    };
    let bit = |letter, value| if perms.contains(letter) { value } else { 0 };
    Some((tag, bit('r', 4) | bit('w', 2) | bit('x', 1), id))
}
