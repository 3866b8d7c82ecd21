//! How a task waits inside a simulation: its deadline, its queue, and what happens to its wake-up when
//! its node crashes.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::sim::runtime::{Held, Key, LockId, Runtime, WaitReason, WakeReason};
use crate::time::Instant;

/// The deadline of a wait of `patience` that begins now, in virtual time.
pub(crate) fn deadline(world: &Runtime, patience: Duration) -> Instant {
    Instant::from_nanos(world.now_ns()) + patience
}

/// Runs a closure at the end of a block, even if a crash unwinds the block.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Parks the running task where each wake-up is meant for one task only.
///
/// A task that is woken, and killed before its turn, cannot use its wake-up. Then `pass_on` is called,
/// and must wake another task that can.
pub(crate) fn park_in_queue(
    world: &Runtime,
    keys: &[Key],
    waiting: WaitReason,
    deadline_ns: Option<u64>,
    pass_on: impl FnMut(),
) -> WakeReason {
    let if_killed = OnDrop(pass_on);
    let wake = world.park(keys, waiting, deadline_ns);
    std::mem::forget(if_killed);
    wake
}

/// The queue of tasks that wait for a lock, in a simulation.
///
/// Barging is allowed, as in real locks: a task that finds the lock free may take it, even if another
/// was woken for it and has not had its turn yet. But a waiter that lost this race once is not passed
/// over again: while there is such a waiter, newcomers queue up. Without this rule, a thread that takes
/// its lock in a loop and sleeps while holding it would starve all others forever, because virtual time
/// has no jitter that would break the pattern.
///
/// **Invariant.** If the lock is free and the queue is not empty, then a task was woken for the lock
/// and has not had its turn yet.
pub(crate) struct LockQueue {
    made: &'static Location<'static>,
    passed_over: AtomicU32,
    /// The lock's number, from its first use in a simulation on; 0 before that.
    id: AtomicU32,
}

/// The number of the next lock that is used.
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl LockQueue {
    pub(crate) const fn new(made: &'static Location<'static>) -> LockQueue {
        LockQueue { made, passed_over: AtomicU32::new(0), id: AtomicU32::new(0) }
    }

    /// Identifies the lock.
    #[inline]
    pub(crate) fn key(&self) -> Key {
        std::ptr::from_ref(self) as Key
    }

    /// The lock, for the list of those that the running task holds.
    #[inline]
    pub(crate) fn held(&self, at: &'static Location<'static>) -> Held {
        Held { lock: self.key(), id: self.id(), is_shared: false, made: self.made, at }
    }

    /// The lock's number. Its address is not enough: when it is gone, another lock may be there.
    #[inline]
    fn id(&self) -> LockId {
        match self.id.load(Ordering::Relaxed) {
            0 => {
                let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
                self.id.store(id, Ordering::Relaxed);
                id
            }
            id => id,
        }
    }

    pub(crate) fn made(&self) -> &'static Location<'static> {
        self.made
    }

    /// Whether a newcomer may take the lock if it is free.
    #[inline]
    pub(crate) fn admits_newcomers(&self) -> bool {
        self.passed_over.load(Ordering::Relaxed) == 0
    }

    /// Waits on `key` until `take` succeeds. `take` is tried at each wake-up, and not before the first.
    #[cold]
    pub(crate) fn wait<G>(
        &self,
        world: &Runtime,
        key: Key,
        (type_name, at): (&'static str, &'static Location<'static>),
        mut take: impl FnMut() -> Option<G>,
        mut pass_on: impl FnMut(),
    ) -> G {
        let waiting = WaitReason::Lock { lock: self.key(), type_name, made: self.made, at };
        let mut waiter = LockWaiter { queue: self, is_passed_over: false };
        loop {
            // The reason does not matter: even a task that unwinds goes on only with the lock.
            let _ = park_in_queue(world, &[key], waiting, None, &mut pass_on);
            if let Some(taken) = take() {
                return taken;
            }
            waiter.set_passed_over();
        }
    }
}

/// One task in a lock's queue, until it has the lock or is killed.
struct LockWaiter<'a> {
    queue: &'a LockQueue,
    is_passed_over: bool,
}

impl LockWaiter<'_> {
    fn set_passed_over(&mut self) {
        if !self.is_passed_over {
            self.is_passed_over = true;
            self.queue.passed_over.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for LockWaiter<'_> {
    fn drop(&mut self) {
        if self.is_passed_over {
            self.queue.passed_over.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
