//! Real time's one say in a simulation: a task that never reaches the scheduler is found out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::platform::{Interrupt, SimThread};

/// How often the watching thread looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Interrupts without an effect until a task is given up, and the process with it.
const INTERRUPTS_MAX: u32 = 100;
/// A task that uses no processor time is blocked in the operating system, or the machine is busy
/// with others: so many times the patience with an endless loop tells one from the other.
const PATIENCE_WITH_BLOCKED: u32 = 5;

/// Counts turns, so that another thread can see that there are any.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Default)]
struct Shared {
    turns: AtomicU64,
    is_over: AtomicBool,
}

impl Progress {
    #[inline]
    pub(super) fn advance(&self) {
        // One thread writes, so there is no need for an atomic addition.
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
pub(super) fn watch(progress: &Progress, thread: SimThread, patience: Duration) {
    let mut seen = u64::MAX;
    let mut busy_since = Duration::ZERO;
    let mut looks = 0;
    let mut interrupts = 0;
    // Asked before each rest: the end's wake-up may have come while this thread started the run.
    while !progress.is_over() {
        std::thread::park_timeout(LOOK_INTERVAL);
        let turns = progress.0.turns.load(Ordering::Relaxed);
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
        // Again and again: it is in vain as long as the task is in the middle of an operation.
        interrupts += 1;
        if interrupts > INTERRUPTS_MAX {
            give_up("a task runs without ever reaching the scheduler, and could not be interrupted");
        }
        if matches!(thread.interrupt(), Interrupt::Impossible) {
            give_up("a task runs without ever reaching the scheduler (an endless loop, or a blocking call of std)");
        }
    }
}

/// The last resort: a task that holds the process's own locks would hang every other test as well.
pub(super) fn give_up(message: &str) -> ! {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "labrpc: {message}; the test process ends here");
    std::process::abort()
}
