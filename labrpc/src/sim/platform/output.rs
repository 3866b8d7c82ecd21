//! Linux: what programs print, and who waits for the one that reads it.
//!
//! Output may go to a pipe whose reader rests (`| less`). A task that prints then waits, and so does every
//! thread that wants the lock of the same stream. None of them is stuck.
#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use libc::{c_int, c_void, iovec, size_t, ssize_t};

use super::interpose::{original, world};

/// How many threads of the process write to stdout or stderr now.
static WRITERS: AtomicUsize = AtomicUsize::new(0);
/// How many writes to them have ended.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Whether any thread of the process writes to stdout or stderr now: it may be waiting for the reader.
pub(in crate::sim) fn is_being_written() -> bool {
    WRITERS.load(Ordering::Acquire) > 0
}

/// A number that changes with every write, for those who wait for a lock that a writer may hold.
pub(super) fn writes_so_far() -> u64 {
    WRITTEN.load(Ordering::Acquire)
}

struct Writing;

impl Writing {
    fn begin() -> Writing {
        WRITERS.fetch_add(1, Ordering::AcqRel);
        Writing
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITTEN.fetch_add(1, Ordering::AcqRel);
        WRITERS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Writes `len` bytes to a file by `write`. If it is stdout or stderr, and the watchdog wants to stop the task, the
/// task gets an error instead, which lets `println!` panic: so a loop that only prints ends without std's locks.
fn print(file: c_int, len: size_t, write: impl FnOnce() -> ssize_t) -> ssize_t {
    if file != libc::STDOUT_FILENO && file != libc::STDERR_FILENO {
        return write();
    }
    if let Some(runtime) = world() {
        // After a fatal panic std says that it ends the process, which it does not.
        if runtime.is_silent() || runtime.has_fatal_panic() {
            return len as ssize_t;
        }
        if runtime.turn_counter.is_stuck() {
            // SAFETY: the C library's errno of this thread.
            unsafe { *libc::__errno_location() = libc::EIO };
            return -1;
        }
    }
    let _writing = Writing::begin();
    write()
}

/// # Safety
/// As the C library's: `buffer` holds `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(file: c_int, buffer: *const c_void, len: size_t) -> ssize_t {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    type Write = unsafe extern "C" fn(c_int, *const c_void, size_t) -> ssize_t;
    print(file, len, || {
        // SAFETY: the C library's function has this signature; the caller's promise is passed on.
        unsafe { std::mem::transmute::<usize, Write>(original(&ORIGINAL, c"write"))(file, buffer, len) }
    })
}

/// # Safety
/// As the C library's: `parts` holds `count` valid parts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(file: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    type Writev = unsafe extern "C" fn(c_int, *const iovec, c_int) -> ssize_t;
    // SAFETY: the caller promises that they are valid.
    let len = unsafe { std::slice::from_raw_parts(parts, count.max(0) as usize) }.iter().map(|part| part.iov_len).sum();
    print(file, len, || {
        // SAFETY: the C library's function has this signature; the caller's promise is passed on.
        unsafe { std::mem::transmute::<usize, Writev>(original(&ORIGINAL, c"writev"))(file, parts, count) }
    })
}

/// Calls `work` on a thread that std did not start. The test harness does not collect what such a thread prints, and
/// what the threads print that it starts.
pub(in crate::sim) fn without_capture<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    struct Job<F, R> {
        work: Option<F>,
        result: Option<std::thread::Result<R>>,
    }
    extern "C" fn begin<F: FnOnce() -> R, R>(job: *mut c_void) -> *mut c_void {
        // SAFETY: the job lives until this thread has been joined, and nobody else touches it until then.
        let job = unsafe { &mut *job.cast::<Job<F, R>>() };
        job.result = job.work.take().map(|work| catch_unwind(AssertUnwindSafe(work)));
        std::ptr::null_mut()
    }
    fn begin_of<F: FnOnce() -> R, R>(_: &Job<F, R>) -> extern "C" fn(*mut c_void) -> *mut c_void {
        begin::<F, R>
    }
    let mut job = Job { work: Some(work), result: None };
    let begin = begin_of(&job);
    // SAFETY: both calls have valid arguments, and the job outlives the thread, which is joined at once.
    unsafe {
        let mut thread = std::mem::zeroed();
        let created = libc::pthread_create(&mut thread, std::ptr::null(), begin, (&raw mut job).cast());
        assert!(created == 0, "the system can start a thread");
        libc::pthread_join(thread, std::ptr::null_mut());
    }
    job.result.expect("the thread has ended").unwrap_or_else(|payload| resume_unwind(payload))
}
