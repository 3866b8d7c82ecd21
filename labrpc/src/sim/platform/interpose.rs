//! Linux: while a task runs, the simulation answers the calls that std makes to the C library.
//!
//! The functions below replace the C library's in every program that links `labrpc`. Outside of a
//! task they pass the call on. Inside of one, clocks are virtual, random numbers come from the seed,
//! and a call that would block or start a real thread is an error that names the line. A sleep is not
//! turned into a virtual one, because a crash would have to unwind through C frames.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::sync::OnceLock;

use libc::{c_int, c_long, c_void, clockid_t, pthread_attr_t, pthread_t, size_t, ssize_t, timespec};

use super::super::runtime::{Runtime, current};
use super::super::settings::FailureKind;
use super::output;

/// The origin of the virtual clock: 2001-09-09, which nobody mistakes for the present.
const EPOCH_NS: u64 = 1_000_000_000_000_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// A lock of std that another OS thread holds (the terminal's, say) is free again long before this.
static REAL_WAIT: timespec = timespec { tv_sec: 1, tv_nsec: 0 };

/// The simulation, while one of its tasks runs and makes no backtrace.
pub(super) fn world() -> Option<&'static Runtime> {
    current().filter(|runtime| runtime.is_in_task() && !runtime.abandonment.is_in_backtrace())
}

/// The C library's own function of this name, looked up once.
pub(super) fn original(cache: &OnceLock<usize>, name: &CStr) -> usize {
    // SAFETY: the name is a C string; the next definition after ours is the C library's.
    *cache.get_or_init(|| unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } as usize)
}

/// # Safety
/// As the C library's: `buffer` has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, len: size_t, flags: u32) -> ssize_t {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if let Some(runtime) = world() {
        // SAFETY: the caller promises that there is room.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), len) };
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&runtime.entropy().to_le_bytes()[..chunk.len()]);
        }
        return len as ssize_t;
    }
    type Getrandom = unsafe extern "C" fn(*mut c_void, size_t, u32) -> ssize_t;
    // SAFETY: the C library's function has this signature; the caller's promise is passed on.
    unsafe { std::mem::transmute::<usize, Getrandom>(original(&ORIGINAL, c"getrandom"))(buffer, len, flags) }
}

/// # Safety
/// As the C library's: `time` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if let Some(runtime) = world() {
        let now_ns = EPOCH_NS + runtime.now_ns();
        let now = timespec { tv_sec: (now_ns / NANOS_PER_SECOND) as i64, tv_nsec: (now_ns % NANOS_PER_SECOND) as i64 };
        // SAFETY: the caller promises that it may be written to.
        unsafe { time.write(now) };
        return 0;
    }
    type ClockGettime = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;
    // SAFETY: the C library's function has this signature; the caller's promise is passed on.
    unsafe { std::mem::transmute::<usize, ClockGettime>(original(&ORIGINAL, c"clock_gettime"))(clock, time) }
}

const SLEPT: &str = "std::thread::sleep stops the whole simulated world: use labrpc::thread::sleep";

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(request: *const timespec, remain: *mut timespec) -> c_int {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if let Some(runtime) = world() {
        runtime.abandon(FailureKind::BlockedInStd, SLEPT);
    }
    type Nanosleep = unsafe extern "C" fn(*const timespec, *mut timespec) -> c_int;
    // SAFETY: the C library's function has this signature; the caller's promise is passed on.
    unsafe { std::mem::transmute::<usize, Nanosleep>(original(&ORIGINAL, c"nanosleep"))(request, remain) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    request: *const timespec,
    remain: *mut timespec,
) -> c_int {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if let Some(runtime) = world() {
        runtime.abandon(FailureKind::BlockedInStd, SLEPT);
    }
    type ClockNanosleep = unsafe extern "C" fn(clockid_t, c_int, *const timespec, *mut timespec) -> c_int;
    // SAFETY: the C library's function has this signature; the caller's promise is passed on.
    unsafe {
        std::mem::transmute::<usize, ClockNanosleep>(original(&ORIGINAL, c"clock_nanosleep"))(
            clock, flags, request, remain,
        )
    }
}

type ThreadMain = extern "C" fn(*mut c_void) -> *mut c_void;

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    main: ThreadMain,
    argument: *mut c_void,
) -> c_int {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    if let Some(runtime) = world() {
        runtime.abandon(
            FailureKind::BlockedInStd,
            "std::thread::spawn leaves the simulated world: use labrpc::thread::spawn",
        );
    }
    type PthreadCreate = unsafe extern "C" fn(*mut pthread_t, *const pthread_attr_t, ThreadMain, *mut c_void) -> c_int;
    // SAFETY: the C library's function has this signature; the caller's promise is passed on.
    unsafe {
        std::mem::transmute::<usize, PthreadCreate>(original(&ORIGINAL, c"pthread_create"))(
            thread, attributes, main, argument,
        )
    }
}

/// # Safety
/// As the C library's: the arguments are those of the system call `number`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long {
    static ORIGINAL: OnceLock<usize> = OnceLock::new();
    type Syscall = unsafe extern "C" fn(c_long, usize, usize, usize, usize, usize, usize) -> c_long;
    // SAFETY: the C library's function is variadic over machine words, which these are.
    let call = unsafe { std::mem::transmute::<usize, Syscall>(original(&ORIGINAL, c"syscall")) };
    const FUTEX_COMMAND: c_int = 0x7f;
    let is_wait =
        number == libc::SYS_futex && matches!(b as c_int & FUTEX_COMMAND, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET);
    let Some(runtime) = world().filter(|_| is_wait) else {
        // SAFETY: passed on as they came.
        return unsafe { call(number, a, b, c, d, e, f) };
    };
    // If another OS thread holds the lock, it releases it soon. If a task of this simulation holds it,
    // it cannot, because no task runs while this one waits here. FUTEX_WAIT's timeout is relative.
    let wait = b & !(FUTEX_COMMAND as usize) & !(libc::FUTEX_CLOCK_REALTIME as usize) | libc::FUTEX_WAIT as usize;
    loop {
        let written = output::writes_so_far();
        // SAFETY: the same word and value to wait on; the timeout is valid for the call.
        let result = unsafe { call(number, a, wait, c, (&raw const REAL_WAIT) as usize, 0, 0) };
        // SAFETY: the C library's errno of this thread.
        if result != -1 || unsafe { *libc::__errno_location() } != libc::ETIMEDOUT {
            return result;
        }
        // It may be the lock of stdout or stderr, whose holder waits for the one that reads the output.
        if output::is_being_written() || output::writes_so_far() != written {
            continue;
        }
        runtime.abandon(
            FailureKind::BlockedInStd,
            "the task blocked in std (a lock, condition variable, channel, park or join of std), \
             which stops the whole simulated world: use labrpc::sync, labrpc::channel and labrpc::thread",
        );
    }
}
