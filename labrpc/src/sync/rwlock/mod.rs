//! Many readers or one writer.

mod guards;

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};

use guards::{ReadRelease, WriteRelease};
pub use guards::{RwLockReadGuard, RwLockWriteGuard};

use super::waiting::{LockQueue, OnDrop};
use crate::sim::runtime::{self, Held, Key, Runtime};

/// A lock for many readers or one writer: [`parking_lot::RwLock`], and in a simulation one that waits
/// in virtual time.
///
/// Nobody starves. A reader that comes while a writer waits queues up behind it, and when a writer is
/// done, all readers that wait at that time come before the next writer. So, as in parking_lot, do
/// not take a second read lock while you hold one: a writer that came in between waits for your
/// first, and your second waits for the writer.
///
/// ```
/// use labrpc::sync::RwLock;
///
/// let table = RwLock::new(vec![("x", 1)]);
/// {
///     let (one, another) = (table.read(), table.try_read());
///     assert_eq!(one[0], another.unwrap()[0]);
/// }
/// table.write().push(("y", 2));
/// assert_eq!(table.read().len(), 2);
/// ```
pub struct RwLock<T: ?Sized> {
    /// Readers wait on the key of this queue.
    queue: LockQueue,
    /// Writers wait on the address of this counter.
    waiting_writers: AtomicU32,
    inner: parking_lot::RwLock<T>,
}

impl<T> RwLock<T> {
    /// A free lock. Reports name it by the line that calls this.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// static LEADER_HINT: RwLock<usize> = RwLock::new(0);
    /// *LEADER_HINT.write() = 2;
    /// assert_eq!(*LEADER_HINT.read(), 2);
    /// ```
    #[track_caller]
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            queue: LockQueue::new(Location::caller()),
            waiting_writers: AtomicU32::new(0),
            inner: parking_lot::RwLock::new(value),
        }
    }

    /// Takes the value out of the lock.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// assert_eq!(RwLock::new("state").into_inner(), "state");
    /// ```
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Takes the lock for reading. Waits while a writer holds it or waits for it.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let reader = lock.read();
    /// assert_eq!(*reader, 1);
    /// assert!(lock.try_write().is_none());
    /// ```
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        let inner = match runtime::current() {
            None => self.inner.read(),
            Some(world) => self.read_in(world, Location::caller()),
        };
        RwLockReadGuard { inner, release: ReadRelease(self) }
    }

    /// Takes the lock for writing. Waits until nobody holds it.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// *lock.write() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        let inner = match runtime::current() {
            None => self.inner.write(),
            Some(world) => self.write_in(world, Location::caller()),
        };
        RwLockWriteGuard { inner, release: WriteRelease(self) }
    }

    /// Takes the lock for reading if [`read`](RwLock::read) would not have to wait.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let writer = lock.write();
    /// assert!(lock.try_read().is_none());
    /// ```
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        let inner = match runtime::current() {
            None => self.inner.try_read(),
            Some(world) => {
                world.operation();
                let inner = self.try_read_as_newcomer();
                note_if_taken(world, inner, self.held_for_reading(Location::caller()))
            }
        }?;
        Some(RwLockReadGuard { inner, release: ReadRelease(self) })
    }

    /// Takes the lock for writing if [`write`](RwLock::write) would not have to wait.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let reader = lock.read();
    /// assert!(lock.try_write().is_none());
    /// ```
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let inner = match runtime::current() {
            None => self.inner.try_write(),
            Some(world) => {
                world.operation();
                let inner = self.try_write_as_newcomer();
                note_if_taken(world, inner, self.queue.held(Location::caller()))
            }
        }?;
        Some(RwLockWriteGuard { inner, release: WriteRelease(self) })
    }

    /// The value, without locking: a mutable borrow of the lock is exclusive.
    ///
    /// ```
    /// use labrpc::sync::RwLock;
    ///
    /// let mut term = RwLock::new(1);
    /// *term.get_mut() += 1;
    /// assert_eq!(*term.read(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    fn read_in(&self, world: &Runtime, at: &'static Location<'static>) -> parking_lot::RwLockReadGuard<'_, T> {
        world.operation();
        let inner = match self.try_read_as_newcomer() {
            Some(inner) => inner,
            None => self.queue.wait(
                world,
                self.readers(),
                (std::any::type_name::<Self>(), at),
                || self.inner.try_read(),
                || self.wake_all_kinds(world),
            ),
        };
        world.acquired(self.held_for_reading(at));
        inner
    }

    fn write_in(&self, world: &Runtime, at: &'static Location<'static>) -> parking_lot::RwLockWriteGuard<'_, T> {
        world.operation();
        let inner = match self.try_write_as_newcomer() {
            Some(inner) => inner,
            None => {
                self.waiting_writers.fetch_add(1, Ordering::Relaxed);
                let _no_longer = OnDrop(|| {
                    self.waiting_writers.fetch_sub(1, Ordering::Relaxed);
                });
                self.queue.wait(
                    world,
                    self.writers(),
                    (std::any::type_name::<Self>(), at),
                    || self.inner.try_write(),
                    || self.wake_all_kinds(world),
                )
            }
        };
        world.acquired(self.queue.held(at));
        inner
    }

    fn try_read_as_newcomer(&self) -> Option<parking_lot::RwLockReadGuard<'_, T>> {
        let may_enter = self.queue.admits_newcomers() && self.waiting_writers.load(Ordering::Relaxed) == 0;
        if may_enter { self.inner.try_read() } else { None }
    }

    fn try_write_as_newcomer(&self) -> Option<parking_lot::RwLockWriteGuard<'_, T>> {
        if self.queue.admits_newcomers() { self.inner.try_write() } else { None }
    }

    fn held_for_reading(&self, at: &'static Location<'static>) -> Held {
        Held { is_shared: true, ..self.queue.held(at) }
    }

    fn readers(&self) -> Key {
        self.queue.key()
    }

    fn writers(&self) -> Key {
        std::ptr::from_ref(&self.waiting_writers) as Key
    }

    /// For a waiter that was killed: its wake-up may have been for readers or for writers.
    fn wake_all_kinds(&self, world: &Runtime) {
        world.unpark_all(self.readers());
        world.unpark_one(self.writers());
    }
}

fn note_if_taken<G>(world: &Runtime, taken: Option<G>, held: Held) -> Option<G> {
    if taken.is_some() {
        world.acquired_at_once(held);
    }
    taken
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
