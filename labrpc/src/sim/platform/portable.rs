//! All platforms but Linux: no signals and no interposition. A stuck task can only be met by ending
//! the process.

use std::time::{Duration, Instant};

use super::Interrupt;

/// The OS thread of a simulation, as the watchdog sees it.
#[derive(Clone, Copy)]
pub(in crate::sim) struct SimThread {
    began: Instant,
}

/// On a busy machine real time says less about a stuck task than processor time does.
const GRACE: u32 = 2;

impl SimThread {
    /// The calling thread.
    pub(in crate::sim) fn this() -> SimThread {
        SimThread { began: Instant::now() }
    }

    /// An estimate of the processor time used.
    pub(in crate::sim) fn time_used(&self) -> Duration {
        self.began.elapsed() / GRACE
    }

    pub(in crate::sim) fn interrupt(&self) -> Interrupt {
        Interrupt::Impossible
    }
}

/// Whether a task that aborts the process fails its own run instead.
pub(in crate::sim) const CATCHES_ABORT: bool = false;

/// Whether the running task is known to hold a lock of std's output.
pub(in crate::sim) fn holds_output() -> bool {
    false
}

/// Whether any thread is known to wait for the reader of the process's output.
pub(in crate::sim) fn is_output_awaited() -> bool {
    false
}

/// Calls `work`, whose output the test harness may collect.
pub(in crate::sim) fn without_capture<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    work()
}

/// Prints to stderr, past the test harness's capture.
pub(in crate::sim) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prepares the calling thread for interruption: nothing to do here.
pub(in crate::sim) fn prepare_thread() {}
