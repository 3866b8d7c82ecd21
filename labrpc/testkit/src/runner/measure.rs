//! Runs that are measured and not graded, for benches and examples.

use std::time::{Duration, Instant};

use labrpc::sim::Keep;

use super::run::{Recorded, RunOptions, run_simulated};
use super::shrink;
use super::test_runs::TestRuns;
use crate::contract::Contract;
use crate::token::Token;
use crate::world::World;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Processor time.
    pub cpu_time: Duration,
    /// Requests that were sent over the run's networks.
    pub requests: u64,
    /// A hash of the run: runs with oracles and without them are the same run.
    pub trace: u64,
}

/// Runs `body` once in virtual time, outside of every graded test: no points, no record, no report. Without a contract
/// no oracle checks the run, so that a bench can tell what the oracles cost.
///
/// # Panics
///
/// When the run fails.
pub fn measure(name: &str, contract: Option<&'static Contract>, body: impl Fn(&World) + Send + Sync) -> Measured {
    const SEED: u64 = 1;
    let token = Token::of_seed(name, SEED);
    let (outcome, report) = run_simulated(&token, Keep::All, Recorded::Nothing, contract, &body);
    match outcome {
        Ok(requests) => Measured { cpu_time: report.cpu_time, requests, trace: report.trace },
        Err(failed) => {
            panic!("{name}: {}: {}", failed.rule(None).map_or("a failure", |rule| rule.name), failed.failure)
        }
    }
}

/// What was found for one failed run.
#[derive(Clone, Debug)]
pub struct MeasuredShrink {
    /// The token of the smallest run that was found.
    pub token: Token,
    /// The wild decisions of the seed's own run.
    pub decisions: usize,
    /// The decisions that are left.
    pub left: usize,
    /// Of the decisions that are left, how many are enough: tried with all subsets. `None` if there are too many.
    pub minimum: Option<usize>,
    /// How long the search took, without the search for the minimum.
    pub real_time: Duration,
}

/// Runs `body` with a seed. If it fails, looks for a smaller run, and compares it with the smallest that there is. `None`
/// if it passes, or if nothing can be left out.
pub fn measure_shrinking(
    name: &str,
    contract: Option<&'static Contract>,
    seed: u64,
    body: impl Fn(&World) + Send + Sync,
) -> Option<MeasuredShrink> {
    let token = Token::of_seed(name, seed);
    let runs = TestRuns { tested: None, contract, body: &body };
    let (outcome, report) = runs.run(&token, RunOptions::of(Keep::All, Recorded::Silence));
    let failed = outcome.err()?;
    let began = Instant::now();
    let (token, _) = shrink::shrink_decisions(runs, &token, &failed, report.operations)?;
    let real_time = began.elapsed();
    let (decisions, left) = (runs.choices(&token).len(), token.kept.as_ref().map_or(0, Vec::len));
    Some(MeasuredShrink { minimum: shrink::minimum(runs, &token, &failed), token, decisions, left, real_time })
}
