//! Finds a task that never reaches the scheduler. This is the only use of real time in a simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::platform::{Interrupt, SimThread};

/// How often the watchdog looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// After this many interrupts without effect the process is ended.
const INTERRUPTS_MAX: u32 = 100;
/// A task that uses no processor time is either blocked in the operating system, or starved by a
/// busy machine. To tell them apart, the watchdog waits this many times as long as for a busy task.
const PATIENCE_WITH_BLOCKED: u32 = 5;

/// Counts turns, so that the watchdog's thread sees whether the simulation moves on.
#[derive(Clone, Default)]
pub(super) struct TurnCounter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    turns: AtomicU64,
    is_over: AtomicBool,
}

impl TurnCounter {
    #[inline]
    pub(super) fn advance(&self) {
        // Only one thread writes, so no atomic addition is needed.
        let turns = self.0.turns.load(Ordering::Relaxed);
        self.0.turns.store(turns + 1, Ordering::Relaxed);
    }

    /// Says that the simulation has ended.
    pub(super) fn end(&self) {
        self.0.is_over.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Acquire)
    }
}

/// Watches a simulation from another thread until it is over.
pub(super) fn watch(turn_counter: &TurnCounter, thread: SimThread, patience: Duration) {
    let mut seen = u64::MAX;
    let mut busy_since = Duration::ZERO;
    let mut looks = 0;
    let mut interrupts = 0;
    // Checked before each wait: the run may have ended before this thread first waited.
    while !turn_counter.is_over() {
        std::thread::park_timeout(LOOK_INTERVAL);
        let turns = turn_counter.0.turns.load(Ordering::Relaxed);
        let time_used = thread.time_used();
        if turns != seen {
            (seen, busy_since, looks, interrupts) = (turns, time_used, 0, 0);
            continue;
        }
        looks += 1;
        let is_busy = time_used.saturating_sub(busy_since) > patience;
        let is_blocked = LOOK_INTERVAL * looks > patience.saturating_mul(PATIENCE_WITH_BLOCKED);
        if !is_busy && !is_blocked {
            continue;
        }
        // Repeated, because an interrupt has no effect while the task is in the middle of an operation.
        interrupts += 1;
        if interrupts > INTERRUPTS_MAX {
            give_up("a task runs without ever reaching the scheduler, and could not be interrupted");
        }
        if matches!(thread.interrupt(), Interrupt::Impossible) {
            give_up("a task runs without ever reaching the scheduler (an endless loop, or a blocking call of std)");
        }
    }
}

/// The last resort: ends the process. A task that holds locks of the process would make every other
/// test hang.
pub(super) fn give_up(message: &str) -> ! {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "labrpc: {message}; the test process ends here");
    std::process::abort()
}
