//! The guards of an [`RwLock`].

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::RwLock;
use crate::sim::runtime;

/// Holds an [`RwLock`] for reading. Dropping it releases the lock.
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
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Fields are dropped in this order: the lock is free before the next waiter is woken.
    pub(super) inner: parking_lot::RwLockReadGuard<'a, T>,
    #[expect(dead_code, reason = "its destructor is what matters")]
    pub(super) release: ReadRelease<'a, T>,
}

pub(super) struct ReadRelease<'a, T: ?Sized>(pub(super) &'a RwLock<T>);

impl<T: ?Sized> Drop for ReadRelease<'_, T> {
    fn drop(&mut self) {
        let Some(world) = runtime::current() else { return };
        let lock = self.0;
        world.released(lock.queue.key());
        // A reader waits while others read only if a writer waits, or a task that was passed over.
        if !lock.inner.is_locked() && !world.unpark_one(lock.writers()) {
            world.unpark_all(lock.readers());
        }
    }
}

/// Holds an [`RwLock`] for writing. Dropping it releases the lock.
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
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // Fields are dropped in this order: the lock is free before the next waiter is woken.
    pub(super) inner: parking_lot::RwLockWriteGuard<'a, T>,
    #[expect(dead_code, reason = "its destructor is what matters")]
    pub(super) release: WriteRelease<'a, T>,
}

pub(super) struct WriteRelease<'a, T: ?Sized>(pub(super) &'a RwLock<T>);

impl<T: ?Sized> Drop for WriteRelease<'_, T> {
    fn drop(&mut self) {
        let Some(world) = runtime::current() else { return };
        let lock = self.0;
        world.released(lock.queue.key());
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
