//! Planning: what is to be done with each path, decided in path order from its record and its stat.

use super::doubt::source_gone;
use super::options::Options;
use crate::entry::{ChangeMark, Entry, File, Kind, LongName, Name, OwnerNames, Precise};
use crate::error::{Doing, IoContext, Problem, ProblemKind, Result};
use crate::format::names::{IncrementKind, TimedName};
use crate::merge::{AtPath, Pair};
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::Repository;
use crate::repo::layout::{Layout, TooLong};
use crate::repo::metadata::Recorded;
use crate::time::SessionTime;
use crate::tree::attrs::entry_of;
use crate::tree::source::{Source, SourceFile};
use crate::tree::walk::{Found, What};
use crate::tree::{Stat, means_source_gone};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// One path and what is to be done with it.
pub(super) struct Planned {
    pub(super) path: RepoPathBuf,
    /// What the previous session has there.
    pub(super) old: Option<Box<Recorded>>,
    pub(super) action: Action,
}

pub(super) enum Action {
    /// Nothing has changed.
    Keep,
    /// It can't be said whether anything has changed: keep it, and say why if that wasn't said yet.
    Hold(Option<Problem>),
    /// Look closer; most likely it has changed.
    Examine(Box<Examine>),
    /// It is gone.
    Remove,
}

pub(super) struct Examine {
    /// What is there now, without what only reading it tells.
    pub(super) new: Entry,
    pub(super) stat: Stat,
    pub(super) role: LinkRole,
    /// Do record and stat agree, so that only a closer look can find a change?
    pub(super) looks_same: bool,
    /// Is the content to be read although size and time are the same?
    pub(super) doubt_content: bool,
    /// The file, if it was opened ahead.
    pub(super) opened: Option<io::Result<Box<dyn SourceFile>>>,
}

/// What part a file has in a group of hard links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkRole {
    /// It has one name.
    Single,
    /// The first name of its group; the others become links to it.
    First,
    /// Another name of a group.
    Later,
}

impl Planned {
    /// Is nothing to be done?
    pub(super) fn is_light(&self) -> bool {
        matches!(self.action, Action::Keep | Action::Hold(_))
    }

    /// How much work it is, in bytes.
    pub(super) fn weight(&self) -> u64 {
        match (&self.action, &self.old) {
            (Action::Examine(e), _) => e.stat.size.saturating_add(8192),
            (Action::Remove, Some(old)) => old.entry.size().saturating_add(8192),
            _ => 64,
        }
    }
}

/// A group of hard links of which names are still to come.
struct Group {
    /// The group that its first member was in before.
    old: Option<(u64, u64)>,
    remaining: u64,
}

/// Decides path by path. Holds the groups of hard links with names still to come.
pub(super) struct Planner {
    source: Arc<dyn Source>,
    /// Nothing where a preview is of a repository that isn't there yet.
    repo: Option<Arc<Repository>>,
    previous: Option<SessionTime>,
    layout: Layout,
    options: Options,
    groups: HashMap<(u64, u64), Group>,
    /// All at and below this path is to be kept as it was.
    held: Option<RepoPathBuf>,
    next_long_name: u64,
    /// Who the last path belonged to, for most belong to the same.
    owner: Option<Owner>,
}

/// An owner and a group, by number and by name.
struct Owner {
    ids: (u32, u32),
    uname: Option<Name>,
    gname: Option<Name>,
    /// Those of the names that metadata can't hold.
    unwritable: Option<Arc<OwnerNames>>,
}

impl Owner {
    fn of(source: &dyn Source, ids: (u32, u32)) -> Self {
        let (uname, gname) = (source.user_name(ids.0), source.group_name(ids.1));
        let unwritable = OwnerNames::unwritable(uname.as_ref(), gname.as_ref());
        Self { ids, uname, gname, unwritable }
    }
}

impl Planner {
    pub(super) fn new(
        source: Arc<dyn Source>,
        repo: Option<Arc<Repository>>,
        previous: Option<SessionTime>,
        layout: Layout,
        options: Options,
        next_long_name: u64,
    ) -> Self {
        let groups = HashMap::new();
        Self { source, repo, previous, layout, options, groups, held: None, next_long_name, owner: None }
    }

    /// The next number for `long_filename_data`.
    pub(super) fn next_long_name(&self) -> u64 {
        self.next_long_name
    }

    pub(super) fn plan(&mut self, pair: Pair<Box<Recorded>, Found>) -> Result<Option<Planned>> {
        let (old, found) = match pair {
            Pair::Left(old) => (Some(old), None),
            Pair::Right(found) => (None, Some(found)),
            Pair::Both(old, found) => (Some(old), Some(found)),
        };
        if let Some(path) = self.lacks_a_place(found.as_ref())? {
            let why = "its name is that of an increment of another path, where its own would have to stand; what is in \
                       it stays as it was, until it has another name or that increment is removed";
            let problem =
                Problem { kind: ProblemKind::Update, path: path.clone(), source: io::Error::other(why) };
            self.held = Some(path.clone());
            return Ok(Some(Planned { path, old, action: Action::Hold(Some(problem)) }));
        }
        let action = match (found, &old) {
            (Some(Found { path, what: What::Unknown(source) }), _) => {
                if means_source_gone(&source) || path.is_root() {
                    return Err(source_gone(&*self.source, &path, &source));
                }
                let problem = Problem { kind: ProblemKind::List, path: path.clone(), source };
                self.held = Some(path.clone());
                return Ok(Some(Planned { path, old, action: Action::Hold(Some(problem)) }));
            }
            (None, Some(old)) if self.is_held(old.path()) => Action::Hold(None),
            (None, _) => Action::Remove,
            (Some(found), old) if self.is_held(found.path.as_path()) => match old {
                Some(_) => Action::Hold(None),
                None => return Ok(None),
            },
            (Some(Found { path, what: What::Here(stat) }), _) => {
                let links = self.options.hard_links && self.source.traits().hard_links;
                let owner = self.owner((stat.uid, stat.gid));
                let new = entry_of(path, &stat, owner.uname.clone(), owner.gname.clone(), links);
                let names = owner.unwritable.clone();
                let (path, action) = self.decide(new, stat, names, old.as_deref());
                return Ok(Some(Planned { path, old, action }));
            }
        };
        let Some(path) = old.as_ref().map(|old| old.entry.path.clone()) else { return Ok(None) };
        Ok(Some(Planned { path, old, action }))
    }

    /// A directory whose increments would have to stand where an increment of another path is, or may be written in this
    /// session: its name ends in the time of a session and a kind. Whoever may write to the source could stop all
    /// backups by that.
    fn lacks_a_place(&self, found: Option<&Found>) -> Result<Option<RepoPathBuf>> {
        let Some(Found { path, what: What::Here(stat) }) = found else { return Ok(None) };
        let path = path.as_path();
        let named = path.name().filter(|_| stat.is_dir()).and_then(TimedName::parse);
        let named = named.filter(|named| named.kind != IncrementKind::Data); // no increment has that
        let (Some(named), Some(repo), Some(previous)) = (named, &self.repo, self.previous) else {
            return Ok(None);
        };
        if self.is_held(path) {
            return Ok(None);
        }
        let place = self.layout.increments_in(path);
        let stands = repo.root().find(place.as_bytes()).while_doing(Doing::Stat, repo.path_of(&place))?;
        let is_taken = named.time == previous || stands.is_some_and(|stat| !stat.is_dir());
        Ok(is_taken.then(|| path.to_owned()))
    }

    fn is_held(&self, path: RepoPath<'_>) -> bool {
        self.held.as_ref().is_some_and(|held| path.starts_with(held.as_path()))
    }

    fn owner(&mut self, ids: (u32, u32)) -> &Owner {
        match self.owner.take().filter(|owner| owner.ids == ids) {
            Some(owner) => self.owner.insert(owner),
            None => self.owner.insert(Owner::of(&*self.source, ids)),
        }
    }

    /// `names` are those that metadata can't hold.
    fn decide(
        &mut self,
        mut new: Entry,
        stat: Stat,
        names: Option<Arc<OwnerNames>>,
        old: Option<&Recorded>,
    ) -> (RepoPathBuf, Action) {
        let (role, old_group_agrees) = self.role(&new, old);
        new.long_name = self.long_name(&new, old);
        let mark = ChangeMark { ctime: stat.ctime, inode: stat.inode };
        let settled = self.source.traits().change_marks && stat.ctime < self.options.settled_before;
        new.precise = Some(Precise { mtime: stat.mtime, unchanged_while: settled.then_some(mark), names });
        let looks_same = old.is_some_and(|old| {
            let links_agree = match role {
                LinkRole::First => old_group_agrees && old.entry.file().is_some_and(|f| f.digest.is_some()),
                _ => old_group_agrees,
            };
            links_agree && looks_same(&old.entry, &new, self.options.compare_inodes)
        });
        let old_precise = old.and_then(|o| o.entry.precise.as_ref());
        let old_mark = old_precise.and_then(|p| p.unchanged_while);
        if looks_same && old_mark == Some(mark) && old_precise.is_some_and(|p| p.mtime == stat.mtime) {
            return (new.path, Action::Keep);
        }
        let is_file = matches!(new.kind, Kind::File(_));
        let racy = self.previous.is_some_and(|t| stat.mtime.0 >= t.0);
        // Without a mark it was too young to be relied on, or its file system has none.
        let was_young = self.source.traits().change_marks && old_precise.is_some() && old_mark.is_none();
        let other_time = old_precise.is_some_and(|p| p.mtime != stat.mtime);
        // The last session is another program's, which left no marks, but something was touched since.
        let touched_since = self.source.traits().change_marks
            && old_precise.is_none()
            && self.previous.is_some_and(|t| stat.ctime.0 >= t.0);
        let doubt_content =
            is_file && (racy || was_young || touched_since || old_mark.is_some() || other_time);
        let nothing_more_to_see = !doubt_content
            && !matches!(new.kind, Kind::Symlink(_))
            && !self.source.traits().xattrs
            && !self.source.traits().change_marks;
        if looks_same && nothing_more_to_see {
            return (new.path, Action::Keep);
        }
        let path = new.path.clone();
        let examine = Examine { new, stat, role, looks_same, doubt_content, opened: None };
        (path, Action::Examine(Box::new(examine)))
    }

    /// The part of a file in its group, and whether its record was in the same group as the first's.
    fn role(&mut self, new: &Entry, old: Option<&Recorded>) -> (LinkRole, bool) {
        let Some(link) = new.file().and_then(|f| f.link) else { return (LinkRole::Single, true) };
        let old_group = old.and_then(|o| o.entry.file()?.link).map(|l| l.group());
        match self.groups.get_mut(&link.group()) {
            None => {
                self.groups.insert(link.group(), Group { old: old_group, remaining: link.count - 1 });
                (LinkRole::First, true)
            }
            Some(group) => {
                let agrees = group.old == old_group;
                group.remaining -= 1;
                if group.remaining == 0 {
                    self.groups.remove(&link.group());
                }
                (LinkRole::Later, agrees)
            }
        }
    }

    fn long_name(&mut self, new: &Entry, old: Option<&Recorded>) -> Option<LongName> {
        let too_long = self.layout.too_long(new.path.as_path())?;
        if let Some(name) = old.and_then(|o| o.entry.long_name.clone()) {
            return Some(name);
        }
        let number = self.next_long_name.to_string().into_bytes();
        self.next_long_name += 1;
        Some(match too_long {
            TooLong::Increments => LongName::Increments(number),
            TooLong::Mirror => LongName::Mirror(number),
        })
    }
}

/// Do record and stat agree in all that a stat tells?
fn looks_same(old: &Entry, new: &Entry, compare_inodes: bool) -> bool {
    let (a, b) = (&old.attrs, &new.attrs);
    let same_name = |old: &Option<crate::entry::Name>, new: &Option<crate::entry::Name>| {
        old.is_none() || old == new || new.as_ref().is_some_and(|n| !n.iter().all(u8::is_ascii_graphic))
    };
    let owners =
        a.uid == b.uid && a.gid == b.gid && same_name(&a.uname, &b.uname) && same_name(&a.gname, &b.gname);
    let kinds = match (&old.kind, &new.kind) {
        (Kind::File(o), Kind::File(n)) => {
            let count = |file: &File| file.link.map(|link| link.count);
            let links = if compare_inodes { o.link == n.link } else { count(o) == count(n) };
            o.size == n.size && links
        }
        (Kind::Symlink(_), Kind::Symlink(_)) => return owners,
        (o, n) => o == n,
    };
    kinds && owners && a.mode == b.mode && a.mtime == b.mtime
}
