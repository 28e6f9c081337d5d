//! Names of users and groups of this machine. They are bytes: some systems have names in Latin-1.

use crate::entry::Name;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Names of users and groups of this machine, each asked for once.
#[derive(Default)]
pub struct Names {
    users: Mutex<HashMap<u32, Option<Name>>>,
    groups: Mutex<HashMap<u32, Option<Name>>>,
    user_ids: Mutex<HashMap<Vec<u8>, Option<u32>>>,
    group_ids: Mutex<HashMap<Vec<u8>, Option<u32>>>,
}

fn remember<K, Q, V>(map: &Mutex<HashMap<K, V>>, key: &Q, ask: impl FnOnce() -> V) -> V
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    V: Clone,
{
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(value) = map.get(key) {
        return value.clone();
    }
    let value = ask();
    map.insert(key.to_owned(), value.clone());
    value
}

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Looks in a file of accounts for a line that is the one by its name and number. The system's own look-up is asked
/// through a library that takes names for text, so this is for those that are none.
fn in_file(file: &str, is_it: impl Fn(&[u8], u32) -> bool) -> Option<(Name, u32)> {
    let text = std::fs::read(file).ok()?;
    text.split(|&b| b == b'\n').find_map(|line| {
        let mut fields = line.split(|&b| b == b':');
        let (name, number) = (fields.next()?, std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?);
        is_it(name, number).then(|| (Name::from(name), number))
    })
}

/// The name that the system gave as text, if it is one.
fn name_of(text: String, number: u32, file: &str) -> Option<Name> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return in_file(file, |_, found| found == number).map(|(name, _)| name);
    }
    Some(Name::from(text.into_bytes()))
}

impl Names {
    /// The name of a user.
    pub fn user(&self, uid: u32) -> Option<Name> {
        remember(&self.users, &uid, || {
            let user = nix::unistd::User::from_uid(uid.into()).ok()??;
            name_of(user.name, uid, USERS)
        })
    }

    /// The name of a group.
    pub fn group(&self, gid: u32) -> Option<Name> {
        remember(&self.groups, &gid, || {
            let group = nix::unistd::Group::from_gid(gid.into()).ok()??;
            name_of(group.name, gid, GROUPS)
        })
    }

    /// The number of a user.
    pub fn user_id(&self, name: &[u8]) -> Option<u32> {
        remember(&self.user_ids, name, || match std::str::from_utf8(name) {
            Ok(text) => Some(nix::unistd::User::from_name(text).ok()??.uid.as_raw()),
            Err(_) => in_file(USERS, |found, _| found == name).map(|(_, number)| number),
        })
    }

    /// The number of a group.
    pub fn group_id(&self, name: &[u8]) -> Option<u32> {
        remember(&self.group_ids, name, || match std::str::from_utf8(name) {
            Ok(text) => Some(nix::unistd::Group::from_name(text).ok()??.gid.as_raw()),
            Err(_) => in_file(GROUPS, |found, _| found == name).map(|(_, number)| number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_text_is_found_in_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"root:x:0:0::/root:/bin/sh\nbad\nm\xfcller:x:5002:7::/:/bin/sh\n")
            .unwrap();
        let file = file.path().to_str().unwrap();
        let lossy = String::from_utf8_lossy(b"m\xfcller").into_owned();
        assert_eq!(name_of(lossy.clone(), 5002, file).as_deref(), Some(&b"m\xfcller"[..]));
        assert_eq!(name_of(lossy, 5003, file), None);
        assert_eq!(in_file(file, |name, _| name == b"m\xfcller").map(|(_, number)| number), Some(5002));
        assert_eq!(name_of("root".to_owned(), 0, file).as_deref(), Some(&b"root"[..]));
    }
}
