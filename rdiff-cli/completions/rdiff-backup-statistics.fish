complete -c rdiff-backup-statistics -l begin-time -d 'Leave out sessions before this time' -r
complete -c rdiff-backup-statistics -l end-time -d 'Leave out sessions after this time' -r
complete -c rdiff-backup-statistics -l minimum-ratio -d 'List what has more than this part of the total; default: 0.05' -r
complete -c rdiff-backup-statistics -l null-separator -d 'The lines of file statistics end with NUL (backups with --null-separator)'
complete -c rdiff-backup-statistics -l quiet -d 'Don\'t tell which session is being read'
complete -c rdiff-backup-statistics -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup-statistics -s V -l version -d 'Print the version'
complete -c rdiff-backup-statistics -s h -l help -d 'Print help (see more with \'--help\')'
