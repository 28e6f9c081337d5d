//! Commands of the shell, run before and after a backup.

use std::time::Duration;

use rdiff_mount::runner::{Command, CommandRunner, Exit, Output};

use crate::fold::joined;
use crate::job::error::{JobError, Result};

/// Runs a hook, with `variables` in its environment. What it printed comes back.
///
/// # Errors
/// [`JobError::Hook`] when it failed or took too long, with the end of what it said.
pub(super) fn run(
    command: &str,
    variables: &[(&str, String)],
    limit: Duration,
    runner: &dyn CommandRunner,
) -> Result<String> {
    // Our programs speak the C locale; a hook has the one of whoever runs the job.
    let locale = match std::env::var("LC_ALL") {
        Ok(locale) => vec![format!("LC_ALL={locale}")],
        Err(_) => vec!["-u".to_owned(), "LC_ALL".to_owned()],
    };
    let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
    let words = locale.into_iter().chain(variables).chain(["sh", "-c", command].map(str::to_owned));
    let failed = |outcome: String| JobError::Hook { command: command.to_owned(), outcome };
    let call = Command::new("env").args(words).within(limit);
    let output = runner.run(&call).map_err(|e| failed(format!("could not be started: {e}")))?;
    if output.is_success() {
        return Ok(said(&output));
    }
    let outcome = match output.exit {
        Exit::TimedOut => format!("did not end within {} s and was killed", limit.as_secs()),
        exit => format!("failed ({exit})"),
    };
    let said = one_line(&said(&output));
    Err(failed(if said.is_empty() { outcome } else { format!("{outcome}: {said}") }))
}

fn said(output: &Output) -> String {
    format!("{}{}", output.stdout_text(), String::from_utf8_lossy(&output.stderr))
}

/// The end of a text as one line, not longer than a screen line or three.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let line = joined(text).replace(char::is_control, " ");
    match line.char_indices().rev().nth(MOST) {
        Some((at, _)) => format!("…{}", &line[at..]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdiff_mount::SystemRunner;

    fn hook(command: &str, seconds: u64) -> Result<String, String> {
        let variables = [("RDIFF_BACKUP_JOB", "a b".to_owned())];
        run(command, &variables, Duration::from_secs(seconds), &SystemRunner).map_err(|e| e.to_string())
    }

    #[test]
    fn a_hook_is_a_command_of_the_shell() {
        assert_eq!(
            hook("echo \"$RDIFF_BACKUP_JOB\" ${LC_ALL-unset}", 10).unwrap().split(' ').next(),
            Some("a")
        );
        let error = hook("echo no space >&2; exit 3", 10).unwrap_err();
        assert_eq!(error, "hook 'echo no space >&2; exit 3' failed (exit status 3): no space");
        assert!(hook("sleep 30", 1).unwrap_err().contains("within 1 s"));
    }
}
