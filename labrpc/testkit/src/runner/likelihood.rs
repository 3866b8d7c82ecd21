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
    Curve::new(RUNS, points)
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

#[cfg(test)]
mod tests {
    use labrpc::thread;

    use super::*;
    use crate::world::World;

    /// A hundred coins are tossed, one every millisecond. It is a failure if five heads come in a row; afterwards the run
    /// would go on for long.
    fn five_in_a_row(world: &World) {
        let rng = world.rng("coins");
        let mut heads = 0;
        for _ in 0..100 {
            thread::sleep(Duration::from_millis(1));
            heads = if rng.fault(false, |bits| bits % 2 == 0) { heads + 1 } else { 0 };
            assert!(heads < 5, "five heads in a row");
        }
        thread::sleep(Duration::from_secs(500));
    }

    fn curve(token: &Token) -> (Curve, Instant) {
        let runs = TestRuns { tested: None, contract: None, body: &five_in_a_row };
        let keep = runs.keep(token).expect("it keeps these");
        let (outcome, report) = runs.run(token, RunOptions::of(keep, Recorded::Silence));
        let failed = outcome.expect_err("five heads come in a row");
        (likelihood(runs, token, &failed, report.operations), failed.failure.at)
    }

    /// The closer the failure is, the likelier it is, and the measure is the same each time.
    #[test]
    fn a_failure_becomes_likelier() {
        let (curve, at) = curve(&Token::of_seed("five_in_a_row", 4));
        assert_eq!((curve.runs, curve.points.len()), (50, 20));
        assert!(curve.points.iter().all(|point| point.broken <= 50 && point.t < at.as_nanos() / 1_000));
        assert!(curve.points.is_sorted_by_key(|point| point.t));
        let (first, last) = (curve.points[0], curve.points[19]);
        assert!(last.broken > 20 && last.broken < 50, "the last toss or two are decided anew: {last:?}");
        assert!(first.broken <= last.broken + 25, "{first:?}");
        assert_eq!(curve, self::curve(&Token::of_seed("five_in_a_row", 4)).0);
    }

    /// After the moment all chance is back, also if the token keeps only some of it.
    #[test]
    fn chance_is_complete_after_the_moment() {
        let token = Token::of_seed("five_in_a_row", 4);
        let runs = TestRuns { tested: None, contract: None, body: &five_in_a_row };
        let heads = runs.choices(&token).len();
        let token = Token { kept: Some((heads - 5..heads).collect()), ..token };
        let (curve, at) = curve(&token);
        assert!(curve.points[0].t >= (at.as_nanos() / 1_000) - 6_000, "the first decision is the first of the five");
        assert!(curve.points.iter().any(|point| point.broken > 0 && point.broken < 50), "{curve:?}");
    }
}
