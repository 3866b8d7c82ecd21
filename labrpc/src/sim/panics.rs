//! How a task ends early: by a panic of its own, or by a crash of its node.

use std::any::Any;
use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::runtime::{Runtime, current};
use super::settings::{Failure, FailureKind};
use super::task::{Lifecycle, NodeId, TaskId};

/// The panic payload that unwinds a task when its node crashes.
///
/// If it is dropped anywhere but at the end of the task, somebody caught the crash, and the server
/// would go on running after it.
pub(super) struct CrashToken {
    task: TaskId,
    has_reached_end: Cell<bool>,
}

impl CrashToken {
    pub(super) fn new(task: TaskId) -> CrashToken {
        CrashToken { task, has_reached_end: Cell::new(false) }
    }
}

impl Drop for CrashToken {
    fn drop(&mut self) {
        if self.has_reached_end.get() {
            return;
        }
        let Some(runtime) = current() else { return };
        let mut state = runtime.state.borrow_mut();
        let message = "a crash of this server was caught by catch_unwind, and the task went on running. \
                       A crash ends every thread at once: let the panic unwind (resume_unwind)"
            .to_string();
        let failure = runtime.failure(&state, FailureKind::CrashSwallowed, message);
        state.failure.get_or_insert(failure);
        let is_own = state.find(runtime.running.get()).is_some_and(|task| task.id == self.task);
        if is_own {
            state.task_mut(runtime.running.get()).lifecycle = Lifecycle::Escaped;
        }
    }
}

/// Tells whether the running task unwinds. std counts panics per OS thread, which all tasks share:
/// while a destructor waits for a lock, `std::thread::panicking` is true for all tasks.
#[derive(Default)]
pub(super) struct Unwinding {
    /// The number of unwinding tasks that do not run now.
    aside: Cell<usize>,
    /// Whether the running task began to unwind. Used only while other tasks are aside, because it
    /// is not reset when a panic is caught.
    has_begun: Cell<bool>,
}

impl Unwinding {
    /// A panic, or a crash, begins in the running task.
    pub(super) fn begin(&self) {
        self.has_begun.set(true);
    }

    #[inline]
    pub(super) fn is_running_task(&self) -> bool {
        std::thread::panicking() && (self.aside.get() == 0 || self.has_begun.get())
    }

    /// The running task is suspended. Returns whether it unwinds, for `take_up`.
    #[inline]
    pub(super) fn set_aside(&self) -> bool {
        let is_unwinding = self.is_running_task();
        self.aside.set(self.aside.get() + usize::from(is_unwinding));
        is_unwinding
    }

    /// A task is resumed, or begins.
    #[inline]
    pub(super) fn take_up(&self, is_unwinding: bool) {
        self.aside.set(self.aside.get() - usize::from(is_unwinding));
        self.has_begun.set(is_unwinding);
    }
}

/// The message of a panic, and where it happened.
pub(super) struct PanicNote {
    message: String,
    place: String,
    backtrace: String,
}

impl std::fmt::Display for PanicNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.message, self.place)
    }
}

/// Records how a task or event ended, if it ended by a panic.
pub(super) fn note_end(runtime: &Runtime, payload: Box<dyn Any + Send>) {
    if let Some(token) = payload.downcast_ref::<CrashToken>() {
        token.has_reached_end.set(true);
        return;
    }
    let note = runtime.panic_note.take();
    let PanicNote { message, place, backtrace } = note.unwrap_or_else(|| PanicNote {
        message: text_of(&*payload),
        place: String::new(),
        backtrace: String::new(),
    });
    let mut state = runtime.state.borrow_mut();
    let failure = runtime.failure(&state, FailureKind::Panic, message);
    state.failure.get_or_insert(Failure { place, backtrace, ..failure });
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_else(|| "a panic".into())
}

/// Makes panics inside a simulation part of its failure, instead of printing them.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            match current().filter(|runtime| runtime.is_in_task() || runtime.is_in_event.get()) {
                Some(runtime) => note_panic(runtime, info),
                None => previous(info),
            }
        }));
    });
}

/// The messages of panics that end the process, because code panicked that must not.
const FATAL_PANICS: [&str; 2] = ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

fn note_panic(runtime: &Runtime, info: &PanicHookInfo<'_>) {
    let message = text_of(info.payload());
    if FATAL_PANICS.contains(&message.as_str()) {
        return say_why_the_process_ends(runtime, &message);
    }
    runtime.unwinding.begin();
    let place = info.location().map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column())).unwrap_or_default();
    // For a panic of the test itself the place is enough; a server's panic gets a backtrace.
    let is_server = runtime.state.try_borrow().is_ok() && runtime.node() != NodeId::TEST;
    let backtrace = if is_server { runtime.backtrace() } else { String::new() };
    if let Ok(mut note) = runtime.panic_note.try_borrow_mut() {
        *note = Some(PanicNote { message, place, backtrace });
    }
}

/// The process ends before a failure could be reported. This writes to stderr directly, because the
/// test harness would swallow the output.
fn say_why_the_process_ends(runtime: &Runtime, fatal_panic: &str) {
    use std::io::Write;
    let (node, task) = runtime.whereabouts().unwrap_or_default();
    let cause = runtime.panic_note.try_borrow().ok().and_then(|note| note.as_ref().map(PanicNote::to_string));
    let _ = writeln!(
        std::io::stderr(),
        "labrpc: {fatal_panic}, which ends the test process: {node}, task '{task}': {}\n\
         A destructor that runs because of a panic or a crash must not panic itself.",
        cause.unwrap_or_default(),
    );
}
