//! A lock for one thread at a time.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::waiting::{LockQueue, OnDrop};
use crate::sim::runtime::{self, Runtime};

/// A lock for one thread at a time: [`parking_lot::Mutex`], and in a simulation a lock that waits in
/// virtual time.
///
/// In a simulation the run fails when a thread takes a lock that it holds already, or when threads
/// wait for each other's locks. The report names the locks by the lines that made them, and says which
/// thread holds them and which line took them.
///
/// ```
/// use std::sync::Arc;
/// use labrpc::{sync::Mutex, thread};
///
/// let votes = Arc::new(Mutex::new(1));
/// let another = thread::spawn({
///     let votes = Arc::clone(&votes);
///     move || *votes.lock() += 1
/// });
/// another.join().unwrap();
/// assert_eq!(*votes.lock(), 2);
/// ```
pub struct Mutex<T: ?Sized> {
    queue: LockQueue,
    inner: parking_lot::Mutex<T>,
}

impl<T> Mutex<T> {
    /// A free lock. Reports name it by the line that calls this.
    ///
    /// ```
    /// use labrpc::sync::Mutex;
    ///
    /// static LATEST_TERM: Mutex<u64> = Mutex::new(0);
    /// *LATEST_TERM.lock() = 7;
    /// assert_eq!(*LATEST_TERM.lock(), 7);
    /// ```
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { queue: LockQueue::new(Location::caller()), inner: parking_lot::Mutex::new(value) }
    }

    /// Takes the value out of the lock.
    ///
    /// ```
    /// use labrpc::sync::Mutex;
    ///
    /// assert_eq!(Mutex::new("state").into_inner(), "state");
    /// ```
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free and takes it. Dropping the guard releases it.
    ///
    /// ```
    /// use labrpc::sync::Mutex;
    ///
    /// let log = Mutex::new(vec!["put x 1"]);
    /// {
    ///     let mut log = log.lock();
    ///     log.push("put y 2");
    /// } // released here
    /// assert_eq!(log.lock().len(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let inner = match runtime::current() {
            None => self.inner.lock(),
            Some(world) => self.lock_in(world, Location::caller()),
        };
        MutexGuard { inner, release: Release(&self.queue) }
    }

    /// Takes the lock if that is possible without waiting.
    ///
    /// ```
    /// use labrpc::sync::Mutex;
    ///
    /// let lock = Mutex::new(0);
    /// let guard = lock.lock();
    /// assert!(lock.try_lock().is_none());
    /// drop(guard);
    /// assert!(lock.try_lock().is_some());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let inner = match runtime::current() {
            None => self.inner.try_lock(),
            Some(world) => {
                world.operation();
                let inner = self.try_lock_as_newcomer();
                if inner.is_some() {
                    world.acquired_at_once(self.queue.held(Location::caller()));
                }
                inner
            }
        }?;
        Some(MutexGuard { inner, release: Release(&self.queue) })
    }

    /// The value, without locking: a mutable borrow of the lock is exclusive.
    ///
    /// ```
    /// use labrpc::sync::Mutex;
    ///
    /// let mut term = Mutex::new(1);
    /// *term.get_mut() += 1;
    /// assert_eq!(*term.lock(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    fn lock_in(&self, world: &Runtime, at: &'static Location<'static>) -> parking_lot::MutexGuard<'_, T> {
        world.operation();
        let inner = match self.try_lock_as_newcomer() {
            Some(inner) => inner,
            None => self.queue.wait(
                world,
                self.queue.key(),
                (std::any::type_name::<Self>(), at),
                || self.inner.try_lock(),
                || wake_next(world, &self.queue),
            ),
        };
        world.acquired(self.queue.held(at));
        inner
    }

    #[inline]
    fn try_lock_as_newcomer(&self) -> Option<parking_lot::MutexGuard<'_, T>> {
        if self.queue.admits_newcomers() { self.inner.try_lock() } else { None }
    }
}

fn wake_next(world: &Runtime, queue: &LockQueue) {
    world.unpark_one(queue.key());
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Holds a [`Mutex`]. Dropping it releases the lock.
///
/// ```
/// use labrpc::sync::{Mutex, MutexGuard};
///
/// fn advance(mut term: MutexGuard<'_, u64>) {
///     *term += 1;
/// }
///
/// let term = Mutex::new(1);
/// advance(term.lock());
/// assert_eq!(*term.lock(), 2);
/// ```
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    // Fields are dropped in this order: the lock is free before the next waiter is woken.
    inner: parking_lot::MutexGuard<'a, T>,
    release: Release<'a>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The queue of the guard's lock.
    pub(super) fn queue(&self) -> &'a LockQueue {
        self.release.0
    }

    /// The guard that [`parking_lot::Condvar`] takes.
    pub(super) fn inner(&mut self) -> &mut parking_lot::MutexGuard<'a, T> {
        &mut self.inner
    }

    /// In a simulation: releases the lock while `wait` runs, and then takes it again. It is also taken
    /// again when a crash unwinds the task out of `wait`, because the guard has yet to be dropped.
    pub(super) fn unlocked<R>(
        &mut self,
        world: &Runtime,
        at: &'static Location<'static>,
        wait: impl FnOnce() -> R,
    ) -> R {
        let queue = self.queue();
        let mutex = parking_lot::MutexGuard::mutex(&self.inner);
        let is_our_turn = Cell::new(false);
        let wait_for_our_turn = || {
            let is_free = || (!mutex.is_locked()).then_some(());
            let need_not_wait = is_our_turn.get() || (queue.admits_newcomers() && is_free().is_some());
            if !need_not_wait {
                let type_name = std::any::type_name::<Mutex<T>>();
                queue.wait(world, queue.key(), (type_name, at), is_free, || wake_next(world, queue));
            }
            is_our_turn.set(true);
        };
        // parking_lot takes the lock again as soon as this closure returns, and would block the whole
        // simulation if it were not free. So the closure returns only when the lock is free, and no
        // other task has a turn in between.
        parking_lot::MutexGuard::unlocked(&mut self.inner, || {
            let _retake = OnDrop(|| {
                wait_for_our_turn();
                world.acquired(queue.held(at));
            });
            world.released(queue.key());
            wake_next(world, queue);
            let result = wait();
            // A crash can still unwind the task here; then it waits once more, in `_retake`.
            wait_for_our_turn();
            result
        })
    }
}

/// The second half of releasing a lock: wakes the next waiter.
struct Release<'a>(&'a LockQueue);

impl Drop for Release<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(world) = runtime::current() {
            world.released(self.0.key());
            wake_next(world, self.0);
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
