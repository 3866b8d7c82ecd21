//! The handle of a thread, and how it learns of the thread's end.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Result, Thread};
use crate::sim::runtime::{self, Key, TaskId, WaitReason, WakeReason};

/// Waits for the end of a thread and returns its result. Dropping the handle detaches the thread.
///
/// ```
/// use labrpc::thread::{self, JoinHandle};
///
/// let handle: JoinHandle<u32> = thread::spawn(|| 7);
/// assert_eq!(handle.join().unwrap(), 7);
/// ```
pub struct JoinHandle<T> {
    pub(super) thread: Thread,
    pub(super) flavor: HandleFlavor<T>,
}

pub(super) enum HandleFlavor<T> {
    Real(std::thread::JoinHandle<T>),
    Simulated(SimulatedHandle<T>),
}

pub(super) struct SimulatedHandle<T> {
    pub(super) run_id: u64,
    pub(super) task: TaskId,
    pub(super) completion: Arc<Completion<T>>,
    /// What a join returns in a crash: [`result_of_crashed`].
    pub(super) if_crashed: fn() -> Result<T>,
}

impl<T> JoinHandle<T> {
    /// Waits for the thread's end.
    ///
    /// # Errors
    ///
    /// When the thread panicked, or its node crashed.
    ///
    /// # Panics
    ///
    /// When the thread is a simulated one and the caller is not in its simulation.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::{sim, thread};
    ///
    /// let (result, _) = sim::run(sim::Settings::default(), || {
    ///     let handle = thread::spawn(|| {
    ///         thread::sleep(Duration::from_secs(5));
    ///         "slept"
    ///     });
    ///     handle.join().unwrap()
    /// });
    /// assert_eq!(result.unwrap(), "slept");
    /// ```
    #[track_caller]
    pub fn join(self) -> Result<T> {
        match self.flavor {
            HandleFlavor::Real(handle) => handle.join(),
            HandleFlavor::Simulated(simulated) => simulated.join(Location::caller()),
        }
    }

    /// Whether the thread has ended, so that [`join`](JoinHandle::join) would not wait.
    ///
    /// ```
    /// use labrpc::thread;
    ///
    /// let handle = thread::spawn(|| ());
    /// while !handle.is_finished() {
    ///     thread::yield_now();
    /// }
    /// handle.join().unwrap();
    /// ```
    pub fn is_finished(&self) -> bool {
        match &self.flavor {
            HandleFlavor::Real(handle) => handle.is_finished(),
            HandleFlavor::Simulated(simulated) => {
                if let Some(world) = runtime::current() {
                    world.operation();
                }
                !simulated.completion.is_running()
            }
        }
    }

    /// Describes the thread.
    ///
    /// ```
    /// let handle = labrpc::thread::spawn(|| ());
    /// assert_eq!(handle.thread().name(), None);
    /// ```
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

/// What a destructor learns in a crash about another thread, which crashes as well. A thread without a result has
/// just ended. So a destructor may unwrap this, as that of a thread pool does.
pub(super) fn result_of_crashed<T: 'static>() -> Result<T> {
    let nothing: Box<dyn Any> = Box::new(());
    match nothing.downcast::<T>() {
        Ok(nothing) => Ok(*nothing),
        Err(_) => Err(Box::new("a destructor does not wait for a thread's end during a crash")),
    }
}

impl<T> SimulatedHandle<T> {
    #[track_caller]
    fn join(self, at: &'static Location<'static>) -> Result<T> {
        let world = runtime::current().filter(|world| world.run_id() == self.run_id).unwrap_or_else(|| {
            panic!("a simulated thread is joined outside of its simulation: join it in the simulation that spawned it")
        });
        world.operation();
        while self.completion.is_running() {
            let waiting = WaitReason::Join { task: self.task, at };
            if world.park(&[self.completion.key()], waiting, None) == WakeReason::Killed {
                return (self.if_crashed)();
            }
        }
        match self.completion.set(State::Lost) {
            State::Returned(value) => Ok(value),
            State::Running | State::Lost if world.is_unwinding() => (self.if_crashed)(),
            State::Running | State::Lost => {
                Err(Box::new("the thread did not return: it panicked, or its node crashed"))
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// Whether and how a simulated thread ended.
enum State<T> {
    Running,
    Returned(T),
    /// It ended without a value, or the value was taken.
    Lost,
}

/// The shared state of a simulated thread and its handle.
pub(super) struct Completion<T>(Mutex<State<T>>);

impl<T> Completion<T> {
    pub(super) fn new() -> (Arc<Completion<T>>, CompletionGuard<T>) {
        let completion = Arc::new(Completion(Mutex::new(State::Running)));
        let guard = CompletionGuard(Arc::clone(&completion));
        (completion, guard)
    }

    fn key(&self) -> Key {
        std::ptr::from_ref(self) as Key
    }

    fn is_running(&self) -> bool {
        matches!(*self.0.lock(), State::Running)
    }

    fn set(&self, state: State<T>) -> State<T> {
        std::mem::replace(&mut *self.0.lock(), state)
    }
}

/// The thread's part of its completion. It is dropped in whatever way the thread ends, and also if the
/// thread never began because its node had crashed.
pub(super) struct CompletionGuard<T>(Arc<Completion<T>>);

impl<T> CompletionGuard<T> {
    pub(super) fn complete(&self, value: T) {
        self.0.set(State::Returned(value));
    }
}

impl<T> Drop for CompletionGuard<T> {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0.set(State::Lost);
        }
        if let Some(world) = runtime::current() {
            world.unpark_all(self.0.key());
        }
    }
}
