//! What a location on the command line means: a directory here or on another host, a repository, a path
//! inside one, an increment file.

use crate::args::hint;
use rdiff_mount::location::{Form, Location, LocationError};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The directory that makes its parent a repository.
pub const DATA: &str = "rdiff-backup-data";

/// Why a location can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum LocateError {
    #[error(transparent)]
    Syntax(#[from] LocationError),
    #[error(
        "{0} is on another host. Mount it, for instance with sshfs, and give the local path; the original's \
         server can't be talked to, for its protocol is Python's own"
    )]
    Remote(Location),
    #[error("Path '{}' couldn't be identified as being within an existing backup repository; {}", .0.display(), no_repository(.0))]
    NotInRepository(PathBuf),
    #[error("Source path {} does not exist{}", .0.display(), meant(.0))]
    Missing(PathBuf),
    #[error("Source path {} is not a directory; {}", .0.display(), meant_by_file(.0))]
    NotADirectory(PathBuf),
    #[error("Source directory '{}' doesn't have a sub-directory 'rdiff-backup-data'; give {}", .0.display(), root_of(.0))]
    NoData(PathBuf),
}

/// What may be meant by a path in no repository.
fn no_repository(path: &Path) -> String {
    let is_here = matches!(Location::parse(path.as_os_str()), Ok(Location::Local(_)));
    let is_closed = |e: &std::io::Error| e.kind() == std::io::ErrorKind::PermissionDenied;
    if is_here && path.join(DATA).try_exists().is_err_and(|e| is_closed(&e)) {
        return "this user may not look into it: call as its owner".to_owned();
    }
    match path.try_exists() {
        Ok(false) if is_here => "there is nothing of that name here".to_owned(),
        _ => "one is a directory with rdiff-backup-data in it, which the first backup makes".to_owned(),
    }
}

/// What may be meant by a file where a directory is wanted. Older versions restored an increment file that was the source.
fn meant_by_file(path: &Path) -> String {
    if path.iter().any(|part| part == DATA) {
        return format!("what it holds comes back with 'rdiff-backup restore {} TARGET'", path.display());
    }
    "give the one that it is in".to_owned()
}

/// The repository that somebody meant who gave a directory in it.
fn root_of(path: &Path) -> String {
    match above(path).or_else(|| above(&std::path::absolute(path).ok()?)) {
        Some(place) => format!("the repository itself, {}", place.repository.display()),
        None => "the directory of a repository".to_owned(),
    }
}

/// What may be meant by a path that is not there.
fn meant(path: &Path) -> String {
    hint::on_action(path.as_os_str()).map_or_else(|| meant_remote(path), |tip| format!("; {tip}"))
}

/// What scp takes for a path on another host is a local one here, as in the original.
pub(crate) fn meant_remote(path: &Path) -> String {
    match Location::parse_with_scp(path.as_os_str()) {
        Ok(Location::Remote(remote)) => {
            let meant = remote.in_form(Form::DoubleColon);
            format!("; on another host it is written '{meant}'")
        }
        _ => String::new(),
    }
}

/// The local path that a location names, without needless slashes and dots.
///
/// # Errors
/// When it is no location, or on another host.
pub fn local(location: &OsStr) -> Result<PathBuf, LocateError> {
    if location.is_empty() {
        return Ok(PathBuf::from("."));
    }
    match Location::parse(location)? {
        Location::Local(path) => Ok(tidy(&path)),
        remote => Err(LocateError::Remote(remote)),
    }
}

/// Without doubled and trailing slashes and without `.` components. `..` stays.
fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().collect();
    match tidy.strip_prefix(".").unwrap_or(&tidy) {
        here if here.as_os_str().is_empty() => PathBuf::from("."),
        below => below.to_path_buf(),
    }
}

/// A directory that must be there.
///
/// # Errors
/// As [`local`], and when it is not there.
pub fn directory(location: &OsStr) -> Result<PathBuf, LocateError> {
    let path = local(location)?;
    match path.symlink_metadata() {
        Err(_) => Err(LocateError::Missing(path)),
        Ok(_) if !path.is_dir() => Err(LocateError::NotADirectory(path)),
        Ok(_) => Ok(path),
    }
}

/// The root of a repository that must be there.
///
/// # Errors
/// As [`directory`], and when it is no repository.
pub fn repository(location: &OsStr) -> Result<PathBuf, LocateError> {
    let path = directory(location)?;
    if path.join(DATA).is_dir() { Ok(path) } else { Err(LocateError::NoData(path)) }
}

/// A place in a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The root of the repository.
    pub repository: PathBuf,
    /// The way from there; empty for all of it.
    pub inside: PathBuf,
}

/// Were two places given in the wrong order, so that the other one is in a repository?
pub(crate) fn is_swapped(repository: &OsStr, other: &OsStr) -> bool {
    matches!(within_repository(repository), Err(LocateError::NotInRepository(_)))
        && within_repository(other).is_ok()
}

/// Finds the repository above a path. The path need not exist (any more).
///
/// # Errors
/// When there is none.
pub fn within_repository(location: &OsStr) -> Result<Place, LocateError> {
    let path = local(location)?;
    above(&path)
        .or_else(|| above(&std::path::absolute(&path).ok()?))
        .ok_or(LocateError::NotInRepository(path))
}

/// The parent of the topmost data directory on the way to the path; else the nearest directory, the path itself
/// or above it, that has one. What only bears the name, or bore it once, is a path in the tree like others.
fn above(path: &Path) -> Option<Place> {
    let of_data = path.ancestors().filter(|p| p.ends_with(DATA) && p.is_dir()).last().and_then(Path::parent);
    let has_data = |dir: &Path| dir.join(DATA).is_dir();
    // A link in a mirror is a path like others, wherever it leads now.
    let is_path = |dir: &Path| dir.is_symlink() && dir.ancestors().skip(1).any(has_data);
    let nearest = || path.ancestors().find(|dir| has_data(dir) && !is_path(dir));
    let repository = of_data.or_else(nearest)?;
    let inside = path.strip_prefix(repository).ok()?.to_path_buf();
    let repository = if repository.as_os_str().is_empty() { Path::new(".") } else { repository };
    Some(Place { repository: repository.to_path_buf(), inside })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository_with(path: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("r").join(DATA).join("increments")).unwrap();
        std::fs::create_dir_all(dir.path().join(path)).unwrap();
        dir
    }

    #[test]
    fn a_path_inside_need_not_exist() {
        let dir = repository_with("r/d");
        let root = dir.path().join("r");
        for (inside, want) in [("", ""), ("/", ""), ("/d", "d"), ("/d/./gone//x/", "d/gone/x")] {
            let place = within_repository(OsStr::new(&format!("{}{inside}", root.display()))).unwrap();
            assert_eq!(place, Place { repository: root.clone(), inside: want.into() });
        }
        assert!(matches!(within_repository(dir.path().as_os_str()), Err(LocateError::NotInRepository(_))));
    }

    #[test]
    fn a_repository_in_the_data_of_another_is_not_meant() {
        let dir = repository_with("r/rdiff-backup-data/increments/nest/rdiff-backup-data");
        let inside = Path::new("rdiff-backup-data/increments/nest/rdiff-backup-data/x");
        let root = dir.path().join("r");
        let place = within_repository(root.join(inside).as_os_str()).unwrap();
        assert_eq!(place, Place { repository: root, inside: inside.into() });
    }

    #[test]
    fn a_path_may_have_borne_the_name_of_a_data_directory() {
        let dir = repository_with("r/n");
        let root = dir.path().join("r");
        let of = |inside: &str| within_repository(root.join(inside).as_os_str()).unwrap();
        let gone = "n/rdiff-backup-data/f";
        assert_eq!(of(gone), Place { repository: root.clone(), inside: gone.into() });
        std::fs::write(root.join("n/rdiff-backup-data"), "a file").unwrap();
        assert_eq!(of("n/rdiff-backup-data").repository, root);
    }

    #[test]
    fn a_link_in_a_mirror_is_no_repository_wherever_it_leads() {
        let dir = repository_with("r/d");
        let root = dir.path().join("r");
        std::os::unix::fs::symlink(".", root.join("link")).unwrap();
        std::os::unix::fs::symlink("r", dir.path().join("to")).unwrap();
        let of = |path: PathBuf| within_repository(path.as_os_str()).unwrap();
        assert_eq!(of(root.join("link")), Place { repository: root.clone(), inside: "link".into() });
        assert_eq!(of(root.join("link/x")), Place { repository: root.clone(), inside: "link/x".into() });
        let named = dir.path().join("to");
        assert_eq!(of(named.join("link")), Place { repository: named, inside: "link".into() });
    }

    #[test]
    fn what_is_elsewhere_is_refused_in_one_line() {
        let text = local(OsStr::new("bob@host::/x")).unwrap_err().to_string();
        assert!(text.starts_with("bob@host::/x is on another host.") && !text.contains('\n'), "{text}");
        assert!(local(OsStr::new("a::b::c")).is_err());
        assert_eq!(local(OsStr::new("")).unwrap(), Path::new("."));
        assert_eq!(local(OsStr::new("./a//b/")).unwrap(), Path::new("a/b"));
        for here in [".", "./", "./.", ".//."] {
            assert_eq!(local(OsStr::new(here)).unwrap(), Path::new("."), "{here}");
        }
        assert_eq!(local(OsStr::new("./..")).unwrap(), Path::new(".."));
        assert_eq!(local(OsStr::new("strange\\::file")).unwrap(), Path::new("strange::file"));
    }

    #[test]
    fn a_source_must_be_a_directory_and_a_repository_have_data() {
        let dir = repository_with("r");
        let file = dir.path().join("f");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(directory(file.as_os_str()), Err(LocateError::NotADirectory(_))));
        assert!(matches!(directory(dir.path().join("no").as_os_str()), Err(LocateError::Missing(_))));
        let scp = directory(OsStr::new("me@web:/srv")).unwrap_err().to_string();
        assert!(scp.ends_with("; on another host it is written 'me@web::/srv'"), "{scp}");
        assert!(matches!(repository(dir.path().as_os_str()), Err(LocateError::NoData(_))));
        assert!(repository(dir.path().join("r").as_os_str()).is_ok());
    }
}
