//! Planning while the disk is busy: a session has to be marked durably before anything is written, and not before
//! anything is read.

use crate::error::Result;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many paths are planned at most meanwhile.
const MOST: usize = 2048;

/// Begins a session, while a thread takes the first of the plan. Where there can't be another thread, one thing is done
/// after the other.
///
/// # Errors
/// Those of `begin`.
pub(super) fn begin<S, P: Send>(
    begin: impl FnOnce() -> Result<S>,
    mut plan: impl Iterator<Item = P> + Send,
) -> Result<(S, impl Iterator<Item = P>)> {
    let (mut early, has_begun) = (Vec::new(), AtomicBool::new(false));
    let session = std::thread::scope(|scope| {
        let (early, plan, is_over) = (&mut early, &mut plan, &has_begun);
        let ahead = move || {
            while !is_over.load(Ordering::Relaxed) && early.len() < MOST {
                let Some(planned) = plan.next() else { return };
                early.push(planned);
            }
        };
        let thread = std::thread::Builder::new().name("plan".to_owned()).spawn_scoped(scope, ahead);
        let session = begin();
        has_begun.store(true, Ordering::Relaxed);
        if let Ok(Err(panic)) = thread.map(|thread| thread.join()) {
            std::panic::resume_unwind(panic);
        }
        session
    })?;
    Ok((session, early.into_iter().chain(plan)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    #[test]
    fn the_plan_goes_on_meanwhile_and_nothing_of_it_is_lost() {
        for length in [0, 10, 3 * MOST as u64] {
            let planned = AtomicU64::new(0);
            let plan = (0..length).inspect(|_| {
                planned.fetch_add(1, Ordering::SeqCst);
            });
            let all_early = length.min(MOST as u64);
            let marked = || {
                for _ in 0..6000 {
                    if planned.load(Ordering::SeqCst) == all_early {
                        return Ok(());
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(Error::Internal("nothing was planned meanwhile"))
            };
            let ((), plan) = begin(marked, plan).unwrap();
            assert_eq!(plan.collect::<Vec<_>>(), (0..length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_a_session_there_is_no_plan() {
        let refused = begin(|| Err::<(), _>(Error::Internal("refused")), std::iter::repeat(1));
        assert!(matches!(refused.err(), Some(Error::Internal("refused"))));
    }
}
