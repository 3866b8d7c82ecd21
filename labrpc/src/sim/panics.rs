//! How a task ends before its time: by a panic of its own, or by a crash of its node.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::runtime::{Runtime, current};
use super::settings::{Failure, FailureKind};
use super::task::{Fate, NodeId, TaskId};

/// What unwinds a task when its node crashes.
///
/// If anything but the task's own end catches and drops it, a crash has been swallowed, and the
/// server would live on after its death.
pub(super) struct CrashToken {
    task: TaskId,
    is_home: Cell<bool>,
}

impl CrashToken {
    pub(super) fn new(task: TaskId) -> CrashToken {
        CrashToken { task, is_home: Cell::new(false) }
    }
}

impl Drop for CrashToken {
    fn drop(&mut self) {
        if self.is_home.get() {
            return;
        }
        let Some(runtime) = current() else { return };
        let mut state = runtime.state.borrow_mut();
        let message = "a crash of this server was caught by catch_unwind, and the task went on running. \
                       A crash ends every thread at once: let its unwinding pass"
            .to_string();
        let failure = runtime.failure(&state, FailureKind::CrashSwallowed, message);
        state.failure.get_or_insert(failure);
        if state.task(runtime.running.get()).id == self.task {
            state.task_mut(runtime.running.get()).fate = Fate::Escaped;
        }
    }
}

/// What a panic said, and where.
pub(super) struct PanicNote {
    message: String,
    place: String,
    backtrace: String,
}

/// Takes in what a task's end left behind.
pub(super) fn note_end(runtime: &Runtime, payload: Box<dyn Any + Send>) {
    if let Some(token) = payload.downcast_ref::<CrashToken>() {
        token.is_home.set(true);
        return;
    }
    let note = runtime.panic_note.take();
    let PanicNote { message, place, backtrace } = note.unwrap_or_else(|| PanicNote {
        message: words_of(&*payload),
        place: String::new(),
        backtrace: String::new(),
    });
    let mut state = runtime.state.borrow_mut();
    let failure = runtime.failure(&state, FailureKind::Panic, message);
    state.failure.get_or_insert(Failure { place, backtrace, ..failure });
}

fn words_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_else(|| "a panic".into())
}

/// Makes panics inside a simulation part of its failure, instead of text on the terminal.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match current().filter(|runtime| runtime.is_in_task()) {
            Some(runtime) => note_panic(runtime, info),
            None => previous(info),
        }));
    });
}

fn note_panic(runtime: &Runtime, info: &PanicHookInfo<'_>) {
    let message = words_of(info.payload());
    let place = info.location().map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column())).unwrap_or_default();
    // In the test's own node the place is enough; a server's panic is a student's to trace.
    let is_server = runtime.state.try_borrow().is_ok() && runtime.node() != NodeId::TEST;
    let backtrace = if is_server { backtrace_of_student() } else { String::new() };
    if let Ok(mut note) = runtime.panic_note.try_borrow_mut() {
        *note = Some(PanicNote { message, place, backtrace });
    }
}

/// The present backtrace, from the first frame in a lab's own code to the last such frame.
pub(super) fn backtrace_of_student() -> String {
    student_frames(&Backtrace::force_capture().to_string())
}

/// Endless recursion has endless frames; its top says enough.
const FRAMES_MAX: usize = 12;

/// Frames are a numbered line with a name, and mostly one with the place.
fn student_frames(backtrace: &str) -> String {
    let mut frames: Vec<(&str, &str)> = Vec::new();
    let mut name = "";
    for line in backtrace.lines().map(str::trim) {
        match line.strip_prefix("at ") {
            Some(place) => frames.push((name, place)),
            None => name = line.split_once(": ").map_or(line, |(_, name)| name),
        }
    }
    let is_student = |place: &str| {
        const OTHERS: [&str; 7] = ["/rustc/", "/library/", ".cargo", "labrpc/", "labrpc\\", "nptl/", "sysdeps/"];
        !OTHERS.iter().any(|other| place.contains(other))
    };
    let shown: Vec<String> = frames
        .iter()
        .filter(|(_, place)| is_student(place))
        .take(FRAMES_MAX)
        .map(|(name, place)| format!("    {name}\n        at {}", in_workspace(place)))
        .collect();
    shown.join("\n")
}

/// Cargo runs tests in their package's folder: names a place as it is seen from the workspace's.
fn in_workspace(place: &str) -> String {
    let Ok(package) = std::env::current_dir() else { return place.to_string() };
    let (Some(workspace), Some(name)) = (package.parent(), package.file_name()) else { return place.to_string() };
    match (place.strip_prefix("./"), std::path::Path::new(place).strip_prefix(workspace)) {
        (Some(inside), _) => format!("{}/{inside}", name.display()),
        (None, Ok(inside)) => inside.display().to_string(),
        (None, Err(_)) => place.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A student's backtrace begins and ends in the student's own code.
    #[test]
    fn frames_of_std_and_labrpc_are_left_out() {
        let full = "   0: std::panicking::begin\n             at /rustc/abc/library/std/src/panicking.rs:1:1\n   \
                    1: lab2a_election::election::Election::tick\n             at ./src/election.rs:10:5\n   \
                    2: labrpc::sim::scheduler::run_task\n             at ./labrpc/src/sim/scheduler.rs:3:3\n";
        let shown = student_frames(full);
        assert!(shown.starts_with("    lab2a_election::election::Election::tick\n        at "), "{shown}");
        assert!(shown.ends_with("/src/election.rs:10:5"), "{shown}");
    }
}
