//! Abandons a task that cannot be unwound (endless loop, stack overflow, blocked in std), and fails
//! the run.

use std::cell::{Cell, RefCell};

use super::backtrace::Frames;
use super::coroutine;
use super::panics::FatalPanic;
use super::platform;
use super::runtime::{NO_TASK, Runtime};
use super::settings::{Failure, FailureKind};
use super::watchdog::{self, Finding};
use crate::time::instant::Instant;

/// The abandoned task of a run. There is at most one, because it ends the run.
#[derive(Default)]
pub(super) struct Abandonment {
    has_begun: Cell<bool>,
    /// Whether a backtrace is being made, which takes locks of std.
    is_in_backtrace: Cell<bool>,
    /// How often the watchdog met the task at a place of which no line is known.
    nameless: Cell<u32>,
    abandoned: RefCell<Option<AbandonedTask>>,
}

#[derive(Clone)]
struct AbandonedTask {
    kind: FailureKind,
    message: String,
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
    pub(super) fn abandon(&self, kind: FailureKind, message: &str) -> ! {
        self.begin_to_abandon(message);
        let backtrace = self.backtrace();
        self.leave(AbandonedTask { kind, message: message.to_string(), backtrace })
    }

    /// As [`abandon`](Runtime::abandon), for a task that the watchdog stops, by an interrupt between any two of its
    /// instructions. Returns if no line of the program is known for this place: the next interrupt finds another.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn abandon_stuck(&self, finding: Finding) {
        /// Each attempt makes a backtrace, so there are not too many.
        const NAMELESS_MAX: u32 = 20;
        let backtrace = self.backtrace();
        let nameless = self.abandonment.nameless.get();
        if backtrace.is_empty() && nameless < NAMELESS_MAX {
            self.abandonment.nameless.set(nameless + 1);
            return;
        }
        self.abandonment.has_begun.set(true);
        let (kind, message) = self.describe_stuck(finding);
        self.leave(AbandonedTask { kind, message, backtrace })
    }

    /// As [`abandon`](Runtime::abandon), for a task whose stack of this size is full.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn abandon_overflowing(&self, stack_bytes: usize) -> ! {
        let message = format!("the task's stack of {} KiB is full", stack_bytes >> 10);
        self.begin_to_abandon(&message);
        let (cause, backtrace) = self.look_at_stack(|frames| (cause_of_overflow(frames), frames.of_student()));
        let message = format!("{message}: {cause}");
        self.leave(AbandonedTask { kind: FailureKind::StackOverflow, message, backtrace })
    }

    /// As [`abandon`](Runtime::abandon), for a task that std would end the process for.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn abandon_after(&self, panic: FatalPanic) -> ! {
        self.begin_to_abandon(&panic.message);
        let FatalPanic { message, backtrace } = panic;
        self.leave(AbandonedTask { kind: FailureKind::Panic, message, backtrace })
    }

    /// Ends the process if the task holds a lock of it: all other tests would wait for this lock.
    fn begin_to_abandon(&self, message: &str) {
        let is_in_backtrace = self.abandonment.is_in_backtrace.get();
        self.abandonment.has_begun.set(true);
        if is_in_backtrace {
            watchdog::give_up(message);
        }
        if platform::holds_output() {
            let (node, task) = self.whereabouts().unwrap_or_default();
            watchdog::give_up(&format!(
                "{node}, task '{task}', in the middle of printing: {message}\n{}",
                self.backtrace()
            ));
        }
    }

    /// Whether the running task can be left at the point where it calls this.
    pub(super) fn can_be_abandoned(&self) -> bool {
        self.is_in_task()
            && !self.abandonment.has_begun()
            && !self.abandonment.is_in_backtrace()
            && self.state.try_borrow_mut().is_ok()
            && !platform::holds_output()
    }

    /// The failure of a task that the watchdog stops.
    pub(super) fn describe_stuck(&self, finding: Finding) -> (FailureKind, String) {
        let patience = self.settings.patience;
        match finding {
            Finding::HarnessBusy => (
                FailureKind::HarnessLimit,
                "the test harness worked for too long at this point of the run. This is a limit of the harness, and \
                 no fault of the server"
                    .into(),
            ),
            Finding::Blocked => (
                FailureKind::Stuck,
                "the task waits without ever reaching the scheduler: a call that blocks outside of labrpc".into(),
            ),
            Finding::Busy | Finding::Fine => (
                FailureKind::Stuck,
                format!(
                    "the task runs without ever reaching the scheduler: an endless loop? It used {patience:?} of processor time"
                ),
            ),
        }
    }

    fn leave(&self, task: AbandonedTask) -> ! {
        self.abandonment.abandoned.borrow_mut().get_or_insert(task);
        loop {
            coroutine::suspend();
        }
    }

    /// The running task's backtrace, in the student's own code.
    pub(super) fn backtrace(&self) -> String {
        self.look_at_stack(Frames::of_student)
    }

    fn look_at_stack<R>(&self, look: impl FnOnce(&Frames) -> R) -> R {
        self.abandonment.is_in_backtrace.set(true);
        let result = look(&Frames::capture());
        self.abandonment.is_in_backtrace.set(false);
        result
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
        let tasks = self.state.try_borrow().map(|state| state.involved(self.running.get())).unwrap_or_default();
        self.running.set(NO_TASK);
        let at = Instant::from_nanos(self.now_ns());
        Some(Failure { kind, message, at, node, task, place: String::new(), backtrace, tasks })
    }
}

/// The name of the function that handles stack overflows.
const FAULT_HANDLER: &str = "on_fault";

/// Why a stack is full, and what to do.
#[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
fn cause_of_overflow(frames: &Frames) -> String {
    const LARGER: &str = "give the thread a larger stack with labrpc::thread::Builder::stack_size";
    match frames.recursion() {
        Some((function, times)) => {
            format!("`{function}` is on it {times} times. Endless recursion? If it has to be that deep, {LARGER}")
        }
        None => format!(
            "not by recursion, but by large local variables{}. Keep large values on the heap (in a Vec), or {LARGER}",
            frames.interrupted(FAULT_HANDLER).map(|function| format!(", at last in `{function}`")).unwrap_or_default(),
        ),
    }
}
