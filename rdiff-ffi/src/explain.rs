//! Why a path is taken or left out.

use crate::arg;
use crate::guard::guard;
use crate::handle;
use crate::repository::rdiff_repository;
use crate::selection::{rdiff_rule, rules};
use crate::source::rdiff_source;
use crate::status::{Failure, rdiff_status};
use crate::view::Text;
use rdiff_core::backup::select;
use rdiff_core::error::{Doing, IoContext};
use rdiff_core::explain::{Explanation, in_session, in_source};
use rdiff_core::monitor::Silent;
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::tree::select::{Decision, Explained, Verdict};
use std::ffi::{c_char, c_void};

/// What is to be done with a path. New words may come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_verdict {
    /// It is taken, and entered if it is a directory.
    RDIFF_INCLUDED = 0,
    /// It is left out, with all below it.
    RDIFF_EXCLUDED = 1,
    /// A directory that is entered, and taken only if something below it is.
    RDIFF_SCANNED = 2,
}

/// Why a path is taken or left out. It is valid during the call only.
#[repr(C)]
pub struct rdiff_explanation {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// What is to be done.
    pub verdict: rdiff_verdict,
    /// What was decided about: the path, or a directory above it with which it is left out.
    pub decided_at: *const c_char,
    /// The length of that in bytes.
    pub decided_at_len: usize,
    /// The rule that decided, counted from 1; 0 if none did.
    pub rule: usize,
    /// The line of it, counted from 1, if it is a list and a line decided; else 0.
    pub line: usize,
    /// The end of a sentence that begins with `decided_at` and "is".
    pub message: *const c_char,
}

/// Called once, on the thread that called.
pub type rdiff_explanation_fn =
    Option<unsafe extern "C" fn(explanation: *const rdiff_explanation, user: *mut c_void)>;

/// Says why a backup or a comparison of `source` would take `path`, which is relative to its root, or leave it out.
/// RDIFF_NO_SUCH_PATH if it isn't there and no directory above it is left out. Nothing but the directories on the way is read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_explain_source(
    source: *const rdiff_source,
    path: *const c_char,
    rules: *const rdiff_rule,
    rule_count: usize,
    explanation: rdiff_explanation_fn,
    user: *mut c_void,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, rules) = unsafe { (arg::tree_path(path)?, self::rules(rules, rule_count)?) };
        let opened = handle::get(source)?;
        let root = opened.source.root().while_doing(Doing::Stat, &opened.base)?;
        let selected = select(&rules, &opened.base, root.device, &Silent)?;
        let found = in_source(&opened.source, &selected, path.as_path())?;
        // SAFETY: as above.
        unsafe { tell(&path, found, explanation, user) }
    })
}

/// Says why a restore of `subtree` as it was at the newest session not later than `at`, or at RDIFF_NEWEST, to `target` would take
/// `path`, which is relative to `subtree`, or leave it out. RDIFF_NO_SUCH_PATH as above. `target` needn't be there; it is what patterns
/// begin with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_explain_session(
    repository: *const rdiff_repository,
    at: i64,
    subtree: *const c_char,
    target: *const c_char,
    path: *const c_char,
    rules: *const rdiff_rule,
    rule_count: usize,
    explanation: rdiff_explanation_fn,
    user: *mut c_void,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (subtree, target, path, rules) = unsafe {
            (
                arg::tree_path(subtree)?,
                arg::host_path(target, "target")?,
                arg::tree_path(path)?,
                self::rules(rules, rule_count)?,
            )
        };
        let repo = &handle::get(repository)?.0;
        let at = repo.session_at(arg::time(at))?;
        let selected = select(&rules, &target, 0, &Silent)?;
        let found = in_session(repo, at, subtree.as_path(), &selected, path.as_path())?;
        // SAFETY: as above.
        unsafe { tell(&path, found, explanation, user) }
    })
}

unsafe fn tell(
    path: &RepoPathBuf,
    found: Option<Explanation>,
    explanation: rdiff_explanation_fn,
    user: *mut c_void,
) -> Result<(), Failure> {
    let root = Explanation {
        at: RepoPath::ROOT.to_owned(),
        why: Explained {
            decision: Decision { verdict: Verdict::Include, rule: None, line: None },
            rule: None,
        },
    };
    let found = found.or_else(|| path.is_root().then_some(root));
    let Some(found) = found.filter(|found| found.is_about(path.as_path())) else {
        return Err(Failure {
            path: Some(path.as_bytes().to_vec()),
            ..Failure::new(
                rdiff_status::RDIFF_NO_SUCH_PATH,
                format!("{path} is not there, so nothing decides about it"),
            )
        });
    };
    let Some(explanation) = explanation else { return Ok(()) };
    let decision = found.why.decision;
    let (at, message) = (Text::new(found.at.as_bytes()), Text::new(found.why.to_string()));
    let shown = rdiff_explanation {
        version: 1,
        verdict: match decision.verdict {
            Verdict::Include => rdiff_verdict::RDIFF_INCLUDED,
            Verdict::Exclude => rdiff_verdict::RDIFF_EXCLUDED,
            Verdict::Scan => rdiff_verdict::RDIFF_SCANNED,
        },
        decided_at: at.as_ptr(),
        decided_at_len: at.len(),
        rule: decision.rule.map_or(0, |index| index + 1),
        line: decision.line.unwrap_or(0),
        message: message.as_ptr(),
    };
    // SAFETY: the caller gave this function for this; what it is given lives until it returns.
    unsafe { explanation(&raw const shown, user) };
    Ok(())
}
