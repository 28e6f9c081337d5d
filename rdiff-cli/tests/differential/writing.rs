//! The command lines that write something: a repository, or a target.

pub(crate) const BACKUP: &str = "
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
    --current-time 1800000000 backup --not-compressed-regexp n.txt later r
    --current-time 1800000000 backup --not-compressed-regexp .*/n.txt later r
    --current-time 1800000000 backup --not-compressed-regexp r/n later ./r/
    --current-time 1800000000 backup --not-compressed-regexp '(?i)R/D' later r
    --current-time 1800000000 backup --not-compressed-regexp 'r/(?!d)' later r
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

pub(crate) const SELECTION: &str = "
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
pub(crate) const INPUT: [(&str, &str); 4] = [
    ("backup --exclude-filelist-stdin s3 new", "s3/d\n\ns3/a.txt\r\n"),
    ("backup --include-filelist-stdin --exclude '**' s3 new", "s3/d\n"),
    ("backup --exclude-globbing-filelist-stdin s3 new", "s3/**.txt\n"),
    ("backup --include-globbing-filelist-stdin --exclude '**' s3 new", "s3/d*\n"),
];

pub(crate) const RESTORE: &str = "
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
pub(crate) const CHANGING: &str = "
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
