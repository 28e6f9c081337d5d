complete -c rdiff-backup-delete -s d -l dry-run -d 'Only print what would be deleted'
complete -c rdiff-backup-delete -l json -d 'Print for programs: one JSON object a line, see docs/json.md'
complete -c rdiff-backup-delete -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdiff-backup-delete -s V -l version -d 'Print version'
