//! Digests of hard-linked files, where only the first name's record has one.

use crate::entry::{Digest, Entry};
use crate::repo::history::Lifeline;
use std::collections::HashMap;
use std::sync::Arc;

/// The digests of groups of hard links over many sessions: in each, only the first member's record has one.
#[derive(Default)]
pub(super) struct SpanGroups(HashMap<(u64, u64), Vec<Span>>);

/// A group at some sessions in a row.
struct Span {
    from: usize,
    to: usize,
    digest: Option<Digest>,
    /// Members still to come, each counted once for each session.
    left: u64,
}

impl SpanGroups {
    /// The digest of a file at each session, its own or its group's. To be asked for every path, in order.
    pub(super) fn digests(&mut self, lifeline: &Lifeline) -> Vec<Option<Digest>> {
        let states = &lifeline.states;
        let mut digests = vec![None; states.len()];
        let mut from = 0;
        while from < states.len() {
            let same = |a: &Option<Arc<Entry>>, b: &Option<Arc<Entry>>| match (a, b) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (a, b) => a.is_none() && b.is_none(),
            };
            let to = (from..states.len()).find(|&i| !same(&states[from], &states[i])).unwrap_or(states.len());
            if let Some(file) = states[from].as_ref().and_then(|e| e.file()) {
                digests[from..to].fill(file.digest);
                if let Some(link) = file.link.filter(|l| l.count > 1) {
                    self.join(link.group(), link.count, file.digest, from, &mut digests[from..to]);
                }
            }
            from = to;
        }
        digests
    }

    /// Adds a member that a group has from one session on.
    fn join(
        &mut self,
        group: (u64, u64),
        count: u64,
        own: Option<Digest>,
        from: usize,
        digests: &mut [Option<Digest>],
    ) {
        let spans = self.0.entry(group).or_default();
        let mut fresh: Vec<Span> = Vec::new();
        for (i, digest) in digests.iter_mut().enumerate() {
            let at = from + i;
            if let Some(span) = spans.iter_mut().find(|s| s.from <= at && at < s.to) {
                *digest = own.or(span.digest);
                span.left = span.left.saturating_sub(1);
            } else if let Some(span) = fresh.last_mut().filter(|s| s.to == at) {
                span.to += 1;
                span.left += count - 1;
            } else {
                fresh.push(Span { from: at, to: at + 1, digest: own, left: count - 1 });
            }
        }
        spans.retain(|s| s.left > 0);
        spans.append(&mut fresh);
        if spans.is_empty() {
            self.0.remove(&group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attrs, File, Kind, Link};
    use crate::path::RepoPathBuf;

    fn linked(path: &str, count: u64, digest: Option<u8>) -> Option<Arc<Entry>> {
        let link = Some(Link { count, inode: 7, device: 1 });
        let kind = Kind::File(File { size: 1, digest: digest.map(|d| Digest([d; 20])), link });
        Some(Arc::new(Entry::new(RepoPathBuf::new(path).unwrap(), kind, Attrs::default())))
    }

    fn digests(groups: &mut SpanGroups, path: &str, states: Vec<Option<Arc<Entry>>>) -> Vec<Option<u8>> {
        let lifeline = Lifeline { path: RepoPathBuf::new(path).unwrap(), states };
        groups.digests(&lifeline).iter().map(|d| d.map(|d| d.0[0])).collect()
    }

    #[test]
    fn each_session_has_its_own_groups() {
        let mut groups = SpanGroups::default();
        // the first name has other content from the third session on, and goes with the last
        let (old, new) = (linked("a", 2, Some(1)), linked("a", 2, Some(2)));
        let first = vec![old.clone(), old, new.clone(), new, None];
        assert_eq!(digests(&mut groups, "a", first), [Some(1), Some(1), Some(2), Some(2), None]);
        // the second name is then the first, of a group with a third
        let (later, alone) = (linked("b", 2, None), linked("b", 2, Some(3)));
        let second = vec![None, later.clone(), later.clone(), later, alone];
        assert_eq!(digests(&mut groups, "b", second), [None, Some(1), Some(2), Some(2), Some(3)]);
        let third = linked("c", 2, None);
        let states = vec![third, None, None, None, linked("c", 2, None)];
        assert_eq!(digests(&mut groups, "c", states), [Some(1), None, None, None, Some(3)]);
        assert!(groups.0.is_empty(), "all names of all groups were met");
    }
}
