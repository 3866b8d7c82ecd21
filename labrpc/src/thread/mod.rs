//! Threads, in the shape of [`std::thread`].
//!
//! Outside of a simulation they are OS threads. Inside one they are its tasks: they belong to the
//! node of whoever spawned them, and a crash of that node ends them wherever they stand.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::sim::runtime::{self, Key, Runtime, TaskId, Waiting, Wake};
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
    Builder::new().spawn(body).expect("the operating system has no room for another thread")
}

/// Blocks the calling thread for so long: in a simulation, for so much virtual time.
///
/// ```
/// use std::time::Duration;
/// use labrpc::{sim, thread, time::Instant};
///
/// let (result, _) = sim::run(sim::Settings::default(), || {
///     let before = Instant::now();
///     thread::sleep(Duration::from_secs(600)); // takes no time at all
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
            // A task that is unwinding does not sleep.
            let _ = world.park(&[], Waiting::Sleep, Some(deadline(world, duration).as_nanos()));
        }
    }
}

/// Lets others run first.
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

/// A thread that is yet to be started, with a name of one's choice.
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

    /// Names the thread, for reports. In a simulation one without a name goes by the line that
    /// spawned it.
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

    /// Asks for a stack of so many bytes. A simulation gives all its tasks stacks of the same
    /// size, [`Settings::stack_bytes`](crate::sim::Settings::stack_bytes), whatever is asked here.
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
    /// When the operating system has no room for another thread; in a simulation never.
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
        Ok(JoinHandle { thread: Thread { name: self.name }, flavor: Flavor::Real(handle) })
    }

    fn spawn_in<F, T>(self, world: &Runtime, body: F, at: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        world.operation();
        let outcome = Arc::new(Outcome(Mutex::new(State::Running)));
        let end = End(Arc::clone(&outcome));
        let body = move || {
            let end = end; // whole, so that it is dropped when the body ends
            end.0.set(State::Returned(body()));
        };
        let name = match &self.name {
            Some(name) => Cow::Owned(name.clone()),
            None => Cow::Owned(format!("{}:{}", at.file(), at.line())),
        };
        let task = world.spawn(name, None, None, Box::new(body));
        let flavor = Flavor::Simulated(Simulated { run_id: world.run_id(), task, outcome });
        JoinHandle { thread: Thread { name: self.name }, flavor }
    }
}

/// A way to wait for a thread's end and to get what it returned. Dropping it lets the thread run
/// on by itself.
///
/// ```
/// use labrpc::thread::{self, JoinHandle};
///
/// let handle: JoinHandle<u32> = thread::spawn(|| 7);
/// assert_eq!(handle.join().unwrap(), 7);
/// ```
pub struct JoinHandle<T> {
    thread: Thread,
    flavor: Flavor<T>,
}

enum Flavor<T> {
    Real(std::thread::JoinHandle<T>),
    Simulated(Simulated<T>),
}

struct Simulated<T> {
    run_id: u64,
    task: TaskId,
    outcome: Arc<Outcome<T>>,
}

impl<T> JoinHandle<T> {
    /// Waits for the thread's end.
    ///
    /// # Errors
    ///
    /// When the thread did not return: it panicked, or its node crashed.
    ///
    /// # Panics
    ///
    /// When the thread is a simulation's and the caller is not in that simulation.
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
            Flavor::Real(handle) => handle.join(),
            Flavor::Simulated(simulated) => simulated.join(Location::caller()),
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
            Flavor::Real(handle) => handle.is_finished(),
            Flavor::Simulated(simulated) => {
                if let Some(world) = runtime::current() {
                    world.operation();
                }
                !simulated.outcome.is_running()
            }
        }
    }

    /// The thread that this is the handle of.
    ///
    /// ```
    /// let handle = labrpc::thread::spawn(|| ());
    /// assert_eq!(handle.thread().name(), None);
    /// ```
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl<T> Simulated<T> {
    #[track_caller]
    fn join(self, at: &'static Location<'static>) -> Result<T> {
        let world = runtime::current().filter(|world| world.run_id() == self.run_id).unwrap_or_else(|| {
            panic!("a simulated thread is joined outside of its simulation: join it inside, where it was spawned")
        });
        world.operation();
        while self.outcome.is_running() {
            let waiting = Waiting::Join { task: self.task, at };
            if world.park(&[self.outcome.key()], waiting, None) == Wake::Killed {
                return Err(Box::new("a destructor does not wait for a thread's end during a crash"));
            }
        }
        match self.outcome.set(State::Lost) {
            State::Returned(value) => Ok(value),
            State::Running | State::Lost => {
                Err(Box::new("the thread returned nothing: it panicked, or its node crashed"))
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// What is known of a thread.
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
    /// The name that it was given, if any.
    ///
    /// ```
    /// let handle = labrpc::thread::spawn(|| ());
    /// assert_eq!(handle.thread().name(), None);
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// How a simulated thread ended, if it has.
enum State<T> {
    Running,
    Returned(T),
    /// It ended without a value, or the value was taken.
    Lost,
}

struct Outcome<T>(Mutex<State<T>>);

impl<T> Outcome<T> {
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

/// A thread's own end of its outcome. It is dropped whichever way the thread ends, and also if it
/// never began, because its node had crashed.
struct End<T>(Arc<Outcome<T>>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0.set(State::Lost);
        }
        if let Some(world) = runtime::current() {
            world.unpark_all(self.0.key());
        }
    }
}
