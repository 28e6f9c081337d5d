//! What a backup is asked to do, and what it says it did.

use crate::format::stats::SessionStatistics;
use crate::time::{SessionTime, Zone};
use crate::tree::attrs::Mapping;
use crate::tree::source::SourceTraits;

/// How to back up.
///
/// ```
/// # use rdiff_core::backup::BackupRequest;
/// # use rdiff_core::tree::attrs::Mapping;
/// let request = BackupRequest {
///     time: Some(1_700_000_000), // seconds since 1970; None is now
///     create_parents: true,
///     user_map: Mapping::parse("ann:1000").unwrap_or_default(),
///     ..BackupRequest::default()
/// };
/// assert!(request.compression && request.durable);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct BackupRequest {
    /// The time of the session, in seconds since 1970; nothing for now.
    pub time: Option<i64>,
    /// Go ahead over a target that holds something else, and beside a process that seems to run.
    pub force: bool,
    /// Make the directories above the repository.
    pub create_parents: bool,
    /// Gzip increments.
    pub compression: bool,
    /// Increments of paths that this matches are not gzipped; nothing for the usual list of endings. A regular
    /// expression as Python reads it, for the path of the mirror as the repository was named, from its beginning on.
    pub not_compressed: Option<String>,
    /// How the repository is called for that; nothing for the path that is written to. Where that is a mount, what was named
    /// is another.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::option"))]
    pub called: Option<Vec<u8>>,
    /// Record which files are one.
    pub hard_links: bool,
    /// Is a file with several names another one when its inode's number is? Without it, only when it is so by its
    /// other attributes, its content, or the names that it shares it with.
    pub compare_inodes: bool,
    /// Record and set access control lists.
    pub acls: bool,
    /// Refuse to go on where access control lists can't be kept.
    pub never_drop_acls: bool,
    /// Record and set extended attributes.
    pub xattrs: bool,
    /// Write one line of statistics for each path.
    pub file_statistics: bool,
    /// End lines of file statistics and error log with NUL.
    pub null_separator: bool,
    /// Write times without colons.
    pub compatible_times: bool,
    /// Whose local time is written.
    pub zone: Zone,
    /// Which bytes of names are quoted, in a new repository; nothing for those that its file system needs.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::option"))]
    pub chars_to_quote: Option<Vec<u8>>,
    /// Owners in the mirror by number, whatever their names.
    pub numeric_ids: bool,
    /// Users to be replaced in the mirror.
    pub user_map: Mapping,
    /// Groups to be replaced in the mirror.
    pub group_map: Mapping,
    /// The part of the previous session's paths that may go at once, from 0 to 1. At least
    /// [`BackupRequest::FEW`] paths must go before this counts.
    pub most_deletions: f64,
    /// Believe it when the source is empty and the mirror is not.
    pub allow_empty_source: bool,
    /// Refuse a session that can't fit on the disk; without it, warn.
    pub check_space: bool,
    /// Make everything durable. Without it a power cut can cost the repository.
    pub durable: bool,
    /// Threads that read the source; 0 for what the source says is best.
    pub workers: usize,
}

impl BackupRequest {
    /// Fewer deletions than these are always believed.
    pub const FEW: u64 = 100;

    /// Threads that read a source.
    pub(super) fn readers(&self, traits: &SourceTraits) -> usize {
        if self.workers == 0 { traits.readers } else { self.workers }
    }
}

impl Default for BackupRequest {
    fn default() -> Self {
        Self {
            time: None,
            force: false,
            create_parents: false,
            compression: true,
            not_compressed: None,
            called: None,
            hard_links: true,
            compare_inodes: true,
            acls: true,
            never_drop_acls: false,
            xattrs: true,
            file_statistics: true,
            null_separator: false,
            compatible_times: false,
            zone: Zone::system(),
            chars_to_quote: None,
            numeric_ids: false,
            user_map: Mapping::default(),
            group_map: Mapping::default(),
            most_deletions: 0.5,
            allow_empty_source: false,
            check_space: true,
            durable: true,
            workers: 0,
        }
    }
}

/// What a backup did.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::backup::{BackupReport, BackupRequest, backup_directory};
///
/// let request = BackupRequest { time: Some(1_700_172_800), ..BackupRequest::default() };
/// let report: BackupReport = backup_directory(&dir.path().join("tree"), repo.path(), &request, &[], &Silent)?;
/// assert_eq!(report.previous.map(|s| s.0), Some(1_700_086_400));
/// assert_eq!(report.problems, 0); // what could not be read kept its last version
/// assert_eq!(report.statistics.changed_files, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BackupReport {
    /// The new session.
    pub session: SessionTime,
    /// The one before it.
    pub previous: Option<SessionTime>,
    /// A session that had failed, and was undone first.
    pub regressed: Option<SessionTime>,
    /// The totals.
    pub statistics: SessionStatistics,
    /// Paths that stayed as they were because the source could not be read, or changed meanwhile.
    pub problems: u64,
}

/// The endings of files that gain nothing by being gzipped.
pub const NOT_COMPRESSED: &str = r"(?i).*\.(7z|aac|arj|asc|avi|bik|bz|bz2|deb|docx|flac|flv|gif|gpg|gz|jp2|jpeg|jpg|jsonlz4|lharc|lz4|lzh|lzma|lzo|m4a|m4v|mdf|mkv|mov|mozlz4|mp3|mp4|mpeg|mpg|oga|ogg|ogm|ogv|opus|pgp|pk3|png|rar|rm|rpm|rz|shn|tgz|tzst|vob|webm|webp|wma|wmv|xlsx|xz|z|zip|zoo|zst)$";
