//! The longer texts of `--help`, which the man pages have too.

use clap::{Arg, Command};

/// Adds what help lacks: what arguments are, examples, and how the values of options are written.
pub(super) fn teach(command: Command) -> Command {
    taught(command, "")
}

/// `path` is what stands before its name, but for the program.
fn taught(command: Command, path: &str) -> Command {
    let path = format!("{path} {}", command.get_name());
    let has = |name: &str| command.get_arguments().any(|a| a.get_id() == name);
    let mut texts: Vec<String> = command.get_after_help().map(ToString::to_string).into_iter().collect();
    texts.extend(
        examples_of(path.trim_start_matches(" rdiff-backup ")).map(|lines| format!("Examples:\n{lines}")),
    );
    if ["at", "changed-since", "older-than"].into_iter().any(has) {
        texts.push(TIMES.to_owned());
    }
    if has("exclude") {
        texts.push(SELECTION.to_owned());
    }
    let command = if texts.is_empty() { command } else { command.after_help(texts.join("\n\n")) };
    command.mut_args(explain).mut_subcommands(|sub| taught(sub, &path))
}

/// Examples of actions that are not for every day.
fn examples_of(action: &str) -> Option<&'static str> {
    Some(match action {
        "complete" => "  rdiff-backup complete -- rdiff-backup list inc",
        "job list" => "  rdiff-backup job list",
        "job remove" => "  rdiff-backup job remove home",
        "job status" => "  rdiff-backup job status",
        "info" => "  rdiff-backup info",
        "server" => {
            "  rdiff-backup backup root@web::/srv /backup/web    # instead: run it where the repository is"
        }
        _ => return None,
    })
}

fn explain(arg: Arg) -> Arg {
    let help = match arg.get_id().as_str() {
        "SOURCE_DIR" => "The directory to back up or to compare",
        "REPOSITORY" => "The repository; to read from it, also a path inside",
        "TARGET" => "Where to restore to; what stands there is only overwritten with --force",
        "STATISTICS_FILE" => "Files session_statistics.TIME.data of a repository",
        "PATH" => "A path in a repository; it need not exist any more",
        "LOCATION" => "A place on another host: [USER@]HOST::PATH",
        "WORDS" => "The command line so far, with the program's name first",
        _ => return arg,
    };
    if arg.get_help().is_some() { arg } else { arg.help(help) }
}

/// How a time is written.
const TIMES: &str = "\
Times:
  now                          the newest session
  3D, 1h30m, 2W                so long ago, of s m h D W M Y (30 and 365 days)
  2B                           so many sessions back; 0B is the newest
  2023-11-14, 11/14/2023       midnight, local time
  2023-11-14T22:13:20+01:00    also with Z, or without a zone
  1700000000                   seconds since 1970
A time means the last session that is not after it; before all of them, the first.";

/// How selection options work together.
const SELECTION: &str = "\
How files are selected:
  The options are tried in their order for each path; the first that matches decides, and what
  none matches is taken. A GLOB begins like the directory that is backed up (or restored to):
  * and ? stop at a slash, ** does not, [a-z] is one of these, ignorecase:GLOB doesn't tell A
  from a. --include of a file takes the directories above it, but not what else is in them:
  leave the rest out with a last --exclude '**'.";

/// For the older command line.
pub(crate) fn of_older() -> String {
    let examples = "Examples:\n  rdiff-backup /home /backup/home\n  rdiff-backup -l /backup/home\n  \
                    rdiff-backup -r 3D /backup/home/ann /tmp/ann\n  \
                    rdiff-backup --remove-older-than 1Y --force /backup/home";
    [examples, TIMES, SELECTION].join("\n\n")
}

/// What holds for all actions.
pub(super) const GENERAL: &str = "\
Places are local directories, or [USER@]HOST::PATH for a source on another host; with a slash
before '::' a place is local, as in ./a::b.
REPOSITORY/PATH is a part of a repository, also one that isn't there any more. Options of all
actions stand before the action, its own behind it. They can be abbreviated; @FILE stands for
the lines of FILE, each an argument. The older command line (rdiff-backup -h) works as well.

Examples:
  rdiff-backup backup /home /backup/home
  rdiff-backup list increments /backup/home
  rdiff-backup restore --at 3D /backup/home/ann/letter.txt /tmp/letter.txt
  rdiff-backup --force remove increments --older-than 1Y /backup/home
  rdiff-backup restore --help

Exit codes:
  0                            all is well
  1                            the action failed
  2                            a warning: nothing to remove, a repair was needed, a digest is wrong;
                               or the command line can't be read
  4                            some files failed, the rest is done
  8                            differences were found (diff; compare with --api-version 201)
  16                           the source is gone, and the repository as it was (comes with 1)
Codes of several kinds add up.

Environment:
  RDIFF_BACKUP_VERBOSITY       the default of -v
  RDIFF_BACKUP_API_VERSION     the default of --api-version, as 'default: 201'
  TMPDIR                       directory for temporary files
  TZ                           the zone in which times are shown and written
  NO_COLOR                     no colours";
