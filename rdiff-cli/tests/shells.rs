//! The completions in the shells they are for: each is loaded without a word of complaint, and completes actions,
//! tasks, options and their values.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What is typed, and what the last word becomes.
const TYPED: [(&str, &str); 11] = [
    ("rdiff-backup ba", "backup"),
    ("rdiff-backup list inc", "increments"),
    ("rdiff-backup --json restore --incr", "--increment"),
    ("rdiff-backup --forc", "--force"),
    ("rdiff-backup compare --method h", "hash"),
    ("rdiff-backup job sch", "schedule"),
    ("rdiff-backup job --jobs-dir x add --older", "--older-than"),
    ("rdiff-backup diff --pa", "--patch"),
    ("rdiff-backup-delete --dr", "--dry-run"),
    ("rdiff-backup-delete --he", "--help"),
    ("rdiff-backup-statistics --min", "--minimum-ratio"),
];

fn completions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// Runs a shell. Nothing if it is not installed, which the machine of the tests must not get away with.
fn shell(name: &str, args: &[&str]) -> Option<String> {
    let done = match Command::new(name).args(args).env("TERM", "dumb").output() {
        Err(e) if std::env::var_os("CI").is_none() => {
            eprintln!("not tried: {name}: {e}");
            return None;
        }
        done => done.unwrap_or_else(|e| panic!("{name}: {e}: scripts/test installs it")),
    };
    let Output { status, stdout, stderr } = done;
    let complaints = String::from_utf8_lossy(&stderr);
    assert!(status.success() && complaints.is_empty(), "{name}: {status}: {complaints}");
    Some(String::from_utf8(stdout).unwrap())
}

#[test]
fn bash_completes() {
    for (typed, wanted) in TYPED {
        let words: Vec<&str> = typed.split(' ').collect();
        let program = format!(
            r#"source '{dir}/{name}.bash'
            COMP_WORDS=({typed}) COMP_CWORD={last}
            function=$(complete -p {name} | sed 's/.*-F \([^ ]*\).*/\1/')
            $function {name} "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
            printf '%s\n' "${{COMPREPLY[@]}}""#,
            dir = completions().display(),
            name = words[0],
            last = words.len() - 1
        );
        let Some(found) = shell("bash", &["--norc", "-c", &program]) else { return };
        assert_eq!(found.trim_end(), wanted, "{typed}");
    }
}

/// An interactive zsh on a terminal of its own, with the completions found by `compinit`. Each line is typed, then
/// the tab, then a key that shows what the line has become.
const ZSH: &str = r#"
zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
zpty -w shell "stty -echo; PS1=; fpath=(\"$1\" \$fpath); autoload -Uz compinit && compinit -u -D;"\
" show() { print -r -- '<'\$BUFFER'>' }; zle -N show; bindkey '^I' complete-word; bindkey '^X' show; print rea''dy"
zpty -r shell said '*ready*' || exit 2
for line in "${@:2}"; do
    zpty -w -n shell "$line"$'\t\x18'
    zpty -r shell said '*<*>*' || exit 3
    [[ $said =~ '<([^>]*)>' ]] && print -r -- "$match[1]"
    zpty -w -n shell $'\x15'
done
zpty -d shell
"#;

#[test]
fn zsh_completes() {
    let dir = completions();
    let mut args = vec!["-f", "-c", ZSH, "zsh", dir.to_str().unwrap()];
    args.extend(TYPED.map(|(typed, _)| typed));
    let Some(found) = shell("zsh", &args) else { return };
    for ((typed, wanted), line) in TYPED.into_iter().zip(found.lines().chain(std::iter::repeat(""))) {
        // An option that takes a value is waiting for it.
        let last = line.split_whitespace().next_back().unwrap_or_default().trim_end_matches('=');
        assert_eq!(last, wanted, "{typed}: {line}");
    }
}

#[test]
fn fish_completes() {
    let dir = completions();
    let sources = ["rdiff-backup", "rdiff-backup-delete", "rdiff-backup-statistics"]
        .map(|name| format!("source '{}/{name}.fish'\n", dir.display()));
    let questions = TYPED.map(|(typed, _)| format!("complete -C '{typed}'\necho :\n"));
    let program = sources.concat() + &questions.concat();
    let Some(found) = shell("fish", &["--no-config", "-c", &program]) else { return };
    for ((typed, wanted), answer) in TYPED.into_iter().zip(found.split(":\n")) {
        // A tab parts the word from what it means.
        let words: Vec<_> = answer.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words, [wanted], "{typed}");
    }
}
