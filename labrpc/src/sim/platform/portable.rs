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

/// Prepares the calling thread for interruption: nothing to do here.
pub(in crate::sim) fn prepare_thread() {}
