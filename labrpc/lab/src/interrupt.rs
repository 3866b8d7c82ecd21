//! Ctrl-C, noticed between two steps of work so that everything begun is also cleared away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::CommandError;

/// The polite ways to ask a process to end: Ctrl-C, `kill`, and a terminal that is closed.
const REQUESTS: &[i32] = &[
    SIGINT,
    SIGTERM,
    #[cfg(unix)]
    SIGHUP,
];

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on an interrupt is noted instead of ending the process at once: whoever waits asks
/// [`check`], and the owners of processes and folders clear them away as they are dropped.
pub fn watch() -> Result<(), CommandError> {
    let requested = REQUESTED.get_or_init(Arc::default);
    for signal in REQUESTS {
        flag::register(*signal, Arc::clone(requested))
            .map_err(CommandError::of_system("Ctrl-C could not be listened for"))?;
    }
    Ok(())
}

/// Fails once an interrupt has come.
pub fn check() -> Result<(), CommandError> {
    match REQUESTED.get() {
        Some(requested) if requested.load(Ordering::Relaxed) => Err(CommandError::Interrupted),
        _ => Ok(()),
    }
}
