//! One at a time.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::waiting::{AtEnd, Line};
use crate::sim::runtime::{self, Runtime};

/// A lock that lets one thread at a time at its value: [`parking_lot::Mutex`], and in a simulation
/// a lock that makes its task wait in virtual time.
///
/// There a thread that takes a lock which it holds itself, or two that wait for each other's, fail
/// the run with a report that names the locks, by the line that made them, and who holds them
/// since where.
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
    line: Line,
    inner: parking_lot::Mutex<T>,
}

impl<T> Mutex<T> {
    /// A lock that is free. Reports name it by the line that this is called from.
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
        Mutex { line: Line::new(Location::caller()), inner: parking_lot::Mutex::new(value) }
    }

    /// The value, once nobody else can reach the lock.
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
    /// Waits until the lock is free and takes it. It is let go when the guard is dropped.
    ///
    /// ```
    /// use labrpc::sync::Mutex;
    ///
    /// let log = Mutex::new(vec!["put x 1"]);
    /// {
    ///     let mut log = log.lock();
    ///     log.push("put y 2");
    /// } // let go here
    /// assert_eq!(log.lock().len(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let inner = match runtime::current() {
            None => self.inner.lock(),
            Some(world) => self.lock_in(world, Location::caller()),
        };
        MutexGuard { inner, release: Release(&self.line) }
    }

    /// Takes the lock if that is possible at once.
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
                    world.acquired(self.line.key(), Location::caller());
                }
                inner
            }
        }?;
        Some(MutexGuard { inner, release: Release(&self.line) })
    }

    /// The value, without locking: whoever can borrow the lock mutably is alone with it.
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
            None => self.line.wait(
                world,
                self.line.key(),
                (std::any::type_name::<Self>(), at),
                || self.inner.try_lock(),
                || wake_next(world, &self.line),
            ),
        };
        world.acquired(self.line.key(), at);
        inner
    }

    #[inline]
    fn try_lock_as_newcomer(&self) -> Option<parking_lot::MutexGuard<'_, T>> {
        if self.line.is_open() { self.inner.try_lock() } else { None }
    }
}

fn wake_next(world: &Runtime, line: &Line) {
    world.unpark_one(line.key());
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

/// Holds a [`Mutex`] and lends its value. Dropping it lets the lock go.
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
#[must_use = "the lock is let go as soon as its guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    // Fields are dropped in this order: the lock is free before the next in line is woken.
    inner: parking_lot::MutexGuard<'a, T>,
    release: Release<'a>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The line that the guard's lock has in a simulation.
    pub(super) fn line(&self) -> &'a Line {
        self.release.0
    }

    /// What [`parking_lot::Condvar`] works on.
    pub(super) fn inner(&mut self) -> &mut parking_lot::MutexGuard<'a, T> {
        &mut self.inner
    }

    /// Lets the lock go while `wait` runs, in a simulation, and then takes it again: also if a
    /// crash unwinds the task out of `wait`, since the guard then has still to be dropped.
    pub(super) fn unlocked<R>(
        &mut self,
        world: &Runtime,
        at: &'static Location<'static>,
        wait: impl FnOnce() -> R,
    ) -> R {
        let line = self.line();
        let mutex = parking_lot::MutexGuard::mutex(&self.inner);
        let is_our_turn = Cell::new(false);
        let wait_for_our_turn = || {
            let is_free = || (!mutex.is_locked()).then_some(());
            let need_not_wait = is_our_turn.get() || (line.is_open() && is_free().is_some());
            if !need_not_wait {
                let type_name = std::any::type_name::<Mutex<T>>();
                line.wait(world, line.key(), (type_name, at), is_free, || wake_next(world, line));
            }
            is_our_turn.set(true);
        };
        // parking_lot takes the lock again as soon as this closure is left, and would block the
        // whole world if it were not free. So the closure is left only when it is free, and nobody
        // else has a turn in between.
        parking_lot::MutexGuard::unlocked(&mut self.inner, || {
            let _retake = AtEnd(|| {
                wait_for_our_turn();
                world.acquired(line.key(), at);
            });
            world.released(line.key());
            wake_next(world, line);
            let result = wait();
            // Here a crash can still unwind the task; then it waits once more, in `_retake`.
            wait_for_our_turn();
            result
        })
    }
}

/// The second half of letting a lock go.
struct Release<'a>(&'a Line);

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
