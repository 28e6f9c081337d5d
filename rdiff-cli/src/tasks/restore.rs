//! Restoring from the repository of a job: to this machine, or through a private mount to another.
//!
//! What would be overwritten or deleted is shown first. It then takes a yes at the terminal, or `--force`.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rdiff_core::compare::{CompareRequest, Reason, compare};
use rdiff_core::list;
use rdiff_core::monitor::Silent;
use rdiff_core::time::{SessionTime, TimeSpec};
use rdiff_core::tree::walk::Everything;
use rdiff_mount::Location;
use rdiff_mount::location::{Form, Remote};
use serde_json::json;

use super::load;
use super::run::{generic, local};
use crate::action::jobs::{Restore, Target};
use crate::action::{self, Action, Generic};
use crate::exit::Exit;
use crate::job::file::{Job, Via};
use crate::job::state::at;
use crate::job::store::Store;
use crate::run::open::Opened;
use crate::run::{Context, Failure, OrFail, Outcome, Step, restore as run};

pub(super) fn restore(asked: &Restore, store: &Store, cx: &Context<'_>) -> Outcome {
    let job = load(store, &asked.name).or_fail(cx, Step::Check)?;
    let part = part(asked, cx)?;
    let place = cx.open(&local(&job.repository.as_std_path().join(&part)))?;
    let session = cx.session(&place.repo, &asked.at)?;
    let mut exit = other_time(asked, session, &place, cx)?;
    let target = to(asked, &job, &part, cx)?;
    let generic = match &target {
        Location::Remote(remote) if is_host_of(&job, remote) => generic(&job, cx.generic),
        _ => cx.generic.clone(),
    };
    let cx = &Context::new(&generic, cx.ui, cx.now);
    let target = into_directory(target, &place, session, cx)?;
    let preview = Preview::of(&target, &place, session, cx)?;
    preview.show(&target, session, cx)?;
    if asked.dry_run {
        cx.result(&preview.json(session));
        return Ok(exit);
    }
    if !preview.is_harmless() && !cx.generic.force && !is_confirmed().or_fail(cx, Step::Check)? {
        let text = "nothing was restored: call with --force to overwrite and delete what is listed above, or restore \
                    to another place";
        return Err(cx.refuse(Step::Check, text));
    }
    exit |= write(&target, &job, &part, session, cx)?;
    if !exit.has(Exit::ERROR) && cx.json().is_none() {
        cx.print(format!("restored {} of {} to {target}\n", shown(&part), at(session.0)))?;
    }
    Ok(exit)
}

/// The part of the source, relative. A path as it is on the source begins with that of the source.
fn part(asked: &Restore, cx: &Context<'_>) -> Result<PathBuf, Failure> {
    let given = PathBuf::from(asked.path.clone().unwrap_or_default());
    let is_odd = |part: std::path::Component<'_>| {
        !matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir)
    };
    if given.components().any(is_odd) {
        let text = format!("--path '{}' must be a path below the source, such as etc/nginx", given.display());
        return Err(cx.refuse(Step::Check, &text));
    }
    Ok(given.components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect())
}

fn shown(part: &Path) -> String {
    if part.as_os_str().is_empty() { "all".to_owned() } else { format!("'{}'", part.display()) }
}

/// A time before the first session gives the oldest, and an interrupted repository its last good session: both were said
/// when the session was looked for.
fn other_time(asked: &Restore, session: SessionTime, place: &Opened, cx: &Context<'_>) -> Outcome {
    let is_before = matches!(cx.time(&asked.at)?, TimeSpec::At(time) if time < session.0);
    Ok(if is_before || place.is_interrupted { Exit::WARNING } else { Exit::OK })
}

/// Where to restore to.
fn to(asked: &Restore, job: &Job, part: &Path, cx: &Context<'_>) -> Result<Location, Failure> {
    let location = match &asked.target {
        Target::Place(place) => {
            Location::parse_with_scp(place).map_err(|e| cx.refuse(Step::Check, &format!("--to: {e}")))?
        }
        Target::InPlace => {
            let source = job.location().map_err(|why| cx.refuse(Step::Check, &why))?;
            below(source, part)
        }
    };
    Ok(match location {
        Location::Local(path) => Location::Local(std::path::absolute(&path).unwrap_or(path)),
        Location::Remote(remote) => Location::Remote(remote.in_form(Form::DoubleColon)),
    })
}

fn below(location: Location, part: &Path) -> Location {
    if part.as_os_str().is_empty() {
        return location;
    }
    match location {
        Location::Local(path) => Location::Local(path.join(part)),
        Location::Remote(remote) => {
            let path = remote.path().join(part);
            Location::Remote(remote.with_path(path))
        }
    }
}

fn is_host_of(job: &Job, remote: &Remote) -> bool {
    job.remote().is_some_and(|source| source.host() == remote.host() && source.port() == remote.port())
}

/// A file is restored into a directory that is there, and not in its place.
fn into_directory(
    target: Location,
    place: &Opened,
    session: SessionTime,
    cx: &Context<'_>,
) -> Result<Location, Failure> {
    let first = list::entries_at(&place.repo, session, place.path.as_path()).or_fail(cx, Step::Check)?.next();
    let first = first.transpose().or_fail(cx, Step::Check)?;
    let Some(first) = first.filter(|first| first.path == place.path) else {
        let text = format!(
            "{} was not there at {}; 'rdiff-backup list files' tells what was",
            place.path,
            at(session.0)
        );
        return Err(cx.refuse(Step::Check, &text));
    };
    if first.is_dir() {
        return Ok(target);
    }
    let name =
        Path::new(std::ffi::OsStr::from_bytes(place.path.as_path().name().unwrap_or_default())).to_path_buf();
    let is_dir = match &target {
        Location::Local(path) => path.is_dir(),
        Location::Remote(_) => Reach::open(&target, cx).is_ok(),
    };
    Ok(if is_dir { below(target, &name) } else { target })
}

/// What a restore would do to what is there.
#[derive(Debug, Default)]
struct Preview {
    overwritten: Paths,
    deleted: Paths,
    created: u64,
}

/// How many there are, and the first of them.
#[derive(Debug, Default)]
struct Paths {
    count: u64,
    first: Vec<String>,
}

/// More are counted, and not named.
const MOST_NAMED: usize = 20;

impl Paths {
    fn add(&mut self, path: String) {
        self.count += 1;
        if self.first.len() < MOST_NAMED {
            self.first.push(path);
        }
    }
}

/// A target as it is now.
struct Reach(std::sync::Arc<dyn rdiff_core::tree::source::Source>);

impl Reach {
    /// Opens a directory for reading; a remote one by SFTP, without a mount.
    fn open(target: &Location, cx: &Context<'_>) -> Result<Self, Failure> {
        let ui = crate::ui::Ui::collecting(cx.generic, cx.ui);
        let quiet = Context::new(cx.generic, &ui, cx.now);
        let reading = quiet.reading(&target.to_os_string(), action::Via::Sftp, true)?;
        Ok(Self(reading.source))
    }
}

impl Preview {
    fn of(
        target: &Location,
        place: &Opened,
        session: SessionTime,
        cx: &Context<'_>,
    ) -> Result<Self, Failure> {
        let mut preview = Self::default();
        if let Location::Local(path) = target
            && path.symlink_metadata().is_ok()
            && !path.is_dir()
        {
            preview.overwritten.add(path.display().to_string());
            return Ok(preview);
        }
        // What is not there, or no directory, has nothing to lose; if it can't be reached, the restore says so.
        let Ok(reach) = Reach::open(target, cx) else { return Ok(preview) };
        let request = CompareRequest { subtree: place.path.clone(), ..CompareRequest::new(session) };
        let found = compare(&place.repo, &reach.0, &request, Everything, &Silent, |difference| {
            let path = difference.path.to_string();
            match difference.reason {
                Reason::New => preview.deleted.add(path),
                Reason::Deleted => preview.created += 1,
                _ if difference.path.is_root() => {}
                _ => preview.overwritten.add(path),
            }
        });
        found.or_fail(cx, Step::Check)?;
        Ok(preview)
    }

    fn is_harmless(&self) -> bool {
        self.overwritten.count == 0 && self.deleted.count == 0
    }

    fn show(&self, target: &Location, session: SessionTime, cx: &Context<'_>) -> Result<(), Failure> {
        if self.is_harmless() || cx.json().is_some() {
            return Ok(());
        }
        let mut text = format!("to put {target} back to {}:\n", at(session.0));
        for (what, list) in [("overwrite", &self.overwritten), ("DELETE", &self.deleted)] {
            text.extend(list.first.iter().map(|path| format!("  {what:<9} {path}\n")));
            let more = list.count - list.first.len() as u64;
            if more > 0 {
                text += &format!("  {what:<9} and {more} more\n");
            }
        }
        text += &format!(
            "{} would be overwritten, {} deleted, {} made\n",
            self.overwritten.count, self.deleted.count, self.created
        );
        cx.print(text)
    }

    fn json(&self, session: SessionTime) -> serde_json::Value {
        json!({
            "session": session.0,
            "overwritten": self.overwritten.count,
            "deleted": self.deleted.count,
            "created": self.created,
        })
    }
}

/// Asks at the terminal. Where there is none, nobody has said yes.
fn is_confirmed() -> io::Result<bool> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(false);
    }
    write!(io::stderr(), "go on? [yes/no] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "yes" | "y"))
}

/// Restores by the action of that name. What was asked is answered, so it may overwrite.
fn write(target: &Location, job: &Job, part: &Path, session: SessionTime, cx: &Context<'_>) -> Outcome {
    let source = local(&job.repository.as_std_path().join(part));
    let generic = Generic { force: true, ..cx.generic.clone() };
    let cx = &Context::new(&generic, cx.ui, cx.now);
    match target {
        Location::Local(path) => act(&source, &local(path), &[], session, cx),
        Location::Remote(remote) => {
            refuse_read_only(job, remote, cx);
            act(&source, &target.to_os_string(), &CARRIED, session, cx)
        }
    }
}

/// The entry of fstab is for reading, and stays so.
fn refuse_read_only(job: &Job, remote: &Remote, cx: &Context<'_>) {
    if job.via() == Some(Via::Fstab) {
        cx.ui.info(&format!(
            "{remote} is mounted privately to write to it; the read-only entry of fstab is not used"
        ));
    }
}

/// A mount by sshfs carries neither access control lists nor extended attributes: setting them is not tried.
const CARRIED: [&str; 2] = ["--no-acls", "--no-eas"];

fn act(
    source: &OsString,
    target: &OsString,
    options: &[&str],
    session: SessionTime,
    cx: &Context<'_>,
) -> Outcome {
    let words = ["--new", "restore"].iter().chain(options).chain(&["--at"]).map(OsString::from);
    let words = words.chain([session.0.to_string().into(), "--".into(), source.clone(), target.clone()]);
    match crate::args::parse(words.collect()).map(|invocation| invocation.action) {
        Ok(Action::Restore(args)) => {
            let done = run::restore(&action::Restore { is_confirmed: true, ..args }, cx);
            cx.end();
            done
        }
        Ok(_) => Err(cx.refuse(Step::Check, "this is no restore")),
        Err(e) => Err(cx.refuse(Step::Check, &e.to_string())),
    }
}
