//! What was asked for, as plain data. Both command lines end here, and nothing is decided twice.
//!
//! Times stay as typed until zone and clock are known; locations stay bytes.

pub mod jobs;

use jobs::{Doctor, JobAction, Setup};
use rdiff_core::tree::select::Sense;
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--version` prints behind the name: the version whose interface this is.
pub const VERSION: &str = "2.2.2";

/// The names of the original's actions, as typed on the command line and as messages call them.
pub const ACTIONS: [&str; 12] = [
    "backup",
    "calculate",
    "compare",
    "complete",
    "info",
    "list",
    "regress",
    "remove",
    "restore",
    "server",
    "test",
    "verify",
];

/// One call of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// What holds for every action.
    pub generic: Generic,
    /// What to do.
    pub action: Action,
}

/// The options of every action.
#[derive(Clone, Debug, PartialEq)]
pub struct Generic {
    /// The version of the interface asked for, unchecked.
    pub api_version: Option<i64>,
    /// Characters to write as numbers in names of the mirror.
    pub chars_to_quote: Option<OsString>,
    /// The session's time, in seconds since 1970, instead of the clock's.
    pub current_time: Option<i64>,
    /// Do it although it may destroy something.
    pub force: bool,
    /// Wait until data are on the disk.
    pub fsync: bool,
    /// Lists and statistics have NUL instead of newline.
    pub null_separator: bool,
    /// Output for programs.
    pub parsable_output: bool,
    /// Options of the older command line that were given, and belong to other actions.
    pub of_other_actions: Vec<String>,
    /// In which form output comes.
    pub output: Output,
    /// How to reach other hosts.
    pub remote: Remote,
    /// Where temporary files go.
    pub tempdir: Option<PathBuf>,
    /// How much to say on the terminal.
    pub terminal_verbosity: u8,
    /// Times in file names have `-` instead of `:`.
    pub use_compatible_timestamps: bool,
    /// How much to say in log files.
    pub verbosity: u8,
}

/// In which form output comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// One JSON object a line.
    pub json: bool,
    /// Say what would be done, and change nothing.
    pub dry_run: bool,
    /// Show how far a job is; nothing for: if a terminal is there to show it.
    pub progress: Option<bool>,
}

/// How to reach other hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remote {
    /// How ssh is called, `{h}` for the host; what comes behind that starts an SFTP server there.
    pub schema: Option<OsString>,
    /// Where temporary files of a program there would go; there is none.
    pub tempdir: Option<OsString>,
    /// Let ssh compress; nothing to leave it to ssh's configuration.
    pub ssh_compression: Option<bool>,
    /// The key to log in with, and no other.
    pub identity: Option<PathBuf>,
    /// How many seconds a host may say nothing; nothing for the usual time.
    pub timeout: Option<u32>,
}

/// How a tree on another host is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// By SFTP, without a mount.
    #[default]
    Sftp,
    /// Through a private mount of sshfs.
    Sshfs,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    Backup(Backup),
    Calculate(Vec<OsString>),
    Compare(Compare),
    Complete(Complete),
    Doctor(Doctor),
    Diff(Diff),
    History(History),
    Info,
    Job(JobAction),
    ListFiles(ListFiles),
    ListIncrements(ListIncrements),
    Regress(Regress),
    RemoveIncrements(RemoveIncrements),
    Restore(Restore),
    Server(Restriction),
    Setup(Box<Setup>),
    Status(Status),
    Test(Vec<OsString>),
    Verify(Verify),
}

impl Action {
    /// What messages call it.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Backup(_) => "backup",
            Action::Calculate(_) => "calculate",
            Action::Compare(_) => "compare",
            Action::Complete(_) => "complete",
            Action::Doctor(_) => "doctor",
            Action::Diff(_) => "diff",
            Action::History(_) => "history",
            Action::Info => "info",
            Action::Job(_) => "job",
            Action::ListFiles(_) | Action::ListIncrements(_) => "list",
            Action::Regress(_) => "regress",
            Action::RemoveIncrements(_) => "remove",
            Action::Restore(_) => "restore",
            Action::Server(_) => "server",
            Action::Setup(_) => "setup",
            Action::Status(_) => "status",
            Action::Test(_) => "test",
            Action::Verify(_) => "verify",
        }
    }
}

impl Action {
    /// What it is called in output for programs: the words of the command line.
    pub fn words(&self) -> &'static str {
        match self {
            Action::ListFiles(_) => "list files",
            Action::ListIncrements(_) => "list increments",
            Action::RemoveIncrements(_) => "remove increments",
            Action::Job(job) => job.words(),
            other => other.name(),
        }
    }

    /// Is its exit code its answer? Then nothing needs to be said of it.
    pub fn answers_by_exit_code(&self) -> bool {
        matches!(self, Action::Diff(_) | Action::Status(_))
    }
}

/// A new session from a source.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option group or a location of the command line")]
pub struct Backup {
    pub source: OsString,
    pub repository: OsString,
    pub via: Via,
    pub copy: Copying,
    /// Write a line of statistics for each path.
    pub file_statistics: bool,
    /// Print the statistics of the session.
    pub print_statistics: bool,
    pub safety: Safety,
}

/// What of a tree is copied, and how: alike into a repository and out of it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option group of the command line")]
pub struct Copying {
    pub create_full_path: bool,
    pub compression: Compression,
    pub selection: Vec<Choice>,
    pub explain: Option<OsString>,
    pub filesystem: Filesystem,
    pub owners: Owners,
}

/// When to believe that files are gone, and that there is room.
#[derive(Clone, Debug, PartialEq)]
pub struct Safety {
    /// Even if all are.
    pub allow_empty_source: bool,
    /// Up to this part of them, from 0 to 1; nothing for the usual part.
    pub most_deletions: Option<f64>,
    /// Refuse what can't fit on the disk.
    pub check_space: bool,
    /// Only if this path is there, below the source.
    pub marker: Option<PathBuf>,
}

/// A directory against the repository.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct Compare {
    pub source: OsString,
    pub repository: OsString,
    pub via: Via,
    pub method: Method,
    pub at: String,
    pub selection: Vec<Choice>,
    pub explain: Option<OsString>,
    pub compare_inode: bool,
}

/// What is looked at to tell two files apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Attributes, size and time.
    Meta,
    /// And the recorded digest.
    Hash,
    /// And the content.
    Full,
}

/// What could stand at a place of a command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Complete {
    /// Which word to complete; from the end if negative.
    pub cword: i64,
    /// Leave out options that are there already.
    pub unique: bool,
    /// The command line, its program first.
    pub words: Vec<OsString>,
}

/// One path or tree between two sessions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct Diff {
    pub path: OsString,
    pub at: String,
    pub to: String,
    pub patch: bool,
}

/// All versions of a path.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct History {
    pub path: OsString,
    pub all: bool,
}

/// How a repository is.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct Status {
    pub repository: OsString,
    pub max_age: Option<String>,
}

/// The paths of a time, or those that changed since.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct ListFiles {
    pub repository: OsString,
    pub which: FilesOf,
}

/// Which paths to list.
#[derive(Clone, Debug, PartialEq)]
pub enum FilesOf {
    /// Those that were there.
    At(String),
    /// Those that differ from now.
    ChangedSince(String),
}

/// The sessions, or those that changed a path.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct ListIncrements {
    pub repository: OsString,
    pub size: bool,
}

/// Back to the last good session.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option group or a location of the command line")]
pub struct Regress {
    pub repository: OsString,
    pub compression: Compression,
    pub owners: Owners,
    pub allow_duplicate_timestamps: bool,
}

/// Away with old sessions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct RemoveIncrements {
    pub repository: OsString,
    pub older_than: String,
    pub size: bool,
}

/// The tree of a time into a directory.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option group or a location of the command line")]
pub struct Restore {
    pub source: OsString,
    pub target: OsString,
    pub at: Option<String>,
    pub increment: bool,
    /// What is in the target may go: that was shown, and answered.
    pub is_confirmed: bool,
    pub copy: Copying,
}

/// What a server lets its client do.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option of the command line")]
pub struct Restriction {
    pub path: Option<OsString>,
    pub mode: RestrictMode,
    pub debug: bool,
}

/// What a client may do below the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RestrictMode {
    ReadWrite,
    ReadOnly,
    UpdateOnly,
}

/// Contents against recorded digests.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an option or a location of the command line")]
pub struct Verify {
    pub repository: OsString,
    /// Nothing for all sessions.
    pub at: Option<String>,
}

/// Which increments are compressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Compression {
    /// Compress at all.
    pub enabled: bool,
    /// Python regular expression for paths that are not; nothing for the usual one.
    pub except: Option<OsString>,
}

/// What of a file besides its content is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is an option of the command line")]
pub struct Filesystem {
    pub acls: bool,
    pub carbonfile: bool,
    pub compare_inode: bool,
    pub eas: bool,
    pub hard_links: bool,
    pub resource_forks: bool,
    pub never_drop_acls: bool,
}

/// How users and groups are translated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owners {
    /// Lines `old:new` for users.
    pub users: Option<MappingFile>,
    /// Lines `old:new` for groups.
    pub groups: Option<MappingFile>,
    /// Keep numbers, not names.
    pub numerical: bool,
}

/// A file of lines `old:new`, read with the command line.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MappingFile {
    pub name: PathBuf,
    pub contents: Vec<u8>,
}

/// One option of the file selection. Their order matters.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the options")]
pub enum Choice {
    Glob(Sense, Vec<u8>),
    Regexp(Sense, Vec<u8>),
    Filelist(Sense, ListFile),
    GlobbingFilelist(Sense, ListFile),
    Type(Sense, FileType),
    IfPresent(Sense, Vec<u8>),
    MaxFileSize(i64),
    MinFileSize(i64),
}

impl Choice {
    /// Does it name paths? Such rules can't be combined with restoring a part of the repository.
    pub fn names_paths(&self) -> bool {
        matches!(
            self,
            Choice::Glob(..) | Choice::Regexp(..) | Choice::Filelist(..) | Choice::GlobbingFilelist(..)
        )
    }
}

/// Where the lines of a list come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ListFile {
    Path(PathBuf),
    StandardInput,
}

/// What a file can be, for selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the options")]
pub enum FileType {
    Special,
    SymbolicLink,
    Device,
    Fifo,
    Socket,
    OtherFilesystem,
}
