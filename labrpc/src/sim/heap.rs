//! How much memory a run holds: counted, not measured, so that equal runs report equal numbers.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use super::runtime::current;
use super::settings::FailureKind;

/// A heap that counts the bytes that each thread holds. A simulation is one thread, so its count is
/// not affected by other tests that run at the same time.
///
/// ```
/// use labrpc::sim::{CountedHeap, heap_bytes, heap_bytes_peak};
///
/// #[global_allocator]
/// static HEAP: CountedHeap = CountedHeap;
///
/// let before = heap_bytes();
/// let held = vec![0_u8; 1000];
/// assert_eq!(heap_bytes() - before, 1000);
/// drop(held);
/// assert_eq!(heap_bytes(), before);
/// assert!(heap_bytes_peak() >= before + 1000);
/// ```
pub struct CountedHeap;

thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
    /// What the running task may hold at most before it ends its turn.
    static TURN_BYTES_MAX: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// A task that allocates more than this in one turn does it in an endless loop. It is stopped, because the whole
/// process would run out of memory before the watchdog's patience ends.
const TURN_GROWTH_MAX: isize = 1 << 30;

/// The bytes that the calling thread has allocated and not freed. Zero unless the program's global
/// allocator is a [`CountedHeap`].
pub fn heap_bytes() -> isize {
    LIVE_BYTES.get()
}

/// The largest [`heap_bytes`] since the calling thread began, or since [`heap_forget_peak`].
pub fn heap_bytes_peak() -> isize {
    PEAK_BYTES.get()
}

/// Resets the peak to the present [`heap_bytes`].
pub fn heap_forget_peak() {
    PEAK_BYTES.set(LIVE_BYTES.get());
}

/// A task begins a turn.
pub(super) fn begin_turn() {
    TURN_BYTES_MAX.set(LIVE_BYTES.get().saturating_add(TURN_GROWTH_MAX));
}

/// The turn is over.
pub(super) fn end_turn() {
    TURN_BYTES_MAX.set(isize::MAX);
}

fn count(change: isize) {
    // A thread that is ending has no counters any more.
    let _ = LIVE_BYTES.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK_BYTES.try_with(|peak| peak.set(peak.get().max(live.get())));
        if TURN_BYTES_MAX.try_with(Cell::get).is_ok_and(|max| live.get() > max) {
            stop_task();
        }
    });
}

/// Abandons the running task, if that is possible here: nothing has been taken from the heap yet.
#[cold]
fn stop_task() {
    end_turn(); // What follows allocates as well.
    let Some(runtime) = current() else { return };
    if runtime.can_be_abandoned() && !runtime.is_in_harness() {
        const ENDLESS: &str = "the task has allocated more than 1 GiB without ever reaching the scheduler: \
                               an endless loop that allocates?";
        runtime.abandon(FailureKind::Stuck, ENDLESS);
    }
}

// SAFETY: every call is passed on to the system's heap unchanged; counting does not allocate and does
// not panic.
unsafe impl GlobalAlloc for CountedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are the system heap's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above; the pointer came from the system's heap.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
