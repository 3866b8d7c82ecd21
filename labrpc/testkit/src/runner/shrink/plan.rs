//! A failed run of random peers, made as short as possible.

use labrpc::sim::FailureKind;

use crate::random_peers::RunPlan;
use crate::rule::Rule;
use crate::runner::run::FailedRun;

/// A bound on the work: a run takes a few milliseconds.
const RUNS_MAX: usize = 250;

/// The shortest plan that was found whose run still breaks the same rule, and how that run failed. Leaves
/// out larger and smaller parts of the plan, one after the other, for as long as the failure stays the same.
pub(in crate::runner) fn shrink(
    plan: RunPlan,
    failed: FailedRun,
    run: impl Fn(&RunPlan) -> Option<FailedRun>,
) -> (RunPlan, FailedRun) {
    let Some(cause) = cause(&failed) else { return (plan, failed) };
    let (mut plan, mut failed) = (plan, failed);
    let mut runs = 0;
    let mut count = plan.len().div_ceil(2);
    loop {
        let mut is_shorter = false;
        // The end of a run is often not needed: the failure has happened before.
        let mut from = plan.len();
        while from > 0 {
            from = from.saturating_sub(count);
            if runs == RUNS_MAX {
                return (plan, failed);
            }
            runs += 1;
            let shorter = plan.without(from, count);
            if let Some(again) = run(&shorter).filter(|again| self::cause(again) == Some(cause)) {
                (plan, failed, is_shorter) = (shorter, again, true);
            }
        }
        match (count, is_shorter) {
            (1, false) => return (plan, failed),
            (1, true) => {}
            _ => count = count.div_ceil(2),
        }
    }
}

/// Why a run failed, for a comparison of two runs. `None` if it is better not to repeat the run.
fn cause(failed: &FailedRun) -> Option<(Option<&'static Rule>, FailureKind)> {
    let kind = failed.failure.kind;
    let is_quick = matches!(kind, FailureKind::Panic | FailureKind::Reported | FailureKind::Undecodable);
    is_quick.then(|| (failed.rule(None), kind))
}
