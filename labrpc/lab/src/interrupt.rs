//! Ctrl-C, noticed between two steps of work so that everything begun is also cleared away.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt is noted instead of ending the process at once: whoever waits asks
/// [`check`], and the owners of processes and folders clear them away as they are dropped.
pub fn watch() -> Result<(), Failure> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::Relaxed))
        .map_err(|error| Failure::Broken(format!("Ctrl-C could not be listened for: {error}")))
}

/// Fails once an interrupt has come.
pub fn check() -> Result<(), Failure> {
    if REQUESTED.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}
