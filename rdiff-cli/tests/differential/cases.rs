//! The command lines. Their places are those of [`crate::world`].

use crate::intended::Because;
use crate::writing;

/// A command line, without the name of the program.
pub(crate) struct Case {
    pub(crate) line: String,
    pub(crate) stdin: &'static str,
    /// Why the programs differ, if they do.
    pub(crate) because: Option<Because>,
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for lines in [
        GRAMMAR,
        READING,
        COMPARING,
        writing::BACKUP,
        writing::SELECTION,
        writing::RESTORE,
        writing::CHANGING,
        LEGACY,
        crate::newer::LINES,
    ] {
        all.extend(lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(same));
    }
    for time in TIMES.lines().map(str::trim).filter(|t| !t.is_empty()) {
        all.push(same(&format!("list files --at {time} r")));
    }
    all.extend(writing::INPUT.map(|(line, stdin)| Case { stdin, ..same(line) }));
    for (because, lines) in crate::intended::LINES {
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        all.extend(lines.map(|line| Case { because: Some(*because), ..same(line) }));
    }
    all
}

fn same(line: &str) -> Case {
    Case { line: line.to_owned(), stdin: "", because: None }
}

/// What is no command line, and what is one in an odd way.
const GRAMMAR: &str = "
    -V
    --version
    --new --version
    --no-such-option
    bogus
    bogus --help
    backup
    backup now
    backup now r third
    backup --force now new
    backup now new --no-such
    --force --verbosity=3 backup now new
    -v3 --new backup now new
    -v 3 backup now new
    --verb 3 backup now new
    -v10 backup now new
    -vx backup now new
    --terminal-verbosity 12 list files r
    --max-file-size 3 backup now new
    backup --max-file-size 1k now new
    list
    list r
    list files
    list files r r
    list files --at now --changed-since now r
    list increments --no-size --size r
    list increments --size --no-size r
    list increments --siz r
    list increments --size=3 r
    remove r
    remove increments r
    remove increments --older-than
    remove increments --older-than 1B r201 r
    restore r
    restore --at 1B --increment r out
    compare now
    compare --method bogus now r
    verify
    verify --at
    regress
    regress r r
    calculate
    info extra
    test
    server extra
    server
    --server
    --current-time x list files r
    --api-version x list files r
    --api-version 300 list files r
    --api-version 199 list files r
    --tempdir nowhere list files r
    --tempdir none list files r
    @args
    -v3 @args
    @nofile
    r list
    now backup
    --no-new now
    -r
    -l
    -l r r201
    -l --compare now r
    --compare
    --verify r r201
    --parsable-output --force --no-fsync --fsync list files r
    --null-separator list files r
    --use-compatible-timestamps list increments r
    --remote-schema 'ssh {h} x' list files r
    --ssh-compression list files r
    complete -- rdiff-backup re
    complete -- rdiff-backup list
    complete --cword 1 -- rdiff-backup l files
    complete --unique -- rdiff-backup --force --fo
    complete -- rdiff-backup -v
";

/// Actions that only read one repository.
const READING: &str = "
    list files r
    list files ./r//
    list files r/.
    list files r/../r/d
    list files r/a.txt
    list files r/d
    list files r/d/
    list files r/d/deep
    list files r/none/such
    list files r/rdiff-backup-data
    list files r/rdiff-backup-data/increments
    list files r/rdiff-backup-data/increments.2023-11-14T22:13:20Z.dir
    list files r/rdiff-backup-data/increments/a.txt.2023-11-14T22:13:20Z.diff.gz
    list files r/rdiff-backup-data/mirror_metadata.2023-11-17T22:13:20Z.snapshot.gz
    list files --at 3B r/d
    list files --at 3B r/turns
    list files --at 1B r/turns
    list files --at 0B r
    list files --at 9B r
    list files begun
    verify begun
    verify failed
    compare --at 1700000000 now failed
    list files one
    list files --at 2B one
    list files now
    list files nowhere
    list files file
    list files quoted
    list files --at 2B quoted
    list files quoted/UPPER
    list files dashes
    list files --at 1B dashes
    --parsable-output list files r
    -v0 list files r
    -v1 list files --at bogus r
    list files --changed-since 3B r
    list files --changed-since 2B r
    list files --changed-since 1B r
    list files --changed-since now r
    list files --changed-since 3B r/d
    list files --changed-since 3B r/a.txt
    list files --changed-since 3B r/gone
    list files --changed-since 2B quoted
    list files --changed-since bogus r
    list increments r
    list increments r/
    list increments r/a.txt
    list increments r/d
    list increments r/d/gone
    list increments r/turns
    list increments r/t.jpg
    list increments r/link
    list increments r/none/such
    list increments r/rdiff-backup-data/increments/a.txt.2023-11-14T22:13:20Z.diff.gz
    list increments one
    list increments quoted
    list increments quoted/UPPER
    list increments dashes
    list increments now
    list increments nowhere
    list increments 'r/new
line'
    --parsable-output list increments r
    --parsable-output list increments r/a.txt
    --parsable-output list increments r/d/gone
    --parsable-output list increments r/n.txt
    --parsable-output list increments r/turns
    --parsable-output list increments r/link
    --parsable-output list increments r/pipe
    --parsable-output list increments one
    list increments --size r
    list increments --size r/a.txt
    list increments --size r/d
    list increments --size r/big
    list increments --size one
    list increments --size quoted
    list increments --size dashes
    --parsable-output list increments --size r
    --parsable-output list increments --size r/big
    --parsable-output list increments --size one
    verify r
    verify r/
    verify r/d
    verify r/a.txt
    verify r/none/such
    verify --at 3B r
    verify --at 2B r/d
    verify --at 2020-01-01 r
    verify --at bogus r
    verify now
    verify quoted
    verify dashes
    verify flipped
    verify flipped/d
    verify --at 3B flipped
    -v0 verify flipped
    verify lost
    -v1 verify r
    calculate r/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data
    calculate r/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data r/rdiff-backup-data/session_statistics.2023-11-15T22:13:20Z.data
    calculate --method average one/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data
    calculate nowhere
    test now
    test a::b::c
    -v0 test now
    list files host::path::more
    calculate r/rdiff-backup-data/session_statistics.2023-11-15T22:13:20Z.data r/rdiff-backup-data/session_statistics.2023-11-16T22:13:20Z.data r/rdiff-backup-data/session_statistics.2023-11-17T22:13:20Z.data
    calculate quoted/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data one/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data
";

/// Times, for `--at`.
const TIMES: &str = "
    now
    1700000000
    1699999999
    1700172799
    1700172800
    0
    3
    99999999999
    2023-11-15T22:13:20Z
    2023-11-15T22:13:19Z
    2023-11-15T22-13-20Z
    2023-11-15T23:13:20+01:00
    2023-11-15T22:13:20
    2023-11-15T22:13:20+0100
    2023-11-15T22:13
    2023-02-31T00:00:00Z
    2023-11-16
    2023/11/16
    11/16/2023
    11-16-2023
    15/11/2023
    2023-13-01
    1B
    2B
    01B
    1b
    'Wed Nov 15 22:13:20 2023'
    'Wed Nov 15 22:13:20'
    1s
    10D
    1h30m
    2W3D
    1Y1M
    1D2
    '3 D'
    1.5D
    -1D
    D
    5d
    yesterday
    ''
";

const COMPARING: &str = "
    compare now r
    compare now/ ./r
    compare s3 r
    compare later r
    compare s0 r
    compare --at 3B s0 r
    compare --at 3B now r
    compare --at 1B now r
    compare now/d r/d
    compare later/d r/d
    compare now r/d
    compare now r/none/such
    compare nowhere r
    compare file r
    compare now none
    compare now/a.txt r/a.txt
    compare --at bogus now r
    compare --method meta later r
    compare --method hash now r
    compare --method hash later r
    compare --method hash --at 3B now r
    compare --method hash --at 3B now/d r/d
    compare --method full now r
    compare --method full later r
    compare --method full --at 3B now r
    compare --method full --at 2B later r
    compare --exclude later/n.txt later r
    compare --include later/d --exclude '**' later r
    compare --exclude '**.txt' --at 3B now r
    compare --exclude-symbolic-links now r
    compare --method full --exclude-symbolic-links now r
    compare --method full --exclude-fifos now r
    compare --method full --exclude-special-files later r
    compare --method hash --exclude-special-files later r
    compare r r
    compare --method full r one
    compare --exclude-fifos --max-file-size 10 now r
    compare s2 quoted
    compare --method full s2 quoted
    compare now quoted
    compare now flipped
    compare --method hash now flipped
    compare --method full now flipped
    --parsable-output compare later r
    -v0 compare later r
    -v0 compare now r
    --force compare now r
    compare now lost
    compare --method hash now lost
";

const LEGACY: &str = "
    -v3 now new
    -b now new
    now new extra
    now
    --current-time 1800000000 later r
    --exclude now/d now new
    now new --exclude now/d
    -r now r out
    -r 3B r out
    -r10D r out
    -r 2020-01-01 r/d out
    --restore-as-of 3B r/a.txt out
    --restore-as 3B r/a.txt out
    --restore r/rdiff-backup-data/increments/a.txt.2023-11-14T22:13:20Z.diff.gz out
    --restore r out
    -r now r full
    -r now --force r full
    r/rdiff-backup-data/increments/a.txt.2023-11-14T22:13:20Z.diff.gz out
    -l r
    --list-increments r/a.txt
    --list-increments --parsable-output r
    -l nowhere
    --list-increment-sizes r
    --list-increment-sizes r/d
    --list-at-time 3B r
    --list-at-time now r/d
    --list-at-time bogus r
    --list-changed-since 3B r
    --list-changed-since 1B r/d
    --compare now r
    --compare later r
    --compare-hash later r
    --compare-full later r
    --compare-at-time 3B now r
    --compare-hash-at-time 3B now r
    --compare-full-at-time 3B now r
    --compare --exclude later/n.txt later r
    --verify r
    --verify flipped
    --verify-at-time 3B r
    --verify-at-time 3B r/d
    --remove-older-than 1700000001 r
    --remove-older-than now r
    --remove-older-than now --force r
    --remove-older-than 1Y r
    --check-destination-dir r
    --check-destination-dir failed
    --check-destination-dir --force r
    --calculate-average r/rdiff-backup-data/session_statistics.2023-11-14T22:13:20Z.data r/rdiff-backup-data/session_statistics.2023-11-15T22:13:20Z.data
    --test-server now
    --no-new list r
    --no-new -l r
    --new -l r
    --terminal-verbosity 0 -l r
";
