//! Files of attributes: each is of one session, and what it says can't be compared with anything. It can be read or not.

use super::Run;
use crate::error::{Result, chain as in_words};
use crate::repo::history::Damaged;
use crate::time::SessionTime;

impl Run<'_> {
    /// Reads the attributes and lists of sessions to their ends, and reports those that are damaged.
    pub(super) fn sides(&mut self, sessions: &[SessionTime]) -> Result<()> {
        let files = self.repo.data_files()?;
        for &session in sessions {
            let xattrs = self.repo.xattrs_at(&files, session).map(|side| side.map(|item| item.map(drop)));
            self.side(session, xattrs)?;
            let acls = self.repo.acls_at(&files, session).map(|side| side.map(|item| item.map(drop)));
            self.side(session, acls)?;
        }
        Ok(())
    }

    fn side(&mut self, session: SessionTime, side: Result<impl Iterator<Item = Result<()>>>) -> Result<()> {
        let read = side.and_then(|mut side| {
            side.try_for_each(|item| {
                self.worker.go_on()?;
                item
            })
        });
        match read {
            Err(e) if e.is_damage() => {
                self.report.damaged.push(Damaged { session, why: in_words(&e) });
                Ok(())
            }
            read => read,
        }
    }
}
