//! The command lines. Their places are those of [`crate::world`].

use crate::intended::Because;

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
    for lines in
        [GRAMMAR, READING, COMPARING, BACKUP, SELECTION, RESTORE, CHANGING, LEGACY, crate::newer::LINES]
    {
        all.extend(lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(same));
    }
    for time in TIMES.lines().map(str::trim).filter(|t| !t.is_empty()) {
        all.push(same(&format!("list files --at {time} r")));
    }
    all.extend(INPUT.map(|(line, stdin)| Case { stdin, ..same(line) }));
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

const BACKUP: &str = "
    backup now new
    --current-time 1800000000 backup now new
    --current-time 1800000000 backup now/ ./new/
    --current-time 1800000000 backup later r
    --current-time 1800000000 backup now r
    --current-time 1800000000 backup later one
    --current-time 1800000000 backup later dashes
    --current-time 1800000000 --use-compatible-timestamps backup later r
    --current-time 1700259200 backup later r
    --current-time 1600000000 backup later r
    --current-time 1800000000 backup --not-compressed-regexp txt$ later r
    --current-time 1800000000 backup --no-compression-regexp '.*' later r
    backup --not-compressed-regexp '(' later r
    --current-time 1800000000 backup --no-file-statistics later r
    --current-time 1800000000 backup --print-statistics now new
    --current-time 1800000000 backup --no-acls --no-eas later r
    --current-time 1800000000 backup --preserve-numerical-ids later r
    --current-time 1800000000 backup --user-mapping-file map --group-mapping-file map now new
    backup --user-mapping-file nofile now new
    --no-fsync backup now new
    --current-time 1800000000 --null-separator backup later r
    backup nowhere new
    backup file new
    backup now file
    backup now full
    --force backup now full
    --force backup now file
    backup now none
    backup now deep/er/new
    backup --create-full-path now deep/er/new
    --current-time 1800000000 backup later failed
    --current-time 1800000000 --force backup later failed
    --current-time 1800000000 backup later flipped
    -v0 backup now new
    -v1 backup now new
    --terminal-verbosity 0 backup now new
    backup host::x::y new
    --current-time 1800000000 backup --no-compare-inode --no-carbonfile --no-resource-forks later r
";

const SELECTION: &str = "
    backup --exclude s3/d s3 new
    backup --exclude s3/d/ s3 new
    backup --exclude /s3/d s3 new
    backup --exclude '**/deep' s3 new
    backup --exclude '**.txt' s3 new
    backup --include s3/d/deep --exclude s3/d s3 new
    backup --include s3/d --exclude '**' s3 new
    backup --include '**.txt' --exclude '**' s3 new
    backup --exclude 'ignorecase:**.TXT' s3 new
    backup --exclude 's3/[a-b]*' s3 new
    backup --exclude 's3/[!a-b]*' s3 new
    backup --exclude 's3/?.txt' s3 new
    backup --exclude-regexp 'txt$' s3 new
    backup --exclude-regexp 'D|E' s3 new
    backup --include-regexp 'txt$' --exclude '**' s3 new
    backup --exclude-filelist list s3 new
    --null-separator backup --exclude-filelist list0 s3 new
    backup --include-filelist list --exclude '**' s3 new
    backup --include-filelist mixed s3 new
    backup --exclude-filelist off s3 new
    backup --include-globbing-filelist globs s3 new
    backup --exclude-globbing-filelist globs s3 new
    backup --exclude-symbolic-links s3 new
    backup --exclude-fifos s3 new
    backup --exclude-special-files s3 new
    backup --exclude-sockets --exclude-device-files s3 new
    backup --exclude-other-filesystems s3 new
    backup --include-symbolic-links --exclude '**' s3 new
    backup --include-special-files --exclude '**' s3 new
    backup --exclude-if-present b.txt s3 new
    backup --include-if-present b.txt --exclude '**' s3 new
    backup --max-file-size 5 s3 new
    backup --min-file-size 5 s3 new
    backup --max-file-size 100 --min-file-size 3 s3 new
    --current-time 1800000000 backup --exclude s3/d s3 r
    restore --exclude out/d r out
    restore --exclude '**.txt' r out
    restore --include out/d --exclude '**' --at 3B r out
    restore --exclude '**.txt' r/d out
    restore --exclude-symbolic-links r out
    restore --max-file-size 5 r out
";

/// Lines that read standard input.
const INPUT: [(&str, &str); 4] = [
    ("backup --exclude-filelist-stdin s3 new", "s3/d\n\ns3/a.txt\r\n"),
    ("backup --include-filelist-stdin --exclude '**' s3 new", "s3/d\n"),
    ("backup --exclude-globbing-filelist-stdin s3 new", "s3/**.txt\n"),
    ("backup --include-globbing-filelist-stdin --exclude '**' s3 new", "s3/d*\n"),
];

const RESTORE: &str = "
    restore r out
    restore r/ out/
    restore --at now r out
    restore --at 3B r out
    restore --at 2B r out
    restore --at 1B r out
    restore --at 9B r out
    restore --at 2020-01-01 r out
    restore one out
    restore quoted out
    restore --at 2B quoted out
    restore --at 1B dashes out
    restore r/d out
    restore --at 3B r/d out
    restore --at 3B r/turns out
    restore --at 3B r/a.txt out
    restore --at 3B r/d/gone out
    restore r/link out
    restore r/pipe out
    restore r none
    restore r full
    --force restore r full
    --force restore --at 3B r now
    --force restore --at 3B r s3
    --force restore lost now
    restore r file
    --force restore r/a.txt file
    restore r deep/er/out
    restore r/none/such out
    restore now out
    restore nowhere out
    restore r/rdiff-backup-data/increments.2023-11-14T22:13:20Z.dir out
    restore r/rdiff-backup-data/increments/a.txt.2023-11-14T22:13:20Z.diff.gz out
    restore --increment r/rdiff-backup-data/increments/a.txt.2023-11-15T22:13:20Z.diff.gz out
    restore --increment r/rdiff-backup-data/increments/d.2023-11-14T22:13:20Z.dir out
    restore r/rdiff-backup-data/increments/n.txt.2023-11-14T22:13:20Z.missing out
    restore r/rdiff-backup-data/increments/turns.2023-11-15T22:13:20Z.dir out
    restore --increment r/rdiff-backup-data/increments/d/gone.2023-11-14T22:13:20Z.snapshot.gz out
    restore --increment r out
    restore --at 1B r/rdiff-backup-data/increments/a.txt.2023-11-14T22:13:20Z.diff.gz out
    restore r/rdiff-backup-data/mirror_metadata.2023-11-17T22:13:20Z.snapshot.gz out
    restore --no-acls --no-eas --no-compression r out
    restore --no-hard-links r out
    restore --preserve-numerical-ids r out
    restore --user-mapping-file map --group-mapping-file map r out
    --no-fsync restore r out
    -v0 restore r out
    restore r/a.txt none
    restore --at 3B r/d/gone none
    restore r/link none
";

/// Actions that change a repository.
const CHANGING: &str = "
    remove increments --older-than 2B r
    --force remove increments --older-than 2B r
    --force remove increments --older-than 1B r
    --force remove increments --older-than 0B r
    --force remove increments --older-than now r
    remove increments --older-than 1700000001 r
    remove increments --older-than 2023-11-15T00:00:00Z r
    remove increments --older-than 1700000000 r
    remove increments --older-than 1Y r
    remove increments --older-than now r
    remove increments --size --older-than 1700000001 r
    remove increments --size --older-than now r
    --force remove increments --size --older-than now r
    --current-time 1800000000 remove increments --older-than now one
    remove increments --older-than 3B r/d
    remove increments --older-than now now
    remove increments --older-than now nowhere
    remove increments --older-than bogus r
    remove increments --older-than 1700000001 dashes
    remove increments --older-than 1700000001 quoted
    -v0 remove increments --older-than now r
    regress r
    regress one
    regress failed
    regress now
    regress nowhere
    regress r/d
    regress file
    --force regress r
    --force regress failed
    regress --allow-duplicate-timestamps failed
    -v0 regress r
    -v0 regress failed
    -v0 --force remove increments --older-than now r
    --force remove increments --older-than 1700000001 r
    --force remove increments --older-than 1Y r
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
