//! Linux: whether a task can be left where it stands, without a lock of the process in its hands.
//!
//! An interrupt may come while the task is inside the C library, which then may hold a lock of the heap, or
//! inside std's printing, which then holds the lock of stdout, of stderr, or of the buffer in which the test
//! harness collects output. If the task was left there, every other test would wait for this lock forever. So
//! the interrupt looks at the raw stack first, and comes again a moment later if the place is a bad one.
//!
//! Nothing here allocates or takes a lock, except for [`learn`], which is called before the first task runs.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::fmt::{self, Display, Formatter, Write as _};
use std::io::Write as _;
use std::ops::Range;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::coroutine;

/// The unwinder's view of one frame.
enum Context {}

type Visit = extern "C" fn(*mut Context, *mut c_void) -> c_int;

/// Go on, and stop, for a [`Visit`].
const NO_REASON: c_int = 0;
const NORMAL_STOP: c_int = 4;

// The unwinder that std itself uses for panics.
unsafe extern "C" {
    fn _Unwind_Backtrace(visit: Visit, argument: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut Context) -> usize;
    fn _Unwind_GetCFA(context: *mut Context) -> usize;
    fn _Unwind_FindEnclosingFunction(address: usize) -> usize;
}

/// One frame of a raw stack.
struct RawFrame {
    /// An address inside the function.
    address: usize,
    /// Where the caller's frame begins.
    caller_at: usize,
}

impl RawFrame {
    /// The address of the function's first instruction.
    fn function(&self) -> usize {
        // SAFETY: any address may be asked about.
        unsafe { _Unwind_FindEnclosingFunction(self.address) }
    }
}

/// Visits the frames of the calling thread's stack, innermost first, until `visit` returns false.
fn walk(mut visit: &mut dyn FnMut(RawFrame) -> bool) {
    extern "C" fn on_frame(context: *mut Context, argument: *mut c_void) -> c_int {
        // SAFETY: the argument is the one passed below, and is not used elsewhere during the walk.
        let visit = unsafe { &mut *argument.cast::<&mut dyn FnMut(RawFrame) -> bool>() };
        // SAFETY: the unwinder passes a valid context.
        let frame = unsafe { RawFrame { address: _Unwind_GetIP(context), caller_at: _Unwind_GetCFA(context) } };
        if visit(frame) { NO_REASON } else { NORMAL_STOP }
    }
    // SAFETY: `visit` outlives the call, and the callback has the signature that is asked for.
    unsafe { _Unwind_Backtrace(on_frame, (&raw mut visit).cast()) };
}

/// The addresses of this program's own code, without the C library.
static OWN_BEGIN: AtomicUsize = AtomicUsize::new(0);
static OWN_END: AtomicUsize = AtomicUsize::new(0);

/// The functions of std that hold a lock while they print. Zero where none is entered.
static PRINTING: [AtomicUsize; PRINTING_MAX] = [const { AtomicUsize::new(0) }; PRINTING_MAX];
/// Far more than the five ways to print pass through.
const PRINTING_MAX: usize = 64;

fn is_own(address: usize) -> bool {
    (OWN_BEGIN.load(Ordering::Relaxed)..OWN_END.load(Ordering::Relaxed)).contains(&address)
}

fn is_printing(function: usize) -> bool {
    let known = PRINTING.iter().map(|entry| entry.load(Ordering::Relaxed));
    known.take_while(|&entry| entry != 0).any(|entry| entry == function)
}

/// Whether the running task, which a signal handler on this thread has interrupted, holds no lock of the
/// process, as far as its stack tells. `may_be_in_system` allows it to be inside the C library: for a task that
/// waits in the operating system.
pub(super) fn is_at_safe_point(may_be_in_system: bool) -> bool {
    /// The first frame of a task lies this close to the end of its stack.
    const FIRST_FRAME_BYTES: usize = 1024;
    let stack = coroutine::stack_of_running();
    let (mut is_below_handler, mut is_safe) = (false, true);
    let mut reached = stack.start;
    walk(&mut |frame| {
        if !is_below_handler {
            // Between the handler and the task is the C library's or the kernel's frame.
            is_below_handler = !is_own(frame.address);
            return true;
        }
        is_safe = match is_own(frame.address) {
            true => !is_printing(frame.function()),
            false => may_be_in_system,
        };
        let is_of_task = stack.contains(&frame.caller_at);
        if is_of_task {
            reached = frame.caller_at;
        }
        is_safe && is_of_task
    });
    // A walk that did not find its way to the first frame has not seen everything. It may also have met an
    // earlier interrupt of the same task, which has a stack of its own.
    is_safe && stack.end - reached < FIRST_FRAME_BYTES
}

/// Whether the running task, which calls this itself, is inside a function of std that prints.
pub(super) fn is_inside_print() -> bool {
    let stack = coroutine::stack_of_running();
    let mut is_inside = false;
    walk(&mut |frame| {
        is_inside = is_own(frame.address) && is_printing(frame.function());
        !is_inside && stack.contains(&frame.caller_at)
    });
    is_inside
}

/// Learns which code is this program's own, and which functions of std hold a lock while they print.
pub(super) fn learn() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let own = own_code();
        OWN_BEGIN.store(own.start, Ordering::Relaxed);
        OWN_END.store(own.end, Ordering::Relaxed);
        learn_printing();
    });
}

/// The executable part of the object that contains this function.
fn own_code() -> Range<usize> {
    unsafe extern "C" fn on_object(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
        // SAFETY: the loader passes a valid description, and `found` is the range below.
        let (info, found) = unsafe { (&*info, &mut *found.cast::<Range<usize>>()) };
        // SAFETY: as many headers as the description says.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0)
        {
            let begin = info.dlpi_addr as usize + header.p_vaddr as usize;
            let code = begin..begin + header.p_memsz as usize;
            if code.contains(&(own_code as *const () as usize)) {
                *found = code;
            }
        }
        0
    }
    let mut found = 0..0;
    // SAFETY: the callback has the signature that is asked for, and `found` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(on_object), (&raw mut found).cast()) };
    found
}

/// Prints nothing, and notes which functions were called on the way from `caller_at` to here.
struct Probe<'a>(&'a std::cell::RefCell<Vec<usize>>, usize);

impl Display for Probe<'_> {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        let mut functions = self.0.borrow_mut();
        walk(&mut |frame| {
            functions.push(frame.function());
            frame.caller_at < self.1
        });
        Ok(())
    }
}

fn learn_printing() {
    let here = 0_u8;
    let here = (&raw const here) as usize;
    let functions_of = |print: &dyn Fn(&Probe<'_>)| {
        let functions = std::cell::RefCell::new(Vec::new());
        print(&Probe(&functions, here));
        functions.into_inner()
    };
    let harmless = functions_of(&|probe| _ = write!(String::new(), "{probe}"));
    let ways: [&dyn Fn(&Probe<'_>); 6] = [
        &|probe| print!("{probe}"),
        &|probe| eprint!("{probe}"),
        &|probe| _ = write!(std::io::stdout(), "{probe}"),
        &|probe| _ = write!(std::io::stderr(), "{probe}"),
        &|probe| _ = write!(std::io::stdout().lock(), "{probe}"),
        &|probe| _ = write!(std::io::stderr().lock(), "{probe}"),
    ];
    let own = [learn_printing as *const () as usize];
    let functions: std::collections::BTreeSet<usize> = ways.iter().flat_map(|way| functions_of(way)).collect();
    let printing = functions.into_iter().filter(|function| !harmless.contains(function) && !own.contains(function));
    printing.zip(&PRINTING).for_each(|(function, entry)| entry.store(function, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions that print are told apart from those that only write into memory.
    #[test]
    fn printing_is_recognized() {
        struct Look(std::cell::Cell<Option<bool>>);
        impl Display for Look {
            fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
                let mut is_inside = false;
                walk(&mut |frame| {
                    is_inside |= is_own(frame.address) && is_printing(frame.function());
                    true
                });
                self.0.set(Some(is_inside));
                Ok(())
            }
        }
        learn();
        let look = Look(Default::default());
        eprint!("{look}");
        assert_eq!(look.0.get(), Some(true));
        print!("{look}");
        assert_eq!(look.0.get(), Some(true));
        let _ = format!("{look}");
        assert_eq!(look.0.get(), Some(false));
    }
}
