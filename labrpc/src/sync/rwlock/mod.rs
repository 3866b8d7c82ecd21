//! Many readers or one writer.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};

use super::waiting::{AtEnd, Line};
use crate::sim::runtime::{self, Key, Runtime};

/// A lock that lets either many readers or one writer at its value: [`parking_lot::RwLock`], and
/// in a simulation one that waits in virtual time.
///
/// Nobody starves. A reader that comes while a writer waits queues up behind it, and a writer that
/// is done lets all readers in that are waiting then, before the next writer. So, as in
/// parking_lot, do not take a second read lock while you hold one: a writer that came in between
/// waits for your first, and your second for the writer.
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
    /// Readers wait on its key.
    line: Line,
    /// Writers wait on its address.
    waiting_writers: AtomicU32,
    inner: parking_lot::RwLock<T>,
}

impl<T> RwLock<T> {
    /// A lock that is free. Reports name it by the line that this is called from.
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
            line: Line::new(Location::caller()),
            waiting_writers: AtomicU32::new(0),
            inner: parking_lot::RwLock::new(value),
        }
    }

    /// The value, once nobody else can reach the lock.
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
    /// Waits until no writer holds the lock and none waits for it, and shares it.
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

    /// Waits until nobody holds the lock and takes it whole.
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

    /// Shares the lock if [`read`](RwLock::read) would not have to wait.
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
                self.note_if_taken(world, inner, Location::caller())
            }
        }?;
        Some(RwLockReadGuard { inner, release: ReadRelease(self) })
    }

    /// Takes the lock whole if [`write`](RwLock::write) would not have to wait.
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
                self.note_if_taken(world, inner, Location::caller())
            }
        }?;
        Some(RwLockWriteGuard { inner, release: WriteRelease(self) })
    }

    /// The value, without locking: whoever can borrow the lock mutably is alone with it.
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
            None => self.line.wait(
                world,
                self.readers(),
                (std::any::type_name::<Self>(), at),
                || self.inner.try_read(),
                || self.wake_all_kinds(world),
            ),
        };
        world.acquired(self.line.key(), at);
        inner
    }

    fn write_in(&self, world: &Runtime, at: &'static Location<'static>) -> parking_lot::RwLockWriteGuard<'_, T> {
        world.operation();
        let inner = match self.try_write_as_newcomer() {
            Some(inner) => inner,
            None => {
                self.waiting_writers.fetch_add(1, Ordering::Relaxed);
                let _no_longer = AtEnd(|| {
                    self.waiting_writers.fetch_sub(1, Ordering::Relaxed);
                });
                self.line.wait(
                    world,
                    self.writers(),
                    (std::any::type_name::<Self>(), at),
                    || self.inner.try_write(),
                    || self.wake_all_kinds(world),
                )
            }
        };
        world.acquired(self.line.key(), at);
        inner
    }

    fn try_read_as_newcomer(&self) -> Option<parking_lot::RwLockReadGuard<'_, T>> {
        let is_welcome = self.line.is_open() && self.waiting_writers.load(Ordering::Relaxed) == 0;
        if is_welcome { self.inner.try_read() } else { None }
    }

    fn try_write_as_newcomer(&self) -> Option<parking_lot::RwLockWriteGuard<'_, T>> {
        if self.line.is_open() { self.inner.try_write() } else { None }
    }

    fn note_if_taken<G>(&self, world: &Runtime, taken: Option<G>, at: &'static Location<'static>) -> Option<G> {
        if taken.is_some() {
            world.acquired(self.line.key(), at);
        }
        taken
    }

    fn readers(&self) -> Key {
        self.line.key()
    }

    fn writers(&self) -> Key {
        std::ptr::from_ref(&self.waiting_writers) as Key
    }

    /// For a waiter that was killed: it is not known what it had been woken for.
    fn wake_all_kinds(&self, world: &Runtime) {
        world.unpark_all(self.readers());
        world.unpark_one(self.writers());
    }
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

/// Shares an [`RwLock`] and lends its value for reading. Dropping it ends the share.
///
/// ```
/// use labrpc::sync::{RwLock, RwLockReadGuard};
///
/// fn first(table: RwLockReadGuard<'_, Vec<u32>>) -> u32 {
///     table[0]
/// }
///
/// let table = RwLock::new(vec![1, 2]);
/// assert_eq!(first(table.read()), 1);
/// assert!(table.try_write().is_some());
/// ```
#[must_use = "the lock is let go as soon as its guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Fields are dropped in this order: the lock is free before the next in line is woken.
    inner: parking_lot::RwLockReadGuard<'a, T>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    release: ReadRelease<'a, T>,
}

struct ReadRelease<'a, T: ?Sized>(&'a RwLock<T>);

impl<T: ?Sized> Drop for ReadRelease<'_, T> {
    fn drop(&mut self) {
        let Some(world) = runtime::current() else { return };
        let lock = self.0;
        world.released(lock.line.key());
        // Readers wait while others read only behind a writer, or one that was passed over.
        if !lock.inner.is_locked() && !world.unpark_one(lock.writers()) {
            world.unpark_all(lock.readers());
        }
    }
}

/// Holds an [`RwLock`] whole and lends its value. Dropping it lets the lock go.
///
/// ```
/// use labrpc::sync::{RwLock, RwLockWriteGuard};
///
/// fn add(mut table: RwLockWriteGuard<'_, Vec<u32>>) {
///     table.push(3);
/// }
///
/// let table = RwLock::new(vec![1, 2]);
/// add(table.write());
/// assert_eq!(table.read().len(), 3);
/// ```
#[must_use = "the lock is let go as soon as its guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // Fields are dropped in this order: the lock is free before the next in line is woken.
    inner: parking_lot::RwLockWriteGuard<'a, T>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    release: WriteRelease<'a, T>,
}

struct WriteRelease<'a, T: ?Sized>(&'a RwLock<T>);

impl<T: ?Sized> Drop for WriteRelease<'_, T> {
    fn drop(&mut self) {
        let Some(world) = runtime::current() else { return };
        let lock = self.0;
        world.released(lock.line.key());
        if world.parked(lock.readers()) > 0 {
            world.unpark_all(lock.readers());
        } else {
            world.unpark_one(lock.writers());
        }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
