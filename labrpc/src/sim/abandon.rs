//! How a task is taken out of the world for good: one that will never reach the scheduler by
//! itself, and cannot be unwound from where it stands.

use std::cell::{Cell, RefCell};

use super::coroutine;
use super::panics::backtrace_of_student;
use super::runtime::{NOBODY, Runtime};
use super::settings::{Failure, FailureKind};
use super::watchdog;
use crate::time::Instant;

/// Where such a task is kept. One is enough: the run is over with it.
#[derive(Default)]
pub(super) struct Freezer {
    is_in_use: Cell<bool>,
    /// Whether a backtrace is made right now, under locks of std's own.
    is_at_backtrace: Cell<bool>,
    frozen: RefCell<Option<Frozen>>,
}

#[derive(Clone)]
struct Frozen {
    kind: FailureKind,
    message: &'static str,
    backtrace: String,
}

impl Freezer {
    /// Whether a task is in it, or on its way.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn is_in_use(&self) -> bool {
        self.is_in_use.get()
    }

    /// Whether a failure is being told: then the task is not to be disturbed.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn is_at_backtrace(&self) -> bool {
        self.is_at_backtrace.get()
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        // Asked after each turn, so the quick answer comes first.
        self.is_in_use.get() && self.frozen.borrow().is_some()
    }
}

impl Runtime {
    /// Takes the running task out of the world, from within it, and lets the scheduler fail the run.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn freeze(&self, kind: FailureKind, message: &'static str) -> ! {
        if self.freezer.is_at_backtrace.get() {
            // Whoever makes the next backtrace, in any test, would wait for this one.
            watchdog::give_up(message);
        }
        self.freezer.is_in_use.set(true);
        let backtrace = self.backtrace();
        self.freezer.frozen.borrow_mut().get_or_insert(Frozen { kind, message, backtrace });
        loop {
            coroutine::suspend();
        }
    }

    /// Where the running task stands, in the student's own code.
    pub(super) fn backtrace(&self) -> String {
        self.freezer.is_at_backtrace.set(true);
        let backtrace = backtrace_of_student();
        self.freezer.is_at_backtrace.set(false);
        backtrace
    }

    /// The failure of the task that froze, if one did. It may have done so in the middle of the
    /// runtime's own code, with the state in its hands: then nobody knows whose task it was.
    pub(super) fn failure_of_frozen(&self) -> Option<Failure> {
        if !self.freezer.is_full() {
            return None;
        }
        let Frozen { kind, message, backtrace } = self.freezer.frozen.borrow().clone()?;
        self.running.set(self.latest.get());
        let (node, task) = self.whereabouts().unwrap_or_default();
        self.running.set(NOBODY);
        let at = Instant::from_nanos(self.now_ns());
        Some(Failure { kind, message: message.into(), at, node, task, place: String::new(), backtrace })
    }
}
