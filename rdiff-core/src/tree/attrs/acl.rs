//! Access control lists in the form that the kernel keeps them in.

use super::{Names, Ownership};
use crate::entry::{AclEntry, AclTag, Name, Qualifier};

const VERSION: u32 = 2;

const NO_ID: u32 = u32::MAX;

/// Reads the kernel's form of a list: a version, then tag, permissions and number of each line.
pub(super) fn acl_from_bytes(bytes: &[u8], names: &Names) -> Vec<AclEntry> {
    let Some((version, lines)) = bytes.split_first_chunk::<4>() else { return Vec::new() };
    if u32::from_le_bytes(*version) != VERSION {
        return Vec::new();
    }
    let named = |name: Option<Name>, id| name.map_or(Qualifier::Id(id), |n| Qualifier::Name(n.to_vec()));
    lines
        .as_chunks::<8>()
        .0
        .iter()
        .filter_map(|&[t0, t1, p0, _, i0, i1, i2, i3]| {
            let id = u32::from_le_bytes([i0, i1, i2, i3]);
            let tag = match u16::from_le_bytes([t0, t1]) {
                0x01 => AclTag::UserObj,
                0x02 => AclTag::User(named(names.user(id), id)),
                0x04 => AclTag::GroupObj,
                0x08 => AclTag::Group(named(names.group(id), id)),
                0x10 => AclTag::Mask,
                0x20 => AclTag::Other,
                _ => return None,
            };
            Some(AclEntry { tag, perms: p0 & 7 })
        })
        .collect()
}

/// Prints the kernel's form of a list. Names that this machine doesn't know are left out and returned.
pub(super) fn acl_to_bytes(list: &[AclEntry], owner: &Ownership) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut lines = Vec::with_capacity(list.len());
    let mut unknown = Vec::new();
    for entry in list {
        let (order, id) = match &entry.tag {
            AclTag::UserObj => (0x01u16, Some(NO_ID)),
            AclTag::User(q) => (0x02, owner.user_of(q)),
            AclTag::GroupObj => (0x04, Some(NO_ID)),
            AclTag::Group(q) => (0x08, owner.group_of(q)),
            AclTag::Mask => (0x10, Some(NO_ID)),
            AclTag::Other => (0x20, Some(NO_ID)),
        };
        match (id, &entry.tag) {
            (Some(id), _) => lines.push((order, id, entry.perms)),
            (None, AclTag::User(Qualifier::Name(name)) | AclTag::Group(Qualifier::Name(name))) => {
                unknown.push(name.clone());
            }
            (None, _) => {}
        }
    }
    // The kernel wants the lines by tag and number.
    lines.sort_unstable();
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for (tag, id, perms) in lines {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&u16::from(perms).to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    (bytes, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn access_control_lists_survive_the_kernels_form() {
        let owner = Ownership::new(Arc::new(Names::default()));
        let line = |tag, perms| AclEntry { tag, perms };
        let list = vec![
            line(AclTag::UserObj, 7),
            line(AclTag::User(Qualifier::Id(123_456)), 5),
            line(AclTag::GroupObj, 4),
            line(AclTag::Mask, 7),
            line(AclTag::Other, 0),
        ];
        let (bytes, unknown) = acl_to_bytes(&list, &owner);
        assert!(unknown.is_empty());
        assert_eq!(acl_from_bytes(&bytes, &Names::default()), list);
        let stranger = [line(AclTag::User(Qualifier::Name(b"nobody-by-that-name".to_vec())), 7)];
        assert_eq!(acl_to_bytes(&stranger, &owner).1, [b"nobody-by-that-name".to_vec()]);
        assert!(acl_from_bytes(b"\x02\0\0\0junk", &Names::default()).is_empty());
    }
}
