//! A smaller run of the same seed: with fewer wild decisions, and the same failure.

use std::time::Duration;

use labrpc::sim::{Choice, FailureKind, Keep};
use labrpc::time::Instant;
use rustc_hash::FxHashMap;

use super::budget::Budget;
use super::search::{Attempt, search};
use crate::rule::life::HAPPENED;
use crate::runner::repeat::Run;
use crate::runner::run::{FailedRun, Recorded, RunLimits, RunOptions, Signature};
use crate::runner::test_runs::TestRuns;
use crate::token::Token;

/// A token with more decisions is too long to be copied, and a run with more of them is no story.
const KEPT_MAX: usize = 100;

/// The smallest run that was found, and its token. `None` if there is none that is smaller than the given one, or if
/// none is looked for. The given run made this many `operations`.
pub(in crate::runner) fn shrink(
    runs: TestRuns,
    token: &Token,
    failed: &FailedRun,
    operations: u64,
) -> Option<(Token, Run)> {
    let tested = runs.tested;
    let signature = failed.signature(tested);
    if token.kept.is_some() || !token.flips.is_empty() || !can_be_shrunk(&signature) {
        return None;
    }
    let mut budget = Budget::of_process();
    budget.for_run()?;
    let (_, whole) = runs.run(token, RunOptions::of(Keep::All, Recorded::Choices));
    budget.spend(whole.operations);
    let places = places(&whole.choices);
    let mut length = Length { at: failed.failure.at, operations };
    let kept = search(&whole.choices, |kept| {
        let Some(operations) = budget.for_run() else { return Attempt::Refused };
        let limits = length.limits(kept.is_empty(), &signature, operations);
        let keep = keep_of(&whole.choices, kept);
        let (outcome, report) = runs.run(token, RunOptions { limits, ..RunOptions::of(keep, Recorded::Choices) });
        budget.spend(report.operations);
        budget.announce(token);
        match outcome {
            Err(again) if again.signature(tested) == signature => {
                length = Length { at: again.failure.at, operations: report.operations };
                Attempt::Same(places_of(&report.choices, &places))
            }
            _ => Attempt::Other,
        }
    });
    if kept.len() >= places.len() || kept.len() > KEPT_MAX {
        return None;
    }
    let smaller = Token { kept: Some(kept), ..token.clone() };
    // The same way as a replay makes the run.
    let keep = smaller.keep(&whole.choices).ok()?;
    let (outcome, report) = runs.run(&smaller, RunOptions::of(keep, Recorded::Nothing));
    let failed = outcome.err().filter(|again| again.signature(tested) == signature)?;
    let left = smaller.kept.as_ref().map_or(0, Vec::len);
    let failed = failed.with_remark(remark(left, places.len(), token.seed));
    Some((smaller, (Err(failed), report)))
}

/// Whether a smaller run tells more. An endless loop costs the watchdog's patience each time. Code that is not written
/// fails without any chance. And if less happens, what should have happened does not.
fn can_be_shrunk(signature: &Signature) -> bool {
    let is_endless = matches!(
        signature.kind,
        FailureKind::Stuck | FailureKind::StackOverflow | FailureKind::Operations | FailureKind::HarnessLimit
    );
    let is_unwritten = signature.kind == FailureKind::Panic && signature.rule.is_none() && signature.cause == "panic";
    !is_endless && !is_unwritten && signature.rule != Some(HAPPENED.name)
}

/// How long the smallest run so far is.
struct Length {
    /// When it failed.
    at: Instant,
    operations: u64,
}

impl Length {
    /// What the next run may take: somewhat more, because a failure that comes much later is no simpler. The run without
    /// any chance may take longer, because there is none simpler.
    fn limits(&self, is_without_chance: bool, signature: &Signature, operations_left: u64) -> RunLimits {
        let factor = if is_without_chance { 4 } else { 2 };
        let virtual_time = match signature.kind {
            FailureKind::VirtualTime => RunLimits::USUAL.virtual_time,
            _ => (self.at - Instant::ZERO) * factor + Duration::from_secs(2),
        };
        let operations = (self.operations.saturating_mul(factor.into()) + 100_000).min(operations_left);
        RunLimits {
            virtual_time: virtual_time.min(RunLimits::USUAL.virtual_time),
            operations: operations.min(RunLimits::USUAL.operations),
        }
    }
}

fn keep_of(choices: &[Choice], kept: &[usize]) -> Keep {
    Keep::Only(kept.iter().map(|&place| choices[place].name.id()).collect())
}

/// The first place of each name in the whole run.
fn places(choices: &[Choice]) -> FxHashMap<u64, usize> {
    let ids = choices.iter().enumerate().map(|(place, choice)| (choice.name.id(), place));
    ids.rev().collect()
}

/// The places of the decisions of another run, ascending.
fn places_of(choices: &[Choice], places: &FxHashMap<u64, usize>) -> Vec<usize> {
    let mut used: Vec<usize> = choices.iter().filter_map(|choice| places.get(&choice.name.id()).copied()).collect();
    used.sort_unstable();
    used.dedup();
    used
}

fn remark(left: usize, all: usize, seed: u64) -> String {
    let what = match left {
        0 => format!("No chance is needed: without any of the {all} random decisions of seed {seed},"),
        1 => format!("One of the {all} random decisions of seed {seed} is left; without the others,"),
        _ => format!("{left} of the {all} random decisions of seed {seed} are left; without the others,"),
    };
    format!("{what} the test fails in the same way. LAB_SHRINK=0 shows the seed's own run.")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use labrpc::thread;

    use super::*;
    use crate::rule::Rule;
    use crate::rule::election::VOTE_ONCE;
    use crate::runner::run::Body;
    use crate::violation::Violation;
    use crate::world::World;

    /// One of a hundred faults: whether it happens. Each has a millisecond of its own.
    fn faults(world: &World) -> Vec<bool> {
        let rng = world.rng("faults");
        (0..100).map(|_| (thread::sleep(Duration::from_millis(1)), rng.fault(false, |bits| bits % 3 == 0)).1).collect()
    }

    fn count(faults: &[bool]) -> usize {
        faults.iter().filter(|happens| **happens).count()
    }

    /// The smallest run of a seed that fails, and the seed's own failure. A seed that interrupts no task by chance.
    fn smallest(body: Body, rule: Option<&'static Rule>) -> (Option<(Token, FailedRun)>, FailedRun) {
        let token = Token::of_seed("shrinks", 4);
        let runs = TestRuns { tested: rule, contract: None, body };
        let (outcome, report) = runs.run(&token, RunOptions::of(Keep::All, Recorded::Silence));
        let failed = outcome.expect_err("the seed's own run fails");
        let smaller = shrink(runs, &token, &failed, report.operations);
        (smaller.map(|(token, (outcome, _))| (token, outcome.expect_err("it fails"))), failed)
    }

    fn left(body: Body) -> Option<usize> {
        smallest(body, None).0.and_then(|(token, _)| token.kept).map(|kept| kept.len())
    }

    /// Only the faults that a failure needs are left, and the report is of the run that has only them.
    #[test]
    fn faults_that_a_failure_does_not_need_are_left_out() {
        let body = |world: &World| {
            let happened = count(&faults(world));
            assert!(happened < 3, "{happened} faults");
        };
        let (smaller, failed) = smallest(&body, None);
        let (token, smallest) = smaller.expect("three faults are enough");
        assert_eq!(token.kept.map(|kept| kept.len()), Some(3));
        assert!(failed.failure.message != "3 faults" && smallest.failure.message == "3 faults");
        assert!(
            smallest
                .story(None, &crate::Lab::guided("lab2a-election"))
                .ends_with("LAB_SHRINK=0 shows the seed's own run.")
        );
    }

    /// A smaller run fails in the same way: at the same place, or by the same rule.
    #[test]
    fn the_failure_stays_the_same() {
        let at_another_place = |world: &World| {
            let happened = count(&faults(world));
            assert!(happened >= 2, "too few");
            assert!(happened < 4, "too many");
        };
        assert_eq!(left(&at_another_place), Some(4));
        let by_another_rule = |world: &World| {
            let rule = if count(&faults(world)) < 5 { &crate::rule::election::STABLE } else { &VOTE_ONCE };
            world.report_violation(Violation::new(rule, "something is wrong"));
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(left(&by_another_rule), Some(5));
    }

    /// A failure that needs no chance keeps nothing, and says so.
    #[test]
    fn a_failure_without_chance_keeps_nothing() {
        let body = |world: &World| assert!(faults(world).is_empty(), "always");
        let (smaller, _) = smallest(&body, None);
        let (token, smallest) = smaller.expect("no fault is needed");
        assert_eq!(token.to_string(), "shrinks:4:k");
        assert!(smallest.story(None, &crate::Lab::guided("lab2a-election")).contains("No chance is needed"));
    }

    /// If the smallest run does not fail again, the seed's own run is reported.
    #[test]
    fn a_smaller_run_that_does_not_fail_again_is_not_reported() {
        let runs = AtomicU64::new(0);
        let body = |world: &World| {
            let happened = count(&faults(world));
            // The seed's run, the run with recorded choices, the run without any, and then the one that is reported.
            assert!(runs.fetch_add(1, Ordering::Relaxed) >= 3, "{happened} faults");
        };
        assert!(smallest(&body, None).0.is_none());
        assert_eq!(runs.into_inner(), 4);
    }

    /// No smaller run is looked for if code is not written, or if the test is vacuous: with less chance less happens.
    #[test]
    fn some_failures_are_not_shrunk() {
        let unwritten = |world: &World| {
            faults(world);
            panic!("not yet implemented: lab 2A");
        };
        let vacuous = |world: &World| {
            let happened = count(&faults(world));
            world.assert_covered("a hundred faults", happened == 100);
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(left(&unwritten), None);
        assert_eq!(left(&vacuous), None);
    }

    /// A token that already keeps a part, or changes something, is not shrunk.
    #[test]
    fn a_part_of_a_run_is_not_shrunk() {
        let body = |world: &World| assert!(faults(world).is_empty(), "always");
        let runs = TestRuns { tested: None, contract: None, body: &body };
        let shrinks = |token: &str| {
            let token: Token = token.parse().expect("it is a token");
            let (outcome, report) = runs.run(&token, RunOptions::of(Keep::All, Recorded::Silence));
            shrink(runs, &token, &outcome.expect_err("it fails"), report.operations).is_some()
        };
        assert_eq!(["shrinks:4", "shrinks:4:k0", "shrinks:4:xlose7"].map(shrinks), [true, false, false]);
    }

    /// A run that goes on much longer than the failed one is given up.
    #[test]
    fn runs_are_bounded() {
        let longest = AtomicU64::new(0);
        let body = |world: &World| {
            assert!(count(&faults(world)) < 5, "too many");
            while world.elapsed() < Duration::from_secs(500) {
                longest.fetch_max(world.elapsed().as_secs(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(100));
            }
        };
        assert_eq!(left(&body), Some(5));
        assert!(longest.into_inner() < 4);
    }
}
