//! Everywhere but on Linux: no signals, no interposition, and so a last resort only.

use std::time::{Duration, Instant};

use super::Interrupt;

/// The OS thread of a simulation, as its watchdog sees it.
#[derive(Clone, Copy)]
pub(in crate::sim) struct SimThread {
    began: Instant,
}

/// Real time says less about a stuck task than processor time does, on a busy machine.
const GRACE: u32 = 2;

impl SimThread {
    /// The calling thread.
    pub(in crate::sim) fn this() -> SimThread {
        SimThread { began: Instant::now() }
    }

    /// Something like the time that it was busy.
    pub(in crate::sim) fn time_used(&self) -> Duration {
        self.began.elapsed() / GRACE
    }

    pub(in crate::sim) fn interrupt(&self) -> Interrupt {
        Interrupt::Impossible
    }
}

/// What the thread needs before it can be interrupted: nothing here.
pub(in crate::sim) fn prepare_thread() {}
