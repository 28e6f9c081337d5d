//! What a location on the command line means: a directory here or on another host, a repository, a path
//! inside one, an increment file.

use rdiff_core::format::names::TimedName;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::time::SessionTime;
use rdiff_mount::location::{Location, LocationError};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directory that makes its parent a repository.
pub const DATA: &str = "rdiff-backup-data";
const INCREMENTS: &[u8] = b"increments";

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
    #[error("Path '{}' couldn't be identified as being within an existing backup repository", .0.display())]
    NotInRepository(PathBuf),
    #[error("Path '{}' looks like an increment but doesn't have 'rdiff-backup-data/increments' in its path.", .0.display())]
    LostIncrement(PathBuf),
    #[error("Source path {} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("Source path {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("Source directory '{}' doesn't have a sub-directory 'rdiff-backup-data'", .0.display())]
    NoData(PathBuf),
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
    if tidy.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        tidy.strip_prefix("./").map_or(tidy.clone(), Path::to_path_buf)
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
    /// The path in its tree; the root for all of it.
    pub path: RepoPathBuf,
    /// The session whose state an increment file holds, if the place was given as one.
    pub increment: Option<SessionTime>,
}

/// Finds the repository above a path. The path need not exist (any more).
///
/// # Errors
/// When there is none, or the path is an increment file in the wrong place.
pub fn within_repository(location: &OsStr) -> Result<Place, LocateError> {
    let path = local(location)?;
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    match TimedName::parse(name) {
        Some(name) => of_increment(&path, &name).ok_or(LocateError::LostIncrement(path.clone())),
        None => above(&path)
            .or_else(|| above(&std::path::absolute(&path).ok()?))
            .ok_or(LocateError::NotInRepository(path)),
    }
}

/// The nearest directory, the path itself or above it, that is a repository.
fn above(path: &Path) -> Option<Place> {
    let repository = path.ancestors().find(|dir| dir.join(DATA).symlink_metadata().is_ok())?;
    let inside = path.strip_prefix(repository).ok()?;
    let repository = if repository.as_os_str().is_empty() { Path::new(".") } else { repository };
    Some(Place {
        repository: repository.to_path_buf(),
        path: RepoPathBuf::new(inside.as_os_str().as_bytes()).ok()?,
        increment: None,
    })
}

/// `REPO/rdiff-backup-data/increments/DIR/BASE.TIME.KIND`, or `REPO/rdiff-backup-data/increments.TIME.dir`.
fn of_increment(path: &Path, name: &TimedName<'_>) -> Option<Place> {
    let dir = path.parent()?;
    let data = dir.ancestors().filter(|d| d.file_name() == Some(OsStr::new(DATA))).last()?;
    let inside = dir.strip_prefix(data).ok()?.as_os_str().as_bytes();
    let below = match inside.strip_prefix(INCREMENTS) {
        _ if inside.is_empty() && name.base == INCREMENTS => Some(Vec::new()),
        Some([]) => Some(name.base.to_vec()),
        Some([b'/', rest @ ..]) => Some([rest, b"/", name.base].concat()),
        _ => None,
    }?;
    let repository = data.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(Place {
        repository: repository.to_path_buf(),
        path: RepoPathBuf::new(below).ok()?,
        increment: Some(name.time),
    })
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
            assert_eq!((place.repository, place.path.as_bytes()), (root.clone(), want.as_bytes()));
            assert_eq!(place.increment, None);
        }
        assert!(matches!(within_repository(dir.path().as_os_str()), Err(LocateError::NotInRepository(_))));
    }

    #[test]
    fn an_increment_file_names_a_path_and_a_session() {
        let dir = repository_with("r");
        let data = dir.path().join("r").join(DATA);
        for (file, want) in [
            ("increments.2023-11-14T22:13:20Z.dir", Some("")),
            ("increments/a.txt.2023-11-14T22:13:20Z.diff.gz", Some("a.txt")),
            ("increments/d/e/a.2023-11-14T22:13:20Z.missing", Some("d/e/a")),
            ("mirror_metadata.2023-11-14T22:13:20Z.snapshot.gz", None),
            ("../a.2023-11-14T22:13:20Z.snapshot", None),
        ] {
            let place = within_repository(data.join(file).as_os_str()).ok();
            let want = want.map(|path| Place {
                repository: dir.path().join("r"),
                path: RepoPathBuf::new(path).unwrap(),
                increment: Some(SessionTime(1_700_000_000)),
            });
            assert_eq!(place, want, "{file}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_refused_in_one_line() {
        let text = local(OsStr::new("bob@host::/x")).unwrap_err().to_string();
        assert!(text.starts_with("bob@host::/x is on another host.") && !text.contains('\n'), "{text}");
        assert!(local(OsStr::new("a::b::c")).is_err());
        assert_eq!(local(OsStr::new("")).unwrap(), Path::new("."));
        assert_eq!(local(OsStr::new("./a//b/")).unwrap(), Path::new("a/b"));
        assert_eq!(local(OsStr::new("strange\\::file")).unwrap(), Path::new("strange::file"));
    }

    #[test]
    fn a_source_must_be_a_directory_and_a_repository_have_data() {
        let dir = repository_with("r");
        let file = dir.path().join("f");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(directory(file.as_os_str()), Err(LocateError::NotADirectory(_))));
        assert!(matches!(directory(dir.path().join("no").as_os_str()), Err(LocateError::Missing(_))));
        assert!(matches!(repository(dir.path().as_os_str()), Err(LocateError::NoData(_))));
        assert!(repository(dir.path().join("r").as_os_str()).is_ok());
    }
}
