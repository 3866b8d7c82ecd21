//! Finds a task that never reaches the scheduler. This is the only use of real time in a simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::platform::{self, Interrupt, SimThread};

/// How often the watchdog looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How often it interrupts a task that it wants to stop, until it meets the task at a place where that is safe.
const INTERRUPT_INTERVAL: Duration = Duration::from_micros(170);
/// After this many interrupts without effect, which takes about 10 s, the process is ended.
const INTERRUPTS_MAX: u32 = 40_000;
/// A task that uses no processor time is either blocked in the operating system, or starved by a
/// busy machine. To tell them apart, the watchdog waits this many times as long as for a busy task.
const PATIENCE_WITH_BLOCKED: u32 = 5;
/// A task that used a larger part of that time than one in this many is not blocked.
const BLOCKED_USES_ONE_IN: u32 = 100;
/// The test harness checks what servers do while they do it. It may take this many times as long as a server.
const PATIENCE_WITH_HARNESS: u32 = 30;

/// What the watchdog thinks of a task that does not end its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Finding {
    /// Nothing is wrong yet.
    Fine,
    /// It has used too much processor time.
    Busy,
    /// It waits in the operating system.
    Blocked,
    /// The test harness, which the task called, has used too much processor time.
    HarnessBusy,
}

/// Counts turns, so that the watchdog's thread sees whether the simulation moves on.
#[derive(Clone, Default)]
pub(super) struct TurnCounter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    turns: AtomicU64,
    is_in_harness: AtomicBool,
    /// What was found, and in which turn.
    finding: AtomicU8,
    found_in: AtomicU64,
    is_over: AtomicBool,
}

impl TurnCounter {
    #[inline]
    pub(super) fn advance(&self) {
        // Only one thread writes, so no atomic addition is needed.
        let turns = self.0.turns.load(Ordering::Relaxed);
        self.0.turns.store(turns + 1, Ordering::Relaxed);
    }

    /// Says that the running task has called the test harness, or that the call is over. The time of each call
    /// counts by itself.
    pub(super) fn set_in_harness(&self, is_in_harness: bool) {
        self.0.is_in_harness.store(is_in_harness, Ordering::Relaxed);
        self.advance();
    }

    /// What the watchdog thinks of the running task.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn finding(&self) -> Finding {
        if self.0.found_in.load(Ordering::Acquire) != self.0.turns.load(Ordering::Relaxed) {
            return Finding::Fine;
        }
        match self.0.finding.load(Ordering::Relaxed) {
            finding if finding == Finding::Busy as u8 => Finding::Busy,
            finding if finding == Finding::Blocked as u8 => Finding::Blocked,
            finding if finding == Finding::HarnessBusy as u8 => Finding::HarnessBusy,
            _ => Finding::Fine,
        }
    }

    /// Whether the watchdog wants to stop the running task.
    pub(super) fn is_stuck(&self) -> bool {
        self.finding() != Finding::Fine
    }

    fn set_finding(&self, finding: Finding, turn: u64) {
        self.0.finding.store(finding as u8, Ordering::Relaxed);
        self.0.found_in.store(turn, Ordering::Release);
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
    let mut turn = Turn::default();
    let mut interrupts = 0;
    // Checked before each wait: the run may have ended before this thread first waited.
    while !turn_counter.is_over() {
        std::thread::park_timeout(if interrupts == 0 { LOOK_INTERVAL } else { INTERRUPT_INTERVAL });
        // What was found once stays true until the turn ends.
        if interrupts == 0 {
            let finding = turn.look(turn_counter, thread, patience);
            turn_counter.set_finding(finding, turn.number.unwrap_or_default());
        }
        if !turn_counter.is_stuck() {
            interrupts = 0;
            continue;
        }
        interrupts += 1;
        if interrupts > INTERRUPTS_MAX {
            give_up("a task runs without ever reaching the scheduler, and could not be interrupted");
        }
        if matches!(thread.interrupt(), Interrupt::Impossible) {
            give_up("a task runs without ever reaching the scheduler (an endless loop, or a blocking call of std)");
        }
    }
}

/// The turn that goes on, as the watchdog has seen it.
#[derive(Default)]
struct Turn {
    /// Its number; `None` before the first look.
    number: Option<u64>,
    /// The processor time that the thread had used when the turn was first seen.
    used_before: Duration,
    /// How often it was seen.
    looks: u32,
}

impl Turn {
    fn is_same(&self, turn_counter: &TurnCounter) -> bool {
        self.number == Some(turn_counter.0.turns.load(Ordering::Relaxed))
    }

    fn look(&mut self, turn_counter: &TurnCounter, thread: SimThread, patience: Duration) -> Finding {
        let used = thread.time_used();
        if !self.is_same(turn_counter) {
            *self = Turn { number: Some(turn_counter.0.turns.load(Ordering::Relaxed)), used_before: used, looks: 0 };
            return Finding::Fine;
        }
        let used = used.saturating_sub(self.used_before);
        let is_in_harness = turn_counter.0.is_in_harness.load(Ordering::Relaxed);
        if is_in_harness && used > patience.saturating_mul(PATIENCE_WITH_HARNESS) {
            return Finding::HarnessBusy;
        }
        if !is_in_harness && used > patience {
            return Finding::Busy;
        }
        // Who waits for the reader of the process's output is not stuck.
        self.looks = if platform::is_output_awaited() { 0 } else { self.looks + 1 };
        let waited = LOOK_INTERVAL * self.looks;
        let is_idle = used < waited / BLOCKED_USES_ONE_IN;
        if waited > patience.saturating_mul(PATIENCE_WITH_BLOCKED) && is_idle {
            return Finding::Blocked;
        }
        Finding::Fine
    }
}

/// The last resort: ends the process. A task that holds locks of the process would make every other
/// test hang.
pub(super) fn give_up(message: &str) -> ! {
    platform::say(&format!("labrpc: {message}; the test process ends here"));
    std::process::abort()
}
