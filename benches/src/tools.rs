//! The programs that are compared, and how each is asked to do a piece of work.

use crate::measure::Run;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tool {
    Floor,
    Ours,
    /// The original.
    Original,
    Rsync,
    Restic,
    Borg,
    Cp,
}

pub(crate) const ORIGINAL: &str = "/usr/bin/rdiff-backup";

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Floor => "floor",
            Tool::Ours => "ours",
            Tool::Original => "rdiff-backup",
            Tool::Rsync => "rsync",
            Tool::Restic => "restic",
            Tool::Borg => "borg",
            Tool::Cp => "cp -a",
        }
    }

    /// Has it sessions in the format that this is about?
    pub(crate) fn is_rdiff(self) -> bool {
        matches!(self, Tool::Ours | Tool::Original)
    }

    pub(crate) fn is_installed(self) -> bool {
        let path = match self {
            Tool::Floor | Tool::Ours => return true,
            Tool::Original => ORIGINAL,
            Tool::Rsync => "/usr/bin/rsync",
            Tool::Restic => "/usr/bin/restic",
            Tool::Borg => "/usr/bin/borg",
            Tool::Cp => "/bin/cp",
        };
        Path::new(path).exists()
    }
}

fn words(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

/// What a tool works with: its place on a fresh file system, and this run's settings.
pub(crate) struct Desk {
    pub(crate) tool: Tool,
    pub(crate) dir: PathBuf,
    /// The product.
    pub(crate) ours: PathBuf,
    /// This program, which is the floor too.
    pub(crate) me: PathBuf,
}

impl Desk {
    /// The repository.
    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.join("repo")
    }

    pub(crate) fn floor<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        let mut all: Vec<OsString> = vec![self.me.clone().into(), "--floor".into()];
        all.extend(args.into_iter().map(Into::into));
        Run::new(all)
    }

    /// A call of ours or of the original.
    pub(crate) fn rdiff<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        let program =
            if self.tool == Tool::Ours { self.ours.clone().into() } else { OsString::from(ORIGINAL) };
        Run::new(std::iter::once(program).chain(args.into_iter().map(Into::into)))
    }

    fn around(&self, mut run: Run) -> Run {
        run.env = vec![
            ("RESTIC_PASSWORD", "x".into()),
            ("RESTIC_CACHE_DIR", self.dir.join("cache").into()),
            ("BORG_BASE_DIR", self.dir.join("borg").into()),
            ("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes".into()),
            ("BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes".into()),
        ];
        run
    }

    /// What is to be done once before the first backup, and isn't measured.
    pub(crate) fn prepare(&self) -> std::io::Result<()> {
        let repo = self.repo().into_os_string();
        match self.tool {
            Tool::Restic => {
                let mut args = words(&["/usr/bin/restic", "init", "-r"]);
                args.push(repo);
                self.around(Run::new(args)).go()
            }
            Tool::Borg => {
                let mut args = words(&["/usr/bin/borg", "init", "-e", "none"]);
                args.push(repo);
                self.around(Run::new(args)).go()
            }
            _ => Ok(()),
        }
    }

    /// Backs up `source` as session number `n`.
    pub(crate) fn backup(&self, source: &Path, n: usize) -> Run {
        let (src, repo) = (source.as_os_str().to_owned(), self.repo());
        let run = match self.tool {
            Tool::Ours | Tool::Original => self.rdiff(["backup".into(), src, repo.into()]),
            Tool::Floor if n == 0 => self.floor(["copy".into(), src, repo.into()]),
            Tool::Floor => {
                let kept = self.dir.join(format!("kept-{n}"));
                self.floor(["update".into(), src, repo.into(), kept.into()])
            }
            Tool::Rsync => {
                let mut args = words(&["/usr/bin/rsync", "-aHAX", "--delete"]);
                args.extend([source.join("").into(), repo.into()]);
                Run::new(args)
            }
            Tool::Cp => {
                let mut args = words(&["/bin/cp", "-a", "-T"]);
                args.extend([src, repo.into()]);
                Run::new(args)
            }
            Tool::Restic => {
                let mut args = words(&["/usr/bin/restic", "backup", "--quiet", "-r"]);
                args.extend([repo.into(), ".".into()]);
                let mut run = Run::new(args);
                run.dir = Some(source.to_path_buf());
                run
            }
            Tool::Borg => {
                let mut args = words(&["/usr/bin/borg", "create"]);
                let mut archive = repo.into_os_string();
                archive.push(format!("::{n}"));
                args.extend([archive, ".".into()]);
                let mut run = Run::new(args);
                run.dir = Some(source.to_path_buf());
                run
            }
        };
        self.around(run)
    }

    /// Backs up a version into a directory of its own, its unchanged files linked to those of the one before.
    pub(crate) fn rsync_linked(&self, source: &Path, n: usize) -> Run {
        let mut args = words(&["/usr/bin/rsync", "-aHAX", "--delete"]);
        if n > 0 {
            args.push(format!("--link-dest=../{}", n - 1).into());
        }
        args.extend([source.join("").into(), self.repo().join(n.to_string()).into()]);
        Run::new(args)
    }

    /// Restores the newest state, or what `at` says, to `to`.
    pub(crate) fn restore(&self, at: Option<&str>, to: &Path) -> Option<Run> {
        let (repo, to) = (self.repo(), to.as_os_str().to_owned());
        let run = match self.tool {
            Tool::Ours | Tool::Original => match at {
                None => self.rdiff(["restore".into(), repo.into(), to]),
                Some(at) => self.rdiff(["restore".into(), "--at".into(), at.into(), repo.into(), to]),
            },
            Tool::Floor => self.floor(["restore".into(), repo.into(), to]),
            Tool::Rsync => {
                let mut args = words(&["/usr/bin/rsync", "-aHAX"]);
                args.extend([repo.join("").into(), to]);
                Run::new(args)
            }
            Tool::Restic => {
                let mut args = words(&["/usr/bin/restic", "restore", "latest", "-r"]);
                args.extend([repo.into(), "--target".into(), to]);
                Run::new(args)
            }
            Tool::Borg | Tool::Cp => return None,
        };
        Some(self.around(run))
    }
}
