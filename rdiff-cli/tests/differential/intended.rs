//! The differences that are meant, with their reasons; `docs/compatibility.md` is made of them.

use Because::*;

/// Why the programs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    Unreadable,
    Vanished,
    Interrupted,
    Refused,
    Crash,
    Server,
    Hosts,
    Linked,
    Names,
    OwnFiles,
    NeverThere,
    Lost,
    SubPath,
    LocalTimes,
    Patterns,
    Inodes,
    Links,
    Sizes,
    LinkedDigest,
    Notes,
    Verbose,
    Help,
    Silent,
    Files,
    AttributesOnly,
    OwnActions,
}

impl Because {
    /// Can no line show it, because it is on standard error, or needs another user or other files?
    pub(crate) fn is_beyond_the_cases(self) -> bool {
        matches!(
            self,
            Unreadable | Server | LinkedDigest | LocalTimes | Patterns | Silent | Files | OwnActions
        )
    }
}

/// The reasons: what differs, and why.
pub(crate) const REASONS: &[(Because, &str, &str)] = &[
    (
        Unreadable,
        "Files that can't be read give exit code 4",
        "The original ends with 0 when files or directories of the source can't be read. That is the \
                 kind of failure nobody notices until the restore, so it is told: bit 4, as the original's \
                 own list of exit codes says. That includes files that their owner closed to himself, which \
                 the original opens up for a moment: here nothing in a source is ever changed.",
    ),
    (
        Vanished,
        "A source that lost its files is not believed",
        "When the source is empty, or more than half of its files are gone and these are a hundred or more, the \
                 backup is refused \
                 with 17 (16, and 1 for an error): more often a disk is not mounted. `--allow-empty-source` and `--max-deletions` allow it.",
    ),
    (
        Interrupted,
        "An interrupted repository can be read",
        "After a backup that did not finish, the original's `restore` refuses, its `list increments` \
                 prints wrong sessions, and its other actions read what is half written. Here they all read \
                 the sessions up to the last good one, and say on standard error that `regress` repairs the \
                 repository. A restore then ends with 2. `remove increments` is refused until that is done. \
                 After a first backup that did not finish there is no session to list.",
    ),
    (
        Refused,
        "What is refused leaves nothing behind",
        "The original makes the target directory, a data directory in it or a log before it checks \
                 the selection, the times and the mapping files. Then it fails, and the next call finds a \
                 directory that is neither empty nor a repository.",
    ),
    (
        Crash,
        "What makes the original crash works, or is an error in one line",
        "The original ends with a Python traceback and 1.",
    ),
    (
        Server,
        "There is no server",
        "The original's protocol is Python's own between equal versions. `server` says so and ends \
                 with 1.",
    ),
    (
        Hosts,
        "A path with a slash before `::` is on this machine",
        "The original calls ssh with whatever stands before `::`. No host has a slash in its name, so `/repo/a::b` or \
                 `./a::b` is a path here, and files with `::` in their names can be restored by it. `\\::` works as well, and \
                 is needed where no slash comes before.",
    ),
    (
        Linked,
        "A source or a repository may be a symbolic link",
        "The original takes a link for no directory, and refuses it. Here a link that is named as a source or as a \
                 repository is what it leads to, as it is to `ls` and `rsync` with a slash behind it; an empty directory \
                 behind a link becomes a repository. Links *in* a source are backed up as links by both. A link as the \
                 target of a restore is refused by both, and replaced, not followed, with `--force`.",
    ),
    (
        Names,
        "Files of yours may be named like increments",
        "The original refuses a path in the mirror whose name looks like that of an increment. Here only \
                 files of the data directory are increments.",
    ),
    (
        OwnFiles,
        "The repository's own files can't be restored",
        "The original restores nothing and ends with 0, or with 1 if the name has a time in it.",
    ),
    (
        NeverThere,
        "A restore of what was never there leaves the target alone",
        "The original removes the target, if that is an empty directory.",
    ),
    (
        Lost,
        "A file that the repository lost is no empty file",
        "Where the content of a file can't be found any more, the original warns and goes on as if it were \
                 empty: `compare` calls it changed, and `restore` writes an empty file and ends with 0. Here it is not \
                 restored, what was in its place stays, and both end with bit 4.",
    ),
    (SubPath, "API 201: a list of files below a path is that", "The original lists the whole repository."),
    (
        LocalTimes,
        "A time without a zone is local at that time",
        "The original takes the zone's distance from UTC of today, so a date of last winter given in \
                 summer is an hour off.",
    ),
    (
        Patterns,
        "Regular expressions are Python's, within limits",
        "`--include-regexp` and its like read what Python 3.11 reads in a pattern of bytes, and find what it finds. \
                 But `(?L)` does nothing; groups nested deeper than 100, repetitions too large to compile, and a \
                 look-behind with an empty part that is repeated are refused; and an expression with look-around or back \
                 references that needs more than five million steps on a path is given up: a rule that includes then matches, \
                 one that excludes does not. The original goes on, for hours if need be.",
    ),
    (
        Inodes,
        "`--no-compare-inode` holds for comparisons too",
        "The original reads the option and compares inodes all the same.",
    ),
    (
        Links,
        "`--no-hard-links` separates names at once",
        "With `--no-hard-links` the original leaves names that are one file in the mirror as they are \
                 until the file changes. Here they become separate files in the first such session.",
    ),
    (
        Sizes,
        "Increments are smaller",
        "The original writes the name of each increment into its compressed header; here it is left \
                 out. So `IncrementFileSize`, and what is derived from it, is smaller for the same increments.",
    ),
    (
        LinkedDigest,
        "An edited file of which another name is gone is found",
        "The original records the digest only for the first name of a file with several. If that name is gone, it \
                 finds nothing wrong with the others as long as size and time are the same, whatever their \
                 content. (If these differ too, both call the content the same, and warn.)",
    ),
    (
        Notes,
        "Notes on quoting and locking are not printed",
        "The original prints notes on standard output when characters are quoted, and with API 201 \
                 when a repository was never locked; the latter in the midst of what is meant for programs.",
    ),
    (
        Verbose,
        "Messages above verbosity 3 are other ones",
        "They are for people, and tell what this program does.",
    ),
    (
        Help,
        "Help, usage messages and `info` speak of this program",
        "The keys of `info` are the same; the values of `python` say that there is none.",
    ),
    (
        Silent,
        "The older command line is not deprecated",
        "The original warns on standard error with each call; scripts have nothing to do about it.",
    ),
    (
        Files,
        "A repository has two more files",
        "`lock.yml`, which the original has with API 201 only, and `source_index.TIME.snapshot`, with \
                 which unchanged files are told faster. The original ignores both, and removes the latter with \
                 its session. Empty directories below `increments` are only made when they are needed.",
    ),
    (
        AttributesOnly,
        "API 201: a change of attributes alone has an increment too",
        "The original then writes none: its `list increments` doesn't show that the file changed. Here both \
                 interfaces write the same increments.",
    ),
    (
        OwnActions,
        "Actions that the original doesn't have are no directories",
        "`rdiff-backup status X` is the action `status`, and so are `history`, `diff`, `job`, `doctor` and \
                 `setup` actions where their arguments can be theirs. If there is a directory of that name and the \
                 rest of the line is that of a backup, it is backed up as the original would; `--no-new` or `./status` \
                 always mean the directory, `--new` the action.",
    ),
];

pub(crate) const PREFACE: &str = "\
# Where this program differs from rdiff-backup 2.2.2

Everything else is meant to be the same: standard output, exit code and what is done, in both command lines.
COUNT command lines are tried with both programs in `rdiff-cli/tests/differential`, and this page is made
from the differences listed there. Under each heading are the lines that show it.
";

/// The lines for each reason.
pub(crate) const LINES: &[(Because, &str)] = &[
    (
        Vanished,
        "
        --current-time 1800000000 backup none r
        --current-time 1800000000 none r
    ",
    ),
    (
        Interrupted,
        "
        list files failed
        list files --at 2B failed
        list files --changed-since 2B failed
        verify --at 1B failed
        list increments begun
        list increments failed
        list increments --size failed
        --parsable-output list increments failed
        -l failed
        restore failed out
        restore --at 1B failed out
        -r now failed out
        remove increments --older-than 1700000001 failed
    ",
    ),
    (
        Refused,
        "
        backup --user-mapping-file badmap now new
        backup --include s3/d s3 new
        backup --exclude elsewhere/x s3 new
        backup --exclude 'elsewhere/*' s3 new
        backup --exclude 's3//d*' s3 new
        backup --include-filelist list s3 new
        backup --exclude-globbing-filelist off s3 new
        backup --max-file-size 0 s3 new
        backup --max-file-size -1 s3 new
        restore --exclude elsewhere r out
        restore r deep/er/out
        restore --at bogus r out
        restore --user-mapping-file badmap r out
    ",
    ),
    (
        Crash,
        "
        complete -- rdiff-backup
        complete -- rdiff-backup list f
        complete -- rdiff-backup backup --exc
        complete --no-unique -- rdiff-backup --force --fo
        complete -- rdiff-backup compare --method
        list increments --size r/none/such
        --chars-to-quote A-Z list files r
        backup --include-fifos --exclude '**' s3 new
        backup --include-sockets --exclude '**' s3 new
        --api-version 201 restore --at 3B r201 out
        --api-version 201 restore r201 out
        --api-version 201 restore --at 2B r201 out
        --api-version 201 restore r201/d out
        --api-version 201 restore --at 3B r201/a.txt out
        --api-version 201 --force restore r201 file
        --api-version 201 --force restore r201 full
    ",
    ),
    (
        Hosts,
        "
        list files ./r/x::y
        --current-time 1800000000 backup now ./new::x
    ",
    ),
    (
        Linked,
        "
        list files toR
        list increments toR
        verify toR
        compare now toR
        compare toNow r
        restore toR/d out
        --current-time 1800000000 backup toNow new
        --current-time 1800000000 backup later toR
        --current-time 1800000000 backup now toNone
    ",
    ),
    (
        Names,
        "
        list files r/x.2033-09-09T01:46:40Z.diff.gz
        restore r/x.2033-09-09T01:46:40Z.diff.gz out
    ",
    ),
    (
        OwnFiles,
        "
        restore r/rdiff-backup-data/backup.log out
    ",
    ),
    (
        NeverThere,
        "
        restore r/z none
    ",
    ),
    (
        Lost,
        "
        compare --method full now lost
        --api-version 201 --parsable-output compare --method full now marred
        restore lost out
    ",
    ),
    (
        SubPath,
        "
        --api-version 201 list files r201/d
    ",
    ),
    (
        Inodes,
        "
        --no-compare-inode --compare now r
    ",
    ),
    (
        Links,
        "
        --current-time 1800000000 backup --no-hard-links later r
    ",
    ),
    (
        Sizes,
        "
        --current-time 1800000000 backup --print-statistics later r
        --current-time 1800000000 --print-statistics later r
    ",
    ),
    (
        Notes,
        "
        --api-version 201 list increments r
        --api-version 201 --parsable-output list increments r
        --api-version 201 list files --at 2B quoted
        --api-version 201 list increments quoted
        --api-version 201 --parsable-output list increments one
        --api-version 201 --parsable-output list increments --size one
        --current-time 1800000000 backup later quoted
        --current-time 1800000000 --chars-to-quote A-Z backup later new
        --current-time 1800000000 --override-chars-to-quote A-Z backup later quoted
    ",
    ),
    (
        Verbose,
        "
        -v5 nowhere new
        -v5 verify r
        -v5 --current-time 1800000000 backup later r
    ",
    ),
    (
        Help,
        "
        -h
        --help
        -h x --nope
        list --help
        backup --help
        info
    ",
    ),
    (
        AttributesOnly,
        "
        --api-version 201 --current-time 1800000000 backup later r201
        --api-version 201 --current-time 1800000000 backup later failed
        --api-version 201 --current-time 1800000000 backup --print-statistics later r201
    ",
    ),
];
