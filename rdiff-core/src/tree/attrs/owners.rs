//! Owners of the record, and whom they are on this machine.

use super::acl::acl_to_bytes;
use super::{Applied, Names};
use crate::entry::{AclEntry, Attrs, Entry, Kind, Qualifier};
use crate::tree::caps::Capabilities;
use std::sync::Arc;

/// How owners of the record become owners on this machine.
#[derive(Clone)]
pub struct Ownership {
    names: Arc<Names>,
    /// Numbers as they are, whatever the names.
    pub numeric: bool,
    /// `old:new` lines for users, tried before all else.
    pub user_map: Mapping,
    /// The same for groups.
    pub group_map: Mapping,
    /// May this process give files away?
    pub may_chown: bool,
}

/// Lines `old:new` of a mapping file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mapping(pub Vec<(Qualified, Qualified)>);

/// A user or group as a mapping file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Qualified {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl Mapping {
    /// Reads lines `old:new`, of names or numbers.
    ///
    /// # Errors
    /// The line that isn't one.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Names hold no colon.
        let part = |p: &str| match (p.is_empty() || p.contains(':'), p.parse()) {
            (true, _) => None,
            (_, Ok(id)) => Some(Qualified::Id(id)),
            _ => Some(Qualified::Name(p.to_owned())),
        };
        let lines = text.lines().filter(|l| !l.is_empty()).map(|line| {
            let (old, new) = line.split_once(':').ok_or(line)?;
            Ok((part(old).ok_or(line)?, part(new).ok_or(line)?))
        });
        lines.collect::<Result<_, &str>>().map(Self).map_err(str::to_owned)
    }

    fn find(&self, name: Option<&[u8]>, id: u32) -> Option<&Qualified> {
        let by_name =
            self.0.iter().find(|(old, _)| matches!(old, Qualified::Name(n) if Some(n.as_bytes()) == name));
        by_name.or_else(|| self.0.iter().find(|(old, _)| *old == Qualified::Id(id))).map(|(_, new)| new)
    }
}

impl Ownership {
    /// By name where the name is known here, else by number.
    pub fn new(names: Arc<Names>) -> Self {
        let may_chown = rustix::process::geteuid().is_root();
        Self { names, numeric: false, user_map: Mapping::default(), group_map: Mapping::default(), may_chown }
    }

    /// The same, with numbers as they are, and with what stands in maps.
    #[must_use]
    pub(crate) fn mapped(self, numeric: bool, users: &Mapping, groups: &Mapping) -> Self {
        Self { numeric, user_map: users.clone(), group_map: groups.clone(), ..self }
    }

    /// The owner and group that a file with these attributes gets here.
    pub fn of(&self, attrs: &Attrs) -> (u32, u32) {
        let user = self.resolve(&self.user_map, attrs.uname.as_deref(), attrs.uid, |n| self.names.user_id(n));
        let group =
            self.resolve(&self.group_map, attrs.gname.as_deref(), attrs.gid, |n| self.names.group_id(n));
        (user, group)
    }

    fn resolve(
        &self,
        map: &Mapping,
        name: Option<&[u8]>,
        id: u32,
        find: impl Fn(&[u8]) -> Option<u32>,
    ) -> u32 {
        match map.find(name, id) {
            Some(Qualified::Id(id)) => return *id,
            Some(Qualified::Name(name)) => return find(name.as_bytes()).unwrap_or(id),
            None => {}
        }
        name.filter(|_| !self.numeric).and_then(find).unwrap_or(id)
    }

    pub(super) fn user_of(&self, q: &Qualifier) -> Option<u32> {
        match q {
            Qualifier::Id(id) => Some(*id),
            Qualifier::Name(name) => self.names.user_id(name),
        }
    }

    pub(super) fn group_of(&self, q: &Qualifier) -> Option<u32> {
        match q {
            Qualifier::Id(id) => Some(*id),
            Qualifier::Name(name) => self.names.group_id(name),
        }
    }

    /// A name in the access control lists of an entry that is not known here: its line can't be set.
    pub fn unknown_name(&self, entry: &Entry) -> Option<Vec<u8>> {
        let lists = [&entry.acl.access, &entry.acl.default];
        lists.iter().find_map(|list| acl_to_bytes(list, self).1.into_iter().next())
    }

    /// All that is to be set on a path so that it has the attributes of an entry. `None` for what the
    /// target can't hold.
    pub fn applied<'e>(&self, entry: &'e Entry, caps: &Capabilities) -> Applied<'e> {
        let is_link = matches!(entry.kind, Kind::Symlink(_));
        let acl = (caps.acls && !is_link).then(|| {
            let bytes = |list: &[AclEntry]| (!list.is_empty()).then(|| acl_to_bytes(list, self).0);
            (bytes(&entry.acl.access), bytes(&entry.acl.default))
        });
        Applied {
            owner: (self.may_chown && caps.owners).then(|| self.of(&entry.attrs)),
            mode: (!is_link).then_some(entry.attrs.mode & caps.mode_mask),
            mtime: entry.precise.as_ref().map(|p| p.mtime).or(entry.attrs.mtime.map(|s| (s, 0))),
            is_dir: entry.is_dir(),
            xattrs: caps.xattrs.then_some(&entry.xattrs),
            acl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Name;

    #[test]
    fn owners_go_by_map_then_name_then_number() {
        let mut owner = Ownership::new(Arc::new(Names::default()));
        let attrs = |uname: Option<&str>, uid| Attrs {
            uname: uname.map(|n| Name::from(n.as_bytes())),
            uid,
            ..Attrs::default()
        };
        assert_eq!(owner.of(&attrs(Some("root"), 7)).0, 0);
        assert_eq!(owner.of(&attrs(Some("nobody-by-that-name"), 7)).0, 7);
        owner.user_map = Mapping::parse("alice:12\n7:root\n").unwrap();
        assert_eq!(owner.of(&attrs(Some("alice"), 7)).0, 12);
        assert_eq!(owner.of(&attrs(None, 7)).0, 0);
        owner.numeric = true;
        owner.user_map = Mapping::default();
        assert_eq!(owner.of(&attrs(Some("root"), 7)).0, 7);
        for bad in ["nonsense", "a:b:c", ":b", "a:"] {
            assert_eq!(Mapping::parse(&format!("a:b\n{bad}")), Err(bad.to_owned()));
        }
    }
}
