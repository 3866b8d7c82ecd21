//! What only some operating systems can do, behind one interface.
//!
//! | | Linux | elsewhere |
//! |---|---|---|
//! | a task that never ends its turn | is interrupted and named; only its test fails | ends the test process, with one line |
//! | a stack overflow | is reported; only its test fails | ends the test process |
//! | std's clocks and random numbers | virtual and seeded | real: only `clippy.toml` warns |
//! | std's sleep, locks, threads | an error that names the line | only `clippy.toml` warns |
//! | the end of the process (`std::process::exit`, a panic during a panic) | is reported; only its test fails | ends the test process |
//!
//! `--cfg labrpc_portable` selects the other column on Linux, so that it can be tested there.

#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod ending;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod interpose;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod linux;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod output;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod stack_walk;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
pub(super) use linux::{CATCHES_ABORT, SimThread, holds_output, is_output_awaited, prepare_thread, say};
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
pub(super) use output::without_capture;

#[cfg(any(not(target_os = "linux"), labrpc_portable))]
mod portable;
#[cfg(any(not(target_os = "linux"), labrpc_portable))]
pub(super) use portable::{
    CATCHES_ABORT, SimThread, holds_output, is_output_awaited, prepare_thread, say, without_capture,
};

/// The result of an attempt to stop a stuck task.
#[allow(dead_code, reason = "each platform uses one of the two")]
pub(super) enum Interrupt {
    /// The task will be abandoned, if it is at a place where that is safe.
    Sent,
    /// This platform cannot stop a task.
    Impossible,
}
