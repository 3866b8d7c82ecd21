//! How much work a smaller run may cost, counted in simulated operations: the same on every machine.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::token::Token;

/// Operations of one failure: about 10 s in the dev profile, where a run with oracles makes a million in a second.
const FAILURE_MAX: u64 = 8_000_000;
/// Operations of a process: 10 to 20 s.
const PROCESS_MAX: u64 = 2 * FAILURE_MAX;
/// Starting and ending a run costs about as much as this many operations.
const RUN: u64 = 1_000;
/// A last resort for machines that are very slow. It makes the result depend on the machine.
const REAL_TIME_MAX: Duration = Duration::from_secs(20);
/// A longer wait is announced.
const UNANNOUNCED_MAX: Duration = Duration::from_secs(1);

/// The operations that this process has spent.
static SPENT: AtomicU64 = AtomicU64::new(0);

/// What is left to be spent on one failure.
pub(super) struct Budget {
    left: u64,
    /// What the process has spent, in all failures.
    spent: &'static AtomicU64,
    began: Instant,
    is_announced: bool,
}

impl Budget {
    pub(super) fn of_process() -> Budget {
        Budget::new(&SPENT)
    }

    fn new(spent: &'static AtomicU64) -> Budget {
        let left = PROCESS_MAX.saturating_sub(spent.load(Ordering::Relaxed)).min(FAILURE_MAX);
        Budget { left, spent, began: Instant::now(), is_announced: false }
    }

    /// The operations that the next run may make. `None` if the budget is used up.
    pub(super) fn for_run(&self) -> Option<u64> {
        let left = self.left.checked_sub(RUN).filter(|left| *left > 0)?;
        (self.began.elapsed() < REAL_TIME_MAX).then_some(left)
    }

    /// Counts a run.
    pub(super) fn spend(&mut self, operations: u64) {
        let cost = RUN + operations;
        self.left = self.left.saturating_sub(cost);
        self.spent.fetch_add(cost, Ordering::Relaxed);
    }

    /// Says on a terminal why the test takes longer.
    pub(super) fn announce(&mut self, token: &Token) {
        if !self.is_announced && self.began.elapsed() > UNANNOUNCED_MAX && std::io::stderr().is_terminal() {
            use std::io::Write;
            self.is_announced = true;
            // Past the test harness's capture of output.
            let _ = writeln!(
                std::io::stderr(),
                "{token} has failed; looking for a smaller run that fails in the same way (LAB_SHRINK=0 turns it off)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One failure cannot use up what the process has, and two can.
    #[test]
    fn a_process_has_a_budget_for_two_long_searches() {
        static SPENT: AtomicU64 = AtomicU64::new(0);
        for failure in 0..3 {
            let mut budget = Budget::new(&SPENT);
            let mut runs = 0;
            while let Some(operations) = budget.for_run() {
                assert!(operations <= FAILURE_MAX);
                budget.spend(1_000_000);
                runs += 1;
            }
            assert_eq!(runs > 5, failure < 2, "{runs} runs for failure {failure}");
        }
    }
}
