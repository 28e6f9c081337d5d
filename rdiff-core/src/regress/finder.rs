//! What the failed session touched.

use super::Undo;
use super::increments::AtIncrements;
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, IoContext, Result};
use crate::format::names::IncrementKind;
use crate::merge::{AtPath, Pair};
use crate::nest::Nest;
use crate::path::RepoPath;
use crate::repo::disk::{make_dirs, remove_all};
use crate::repo::increments::Increment;
use crate::repo::layout::{DATA, LONG_NAMES, StoredPath};
use crate::repo::metadata::Recorded;
use crate::tree::Stat;
use crate::tree::attrs::Applied;
use std::collections::{BTreeMap, HashMap};

/// A path that the failed session touched, or may have touched.
pub(super) struct Touched {
    pub(super) entry: Entry,
    pub(super) place: StoredPath,
    /// What is there now.
    pub(super) stat: Option<Stat>,
    /// What the failed session kept of it.
    pub(super) increments: Vec<Increment>,
    /// The digest of its group, for a hard link.
    pub(super) digest: Option<Digest>,
    /// The first name of its group.
    pub(super) link_to: Option<StoredPath>,
}

/// A directory on the way to the present path.
struct OpenDir {
    entry: Entry,
    /// Do its attributes have to be set when it is left?
    disturbed: bool,
    /// Where the failed session worked in it: its place, and the names in its mirror that are still to come.
    worked: Option<(StoredPath, std::iter::Peekable<std::vec::IntoIter<SeenName>>)>,
}

/// A group of hard links of which one name was met.
struct Group {
    first: StoredPath,
    digest: Option<Digest>,
    /// Was the first name touched? It may become another file, and then the others have to be linked to it again.
    touched: bool,
}

/// A name in the mirror: as the source has it, and as it is stored.
struct SeenName {
    name: Vec<u8>,
    stored: Box<[u8]>,
}

/// Goes through records and increments in path order, and finds what was touched.
pub(super) struct Finder<'u> {
    undo: &'u Undo,
    nest: Nest<OpenDir>,
    /// Directories that get their attributes back, the innermost first.
    pub(super) dirs: Vec<Entry>,
    links: HashMap<(u64, u64), Group>,
    /// Increments in `long_filename_data`, by number.
    long: BTreeMap<Vec<u8>, Vec<Increment>>,
    /// Increments to be removed at the end.
    pub(super) increments: Vec<StoredPath>,
    pub(super) restored: u64,
}

impl<'u> Finder<'u> {
    /// `long` are increments in `long_filename_data`, by number.
    pub(super) fn new(undo: &'u Undo, long: BTreeMap<Vec<u8>, Vec<Increment>>) -> Self {
        Self {
            undo,
            nest: Nest::default(),
            dirs: Vec::new(),
            links: HashMap::new(),
            long,
            increments: Vec::new(),
            restored: 0,
        }
    }

    pub(super) fn look_at(&mut self, pair: Pair<Box<Recorded>, AtIncrements>) -> Result<Option<Touched>> {
        let path = pair.path().to_owned();
        while let Some((_, dir)) = self.nest.leave_for(path.as_path()) {
            self.leave(dir)?;
        }
        let (record, mut increments) = match pair {
            Pair::Left(record) => (Some(record.entry), Vec::new()),
            Pair::Right((_, increments)) => (None, increments),
            Pair::Both(record, (_, increments)) => (Some(record.entry), increments),
        };
        self.increments.extend(increments.iter().map(|i| i.place.clone()));
        let record =
            record.map_or_else(|| self.undo.unrecorded(path.as_path(), &increments), |r| Ok(Some(r)))?;
        let Some(entry) = record else {
            self.remove_new(path.as_path())?;
            return Ok(None);
        };
        if let Some(crate::entry::LongName::Increments(n) | crate::entry::LongName::Mirror(n)) =
            &entry.long_name
        {
            let long = self.long.remove(n).unwrap_or_default();
            self.increments.extend(long.iter().map(|i| i.place.clone()));
            increments.extend(long);
        }
        let place = self.undo.mirror(&entry);
        let (digest, link_to, first_touched) = self.group_of(&entry, &place);
        let in_touched = self.passes_stranger(entry.path.as_path())?;
        if increments.is_empty() && !in_touched && !first_touched {
            if entry.is_dir() {
                self.nest.enter(path, OpenDir { entry, disturbed: false, worked: None });
            }
            return Ok(None);
        }
        let shown = self.undo.repo.path_of(&place);
        let stat = self.undo.repo.root().find(place.as_bytes()).while_doing(Doing::Stat, &shown)?;
        if entry.is_dir() {
            self.enter_dir(entry, place, stat, !increments.is_empty())?;
            return Ok(None);
        }
        // Without an increment only attributes can have been changed (by API 201).
        if increments.is_empty() && !first_touched && stat.is_some_and(|s| attributes_agree(&entry, &s)) {
            return Ok(None);
        }
        if let Some(link) = entry.file().and_then(|f| f.link) {
            if let Some(group) = self.links.get_mut(&link.group()) {
                group.touched |= link_to.is_none();
            }
            // Putting a link there changes the time of a directory that nothing else may have happened to.
            if let Some((_, dir)) = self.nest.innermost() {
                dir.disturbed |= link_to.is_some();
            }
        }
        if stat.is_some_and(|s| s.is_dir()) {
            remove_all(&*self.undo.disk, &place).while_doing(Doing::Remove, &shown)?;
        }
        Ok(Some(Touched { entry, place, stat, increments, digest, link_to }))
    }

    /// The digest of a file's group; for a later name of it where the first is, and whether that was touched.
    fn group_of(&mut self, entry: &Entry, place: &StoredPath) -> (Option<Digest>, Option<StoredPath>, bool) {
        let Some(file) = entry.file() else { return (None, None, false) };
        let Some(link) = file.link else { return (file.digest, None, false) };
        match self.links.get(&link.group()) {
            Some(group) => (group.digest, Some(group.first.clone()), group.touched),
            None => {
                let group = Group { first: place.clone(), digest: file.digest, touched: false };
                self.links.insert(link.group(), group);
                (file.digest, None, false)
            }
        }
    }

    /// Is the path in a directory that was worked in? Then names before it in that directory that have no
    /// record go: temporary files, and new ones whose increment has a name of its own.
    fn passes_stranger(&mut self, path: RepoPath<'_>) -> Result<bool> {
        let undo = self.undo;
        let Some((at, OpenDir { worked: Some((place, names)), .. })) = self.nest.innermost() else {
            return Ok(false);
        };
        if path.parent() != Some(at.as_path()) {
            return Ok(false);
        }
        let known = path.name().unwrap_or_default();
        let mut strangers = Vec::new();
        while let Some(seen) = names.next_if(|n| n.name[..] <= *known) {
            if seen.name != known {
                strangers.push(place.listed(&seen.stored));
            }
        }
        if undo.is_damaged() {
            return Ok(true);
        }
        self.restored += strangers.len() as u64;
        strangers.iter().try_for_each(|s| undo.remove_stranger(s))?;
        Ok(true)
    }

    fn enter_dir(
        &mut self,
        entry: Entry,
        place: StoredPath,
        stat: Option<Stat>,
        has_increment: bool,
    ) -> Result<()> {
        let undo = self.undo;
        let shown = undo.repo.path_of(&place);
        if !stat.is_some_and(|s| s.is_dir()) {
            if stat.is_some() {
                remove_all(&*undo.disk, &place).while_doing(Doing::Remove, &shown)?;
            }
            make_dirs(&*undo.disk, &place).while_doing(Doing::Create, &shown)?;
        }
        let path = entry.path.clone();
        if !has_increment {
            let disturbed = !stat.is_some_and(|s| s.is_dir() && attributes_agree(&entry, &s));
            self.nest.enter(path, OpenDir { entry, disturbed, worked: None });
            return Ok(());
        }
        let mut names = match undo.repo.root().list(place.as_bytes()) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let open = Applied { mode: Some(0o700), ..Applied::default() };
                undo.io(Doing::SetAttributes, &place, undo.disk.set_attributes(&place, &open))?;
                undo.repo.root().list(place.as_bytes())
            }
            other => other,
        }
        .while_doing(Doing::List, &shown)?;
        if path.is_root() {
            names.retain(|n| **n != *DATA.as_bytes());
        }
        let quoting = undo.repo.layout().quoting();
        let seen = |stored: Box<[u8]>| SeenName { name: quoting.unquote(&stored).into_owned(), stored };
        let mut names: Vec<SeenName> = names.into_iter().map(seen).collect();
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let worked = Some((place, names.into_iter().peekable()));
        self.nest.enter(path, OpenDir { entry, disturbed: true, worked });
        Ok(())
    }

    fn leave(&mut self, dir: OpenDir) -> Result<()> {
        if let Some((place, names)) = dir.worked
            && !self.undo.is_damaged()
        {
            for seen in names {
                self.undo.remove_stranger(&place.listed(&seen.stored))?;
                self.restored += 1;
            }
        }
        if dir.disturbed {
            self.dirs.push(dir.entry);
        }
        Ok(())
    }

    /// A path that the failed session made.
    fn remove_new(&mut self, path: RepoPath<'_>) -> Result<()> {
        let place = self.undo.repo.layout().mirror(path, None);
        self.restored += 1;
        self.undo.remove_stranger(&place)
    }

    /// Leaves the last directories, and removes what the failed session made under numbers.
    pub(super) fn leave_all(&mut self) -> Result<()> {
        while let Some((_, dir)) = self.nest.leave_at_end() {
            self.leave(dir)?;
        }
        for (number, increments) in std::mem::take(&mut self.long) {
            let is_new = increments.iter().all(|i| i.kind == IncrementKind::Missing);
            if is_new {
                self.undo.remove_stranger(&StoredPath::fixed(LONG_NAMES).listed(&number))?;
            }
            self.increments.extend(increments.into_iter().map(|i| i.place));
        }
        Ok(())
    }
}

impl Undo {
    pub(super) fn remove_stranger(&self, place: &StoredPath) -> Result<()> {
        let removed = self.in_opened(place, || remove_all(&*self.disk, place));
        self.io(Doing::Remove, place, removed)
    }
}

/// Do mirror and record agree in what a stat tells?
pub(super) fn attributes_agree(entry: &Entry, stat: &Stat) -> bool {
    stat.is_a(&entry.kind)
        && (matches!(entry.kind, Kind::Symlink(_)) || entry.attrs.mode == stat.mode)
        && (!matches!(entry.kind, Kind::File(_) | Kind::Dir) || entry.attrs.mtime == Some(stat.mtime.0))
        && entry.file().is_none_or(|f| f.size == stat.size)
}
