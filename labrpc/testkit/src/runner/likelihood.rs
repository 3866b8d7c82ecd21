//! How likely a failure is from each moment of its run on, if chance decides anew.

use std::time::Duration;

use ::story::{Curve, CurvePoint};
use labrpc::sim::{FailureKind, Keep, mix};
use labrpc::time::Instant;

use super::run::{FailedRun, Recorded, RunLimits, RunOptions};
use super::test_runs::TestRuns;
use crate::token::Token;

/// The moments that are spread over the run.
const MOMENTS: u32 = 20;
/// The runs for each moment.
const RUNS: u64 = 50;
/// A run that takes this many times as long as the failed one, in virtual time, counts as not broken.
const TIME_FACTOR: u32 = 2;
/// The same for its operations: interruptions and retries make more of them.
const OPERATIONS_FACTOR: u64 = 4;
/// Added to both bounds, for failures right at the beginning.
const TIME_ADDED: Duration = Duration::from_secs(1);
const OPERATIONS_ADDED: u64 = 100_000;

/// In how many runs the same rule is broken that are like the token's failed run until a moment, and are decided anew
/// afterwards. The moments are spread evenly from the first wild decision to the failure; the events that contradict one
/// another are moments as well. `operations` is what the failed run has made.
///
/// Servers draw their election timeouts from a seed that they get when they boot: what a server has booted with before
/// the moment stays.
#[cfg_attr(not(test), expect(dead_code, reason = "stories ask for it"))]
pub(crate) fn likelihood(runs: TestRuns, token: &Token, failed: &FailedRun, operations: u64) -> Curve {
    let keep = runs.keep(token).unwrap_or_default();
    let signature = failed.signature(runs.tested);
    let virtual_time = match failed.failure.kind {
        FailureKind::VirtualTime => RunLimits::USUAL.virtual_time,
        _ => (failed.failure.at - Instant::ZERO) * TIME_FACTOR + TIME_ADDED,
    };
    let operations = operations.saturating_mul(OPERATIONS_FACTOR) + OPERATIONS_ADDED;
    let limits = RunLimits { virtual_time, operations: operations.min(RunLimits::USUAL.operations) };
    let is_broken = |moment: Instant, nth: u64| {
        let redeal = Some((moment, mix(token.seed, nth)));
        let options = RunOptions { limits, redeal, ..RunOptions::of(keep.clone(), Recorded::Silence) };
        runs.run(token, options).0.is_err_and(|again| again.signature(runs.tested) == signature)
    };
    let first = first_decision(runs, token, keep.clone());
    let points = in_parallel(&moments(first, failed), |moment| CurvePoint {
        t: moment.as_nanos() / 1_000,
        broken: (0..RUNS).filter(|&nth| is_broken(moment, nth)).count() as u64,
    });
    Curve { runs: RUNS, points }
}

fn first_decision(runs: TestRuns, token: &Token, keep: Keep) -> Instant {
    let (_, report) = runs.run(token, RunOptions::of(keep, Recorded::Choices));
    report.choices.first().map_or(Instant::ZERO, |choice| choice.at)
}

fn moments(first: Instant, failed: &FailedRun) -> Vec<Instant> {
    let length = failed.failure.at.duration_since(first);
    let spread = (0..MOMENTS).map(|nth| first + length * nth / MOMENTS);
    let mut moments: Vec<Instant> = spread.chain(failed.clash_times()).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// Measures every moment, on all processors.
fn in_parallel(moments: &[Instant], measure: impl Fn(Instant) -> CurvePoint + Sync) -> Vec<CurvePoint> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = moments.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let measure = &measure;
        let measure_all = move |moments: &[Instant]| moments.iter().map(|&moment| measure(moment)).collect::<Vec<_>>();
        let parts: Vec<_> = moments.chunks(share).map(|part| scope.spawn(move || measure_all(part))).collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("a run does not panic outside of its simulation"))
            .collect()
    })
}
