//! Stackful coroutines: a task's own stack, entered and left by the scheduler.

use std::cell::Cell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ops::Range;

use corosensei::stack::{DefaultStack, Stack as _};
use corosensei::{Coroutine as Inner, CoroutineResult, Yielder};
use parking_lot::Mutex;

/// Stacks of finished runs, for reuse. A fresh stack costs page faults.
static SPARE: Mutex<Vec<Stack>> = Mutex::new(Vec::new());
/// More than the number of tasks in the largest test. Beyond it, stacks go back to the system.
const SPARE_MAX: usize = 512;

/// Memory for one coroutine, with a guard page below it. Only pages that were used take memory.
pub(super) struct Stack {
    memory: DefaultStack,
    /// The usable size that was asked for.
    bytes: usize,
}

/// The stacks of one run: taken from `SPARE`, and given back at the end.
pub(super) struct Stacks {
    bytes: usize,
    free: Vec<Stack>,
}

impl Stacks {
    /// Every stack of the run has this size, except those for which another size is asked.
    pub(super) fn new(bytes: usize) -> Stacks {
        Stacks { bytes, free: Vec::new() }
    }

    /// A stack of the run's size, or of another one; `None` if the system has no memory for it. Only stacks of the run's
    /// size are reused.
    pub(super) fn take(&mut self, bytes: Option<usize>) -> Option<Stack> {
        if let Some(bytes) = bytes.filter(|&bytes| bytes != self.bytes) {
            return Stack::new(bytes);
        }
        if self.free.is_empty() {
            let mut spare = SPARE.lock();
            let left = spare.len().saturating_sub(16);
            self.free.extend(spare.drain(left..).filter(|stack| stack.bytes == self.bytes));
        }
        self.free.pop().or_else(|| Stack::new(self.bytes))
    }

    pub(super) fn give_back(&mut self, stack: Stack) {
        if stack.bytes == self.bytes {
            self.free.push(stack);
        }
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        let mut spare = SPARE.lock();
        let room = SPARE_MAX.saturating_sub(spare.len());
        spare.extend(self.free.drain(..).take(room));
    }
}

impl Stack {
    fn new(bytes: usize) -> Option<Stack> {
        Some(Stack { memory: DefaultStack::new(bytes).ok()?, bytes })
    }
}

/// A task's stack, and where to resume on it.
pub(super) struct Coroutine {
    inner: Inner<(), (), (), DefaultStack>,
    yielder: *const Yielder<(), ()>,
    bounds: Bounds,
}

/// Where a stack lies.
#[derive(Clone, Copy, Default)]
struct Bounds {
    /// The lowest address, guard page included; 0 for no stack.
    limit: usize,
    /// The end, where the stack begins to grow down.
    base: usize,
    /// The usable size that was asked for.
    bytes: usize,
}

thread_local! {
    /// How the coroutine that runs on this OS thread suspends.
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(std::ptr::null()) };
    /// Its stack, while one runs.
    static RUNNING: Cell<Bounds> = const { Cell::new(Bounds { limit: 0, base: 0, bytes: 0 }) };
}

impl Coroutine {
    pub(super) fn new(stack: Stack, body: impl FnOnce() + 'static) -> Coroutine {
        let (limit, base) = (stack.memory.limit().get(), stack.memory.base().get());
        let bounds = Bounds { limit, base, bytes: stack.bytes };
        let inner = Inner::with_stack(stack.memory, move |yielder, ()| {
            YIELDER.set(yielder);
            body();
        });
        Coroutine { inner, yielder: std::ptr::null(), bounds }
    }

    /// Runs until the body suspends (`false`) or ends (`true`).
    pub(super) fn resume(&mut self) -> bool {
        YIELDER.set(self.yielder);
        RUNNING.set(self.bounds);
        let result = self.inner.resume(());
        self.yielder = YIELDER.get();
        RUNNING.set(Bounds::default());
        matches!(result, CoroutineResult::Return(()))
    }

    /// Takes back the stack. The body must have ended.
    pub(super) fn into_stack(self) -> Stack {
        Stack { memory: self.inner.into_stack(), bytes: self.bounds.bytes }
    }

    /// Abandons a body that cannot go on and cannot unwind. Everything it owns is leaked.
    pub(super) fn abandon(&mut self) {
        // SAFETY: nothing on the stack is touched again: it is leaked, not freed and not resumed.
        // Everything that the body borrowed lives in the runtime, which is leaked with it.
        unsafe { self.inner.force_reset() }
    }
}

/// Leaves the running coroutine until the scheduler resumes it.
pub(super) fn suspend() {
    let yielder = YIELDER.get();
    assert!(!yielder.is_null(), "only a task can be suspended");
    reach_down();
    // SAFETY: it points into the stack of the coroutine that runs on this OS thread, which stays
    // alive and does not move until its body ends.
    unsafe { (*yielder).suspend(()) };
}

/// Makes a stack that is nearly full overflow here, and not in the switch: from there the stack cannot be walked, so that
/// nobody could say whose recursion has filled it.
#[inline(never)]
fn reach_down() {
    /// More than a switch needs.
    const BYTES: usize = 512;
    let mut room = [MaybeUninit::<u8>::uninit(); BYTES];
    black_box(room[0].write(0));
    black_box(&mut room);
}

/// The usable size of the running coroutine's stack, if `address` lies in its guard page.
#[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
pub(super) fn size_of_overflowing_stack(address: usize) -> Option<usize> {
    /// A page, or a part of one, on every platform that calls this.
    const PAGE_BYTES: usize = 4096;
    let Bounds { limit, bytes, .. } = RUNNING.get();
    (limit != 0 && (limit..limit + PAGE_BYTES).contains(&address)).then_some(bytes)
}

/// The addresses of the running coroutine's stack; empty while none runs.
#[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
pub(super) fn stack_of_running() -> Range<usize> {
    let Bounds { limit, base, .. } = RUNNING.get();
    limit..base
}
