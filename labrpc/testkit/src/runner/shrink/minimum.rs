//! The smallest part of a small run that fails in the same way, found by trying all parts.

use labrpc::sim::Keep;

use crate::runner::run::{FailedRun, Recorded, RunOptions};
use crate::runner::test_runs::TestRuns;
use crate::token::Token;

/// 4,096 parts.
const DECISIONS_MAX: usize = 12;

/// The number of decisions in the smallest part of what the token keeps whose run fails as `failed` did. `None` if the
/// token keeps too many to try all parts.
pub(in crate::runner) fn minimum(runs: TestRuns, token: &Token, failed: &FailedRun) -> Option<usize> {
    let kept = token.kept.as_ref().filter(|kept| kept.len() <= DECISIONS_MAX)?;
    let ids: Vec<u64> = runs.choices(token).iter().map(|choice| choice.name.id()).collect();
    let mut parts: Vec<u32> = (0..1 << kept.len()).collect();
    parts.sort_by_key(|part| part.count_ones());
    let fails = |part: &u32| {
        let is_in_part = |at: &usize| part >> at & 1 == 1;
        let keep = Keep::Only((0..kept.len()).filter(is_in_part).map(|at| ids[kept[at]]).collect());
        let (outcome, _) = runs.run(token, RunOptions::of(keep, Recorded::Silence));
        outcome.is_err_and(|again| again.signature(runs.tested) == failed.signature(runs.tested))
    };
    parts.into_iter().find(fails).map(|part| part.count_ones() as usize)
}
