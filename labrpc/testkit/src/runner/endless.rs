//! Endless loops: each costs the watchdog's patience, so a process gives up after two at one place.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use labrpc::sim::{Failure, FailureKind};

use super::frames;

/// Two tests that are stopped in the same function are enough to know it.
const LOOPS_MAX: usize = 2;

/// The endless loops of this process.
pub(super) static LOOPS: Loops = Loops { known: Mutex::new(BTreeMap::new()) };

pub(super) struct Loops {
    /// How many tests were stopped in each function.
    known: Mutex<BTreeMap<String, usize>>,
}

impl Loops {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a failure, if it is an endless loop at a known place.
    pub(super) fn note(&self, failure: &Failure) {
        if failure.kind == FailureKind::Stuck
            && let Some(place) = frames::main_place(failure)
        {
            *self.lock().entry(place).or_default() += 1;
        }
    }

    /// Why no further test of this process is run, if it has given up.
    pub(super) fn reason_to_give_up(&self) -> Option<String> {
        let known = self.lock();
        let (place, count) = known.iter().find(|(_, count)| **count >= LOOPS_MAX)?;
        Some(format!("{count} tests before were stopped in an endless loop, each in {place}"))
    }
}

#[cfg(test)]
mod tests {
    use labrpc::time::Instant;

    use super::*;

    fn failure(kind: FailureKind, function: &str, line: u32) -> Failure {
        let backtrace = format!(
            "    a closure\n        at x.rs:2:2\n    {function}\n        at lab2a-election/src/election.rs:{line}:9"
        );
        let (message, node, task, place) = Default::default();
        Failure { kind, message, at: Instant::ZERO, node, task, place, backtrace, tasks: Vec::new() }
    }

    /// Two loops in one function end all further tests, whichever of its lines was interrupted. Other failures and
    /// loops at different places do not.
    #[test]
    fn two_loops_at_one_place_are_enough() {
        let loops = Loops { known: Mutex::default() };
        for function in ["campaign", "lead"] {
            loops.note(&failure(FailureKind::Stuck, function, 120));
            loops.note(&failure(FailureKind::Panic, function, 120));
            loops.note(&Failure { backtrace: String::new(), ..failure(FailureKind::Stuck, function, 120) });
            assert_eq!(loops.reason_to_give_up(), None);
        }
        loops.note(&failure(FailureKind::Stuck, "campaign", 122));
        let reason = loops.reason_to_give_up().expect("two tests were stopped");
        assert!(reason.contains("2 tests") && reason.contains("campaign in lab2a-election/src/election.rs"));
    }
}
