//! Names of owners, asked for as soon as a number is met, so that they are here when an entry needs them.

use std::collections::HashMap;
use std::io;

use rdiff_core::entry::Name;

use super::packet::{self, Reply, Request};
use super::session::{Pending, Session};

/// What is known of owners, and what was asked.
#[derive(Default)]
pub(super) struct Owners {
    users: Known,
    groups: Known,
    asked: Vec<Asked>,
}

/// Names by number: none where there is none, or none yet.
type Known = HashMap<u32, Option<Name>>;

struct Asked {
    uids: Vec<u32>,
    gids: Vec<u32>,
    names: Pending,
}

impl Owners {
    /// Asks for the names of those not met before, where the server tells names, and does not wait.
    ///
    /// # Errors
    /// Why the session has failed.
    pub(super) fn ask(
        &mut self,
        session: &Session,
        uids: impl IntoIterator<Item = u32>,
        gids: impl IntoIterator<Item = u32>,
    ) -> io::Result<()> {
        let (uids, gids) = (unmet(&mut self.users, uids), unmet(&mut self.groups, gids));
        let tells = session.greeting().offers(packet::NAMES_BY_ID, b"1");
        if tells && !(uids.is_empty() && gids.is_empty()) {
            let pending = session.ask(&[Request::Names { uids: &uids, gids: &gids }])?.pop();
            self.asked.extend(pending.map(|names| Asked { uids, gids, names }));
        }
        Ok(())
    }

    /// The name of a user.
    pub(super) fn user(&mut self, session: &Session, uid: u32) -> Option<Name> {
        self.ask(session, [uid], []).ok()?;
        self.learn(|asked| asked.uids.contains(&uid));
        self.users.get(&uid)?.clone()
    }

    /// The name of a group.
    pub(super) fn group(&mut self, session: &Session, gid: u32) -> Option<Name> {
        self.ask(session, [], [gid]).ok()?;
        self.learn(|asked| asked.gids.contains(&gid));
        self.groups.get(&gid)?.clone()
    }

    /// Waits for an answer, if it is still to come.
    fn learn(&mut self, concerns: impl Fn(&Asked) -> bool) {
        let Some(at) = self.asked.iter().position(concerns) else { return };
        let Asked { uids, gids, names } = self.asked.swap_remove(at);
        let Ok(Reply::Extended(body)) = names.wait() else { return };
        let (users, groups) = packet::decode_owners(&body).unwrap_or_default();
        fill(&mut self.users, uids, users);
        fill(&mut self.groups, gids, groups);
    }
}

/// Those of the numbers that are met for the first time.
fn unmet(known: &mut Known, ids: impl IntoIterator<Item = u32>) -> Vec<u32> {
    ids.into_iter().filter(|id| !known.contains_key(id) && known.insert(*id, None).is_none()).collect()
}

fn fill(known: &mut Known, ids: Vec<u32>, names: Vec<Vec<u8>>) {
    let names = names.into_iter().map(|name| (!name.is_empty()).then(|| Name::from(name)));
    known.extend(ids.into_iter().zip(names));
}
