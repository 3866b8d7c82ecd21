//! Abandons a task that cannot be unwound (endless loop, stack overflow, blocked in std), and fails
//! the run.

use std::cell::{Cell, RefCell};

use super::coroutine;
use super::panics::backtrace_of_student;
use super::runtime::{NO_TASK, Runtime};
use super::settings::{Failure, FailureKind};
use super::watchdog;
use crate::time::instant::Instant;

/// The abandoned task of a run. There is at most one, because it ends the run.
#[derive(Default)]
pub(super) struct Abandonment {
    has_begun: Cell<bool>,
    /// Whether a backtrace is being made, which takes locks of std.
    is_in_backtrace: Cell<bool>,
    abandoned: RefCell<Option<AbandonedTask>>,
}

#[derive(Clone)]
struct AbandonedTask {
    kind: FailureKind,
    message: &'static str,
    backtrace: String,
}

impl Abandonment {
    /// Whether a task has been abandoned, or is about to be.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    /// Whether a backtrace is being made. The task must not be disturbed then.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn is_in_backtrace(&self) -> bool {
        self.is_in_backtrace.get()
    }

    #[inline]
    pub(super) fn is_done(&self) -> bool {
        // Called after each turn, so the cheap test comes first.
        self.has_begun.get() && self.abandoned.borrow().is_some()
    }
}

impl Runtime {
    /// Called by the running task: leaves its stack forever, and lets the scheduler fail the run.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn abandon(&self, kind: FailureKind, message: &'static str) -> ! {
        if self.abandonment.is_in_backtrace.get() {
            // The locks of this backtrace stay taken: the next backtrace of any test would hang.
            watchdog::give_up(message);
        }
        self.abandonment.has_begun.set(true);
        let backtrace = self.backtrace();
        self.abandonment.abandoned.borrow_mut().get_or_insert(AbandonedTask { kind, message, backtrace });
        loop {
            coroutine::suspend();
        }
    }

    /// The running task's backtrace, in the student's own code.
    pub(super) fn backtrace(&self) -> String {
        self.abandonment.is_in_backtrace.set(true);
        let backtrace = backtrace_of_student();
        self.abandonment.is_in_backtrace.set(false);
        backtrace
    }

    /// The failure of the abandoned task, if there is one. If the task still borrows the state, from
    /// the middle of the runtime's own code, its name cannot be found out and is left empty.
    pub(super) fn failure_of_abandoned(&self) -> Option<Failure> {
        if !self.abandonment.is_done() {
            return None;
        }
        let AbandonedTask { kind, message, backtrace } = self.abandonment.abandoned.borrow().clone()?;
        self.running.set(self.latest.get());
        let (node, task) = self.whereabouts().unwrap_or_default();
        self.running.set(NO_TASK);
        let at = Instant::from_nanos(self.now_ns());
        Some(Failure { kind, message: message.into(), at, node, task, place: String::new(), backtrace })
    }
}
