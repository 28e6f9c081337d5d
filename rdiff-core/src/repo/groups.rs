//! Groups of hard links in the records of a session.

use crate::entry::{Digest, File};
use std::collections::HashMap;

/// The digests of groups of hard links: only the first member's record has one.
#[derive(Default)]
pub(crate) struct Groups(HashMap<(u64, u64), (Option<Digest>, u64)>);

impl Groups {
    /// The digest of a file, its own or its group's. To be asked for every file of a session, in path order.
    pub(crate) fn digest(&mut self, file: &File) -> Option<Digest> {
        let Some(link) = file.link else { return file.digest };
        let group = link.group();
        match self.0.get_mut(&group) {
            None => {
                if link.count > 1 {
                    self.0.insert(group, (file.digest, link.count - 1));
                }
                file.digest
            }
            Some((digest, left)) => {
                let digest = file.digest.or(*digest);
                *left -= 1;
                if *left == 0 {
                    self.0.remove(&group);
                }
                digest
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::entry::Link;

    /// A file of two names.
    pub(crate) fn linked(inode: u64, digest: Option<u8>) -> File {
        let link = Some(Link { count: 2, inode, device: 1 });
        File { size: 1, digest: digest.map(|d| Digest([d; 20])), link }
    }

    #[test]
    fn later_links_have_the_digest_of_the_first() {
        let mut groups = Groups::default();
        assert_eq!(groups.digest(&linked(7, Some(1))), Some(Digest([1; 20])));
        assert_eq!(groups.digest(&linked(8, None)), None);
        assert_eq!(groups.digest(&linked(7, None)), Some(Digest([1; 20])));
        // that was the last of the first group
        assert_eq!(groups.0.len(), 1);
        assert_eq!(groups.digest(&File { link: None, ..linked(0, Some(3)) }), Some(Digest([3; 20])));
    }
}
