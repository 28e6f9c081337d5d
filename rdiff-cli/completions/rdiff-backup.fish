# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rdiff_backup_global_optspecs
    string join \n api-version= chars-to-quote= current-time= force null-separator parsable-output remote-schema= remote-tempdir= tempdir= terminal-verbosity= use-compatible-timestamps v/verbosity= fsync no-fsync new no-new ssh-compression no-ssh-compression json dry-run progress no-progress identity= remote-timeout= h/help V/version
end

function __fish_rdiff_backup_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rdiff_backup_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rdiff_backup_using_subcommand
    set -l cmd (__fish_rdiff_backup_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l api-version -d 'Interface version: 200 (the default) or 201' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l chars-to-quote -d 'Write these characters as ;DDD in the repository\'s file names' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l current-time -d 'Take this for the time now (for tests)' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l remote-schema -d 'How to call ssh: \'ssh -p 2222 {h}\'; {h} is the host. A command behind it is an SFTP server to run there' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l remote-tempdir -d 'No effect here (nothing is installed on other hosts)' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l tempdir -d 'Directory for temporary files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l terminal-verbosity -d 'How much to say on the terminal, 0 to 9; default: as -v' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -s v -l verbosity -d 'How much to say: 0 nothing, 3 the default, 5 every file, 9 everything' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l force -d 'Do it even if it overwrites or deletes something'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l null-separator -d 'Lists of files have NUL instead of newline between entries'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l parsable-output -d 'Print for programs rather than for people'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l use-compatible-timestamps -d 'Write times in file names with - instead of :'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l fsync
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l no-fsync -d 'Don\'t wait for the disk: faster, and unsafe in a power cut'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l new -d 'Read the command line as the current grammar'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l no-new
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l ssh-compression
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l no-ssh-compression -d 'Let ssh not compress; default: as ssh\'s configuration says'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -s V -l version -d 'Print version'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "backup" -d 'Add a session: make the repository the mirror of a directory'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "calculate" -d 'Print the averages of session statistics'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "compare" -d 'Compare a directory with the repository'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "complete" -d 'Print what can stand at a place of a command line'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "doctor" -d 'Check the whole way from the source to the repository, and tell what mends it'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "info" -d 'Print what to say of this program in a bug report'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "job" -d 'Keep backups as jobs: add, run, watch, restore, schedule'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "list" -d 'List what a repository holds'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "regress" -d 'Undo a session that did not finish'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "remove" -d 'Remove old sessions'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "restore" -d 'Write the tree of a time, or a part of it, into a directory'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "server" -d 'Not available: repositories on other hosts are reached through ssh and sftp'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "setup" -d 'Set up a nightly backup of a remote directory: key, login, job, schedule'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "test" -d 'Try whether other hosts can be reached'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "verify" -d 'Check the files of a time against their recorded digests'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "status" -d 'Say whether a repository is well and its last session recent; the exit code says it too'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "history" -d 'List the versions of one path: sessions, sizes, times, and what changed'
complete -c rdiff-backup -n "__fish_rdiff_backup_needs_command" -f -a "diff" -d 'Show what changed between two sessions: the lines of a file, or the paths in a directory'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l not-compressed-regexp -d 'Don\'t compress increments of paths that match' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude -d 'Leave out what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include -d 'Take what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-regexp -d 'Leave out paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-regexp -d 'Take paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-filelist -d 'Leave out the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-filelist -d 'Take the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-if-present -d 'Leave out directories that hold NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-if-present -d 'Take the files beside NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l max-file-size -d 'Leave out larger files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l min-file-size -d 'Leave out smaller files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l explain -d 'Say which rule decides about this path, and do nothing else' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l user-mapping-file -d 'Lines `old:new` that translate users, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l group-mapping-file -d 'Lines `old:new` that translate groups, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l marker -d 'Fail unless this path is in the source' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l max-deletions -d 'Fail if more of the files than this are gone; default: 50%' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l via -d 'Read another host by sftp (the default) or by sshfs, a private mount' -r -f -a "sftp\t''
sshfs\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l create-full-path -d 'Create the directories above the target too'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l compression
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-compression -d 'Don\'t compress increments'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-special-files -d 'Leave out links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-special-files -d 'Take links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-symbolic-links -d 'Leave out symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-symbolic-links -d 'Take symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-device-files -d 'Leave out device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-device-files -d 'Take device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-fifos -d 'Leave out fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-fifos -d 'Take fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-sockets -d 'Leave out sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-sockets -d 'Take sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l exclude-other-filesystems -d 'Stay on the source\'s file system'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l include-other-filesystems -d 'Take what other file systems hold'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l never-drop-acls -d 'Fail rather than drop an access control list or an entry of one'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l acls
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-acls -d 'Leave access control lists alone'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l carbonfile
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-carbonfile -d 'No effect here (Mac OS X only)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l compare-inode
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-compare-inode -d 'A new inode alone is no change of a hard-linked file'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l eas
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-eas -d 'Leave extended attributes alone'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l hard-links
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-hard-links -d 'Treat hard links as separate files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l resource-forks
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-resource-forks -d 'No effect here (Mac OS X only)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l preserve-numerical-ids -d 'Keep numbers of users and groups instead of their names'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l file-statistics
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-file-statistics -d 'Write no statistics of single files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l print-statistics -d 'Print the statistics of the session'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-print-statistics
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l allow-empty-source -d 'Believe it when the source is empty and the mirror is not'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-space-check -d 'Only warn when the session can\'t fit on the disk'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand backup" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l method -d 'What to calculate; default: average' -r -f -a "average\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand calculate" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l method -d 'Compare attributes (meta, the default), digests (hash) or contents (full)' -r -f -a "meta\t''
full\t''
hash\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l at -d 'Compare with the session of this time; default: now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude -d 'Leave out what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include -d 'Take what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-regexp -d 'Leave out paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-regexp -d 'Take paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-filelist -d 'Leave out the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-filelist -d 'Take the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-if-present -d 'Leave out directories that hold NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-if-present -d 'Take the files beside NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l max-file-size -d 'Leave out larger files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l min-file-size -d 'Leave out smaller files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l explain -d 'Say which rule decides about this path, and do nothing else' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l via -d 'Read another host by sftp (the default) or by sshfs, a private mount' -r -f -a "sftp\t''
sshfs\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-special-files -d 'Leave out links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-special-files -d 'Take links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-symbolic-links -d 'Leave out symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-symbolic-links -d 'Take symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-device-files -d 'Leave out device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-device-files -d 'Take device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-fifos -d 'Leave out fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-fifos -d 'Take fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-sockets -d 'Leave out sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-sockets -d 'Take sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l exclude-other-filesystems -d 'Stay on the source\'s file system'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l include-other-filesystems -d 'Take what other file systems hold'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand compare" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l cword -d 'Which word to complete; default: the last' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l unique
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l no-unique -d 'Print options that are there already too'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand complete" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l no-mount -d 'Don\'t try to mount'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand info" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "add" -d 'Write the file of a job'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "list" -d 'List the jobs'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "remove" -d 'Remove a job and its schedule; the repository stays'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "restore" -d 'Restore from the repository of a job, to this machine or to where it came from'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "run" -d 'Run a job, or all, one after the other'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "schedule" -d 'Print or install what runs a job: a line of a crontab, or a systemd service and timer'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and not __fish_seen_subcommand_from add list remove restore run schedule status" -f -a "status" -d 'Tell the last good session of each job, and how its last run ended'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l repo -d 'The repository; it is made by the first run' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l via -d 'How a remote source is read: sftp (the default), sshfs or fstab' -r -f -a "sftp\t''
sshfs\t''
fstab\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l mount-point -d 'With --via fstab: the mount point of the entry' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l known-hosts -d 'The file of known hosts' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l ssh-option -d 'An option of the ssh configuration: ProxyJump=gate' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l older-than -d 'After a successful run remove the sessions before this time' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l max-age -d 'How old the last good session may be for `job status`; default: 2D' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l before -d 'Run this first; if it fails, nothing is backed up' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l after -d 'Run this last, whatever happened' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l hook-time-limit -d 'How long each of them may take; default: 3600' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l not-compressed-regexp -d 'Don\'t compress increments of paths that match' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude -d 'Leave out what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include -d 'Take what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-regexp -d 'Leave out paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-regexp -d 'Take paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-filelist -d 'Leave out the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-filelist -d 'Take the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-if-present -d 'Leave out directories that hold NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-if-present -d 'Take the files beside NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l max-file-size -d 'Leave out larger files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l min-file-size -d 'Leave out smaller files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l explain -d 'Say which rule decides about this path, and do nothing else' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l user-mapping-file -d 'Lines `old:new` that translate users, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l group-mapping-file -d 'Lines `old:new` that translate groups, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l marker -d 'Fail unless this path is in the source' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l max-deletions -d 'Fail if more of the files than this are gone; default: 50%' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l replace -d 'Write over a job of that name'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l create-full-path -d 'Create the directories above the target too'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l compression
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-compression -d 'Don\'t compress increments'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-special-files -d 'Leave out links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-special-files -d 'Take links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-symbolic-links -d 'Leave out symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-symbolic-links -d 'Take symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-device-files -d 'Leave out device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-device-files -d 'Take device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-fifos -d 'Leave out fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-fifos -d 'Take fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-sockets -d 'Leave out sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-sockets -d 'Take sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l exclude-other-filesystems -d 'Stay on the source\'s file system'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l include-other-filesystems -d 'Take what other file systems hold'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l never-drop-acls -d 'Fail rather than drop an access control list or an entry of one'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l acls
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-acls -d 'Leave access control lists alone'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l carbonfile
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-carbonfile -d 'No effect here (Mac OS X only)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l compare-inode
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-compare-inode -d 'A new inode alone is no change of a hard-linked file'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l eas
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-eas -d 'Leave extended attributes alone'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l hard-links
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-hard-links -d 'Treat hard links as separate files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l resource-forks
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-resource-forks -d 'No effect here (Mac OS X only)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l preserve-numerical-ids -d 'Keep numbers of users and groups instead of their names'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l file-statistics
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-file-statistics -d 'Write no statistics of single files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l print-statistics -d 'Print the statistics of the session'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-print-statistics
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l allow-empty-source -d 'Believe it when the source is empty and the mirror is not'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-space-check -d 'Only warn when the session can\'t fit on the disk'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l at -d 'The time; default: now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l path -d 'Restore this part of the source; default: all of it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l to -d 'Restore to this directory, here or on a host (USER@HOST:PATH)' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l in-place -d 'Restore to where it came from'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l all -d 'Run all jobs'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l quiet -d 'Print nothing when all went well'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l daily -d 'Run each day at this time' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l weekly -d 'Run each week: \'sun 02:00\'' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l hourly -d 'Run each hour at this minute' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l all -d 'Run all jobs, one after the other'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l systemd -d 'A systemd service and timer instead of a line of the crontab'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l install -d 'Install it instead of printing it'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l uninstall -d 'Take away what was installed'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from schedule" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l max-age -d 'How old the last good session may be; default: as the job says' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand job; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -f -a "files" -d 'List the paths of a time, or those that changed since'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and not __fish_seen_subcommand_from files increments" -f -a "increments" -d 'List the sessions, or those that changed a path'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l at -d 'The time; default: now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l changed-since -d 'List what differs from that time to now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from files" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l size -d 'Print the size of each (takes longer)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l no-size
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand list; and __fish_seen_subcommand_from increments" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l not-compressed-regexp -d 'Don\'t compress increments of paths that match' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l user-mapping-file -d 'Lines `old:new` that translate users, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l group-mapping-file -d 'Lines `old:new` that translate groups, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l compression
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l no-compression -d 'Don\'t compress increments'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l allow-duplicate-timestamps -d 'Go on although a file of metadata is there twice'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l preserve-numerical-ids -d 'Keep numbers of users and groups instead of their names'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand regress" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and not __fish_seen_subcommand_from increments" -f -a "increments" -d 'Remove old sessions; the newest stays'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l older-than -d 'Remove the sessions before this time' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l size -d 'Print the size of each (takes longer)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l no-size
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand remove; and __fish_seen_subcommand_from increments" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l not-compressed-regexp -d 'Don\'t compress increments of paths that match' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude -d 'Leave out what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include -d 'Take what the glob matches, with all below it' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-regexp -d 'Leave out paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-regexp -d 'Take paths in which it is found' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-filelist -d 'Leave out the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-filelist -d 'Take the paths in the file' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-globbing-filelist -d 'Each line is a glob' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-if-present -d 'Leave out directories that hold NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-if-present -d 'Take the files beside NAME' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l max-file-size -d 'Leave out larger files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l min-file-size -d 'Leave out smaller files' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l explain -d 'Say which rule decides about this path, and do nothing else' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l user-mapping-file -d 'Lines `old:new` that translate users, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l group-mapping-file -d 'Lines `old:new` that translate groups, by name or number' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l at -d 'The time; default: now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l create-full-path -d 'Create the directories above the target too'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l compression
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-compression -d 'Don\'t compress increments'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-filelist-stdin -d 'The same, from standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-globbing-filelist-stdin -d 'From standard input'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-special-files -d 'Leave out links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-special-files -d 'Take links, devices, fifos and sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-symbolic-links -d 'Leave out symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-symbolic-links -d 'Take symbolic links'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-device-files -d 'Leave out device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-device-files -d 'Take device files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-fifos -d 'Leave out fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-fifos -d 'Take fifos'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-sockets -d 'Leave out sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-sockets -d 'Take sockets'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l exclude-other-filesystems -d 'Stay on the source\'s file system'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l include-other-filesystems -d 'Take what other file systems hold'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l never-drop-acls -d 'Fail rather than drop an access control list or an entry of one'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l acls
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-acls -d 'Leave access control lists alone'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l carbonfile
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-carbonfile -d 'No effect here (Mac OS X only)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l compare-inode
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-compare-inode -d 'A new inode alone is no change of a hard-linked file'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l eas
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-eas -d 'Leave extended attributes alone'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l hard-links
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-hard-links -d 'Treat hard links as separate files'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l resource-forks
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-resource-forks -d 'No effect here (Mac OS X only)'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l preserve-numerical-ids -d 'Keep numbers of users and groups instead of their names'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l increment -d 'The first location is an increment file'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand restore" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l restrict-path -d 'Serve nothing outside this directory' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l restrict-mode -d 'What the client may do in it; default: read-write' -r -f -a "read-write\t''
read-only\t''
update-only\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l debug -d 'No effect here'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand server" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l jobs-dir -d 'Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l name -d 'The name of the job; default: the host' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l repo -d 'The repository; default: ~/backups/NAME' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l via -d 'How a remote source is read: sftp (the default), sshfs or fstab' -r -f -a "sftp\t''
sshfs\t''
fstab\t''"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l mount-point -d 'With --via fstab: the mount point of the entry' -r -f -a "(__fish_complete_directories)"
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l known-hosts -d 'The file of known hosts' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l ssh-option -d 'An option of the ssh configuration: ProxyJump=gate' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l older-than -d 'After a successful run remove the sessions before this time' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l daily -d 'Run each day at this time' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l weekly -d 'Run each week: \'sun 02:00\'' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l hourly -d 'Run each hour at this minute' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l host-key -d 'The fingerprint of the host\'s key, as its owner told you: SHA256:…' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l user -d 'Set up for this user, who is made if he is not there (as root)' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l systemd -d 'A systemd service and timer instead of a line of the crontab'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l no-schedule -d 'Don\'t schedule the job'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand setup" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand test" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l at -d 'The time; default: now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l all -d 'Check the files of all sessions'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand verify" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l max-age -d 'How old the last session may be, such as 26h or 2D; default: any age' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand status" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l all -d 'List the sessions too in which it stayed what it was'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand history" -s h -l help -d 'Print help'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l at -d 'The older state; default: 1B, the session before the last' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l to -d 'The newer state; default: now' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l identity -d 'Private key to log in to other hosts with, and no other' -r -F
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l remote-timeout -d 'How long another host may say nothing; default: 60' -r
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l patch -d 'Show the lines too that differ in the files of a directory'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l dry-run -d 'Say what would be done, and change nothing'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l progress -d 'Show how far a job is also where there is no terminal'
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -l no-progress
complete -c rdiff-backup -n "__fish_rdiff_backup_using_subcommand diff" -s h -l help -d 'Print help'
