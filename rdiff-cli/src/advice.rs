//! What a person at this command line can do about an error. The core tells what is wrong; which option or action helps is
//! known here alone.

use rdiff_core::error::{Error, Loss, Refusal, chain};
use rdiff_core::tree::select::SelectError;
use std::path::Path;

/// An error with all its causes and the way out, on one line.
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let text = chain(error);
    match advice(error) {
        Some(advice) => text + &advice,
        None => text,
    }
}

/// The way out, with what joins it to the text.
pub fn advice(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(select) = error.downcast_ref::<SelectError>() {
        return matches!(select, SelectError::LastOnlyIncludes { .. }).then(|| ": --exclude '**'".to_owned());
    }
    match error.downcast_ref::<Error>()? {
        Error::Refused(refusal) => of_refusal(refusal),
        Error::BadSelection { source } => advice(&**source),
        Error::Metadata { repository, .. } => Some(format!(
            "; `rdiff-backup regress {}` makes them again, from what is left of them and from the mirror",
            repository.display()
        )),
        Error::Corrupt { file, .. } => Some(format!(
            "; `rdiff-backup verify --all` names all that is damaged{}",
            advice_on_file(file).unwrap_or_default()
        )),
        error => of_error(error).map(str::to_owned).or_else(|| Some(format!("; {}", error.way_out()?))),
    }
}

/// What else can be done about a damaged file, by its name. Only those of the last session can be made again.
fn advice_on_file(file: &Path) -> Option<&'static str> {
    let name = file.file_name()?.to_string_lossy();
    let is_of = |base: &str| name.strip_prefix(base).is_some_and(|rest| rest.starts_with('.'));
    if is_of("mirror_metadata") && name.contains(".snapshot") {
        Some(", and `rdiff-backup regress` makes the metadata of the last session again")
    } else if is_of("extended_attributes") || is_of("access_control_lists") {
        Some(
            ", and `rdiff-backup regress` makes those of the last session again; to restore without what such a file says, \
             move it elsewhere",
        )
    } else {
        None
    }
}

fn of_error(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Locked { .. } => ", or use --force if it is dead",
        Error::NoRoom { .. } => {
            "; make room there, remove old increments, or call with --no-space-check to try it all the same"
        }
        Error::Rebuild { .. } | Error::OutOfOrder { .. } => {
            "; `rdiff-backup verify --all` names all that is damaged"
        }
        Error::NoSuchSession { .. } => "; `rdiff-backup list increments` lists those there are",
        Error::NoSuchPath { .. } => "; `rdiff-backup list files --at TIME` lists the paths of a time",
        Error::SourceVanished { loss: Loss::Everything, .. } => {
            " (if it is meant to be empty, call with --allow-empty-source)"
        }
        Error::SourceVanished { loss: Loss::TooMuch, .. } => {
            " (if that is meant, call with --max-deletions 100%)"
        }
        // No wait helps then: the clock was ahead at that session.
        Error::ClockBehind { now, mirror, .. } if mirror.0.saturating_sub(now.0) >= 60 => {
            "; if it was wrong at that session, `rdiff-backup --api-version 201 --force regress` undoes it"
        }
        _ => return None,
    })
}

fn of_refusal(refusal: &Refusal) -> Option<String> {
    let advice = match refusal {
        Refusal::TargetExists { .. }
        | Refusal::TargetNotADirectory { .. }
        | Refusal::TargetNotEmpty { .. }
        | Refusal::TargetNotARepository { .. } => ", call with '--force' to overwrite",
        Refusal::AclsNotKept { .. } => "; leave --never-drop-acls out to go on without them",
        Refusal::UnknownNameInAcl { .. } => ", or leave --never-drop-acls out to go on without it",
        Refusal::TimeNotWritable { .. } => ", or give --current-time in seconds since 1970",
        Refusal::OtherQuoting { .. } => ", or leave --chars-to-quote out",
        Refusal::NamesNotTaken { stored, .. } => {
            return Some(format!(
                "; or, if the source has no such names, call with --chars-to-quote {:?}",
                String::from_utf8_lossy(stored)
            ));
        }
        _ => return None,
    };
    Some(advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdiff_core::error::{Doing, FormatError};
    use std::io;
    use std::path::PathBuf;

    #[test]
    fn each_way_out_goes_on_from_the_text() {
        let path = || PathBuf::from("/b");
        let refused = |refusal: Refusal| told(&Error::Refused(refusal));
        assert_eq!(
            refused(Refusal::TargetNotEmpty { path: path() }),
            "Target path /b exists and isn't empty, call with '--force' to overwrite"
        );
        assert!(
            refused(Refusal::AclsNotKept { from: None, target: path() })
                .ends_with("can't be kept in /b; leave --never-drop-acls out to go on without them")
        );
        assert!(refused(Refusal::NamesNotTaken { repository: path(), stored: b"A-Z".to_vec() }).ends_with(
            "begin a new one there; or, if the source has no such names, call with --chars-to-quote \"A-Z\""
        ));
        assert_eq!(
            told(&Error::Locked { repository: path(), by: "process 7".to_owned() }),
            "/b is in use by process 7; wait for it to end, or use --force if it is dead"
        );
        let vanished = |loss| told(&Error::SourceVanished { what: "x".to_owned(), loss });
        assert_eq!(vanished(Loss::Source), "x; nothing was removed from the backup");
        assert!(
            vanished(Loss::Everything)
                .ends_with("backup (if it is meant to be empty, call with --allow-empty-source)")
        );
        assert!(
            vanished(Loss::TooMuch).ends_with("backup (if that is meant, call with --max-deletions 100%)")
        );
        let only = SelectError::LastOnlyIncludes { rule: "include a".to_owned() };
        assert!(told(&only).ends_with("excludes '**' to take nothing else: --exclude '**'"));
        assert!(told(&Error::BadSelection { source: Box::new(only) }).ends_with("else: --exclude '**'"));
    }

    #[test]
    fn what_the_core_advises_itself_comes_behind_the_causes() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::Io { doing: Doing::Write, path: "/b/f".into(), source: full };
        assert!(told(&error).ends_with("; make room there, or remove old increments"), "{}", told(&error));
        let source = FormatError::Missing("Type");
        let error = Error::Corrupt { file: "/b/f".into(), line: None, source };
        assert!(told(&error).ends_with("Type; `rdiff-backup verify --all` names all that is damaged"));
        assert_eq!(told(&Error::Cancelled { at: None }), "stopped on request");
    }
}
