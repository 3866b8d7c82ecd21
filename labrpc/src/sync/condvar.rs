//! A condition variable: waits until another thread changes something.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::MutexGuard;
use super::waiting::{deadline, park_in_queue};
use crate::sim::runtime::{self, Key, Runtime, WaitReason, WakeReason};
use crate::time::Instant;

/// A condition variable: [`parking_lot::Condvar`], and in a simulation one that waits in virtual time.
///
/// A waiter wakes only when it was notified or its time is up. There is one exception in a simulation:
/// when a node crashes, a notification that its task can no longer use is passed on to a waiter of
/// another node, if there is one. As everywhere, check the condition in a loop, or use
/// [`wait_while`](Condvar::wait_while).
///
/// ```
/// use std::sync::Arc;
/// use labrpc::sync::{Condvar, Mutex};
/// use labrpc::thread;
///
/// let applied = Arc::new((Mutex::new(0), Condvar::new()));
/// let applier = thread::spawn({
///     let applied = Arc::clone(&applied);
///     move || {
///         *applied.0.lock() = 3;
///         applied.1.notify_all();
///     }
/// });
/// let mut index = applied.0.lock();
/// while *index < 3 {
///     applied.1.wait(&mut index);
/// }
/// drop(index);
/// applier.join().unwrap();
/// ```
pub struct Condvar {
    made: &'static Location<'static>,
    /// The address of the mutex that the present waiters use.
    mutex: AtomicUsize,
    inner: parking_lot::Condvar,
}

impl Condvar {
    /// A new condition variable. Reports name it by the line that calls this.
    ///
    /// ```
    /// use labrpc::sync::Condvar;
    ///
    /// static CHANGED: Condvar = Condvar::new();
    /// assert!(!CHANGED.notify_one(), "nobody waits yet");
    /// ```
    #[track_caller]
    pub const fn new() -> Condvar {
        Condvar { made: Location::caller(), mutex: AtomicUsize::new(0), inner: parking_lot::Condvar::new() }
    }

    /// Releases the lock, waits for a notification, and takes the lock again.
    ///
    /// # Panics
    ///
    /// When other threads wait here with another mutex. This holds for all methods that wait.
    ///
    /// ```
    /// use labrpc::{sim, sync::{Condvar, Mutex}, thread};
    /// use std::sync::Arc;
    ///
    /// let (result, _) = sim::run(sim::Settings::default(), || {
    ///     let ready = Arc::new((Mutex::new(false), Condvar::new()));
    ///     let setter = Arc::clone(&ready);
    ///     thread::spawn(move || {
    ///         *setter.0.lock() = true;
    ///         setter.1.notify_one();
    ///     });
    ///     let mut is_ready = ready.0.lock();
    ///     while !*is_ready {
    ///         ready.1.wait(&mut is_ready);
    ///     }
    /// });
    /// result.unwrap();
    /// ```
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        match runtime::current() {
            None => self.inner.wait(guard.inner()),
            Some(world) => {
                self.wait_in(world, guard, None, Location::caller());
            }
        }
    }

    /// Like [`wait`](Condvar::wait), but for at most `patience`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::sync::{Condvar, Mutex};
    ///
    /// let (lock, changed) = (Mutex::new(()), Condvar::new());
    /// assert!(changed.wait_for(&mut lock.lock(), Duration::from_millis(1)).timed_out());
    /// ```
    #[track_caller]
    pub fn wait_for<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, patience: Duration) -> WaitTimeoutResult {
        match runtime::current() {
            None => WaitTimeoutResult(self.inner.wait_for(guard.inner(), patience).timed_out()),
            Some(world) => self.wait_in(world, guard, Some(deadline(world, patience)), Location::caller()),
        }
    }

    /// Like [`wait`](Condvar::wait), but until `deadline` at most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::sync::{Condvar, Mutex};
    /// use labrpc::time::Instant;
    ///
    /// let (lock, changed) = (Mutex::new(()), Condvar::new());
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// assert!(changed.wait_until(&mut lock.lock(), deadline).timed_out());
    /// assert!(Instant::now() >= deadline);
    /// ```
    #[track_caller]
    pub fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> WaitTimeoutResult {
        match runtime::current() {
            None => WaitTimeoutResult(self.inner.wait_until(guard.inner(), deadline.on_real_clock()).timed_out()),
            Some(world) => self.wait_in(world, guard, Some(deadline), Location::caller()),
        }
    }

    /// Waits until `condition` no longer holds.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use labrpc::sync::{Condvar, Mutex};
    /// use labrpc::thread;
    ///
    /// let queue = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    /// thread::spawn({
    ///     let queue = Arc::clone(&queue);
    ///     move || {
    ///         queue.0.lock().push("put x 1");
    ///         queue.1.notify_one();
    ///     }
    /// });
    /// let mut commands = queue.0.lock();
    /// queue.1.wait_while(&mut commands, |commands| commands.is_empty());
    /// assert_eq!(commands.pop(), Some("put x 1"));
    /// ```
    #[track_caller]
    pub fn wait_while<T: ?Sized, F>(&self, guard: &mut MutexGuard<'_, T>, mut condition: F)
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut **guard) {
            self.wait(guard);
        }
    }

    /// Wakes the thread that has waited longest. False if no thread waits.
    ///
    /// ```
    /// assert!(!labrpc::sync::Condvar::new().notify_one());
    /// ```
    pub fn notify_one(&self) -> bool {
        match runtime::current() {
            None => self.inner.notify_one(),
            Some(world) => {
                world.operation();
                world.unpark_one(self.key())
            }
        }
    }

    /// Wakes all waiting threads. Returns their number.
    ///
    /// ```
    /// assert_eq!(labrpc::sync::Condvar::new().notify_all(), 0);
    /// ```
    pub fn notify_all(&self) -> usize {
        match runtime::current() {
            None => self.inner.notify_all(),
            Some(world) => {
                world.operation();
                let waiting = world.parked(self.key());
                world.unpark_all(self.key());
                waiting
            }
        }
    }

    fn key(&self) -> Key {
        std::ptr::from_ref(self) as Key
    }

    fn wait_in<T: ?Sized>(
        &self,
        world: &Runtime,
        guard: &mut MutexGuard<'_, T>,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> WaitTimeoutResult {
        world.operation();
        self.expect_one_mutex(world, guard);
        let waiting = WaitReason::Condvar { made: self.made, at };
        let wake = guard.unlocked(world, at, || {
            let pass_on = || {
                world.unpark_one(self.key());
            };
            let deadline_ns = deadline.map(Instant::as_nanos);
            let wake = park_in_queue(world, &[self.key()], waiting, deadline_ns, pass_on);
            if wake == WakeReason::Killed {
                // A destructor may wait in a loop. The tasks that it waits for need their turns.
                world.yield_now();
            }
            wake
        });
        WaitTimeoutResult(wake == WakeReason::TimedOut)
    }

    /// With two mutexes a notification could come after a waiter has checked its condition and before
    /// it sleeps. On OS threads parking_lot panics as well.
    #[track_caller]
    fn expect_one_mutex<T: ?Sized>(&self, world: &Runtime, guard: &MutexGuard<'_, T>) {
        let mutex = guard.queue().key();
        if world.parked(self.key()) == 0 {
            self.mutex.store(mutex, Ordering::Relaxed);
        }
        assert!(
            self.mutex.load(Ordering::Relaxed) == mutex,
            "other threads wait on the Condvar made at {} with another Mutex than the one made at {}: \
             a Condvar goes with one Mutex",
            self.made,
            guard.queue().made(),
        );
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Whether a wait ended because its time was up.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sync::{Condvar, Mutex, WaitTimeoutResult};
///
/// let (lock, changed) = (Mutex::new(()), Condvar::new());
/// let result: WaitTimeoutResult = changed.wait_for(&mut lock.lock(), Duration::ZERO);
/// assert!(result.timed_out());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up before anybody notified.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::sync::{Condvar, Mutex};
    ///
    /// let (lock, changed) = (Mutex::new(()), Condvar::new());
    /// assert!(changed.wait_for(&mut lock.lock(), Duration::ZERO).timed_out());
    /// ```
    pub fn timed_out(self) -> bool {
        self.0
    }
}
