//! Ctrl-C. It is checked between steps of work, so that processes and temporary files are cleaned
//! up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::CommandError;

/// The signals that ask a process to end: Ctrl-C, `kill`, and a closed terminal.
const REQUESTS: &[i32] = &[
    SIGINT,
    SIGTERM,
    #[cfg(unix)]
    SIGHUP,
];

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on an interrupt sets a flag instead of ending the process. Every loop that waits calls
/// [`check`]; processes and folders are cleaned up as their owners are dropped.
pub fn watch() -> Result<(), CommandError> {
    let requested = REQUESTED.get_or_init(Arc::default);
    for signal in REQUESTS {
        flag::register(*signal, Arc::clone(requested))
            .map_err(CommandError::of_system("Ctrl-C could not be listened for"))?;
    }
    Ok(())
}

/// Fails after an interrupt.
pub fn check() -> Result<(), CommandError> {
    match REQUESTED.get() {
        Some(requested) if requested.load(Ordering::Relaxed) => Err(CommandError::Interrupted),
        _ => Ok(()),
    }
}
