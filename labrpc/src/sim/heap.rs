//! How much memory a run holds: counted, not measured, so that equal runs report equal numbers.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use super::runtime::current;
use super::settings::FailureKind;
use super::tape;
use super::task::NodeId;

/// A heap that counts the bytes that each thread holds, and those that each node of a simulation has
/// allocated. A simulation is one thread, so its counts are not affected by other tests that run at the
/// same time.
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

/// As many nodes have an account of their own. Later ones share the harness's.
const ACCOUNTS: usize = 1024;
/// What the harness allocates while it watches a server, see [`as_harness`](super::as_harness).
const HARNESS: u32 = ACCOUNTS as u32 - 1;

thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
    /// Who pays for what is allocated now: a node's number.
    static ACCOUNT: Cell<u32> = const { Cell::new(0) };
    /// The bytes that each account has allocated and that nobody has freed.
    static ACCOUNT_BYTES: [Cell<isize>; ACCOUNTS] = const { [const { Cell::new(0) }; ACCOUNTS] };
    /// What the running task may hold at most before it ends its turn.
    static TURN_BYTES_MAX: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// A task that allocates more than this in one turn does it in an endless loop. It is stopped, because the whole
/// process would run out of memory before the watchdog's patience ends.
const TURN_GROWTH_MAX: isize = 1 << 30;

/// The bytes that the calling thread has allocated and not freed. Zero unless the program's global
/// allocator is a [`CountedHeap`].
pub fn heap_bytes() -> isize {
    tape::observe(|| LIVE_BYTES.get())
}

/// The bytes that a node's tasks have allocated and that nobody has freed yet. A value that one node
/// allocates and another keeps counts for the first. Zero unless the program's global allocator is a
/// [`CountedHeap`].
///
/// ```
/// use labrpc::sim::{self, CountedHeap, Settings, as_harness, heap_bytes_in};
///
/// #[global_allocator]
/// static HEAP: CountedHeap = CountedHeap;
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let node = sim::new_node("server 0");
///     let before = heap_bytes_in(node);
///     sim::spawn_in(node, "server", || {
///         let _held = vec![0_u8; 1000];
///         let _watched = as_harness(|| vec![0_u8; 50_000]);
///         labrpc::thread::sleep(std::time::Duration::from_secs(1));
///     });
///     labrpc::thread::yield_now();
///     let held = heap_bytes_in(node) - before;
///     labrpc::thread::sleep(std::time::Duration::from_secs(2));
///     (held, heap_bytes_in(node) - before)
/// });
/// let (held, left) = result.unwrap();
/// assert!((1000..2000).contains(&held), "{held}");
/// assert!(left < 100, "{left}");
/// ```
pub fn heap_bytes_in(node: NodeId) -> isize {
    tape::observe(|| ACCOUNT_BYTES.with(|accounts| accounts[account_of(node) as usize].get()))
}

/// The largest [`heap_bytes`] since the calling thread began, or since [`heap_forget_peak`].
pub fn heap_bytes_peak() -> isize {
    tape::observe(|| PEAK_BYTES.get())
}

/// Resets the peak to the present [`heap_bytes`].
pub fn heap_forget_peak() {
    PEAK_BYTES.set(LIVE_BYTES.get());
}

/// While this lives, what is allocated does not count as a server's: the scheduler's own tables, which
/// may grow at any time.
pub(super) fn charged_to_harness() -> Charged {
    Charged::to(HARNESS)
}

/// While this lives, a node pays for what is allocated.
pub(super) fn charged_to(node: NodeId) -> Charged {
    Charged::to(account_of(node))
}

/// While this lives, another account pays. Then the one before pays again.
pub(super) struct Charged {
    before: u32,
}

impl Charged {
    fn to(account: u32) -> Charged {
        Charged { before: ACCOUNT.replace(account) }
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        ACCOUNT.set(self.before);
    }
}

fn account_of(node: NodeId) -> u32 {
    node.0.min(HARNESS)
}

/// A task begins a turn.
pub(super) fn begin_turn() {
    TURN_BYTES_MAX.set(LIVE_BYTES.get().saturating_add(TURN_GROWTH_MAX));
}

/// The turn is over.
pub(super) fn end_turn() {
    TURN_BYTES_MAX.set(isize::MAX);
}

/// Stops the running task if it takes too much in one turn. Called before anything is taken from the heap.
fn check_turn(growth: usize) {
    // A thread that is ending has no counters any more.
    let Ok(live) = LIVE_BYTES.try_with(Cell::get) else { return };
    if TURN_BYTES_MAX.try_with(Cell::get).is_ok_and(|max| live.saturating_add_unsigned(growth) > max) {
        stop_task();
    }
}

/// Abandons the running task, if that is possible here.
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

fn count(account: u32, change: isize) {
    // A thread that is ending has no counters any more.
    let _ = LIVE_BYTES.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK_BYTES.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
    let _ = ACCOUNT_BYTES.try_with(|accounts| {
        let bytes = &accounts[account as usize % ACCOUNTS];
        bytes.set(bytes.get() + change);
    });
}

/// In front of each block stands the account that pays for it, in a space that keeps the block aligned.
const SPACE: usize = 16;

/// The block with the space in front of it, and the size of that space. `None` if it is too large.
fn with_space(layout: Layout) -> Option<(Layout, usize)> {
    let align = layout.align().max(SPACE);
    let size = layout.size().checked_add(align)?;
    Some((Layout::from_size_align(size, align).ok()?, align))
}

/// Notes who pays for a new block, and returns where the block begins. Null stays null.
///
/// # Safety
///
/// `whole` is null, or a new block with `space` bytes in front of what the caller asked for.
unsafe fn open(whole: *mut u8, space: usize, size: usize) -> *mut u8 {
    if whole.is_null() {
        return whole;
    }
    let account = ACCOUNT.try_with(Cell::get).unwrap_or_default();
    count(account, size as isize);
    // SAFETY: the space is at least `SPACE` bytes long, and both ends of it are aligned for a `u32`.
    unsafe {
        let block = whole.add(space);
        block.cast::<u32>().sub(1).write(account);
        block
    }
}

/// The account that pays for a block.
///
/// # Safety
///
/// The block came from [`open`].
unsafe fn account_for(block: *mut u8) -> u32 {
    // SAFETY: `open` has written it there.
    unsafe { block.cast::<u32>().sub(1).read() }
}

// SAFETY: every call is passed on to the system's heap, with a larger size and a larger alignment; the
// block that the caller sees lies inside, and is aligned as the caller wants. Counting does not allocate
// and does not panic.
unsafe impl GlobalAlloc for CountedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check_turn(layout.size());
        let Some((whole, space)) = with_space(layout) else { return std::ptr::null_mut() };
        // SAFETY: the size is not zero.
        unsafe { open(System.alloc(whole), space, layout.size()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check_turn(layout.size());
        let Some((whole, space)) = with_space(layout) else { return std::ptr::null_mut() };
        // SAFETY: as above.
        unsafe { open(System.alloc_zeroed(whole), space, layout.size()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((whole, space)) = with_space(layout) else { return };
        // SAFETY: the block came from `open`, with this layout, so it has this space in front of it.
        unsafe {
            count(account_for(block), -(layout.size() as isize));
            System.dealloc(block.sub(space), whole);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        check_turn(new_size.saturating_sub(layout.size()));
        let Some((whole, space)) = with_space(layout) else { return std::ptr::null_mut() };
        let Some(new_whole_size) = new_size.checked_add(space) else { return std::ptr::null_mut() };
        // SAFETY: as above. The space is moved along with the block.
        unsafe {
            let account = account_for(block);
            let moved = System.realloc(block.sub(space), whole, new_whole_size);
            if moved.is_null() {
                return moved;
            }
            count(account, new_size as isize - layout.size() as isize);
            moved.add(space)
        }
    }
}
