//! One run that is measured and not graded, for benches.

use std::time::Duration;

use labrpc::sim::Keep;

use super::run::{Recorded, run_simulated};
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
