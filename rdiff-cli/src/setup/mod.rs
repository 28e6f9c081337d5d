//! Sets up.
use crate::job::file::Job;
use crate::job::schedule::{Service, When};
use crate::job::store::{JobName, Store};
use crate::run::{Context, Outcome};
use camino::Utf8PathBuf;

/// What to set up.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an argument of the command line")]
pub struct Setup {
    pub store: Store,
    pub name: JobName,
    pub job: Job,
    pub repository: Option<Utf8PathBuf>,
    pub when: Option<When>,
    pub service: Service,
    pub host_key: Option<String>,
    pub user: Option<String>,
    pub dry_run: bool,
}
pub(crate) fn setup(_asked: &Setup, cx: &Context<'_>) -> Outcome {
    Err(cx.refuse(crate::run::Step::Run, "not there yet"))
}
