//! `status`: is a repository well, and its last session recent?

use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action;
use crate::exit::Exit;
use crate::json::lines::statistics;
use crate::report;
use crate::style::Style;
use rdiff_core::format::stats::human_size;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::status::{Status, status as run};
use rdiff_core::time::{SessionTime, TimeSpec};
use serde_json::{Value, json};

pub(crate) fn status(args: &action::Status, cx: &Context<'_>) -> Outcome {
    let repo = cx.root(&args.repository)?;
    let oldest = args.max_age.as_deref().map(|age| oldest(age, cx)).transpose()?;
    let found = run(&repo).or_fail(cx, Step::Run)?;
    let trouble = trouble(&found, oldest, cx);
    cx.result(&result(&found, &trouble, oldest, cx));
    if cx.json().is_none() {
        let text = text(&found, &trouble, &repo, cx);
        cx.print(cx.ui.named(&text).as_bytes())?;
    }
    Ok(trouble.iter().fold(Exit::OK, |exit, (bit, _)| exit | *bit))
}

/// The time that the last session must not be before.
pub(crate) fn oldest(age: &str, cx: &Context<'_>) -> Result<SessionTime, Failure> {
    match cx.time(age)? {
        // A bare number is a second of 1970, which every session is later than.
        TimeSpec::At(at) if !age.bytes().all(|b| b.is_ascii_digit()) => Ok(SessionTime(at)),
        _ => {
            let message = format!("--max-age {age} is no age; give one such as 26h or 2D");
            Err(cx.refuse(Step::Check, &message))
        }
    }
}

/// What is not well, with the bit of the exit code that says so.
fn trouble(found: &Status, oldest: Option<SessionTime>, cx: &Context<'_>) -> Vec<(Exit, String)> {
    let mut trouble = Vec::new();
    let shown = |time: SessionTime| time.asctime(&cx.ui.zone);
    match (found.state, &found.in_use_by, found.newest()) {
        (MirrorState::Interrupted { good, failed }, None, _) => trouble.push((
            Exit::WARNING,
            format!(
                "the session of {} did not finish; `rdiff-backup regress` or the next backup goes back to that of {}",
                shown(failed),
                shown(good)
            ),
        )),
        (_, None, None) => trouble.push((
            Exit::WARNING,
            "the first session did not finish, there is nothing to restore; the next backup starts over".to_owned(),
        )),
        _ => {}
    }
    if let Some(why) = &found.damaged {
        let text = format!("the metadata of the last session can't be read: {why}");
        trouble.push((Exit::WARNING, text));
    }
    if let (Some(newest), Some(oldest)) = (found.newest(), oldest)
        && newest < oldest
    {
        let text = format!("the last session is of {}, {} ago", shown(newest), words(cx.now - newest.0));
        trouble.push((Exit::WARNING, text));
    }
    if let Some(errors) = found.last.as_ref().and_then(|s| s.errors).filter(|n| *n > 0.0) {
        let text =
            format!("the last session could not read everything: {errors:.0} errors, see its error_log");
        trouble.push((Exit::FILE_ERROR, text));
    }
    trouble
}

/// The result for programs.
fn result(
    found: &Status,
    trouble: &[(Exit, String)],
    oldest: Option<SessionTime>,
    cx: &Context<'_>,
) -> Value {
    let newest = found.newest();
    let state = match (&found.in_use_by, found.state) {
        (Some(_), _) => "in_use",
        (None, MirrorState::Clean(_)) => "clean",
        (None, MirrorState::Interrupted { .. }) => "interrupted",
        (None, MirrorState::Unfinished) => "unfinished",
    };
    json!({
        "state": state,
        "in_use_by": found.in_use_by,
        "needs_regress": found.needs_regress(),
        "session": newest.map(|t| t.0),
        "age": newest.map(|t| cx.now - t.0),
        "too_old": oldest.map(|oldest| newest.is_none_or(|t| t < oldest)),
        "oldest": found.sessions.first().map(|t| t.0),
        "sessions": found.sessions.len(),
        "files": found.last.as_ref().map(|s| s.source_files as u64),
        "mirror_size": found.last.as_ref().map(|s| s.source_file_size as u64),
        "increments_size": found.increments_size,
        "statistics": found.last.as_ref().map(statistics),
        "trouble": trouble.iter().map(|(_, text)| cx.ui.named(text)).collect::<Vec<_>>(),
    })
}

/// For people: what is to be known first, and a table.
fn text(found: &Status, trouble: &[(Exit, String)], repo: &Repository, cx: &Context<'_>) -> String {
    let style = Style::of_stdout();
    let zone = &cx.ui.zone;
    let mut lines = vec![match (trouble.first(), found.newest()) {
        (Some((_, text)), _) => format!("{}: {text}", style.bad("WARNING")),
        (None, Some(newest)) => {
            let age = words(cx.now - newest.0);
            format!("{}: the last session is of {}, {age} ago", style.good("OK"), newest.asctime(zone))
        }
        (None, None) => format!("{}: the first session is being written", style.good("OK")),
    }];
    lines.extend(trouble.iter().skip(1).map(|(_, text)| format!("{}: {text}", style.bad("WARNING"))));
    let mut row = |name: &str, value: String| lines.push(format!("  {name:<11} {value}"));
    row("repository", repo.path().display().to_string());
    if let Some(by) = &found.in_use_by {
        row("in use by", by.clone());
    }
    if let Some(first) = found.sessions.first() {
        row("sessions", format!("{}, the first of {}", found.sessions.len(), first.asctime(zone)));
    }
    if let Some(last) = &found.last {
        row("mirror", format!("{:.0} paths, {}", last.source_files, human_size(last.source_file_size)));
    }
    if let Some(size) = found.increments_size.filter(|_| found.newest().is_some()) {
        row("increments", human_size(size as f64));
    }
    if let Some(last) = &found.last {
        let problems = last.errors.unwrap_or_default() as u64;
        row("last", report::counts(last.new_files, last.changed_files, last.deleted_files, problems));
    }
    lines.join("\n") + "\n"
}

/// An age in the two largest units.
fn words(seconds: i64) -> String {
    if seconds < 0 {
        return "less than 0 seconds (it is in the future: is the clock right?)".to_owned();
    }
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let first = units.iter().position(|(length, _)| seconds >= *length).unwrap_or(3);
    let parts = units.iter().enumerate().skip(first).take(2).scan(seconds, |rest, (_, (length, unit))| {
        let count = *rest / length;
        *rest %= length;
        Some((count, format!("{count} {unit}{}", if count == 1 { "" } else { "s" })))
    });
    let parts: Vec<(i64, String)> = parts.collect();
    let kept = parts.iter().enumerate().filter(|(i, (count, _))| *i == 0 || *count > 0);
    kept.map(|(_, (_, text))| text.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn ages_have_two_units_at_most() {
        for (seconds, want) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (61, "1 minute 1 second"),
            (3600, "1 hour"),
            (90_061, "1 day 1 hour"),
            (86_400 * 30 + 59, "30 days"),
        ] {
            assert_eq!(words(seconds), want);
        }
        assert!(words(-5).contains("clock"));
    }
}
