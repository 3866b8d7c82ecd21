//! Linux: a task that ends the process fails its own run instead.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::c_int;

use super::super::settings::FailureKind;
use super::interpose::{original, world};

/// Whether an exit was refused. std remembers the first thread that calls `exit`, and lets all later ones wait
/// for the end of the process.
static EXIT_WAS_REFUSED: AtomicBool = AtomicBool::new(false);
/// What cargo's test harness returns when a test fails, which one does in which an exit was refused.
const TESTS_FAILED: c_int = 101;

const EXITED: &str = "std::process::exit ends every server, the test and all other tests at once: \
                      a server never ends the process, a thread that has nothing left to do returns";
const ABORTED: &str = "std::process::abort ends every server, the test and all other tests at once: \
                       a server never ends the process. If it cannot go on, it panics";

fn exit_for_real(code: c_int) -> ! {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    type Exit = unsafe extern "C" fn(c_int) -> !;
    // SAFETY: the C library's function has this signature.
    unsafe { std::mem::transmute::<usize, Exit>(original(&ORIGINAL, c"exit"))(code) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exit(code: c_int) -> ! {
    if let Some(runtime) = world() {
        EXIT_WAS_REFUSED.store(true, Ordering::Release);
        runtime.abandon(FailureKind::EndedProcess, EXITED);
    }
    exit_for_real(code)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pause() -> c_int {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if EXIT_WAS_REFUSED.load(Ordering::Acquire) {
        if let Some(runtime) = world() {
            runtime.abandon(FailureKind::EndedProcess, EXITED);
        }
        exit_for_real(TESTS_FAILED);
    }
    type Pause = unsafe extern "C" fn() -> c_int;
    // SAFETY: the C library's function has this signature.
    unsafe { std::mem::transmute::<usize, Pause>(original(&ORIGINAL, c"pause"))() }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abort() -> ! {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if let Some(runtime) = world().filter(|runtime| !runtime.abandonment.has_begun()) {
        match runtime.fatal_panic.take() {
            Some(panic) => runtime.abandon_after(panic),
            None => runtime.abandon(FailureKind::EndedProcess, ABORTED),
        }
    }
    type Abort = unsafe extern "C" fn() -> !;
    // SAFETY: the C library's function has this signature.
    unsafe { std::mem::transmute::<usize, Abort>(original(&ORIGINAL, c"abort"))() }
}
