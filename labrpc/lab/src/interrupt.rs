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

/// Whether there was a newer reason to work, so that the work at hand need not be finished.
static SUPERSEDED: AtomicBool = AtomicBool::new(false);

/// Whether the work at hand is finished all the same.
static IS_KEPT: AtomicBool = AtomicBool::new(false);

/// Finishes `work` although it may be superseded. Only Ctrl-C ends it.
pub fn keep<T>(work: impl FnOnce() -> T) -> T {
    IS_KEPT.store(true, Ordering::SeqCst);
    let done = work();
    IS_KEPT.store(false, Ordering::SeqCst);
    done
}

/// Ends the work at hand at its next [`check`]: it is about to begin anew.
pub fn supersede() {
    SUPERSEDED.store(true, Ordering::SeqCst);
}

/// Work begins anew.
pub fn begin_anew() {
    SUPERSEDED.store(false, Ordering::SeqCst);
}

/// Asks the command to end, as Ctrl-C does.
pub fn request() {
    REQUESTED.get_or_init(Arc::default).store(true, Ordering::Relaxed);
}

/// Fails after an interrupt, or if the work at hand is superseded.
pub fn check() -> Result<(), CommandError> {
    match REQUESTED.get() {
        Some(requested) if requested.load(Ordering::Relaxed) => Err(CommandError::Interrupted),
        _ if SUPERSEDED.load(Ordering::SeqCst) && !IS_KEPT.load(Ordering::SeqCst) => Err(CommandError::Superseded),
        _ => Ok(()),
    }
}
