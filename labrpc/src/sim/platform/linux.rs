//! Linux: interrupts a stuck task by a signal, and catches a stack overflow.
#![allow(unsafe_code)]

use std::sync::Once;
use std::time::Duration;

use super::super::coroutine;
use super::super::runtime::current;
use super::super::watchdog::Finding;
use super::{Interrupt, output, stack_walk};

/// The OS thread of a simulation, as the watchdog sees it.
#[derive(Clone, Copy)]
pub(in crate::sim) struct SimThread {
    thread: libc::pthread_t,
}

impl SimThread {
    /// The calling thread.
    pub(in crate::sim) fn this() -> SimThread {
        // SAFETY: has no preconditions.
        SimThread { thread: unsafe { libc::pthread_self() } }
    }

    /// Processor time that the thread has used. Unlike real time, it does not make a task look stuck
    /// when the machine is busy.
    pub(in crate::sim) fn time_used(&self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the thread is alive: its scope waits for this watchdog. Both out-pointers are valid.
        unsafe {
            let mut clock = 0;
            if libc::pthread_getcpuclockid(self.thread, &mut clock) == 0 {
                libc::clock_gettime(clock, &mut time);
            }
        }
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// Makes the running task abandon its coroutine.
    pub(in crate::sim) fn interrupt(&self) -> Interrupt {
        // SAFETY: the thread is alive, see above, and has a handler for the signal.
        unsafe { libc::pthread_kill(self.thread, INTERRUPT_SIGNAL) };
        Interrupt::Sent
    }
}

/// A signal that std, cargo and its test harness do not use.
const INTERRUPT_SIGNAL: libc::c_int = libc::SIGUSR2;
/// The handlers make a backtrace, for which std's own signal stack is too small.
const SIGNAL_STACK_BYTES: usize = 1 << 20;

/// Prepares the calling thread for interruption.
pub(in crate::sim) fn prepare_thread() {
    static HANDLERS: Once = Once::new();
    HANDLERS.call_once(|| {
        stack_walk::learn();
        install(INTERRUPT_SIGNAL, on_interrupt as *const () as usize, 0);
        let previous = install(libc::SIGSEGV, on_fault as *const () as usize, libc::SA_SIGINFO);
        PREVIOUS_FAULT_HANDLER.store(previous, std::sync::atomic::Ordering::Relaxed);
    });
    SIGNAL_STACK.with(|_| ());
}

static PREVIOUS_FAULT_HANDLER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(libc::SIG_DFL);

fn install(signal: libc::c_int, handler: usize, flags: libc::c_int) -> usize {
    // SAFETY: both handlers have the signature that their flags ask for, and the structs are valid.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut previous: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        // NODEFER: the handlers leave by switching stacks, and never return to unblock the signal.
        action.sa_flags = libc::SA_NODEFER | libc::SA_ONSTACK | flags;
        libc::sigaction(signal, &action, &mut previous);
        previous.sa_sigaction
    }
}

/// A signal stack for as long as the thread lives.
struct SignalStack {
    memory: *mut libc::c_void,
}

impl SignalStack {
    fn install() -> SignalStack {
        // SAFETY: a fresh anonymous mapping that nothing else uses.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                SIGNAL_STACK_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert!(memory != libc::MAP_FAILED, "the system has no memory left for a signal stack");
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: SIGNAL_STACK_BYTES };
            libc::sigaltstack(&stack, std::ptr::null_mut());
            SignalStack { memory }
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: the stack is disabled before its memory is unmapped. An abandoned task left frames on
        // it, but nothing ever returns to them.
        unsafe {
            let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            libc::sigaltstack(&off, std::ptr::null_mut());
            libc::munmap(self.memory, SIGNAL_STACK_BYTES);
        }
    }
}

thread_local! {
    static SIGNAL_STACK: SignalStack = SignalStack::install();
}

/// The watchdog's signal: abandons the running task, unless it is in the middle of something that others wait for.
/// Then nothing happens now, and the watchdog interrupts again.
extern "C" fn on_interrupt(_: libc::c_int) {
    let Some(runtime) = current() else { return };
    // In the middle of the runtime's own code the task borrows the state, and would never give it back.
    let is_busy = runtime.state.try_borrow_mut().is_err() || runtime.abandonment.is_in_backtrace();
    if !runtime.is_in_task() || runtime.abandonment.has_begun() || is_busy {
        return;
    }
    let finding = runtime.turn_counter.finding();
    if stack_walk::is_at_safe_point(finding == Finding::Blocked) {
        runtime.abandon_stuck(finding);
    }
}

/// Whether a task that aborts the process fails its own run instead.
pub(in crate::sim) const CATCHES_ABORT: bool = true;

/// Whether the running task is in the middle of printing, with a lock of std in its hands.
pub(in crate::sim) fn holds_output() -> bool {
    stack_walk::is_inside_print()
}

/// Whether any thread of the process may be waiting for the reader of its output.
pub(in crate::sim) fn is_output_awaited() -> bool {
    output::is_being_written()
}

/// Prints to stderr without std, whose lock may be taken.
pub(in crate::sim) fn say(text: &str) {
    let line = format!("{text}\n");
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the buffer is as long as `rest`.
        let written = unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, rest.as_ptr(), rest.len()) };
        match usize::try_from(written) {
            Ok(written) => rest = &rest[written..],
            Err(_) => return,
        }
    }
}

/// A fault in the guard page of a coroutine is a stack overflow. Other faults go to the previous
/// handler.
extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo, as asked for with SA_SIGINFO.
    let address = unsafe { (*info).si_addr() } as usize;
    if let Some(runtime) = current()
        && let Some(stack_bytes) = coroutine::size_of_overflowing_stack(address)
    {
        runtime.abandon_overflowing(stack_bytes);
    }
    let previous = PREVIOUS_FAULT_HANDLER.load(std::sync::atomic::Ordering::Relaxed);
    if previous == libc::SIG_DFL || previous == libc::SIG_IGN {
        // SAFETY: restoring the default makes the fault end the process when it happens again.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: std's handler, which was installed with SA_SIGINFO.
    let previous: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
        unsafe { std::mem::transmute(previous) };
    previous(signal, info, context);
}
