//! How a task ends early: by a panic of its own, or by a crash of its node.

use std::any::Any;
use std::cell::Cell;
use std::panic::{Location, PanicHookInfo};
use std::sync::Once;

use super::platform;
use super::runtime::{Runtime, current};
use super::settings::{Failure, FailureKind};
use super::tape::Writer;
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
    kind: FailureKind,
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
    if runtime.state.borrow_mut().end_node_of(runtime.running.get()) {
        return;
    }
    let PanicNote { kind, message, place, backtrace } = note.unwrap_or_else(|| PanicNote {
        kind: FailureKind::Panic,
        message: text_of(&*payload),
        place: String::new(),
        backtrace: String::new(),
    });
    let mut state = runtime.state.borrow_mut();
    let failure = runtime.failure(&state, kind, message);
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
        let cause = runtime.cause_of_fatal_panic(&message);
        if !platform::CATCHES_ABORT {
            let (node, task) = runtime.whereabouts().unwrap_or_default();
            let where_to = if task.is_empty() { String::new() } else { format!("{node}, task '{task}': ") };
            platform::say(&format!("labrpc: this ends the test process: {where_to}{}", cause.message));
        }
        return drop(runtime.fatal_panic.replace(Some(cause)));
    }
    runtime.unwinding.begin();
    runtime.on_tape(Writer::panics);
    let place = info.location().map(place_of).unwrap_or_default();
    // For a panic of the test itself the place is enough; a server's panic gets a backtrace.
    let is_server = runtime.state.try_borrow().is_ok() && runtime.node() != NodeId::TEST;
    let backtrace = if is_server { runtime.backtrace() } else { String::new() };
    // An endless loop that prints is stopped by an error of `println!`.
    let is_stopped = runtime.turn_counter.is_stuck() && message.starts_with("failed printing to ");
    let note = match is_stopped {
        true => {
            let (kind, message) = runtime.describe_stuck(runtime.turn_counter.finding());
            PanicNote { kind, message, place: String::new(), backtrace }
        }
        false => PanicNote { kind: FailureKind::Panic, message, place, backtrace },
    };
    if let Ok(mut latest) = runtime.panic_note.try_borrow_mut() {
        *latest = Some(note);
    }
}

/// A place in words.
fn place_of(at: &Location<'_>) -> String {
    format!("{}:{}:{}", plain_path(at.file()), at.line(), at.column())
}

/// The path of a source file. That of a module below `#[path = "."]` has `/./` in it.
fn plain_path(file: &str) -> String {
    file.replace("/./", "/")
}

/// A panic after which std ends the process: why, and in which code.
pub(super) struct FatalPanic {
    pub(super) message: String,
    pub(super) backtrace: String,
}

impl Runtime {
    /// Why code panicked that must not, for the panic that ends the process for this reason.
    fn cause_of_fatal_panic(&self, fatal_panic: &str) -> FatalPanic {
        let latest = self.panic_note.take();
        let (cause, backtrace) = match latest {
            Some(note) => (note.to_string(), note.backtrace),
            None => (fatal_panic.to_string(), String::new()),
        };
        let is_crashing = self.state.try_borrow().is_ok_and(|state| {
            state.find(self.running.get()).is_some_and(|task| task.lifecycle == Lifecycle::Unwinding)
        });
        let (when, why) = match is_crashing {
            true => (
                "while a crash of its server unwound this thread",
                "A crash ends all threads of a server at once, wherever they stand, and runs their destructors. ",
            ),
            false => ("while this thread was panicking already", ""),
        };
        let message = format!(
            "a destructor panicked {when}: {cause}\n\
             {why}In Rust a second panic ends the whole process, so a destructor must not panic then: look at what \
             `drop` unwraps, and use the result without `unwrap` (`let _ = thread.join();`)"
        );
        FatalPanic { message, backtrace }
    }

    /// Whether std is about to end the process, because code panicked that must not.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn has_fatal_panic(&self) -> bool {
        self.fatal_panic.try_borrow().is_ok_and(|fatal| fatal.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths are as people write them.
    #[test]
    fn paths_are_plain() {
        assert_eq!(plain_path("lab2a-election/tests/graded/./cluster.rs"), "lab2a-election/tests/graded/cluster.rs");
        assert_eq!(plain_path("lab2a-election/src/raft.rs"), "lab2a-election/src/raft.rs");
    }
}
