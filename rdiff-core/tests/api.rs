//! The crate as another program uses it: several repositories and threads, reading without restoring,
//! requests as data, errors to match on.
#![allow(clippy::unwrap_used)]

use rdiff_core::backup::{BackupReport, BackupRequest, backup_directory};
use rdiff_core::compare::{CompareReport, CompareRequest};
use rdiff_core::diff::changes;
use rdiff_core::entry::Entry;
use rdiff_core::error::{Error, Problem, Refusal, chain};
use rdiff_core::list::{ChangeKind, Step, changed_since, history};
use rdiff_core::monitor::{Event, Monitor, Recorder, Silent};
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::purge::PurgePlan;
use rdiff_core::read::{FileReader, SessionReader, open_file};
use rdiff_core::regress::{RegressReport, undo_newest};
use rdiff_core::remove::RemoveReport;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::metadata::Stream;
use rdiff_core::repo::rebuild::FileContent;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::restore::{RestoreReport, RestoreRequest, restore};
use rdiff_core::time::{SessionTime, TimeSpec};
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::select::{Rule, Selected, Sense};
use rdiff_core::tree::walk::Everything;
use rdiff_core::verify::{VerifyReport, VerifyRequest, verify};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DAY: i64 = 86_400;
const FIRST: i64 = 1_700_000_000;

fn path(text: &str) -> RepoPathBuf {
    RepoPathBuf::new(text).unwrap()
}

fn back_up(source: &Path, repo: &Path, time: i64) -> BackupReport {
    let request = BackupRequest { time: Some(time), ..BackupRequest::default() };
    backup_directory(source, repo, &request, &[], &Silent).unwrap()
}

/// Some text that is different for each session, in part.
fn text_of(session: usize) -> Vec<u8> {
    let mut text: Vec<u8> = (0..4_000u32).flat_map(|i| format!("line {i}\n").into_bytes()).collect();
    let at = 1000 * (session + 1);
    text.splice(at..at + 10, format!("session {session}\n").into_bytes());
    text
}

/// A repository of `sessions` sessions one day apart, each with another text in `dir/text`.
fn history_of(dir: &Path, sessions: usize) -> (PathBuf, Arc<Repository>) {
    let (tree, target) = (dir.join("tree"), dir.join("repo"));
    fs::create_dir_all(tree.join("dir")).unwrap();
    for session in 0..sessions {
        fs::write(tree.join("dir/text"), text_of(session)).unwrap();
        fs::write(tree.join(format!("only-{session}")), "x").unwrap();
        back_up(&tree, &target, FIRST + DAY * session as i64);
        fs::remove_file(tree.join(format!("only-{session}"))).unwrap();
    }
    let repo = Arc::new(Repository::open(&target).unwrap());
    (tree, repo)
}

fn content(reader: Result<FileReader, Error>) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_threads_share_may_be_shared() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Repository>();
    shared::<Writer>();
    shared::<SessionReader>();
    shared::<LocalSource>();
    shared::<LocalGuard>();
    shared::<Error>();
    shared::<Problem>();
    shared::<Entry>();
    shared::<Recorder>();
    shared::<(BackupRequest, RestoreRequest, VerifyRequest, CompareRequest)>();
    shared::<(BackupReport, RestoreReport, VerifyReport, CompareReport, RegressReport, RemoveReport)>();
    sent::<FileReader>();
    sent::<FileContent>();
    sent::<Stream<Entry>>();
    sent::<Selected>();
}

#[test]
fn a_repository_can_be_made_before_its_first_backup() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, target) = (dir.path().join("tree"), dir.path().join("repo"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("f"), "content").unwrap();
    let repo = Repository::open_or_create(&target).unwrap();
    assert_eq!((repo.state().unwrap(), repo.sessions().unwrap()), (MirrorState::Unfinished, vec![]));
    assert!(matches!(repo.session_at(TimeSpec::default()), Err(Error::NoSuchSession { asked: None, .. })));
    Repository::open_or_create(&target).unwrap();
    assert_eq!(back_up(&tree, &target, FIRST).previous, None);
    let repo = Repository::open_or_create(&target).unwrap();
    assert_eq!(repo.sessions().unwrap(), [SessionTime(FIRST)]);
    for other in [tree.clone(), tree.join("f")] {
        let refused = Repository::open_or_create(&other);
        assert!(matches!(refused, Err(Error::NotARepository { path }) if path == other));
    }
    assert!(!tree.join("rdiff-backup-data").exists());
    assert!(matches!(Repository::open_or_create(&dir.path().join("no/repo")), Err(Error::Io { .. })));
}

#[test]
fn each_old_version_is_read_without_being_restored() {
    let dir = tempfile::tempdir().unwrap();
    let (_, repo) = history_of(dir.path(), 4);
    let sessions = repo.sessions().unwrap();
    for (i, &at) in sessions.iter().enumerate() {
        let mut reader = open_file(&repo, path("dir/text").as_path(), at).unwrap();
        assert_eq!(reader.size(), text_of(i).len() as u64);
        assert!(reader.digest().is_some());
        let mut start = [0; 17];
        reader.read_exact(&mut start).unwrap();
        assert_eq!(start, text_of(i)[..17]);
        assert_eq!(content(open_file(&repo, path("dir/text").as_path(), at)), text_of(i));
        let mut session = SessionReader::new(Arc::clone(&repo), at).unwrap();
        let mut names = Vec::new();
        for entry in session.entries(RepoPath::ROOT).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.path.to_string());
            if entry.file().is_some() {
                assert_eq!(content(session.open(&entry)).len() as u64, entry.size());
            }
        }
        assert_eq!(names, [".", "dir", "dir/text", &format!("only-{i}")]);
    }
    let missing = open_file(&repo, path("no").as_path(), TimeSpec::default());
    assert!(matches!(missing, Err(Error::NoSuchPath { path: p, .. }) if p == path("no")));
    let directory = open_file(&repo, path("dir").as_path(), TimeSpec::default());
    assert!(matches!(directory, Err(Error::NotAFile { path: p, .. }) if p == path("dir")));
}

#[test]
fn a_copy_that_ends_well_is_what_was_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, repo) = history_of(dir.path(), 2);
    fs::hard_link(tree.join("dir/text"), tree.join("linked")).unwrap();
    back_up(&tree, repo.path(), FIRST + 3 * DAY);
    let place = repo.path().join("dir/text");
    let mut bytes = fs::read(&place).unwrap();
    bytes[5000] ^= 1;
    fs::write(&place, &bytes).unwrap();
    let mut session = SessionReader::new(Arc::clone(&repo), TimeSpec::default()).unwrap();
    let first = session.entry(path("dir/text").as_path()).unwrap();
    let linked = session.entry(path("linked").as_path()).unwrap();
    // The second name of a file has no digest of its own.
    assert_eq!((first.file().unwrap().digest.is_some(), linked.file().unwrap().digest), (true, None));
    for entry in [first, linked] {
        let mut read = Vec::new();
        let error = session.open(&entry).unwrap().read_to_end(&mut read).unwrap_err();
        assert_eq!((error.kind(), read.len()), (ErrorKind::InvalidData, bytes.len()), "{error}");
        assert!(error.to_string().contains("SHA-1"), "{error}");
    }
    bytes.truncate(100);
    fs::write(&place, &bytes).unwrap();
    let error = open_file(&repo, path("dir/text").as_path(), TimeSpec::default());
    let error = error.unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("it has 100 bytes"), "{error}");
}

#[test]
fn of_an_interrupted_repository_the_content_decides_which_chain_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let (_, repo) = history_of(dir.path(), 3);
    // As after a crash between the increment of the last session and its mirror file.
    let markers = fs::read_dir(repo.path().join("rdiff-backup-data")).unwrap();
    let marker = markers.map(|e| e.unwrap().path()).find(|p| p.to_str().unwrap().contains("current_mirror"));
    let before = SessionTime(FIRST + DAY);
    let good = marker.as_ref().unwrap().with_file_name(format!("current_mirror.{before}.data"));
    fs::copy(marker.unwrap(), good).unwrap();
    let text = path("dir/text");
    for i in [1, 2] {
        fs::write(repo.path().join("dir/text"), text_of(i)).unwrap();
        assert_eq!(content(open_file(&repo, text.as_path(), TimeSpec::default())), text_of(1), "{i}");
    }
    assert_eq!(
        repo.state().unwrap(),
        MirrorState::Interrupted { good: before, failed: SessionTime(FIRST + 2 * DAY) }
    );
}

#[test]
fn several_readers_share_a_repository_while_another_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (_, repo) = history_of(dir.path(), 3);
    let other = dir.path().join("other");
    let source = dir.path().join("source");
    fs::create_dir(&source).unwrap();
    let read = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for i in 0..6 {
            let (repo, read) = (&repo, &read);
            scope.spawn(move || {
                let at = repo.sessions().unwrap()[i % 3];
                assert_eq!(content(open_file(repo, path("dir/text").as_path(), at)), text_of(i % 3));
                let target = repo.path().with_file_name(format!("restored-{i}"));
                restore(repo, &target, &RestoreRequest::new(at), Everything, &Silent).unwrap();
                assert_eq!(fs::read(target.join("dir/text")).unwrap(), text_of(i % 3));
                read.fetch_add(1, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            for i in 0..3 {
                fs::write(source.join("f"), i.to_string()).unwrap();
                back_up(&source, &other, FIRST + i);
            }
        });
    });
    assert_eq!(read.into_inner(), 6);
    let other = Arc::new(Repository::open(&other).unwrap());
    assert_eq!(other.sessions().unwrap().len(), 3);
    assert!(verify(&other, &VerifyRequest::default(), &Silent).unwrap().is_good());
    assert!(verify(&repo, &VerifyRequest::default(), &Silent).unwrap().is_good());
}

#[test]
fn the_default_request_is_for_the_newest_session() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, repo) = history_of(dir.path(), 3);
    let target = dir.path().join("restored");
    restore(&repo, &target, &RestoreRequest::default(), Everything, &Silent).unwrap();
    assert_eq!(fs::read(target.join("dir/text")).unwrap(), text_of(2));
    let between = RestoreRequest { overwrite: true, ..RestoreRequest::new(TimeSpec::At(FIRST + DAY + 5)) };
    restore(&repo, &target, &between, Everything, &Silent).unwrap();
    assert_eq!(fs::read(target.join("dir/text")).unwrap(), text_of(1));
    let source: Arc<dyn rdiff_core::tree::source::Source> =
        Arc::new(LocalSource::open(&tree, Default::default()).unwrap());
    let mut differences = Vec::new();
    let compared = rdiff_core::compare::compare(
        &repo,
        &source,
        &CompareRequest::default(),
        Everything,
        &Silent,
        |difference| differences.push(difference.path.to_string()),
    );
    compared.unwrap();
    // The root's time may have changed too.
    differences.retain(|path| path != ".");
    assert_eq!(differences, ["only-2"]);
}

#[test]
fn the_history_of_a_path_and_what_changed_between_two_times() {
    let dir = tempfile::tempdir().unwrap();
    let (_, repo) = history_of(dir.path(), 3);
    let steps: Vec<Step> =
        history(&repo, path("dir/text").as_path()).unwrap().iter().map(|v| v.step).collect();
    assert_eq!(steps, [Step::Added, Step::Content, Step::Content]);
    let steps: Vec<Step> = history(&repo, path("only-1").as_path()).unwrap().iter().map(|v| v.step).collect();
    assert_eq!(steps, [Step::Absent, Step::Added, Step::Removed]);
    let sessions = repo.sessions().unwrap();
    let between = |old: usize, new: usize| -> Vec<(ChangeKind, String)> {
        let changes = changes(&repo, RepoPath::ROOT, sessions[old], sessions[new]).unwrap();
        changes.map(|c| c.map(|c| (c.kind, c.path.to_string())).unwrap()).filter(|(_, p)| p != ".").collect()
    };
    let word = |kind, path: &str| (kind, path.to_owned());
    assert_eq!(
        between(0, 1),
        [
            word(ChangeKind::Changed, "dir/text"),
            word(ChangeKind::Deleted, "only-0"),
            word(ChangeKind::New, "only-1")
        ]
    );
    assert_eq!(between(1, 0)[1..], [word(ChangeKind::New, "only-0"), word(ChangeKind::Deleted, "only-1")]);
    assert_eq!(between(1, 1), []);
    let since = changed_since(&repo, sessions[0], path("dir").as_path()).unwrap();
    assert_eq!(since.map(|c| c.unwrap().path.to_string()).collect::<Vec<_>>(), ["dir/text"]);
}

#[test]
fn rules_select_what_is_backed_up_and_wrong_ones_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, target) = (dir.path().join("tree"), dir.path().join("repo"));
    fs::create_dir_all(tree.join("cache")).unwrap();
    fs::write(tree.join("cache/big"), "x").unwrap();
    fs::write(tree.join("kept"), "x").unwrap();
    let rule = |pattern: &[u8]| [Rule::Glob { sense: Sense::Exclude, pattern: pattern.to_vec() }];
    let request = BackupRequest::default();
    let wrong = backup_directory(&tree, &target, &request, &rule(b"/elsewhere"), &Silent);
    assert!(matches!(wrong, Err(Error::BadSelection { .. })), "{wrong:?}");
    assert!(!target.exists());
    backup_directory(&tree, &target, &request, &rule(b"**/cache"), &Silent).unwrap();
    assert!(target.join("kept").exists() && !target.join("cache").exists());
    let own = backup_directory(&target.join("kept"), &target, &request, &[], &Silent);
    assert!(matches!(own, Err(Error::Refused(Refusal::SourceInRepository { .. }))), "{own:?}");
    let missing = backup_directory(&dir.path().join("no"), &target, &request, &[], &Silent);
    assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
}

#[test]
fn a_refusal_says_in_its_fields_what_it_is_about() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, repo) = history_of(dir.path(), 1);
    let target = repo.path();
    let refused = |request: &BackupRequest| {
        let request = BackupRequest { time: Some(FIRST + DAY), ..request.clone() };
        match backup_directory(&tree, target, &request, &[], &Silent) {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    let quoting = refused(&BackupRequest { chars_to_quote: Some(b"A-Z".to_vec()), ..Default::default() });
    let Refusal::OtherQuoting { stored, wanted, .. } = &quoting else { panic!("{quoting:?}") };
    assert_eq!((&stored[..], &wanted[..]), (&b""[..], &b"A-Z"[..]));
    let pattern = refused(&BackupRequest { not_compressed: Some("(".into()), ..Default::default() });
    assert!(matches!(&pattern, Refusal::BadPattern { pattern, .. } if pattern == "("), "{pattern:?}");
    let text = chain(&Error::from(pattern));
    assert!(text.starts_with("the pattern for files not to compress, \"(\", is no") && !text.contains('\n'));

    let root = PurgePlan::new(&repo, RepoPath::ROOT).map(|_| ());
    assert!(matches!(root, Err(Error::Refused(Refusal::PurgeOfRoot { .. }))), "{root:?}");
    let writer = Writer::new(Arc::clone(&repo), false).unwrap();
    let only = undo_newest(&writer, &Silent);
    let Err(Error::Refused(Refusal::NothingBefore { repository })) = &only else { panic!("{only:?}") };
    assert_eq!(repository, target);
    let no_file = open_file(&repo, path("dir").as_path(), SessionTime(FIRST)).map(|_| ());
    assert!(matches!(&no_file, Err(Error::NotAFile { path: p, .. }) if *p == path("dir")), "{no_file:?}");
}

/// Stops a job at its third path.
#[derive(Default)]
struct Impatient(AtomicU64);

impl Monitor for Impatient {
    fn event(&self, event: &Event<'_>) {
        if let Event::Path { .. } = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 3
    }
}

#[test]
fn a_monitor_can_stop_a_job_and_the_next_backup_sets_it_right() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, repo) = history_of(dir.path(), 2);
    for i in 0..600 {
        fs::write(tree.join(format!("new-{i}")), i.to_string()).unwrap();
    }
    let request = BackupRequest { time: Some(FIRST + 2 * DAY), ..BackupRequest::default() };
    let stopped = backup_directory(&tree, repo.path(), &request, &[], &Impatient::default());
    assert!(matches!(stopped, Err(Error::Cancelled { .. })), "{stopped:?}");
    assert_eq!(repo.sessions().unwrap().len(), 2);
    assert_eq!(content(open_file(&repo, path("dir/text").as_path(), TimeSpec::default())), text_of(1));
    let report = back_up(&tree, repo.path(), FIRST + 3 * DAY);
    assert_eq!(
        (report.previous, report.regressed),
        (Some(SessionTime(FIRST + DAY)), Some(SessionTime(FIRST + 2 * DAY)))
    );
}

#[test]
fn nothing_is_written_beside_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_, repo) = history_of(dir.path(), 3);
    let names =
        |dir: &Path| -> Vec<_> { fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect() };
    let before = names(&repo.path().join("rdiff-backup-data"));
    let mut reader = open_file(&repo, path("dir/text").as_path(), TimeSpec::At(0)).unwrap();
    std::io::sink()
        .write_all(&content(Ok(open_file(&repo, path("dir/text").as_path(), TimeSpec::At(0)).unwrap())))
        .unwrap();
    // The repository may go while a file is read: what was opened stays open.
    fs::rename(repo.path(), dir.path().join("moved")).unwrap();
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, text_of(0));
    assert_eq!(names(&dir.path().join("moved/rdiff-backup-data")), before);
}
