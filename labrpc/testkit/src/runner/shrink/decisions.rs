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
    if kept.len() >= places.len() {
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
