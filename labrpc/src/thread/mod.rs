//! Threads, with the API of [`std::thread`].
//!
//! Outside of a simulation they are OS threads. Inside one they are tasks: a task belongs to the node of
//! its spawner, and a crash of that node ends it wherever it stands.

mod handle;
pub(crate) mod local;

use std::borrow::Cow;
use std::io;
use std::panic::Location;
use std::time::Duration;

pub use handle::JoinHandle;
use handle::{Completion, HandleFlavor, SimulatedHandle, result_of_crashed};
pub use local::LocalKey;

use crate::sim::runtime::{self, Runtime, WaitReason};
use crate::sync::waiting::deadline;

/// What [`JoinHandle::join`] returns: `Err` if the thread panicked or was ended by a crash.
pub type Result<T> = std::thread::Result<T>;

/// Starts a thread. In a simulation it runs in the node of its spawner.
///
/// ```
/// use labrpc::thread;
///
/// let sum = thread::spawn(|| 1 + 2);
/// assert_eq!(sum.join().unwrap(), 3);
/// ```
#[track_caller]
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(body).expect("the operating system could not start another thread")
}

/// Blocks the calling thread for `duration`, which is virtual time in a simulation.
///
/// ```
/// use std::time::Duration;
/// use labrpc::{sim, thread, time::Instant};
///
/// let (result, _) = sim::run(sim::Settings::default(), || {
///     let before = Instant::now();
///     thread::sleep(Duration::from_secs(600)); // takes no real time
///     assert!(before.elapsed() >= Duration::from_secs(600));
/// });
/// result.unwrap();
/// ```
#[allow(clippy::disallowed_methods, reason = "outside of a simulation time is real")]
pub fn sleep(duration: Duration) {
    match runtime::current() {
        None => std::thread::sleep(duration),
        Some(world) => {
            world.operation();
            // A task that unwinds does not sleep.
            let _ = world.park(&[], WaitReason::Sleep, Some(deadline(world, duration).as_nanos()));
        }
    }
}

/// Lets other threads run first.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use labrpc::thread;
///
/// let is_done = Arc::new(AtomicBool::new(false));
/// let worker = thread::spawn({
///     let is_done = Arc::clone(&is_done);
///     move || is_done.store(true, Ordering::SeqCst)
/// });
/// while !is_done.load(Ordering::SeqCst) {
///     thread::yield_now();
/// }
/// worker.join().unwrap();
/// ```
#[allow(clippy::disallowed_methods, reason = "outside of a simulation threads are the operating system's")]
pub fn yield_now() {
    match runtime::current() {
        None => std::thread::yield_now(),
        Some(world) => {
            world.operation();
            world.yield_now();
        }
    }
}

/// Starts a thread with a name of your choice.
///
/// ```
/// use labrpc::thread;
///
/// let ticker = thread::Builder::new().name("ticker".into()).spawn(|| "tick").unwrap();
/// assert_eq!(ticker.thread().name(), Some("ticker"));
/// assert_eq!(ticker.join().unwrap(), "tick");
/// ```
#[derive(Debug, Default)]
#[must_use = "it starts nothing until `spawn` is called"]
pub struct Builder {
    name: Option<String>,
    stack_bytes: Option<usize>,
}

impl Builder {
    /// A thread without a name.
    ///
    /// ```
    /// let handle = labrpc::thread::Builder::new().spawn(|| ()).unwrap();
    /// assert_eq!(handle.thread().name(), None);
    /// ```
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the thread, for reports. In a simulation an unnamed thread is named by the line that spawned
    /// it.
    ///
    /// ```
    /// use labrpc::thread::Builder;
    ///
    /// let applier = Builder::new().name("applier".into()).spawn(|| ()).unwrap();
    /// assert_eq!(applier.thread().name(), Some("applier"));
    /// ```
    pub fn name(self, name: String) -> Builder {
        Builder { name: Some(name), ..self }
    }

    /// Requests a stack of this size. Without this call it has 2 MiB, in a simulation as outside of one. The
    /// smallest stack of a simulated thread has 64 KiB, which is enough to report a panic.
    ///
    /// ```
    /// use labrpc::thread::Builder;
    ///
    /// let deep = Builder::new().stack_size(4 << 20).spawn(|| "deep").unwrap();
    /// assert_eq!(deep.join().unwrap(), "deep");
    /// ```
    pub fn stack_size(self, bytes: usize) -> Builder {
        Builder { stack_bytes: Some(bytes), ..self }
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the operating system cannot start another thread. Never in a simulation.
    ///
    /// ```
    /// use labrpc::thread::Builder;
    ///
    /// let handle = Builder::new().spawn(|| 7).unwrap();
    /// assert_eq!(handle.join().unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(self, body: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match runtime::current() {
            None => self.spawn_for_real(body),
            Some(world) => Ok(self.spawn_in(world, body, Location::caller())),
        }
    }

    fn spawn_for_real<F, T>(self, body: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut builder = std::thread::Builder::new();
        if let Some(name) = &self.name {
            builder = builder.name(name.clone());
        }
        if let Some(bytes) = self.stack_bytes {
            builder = builder.stack_size(bytes);
        }
        let handle = builder.spawn(body)?;
        Ok(JoinHandle { thread: Thread { name: self.name }, flavor: HandleFlavor::Real(handle) })
    }

    fn spawn_in<F, T>(self, world: &Runtime, body: F, at: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        world.operation();
        let (completion, guard) = Completion::new();
        let body = move || guard.complete(body());
        let name = match &self.name {
            Some(name) => Cow::Owned(name.clone()),
            None => Cow::Owned(format!("{}:{}", at.file(), at.line())),
        };
        /// A panic with a backtrace was too much for 16 KiB.
        const STACK_BYTES_MIN: usize = 64 << 10;
        let stack_bytes = self.stack_bytes.map(|bytes| bytes.max(STACK_BYTES_MIN));
        let task = world.spawn(name, None, None, stack_bytes, Box::new(body));
        let if_crashed = result_of_crashed::<T>;
        let flavor = HandleFlavor::Simulated(SimulatedHandle { run_id: world.run_id(), task, completion, if_crashed });
        JoinHandle { thread: Thread { name: self.name }, flavor }
    }
}

/// Describes a thread.
///
/// ```
/// use labrpc::thread::Builder;
///
/// let handle = Builder::new().name("ticker".into()).spawn(|| ()).unwrap();
/// let ticker = handle.thread().clone();
/// assert_eq!(ticker.name(), Some("ticker"));
/// ```
#[derive(Clone, Debug)]
pub struct Thread {
    name: Option<String>,
}

impl Thread {
    /// The thread's name, if it has one.
    ///
    /// ```
    /// let handle = labrpc::thread::spawn(|| ());
    /// assert_eq!(handle.thread().name(), None);
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
