//! The simulated world: threads as coroutines, time as a number, chance as a seed.
//!
//! [`run`] runs a closure, and every task that it spawns, on one OS thread. A task gives its turn
//! up when it blocks, when the seed interrupts it, or when its time slice is used up; virtual
//! time moves on when every task is blocked, to the next moment at which anything happens, and by
//! 100 ns at each operation, so that a task that polls moves on as well. So an hour passes in a
//! second, and the same [`Settings`] make the same run: [`Report::trace`] is equal, in debug and
//! release, on every machine.
//!
//! Reading order: [`Settings`] and [`Report`]; `choice` (decisions by name); `runtime` (what a
//! task can do), `scheduler` (what happens in between) and `chance` (what is decided about turns);
//! `state`, `task` and `parking` (what is remembered); then how runs end badly: `panics`,
//! `frozen`, `describe`, `watchdog`, `platform`. `coroutine` is the one place that switches stacks.
//!
//! **Invariant.** All `unsafe` of the workspace is in this folder.
//! **Invariant.** Nothing here knows what a server, a message or a disk is.
//!
//! All tasks of a run share one OS thread. So a `thread_local!` of std is one for all of them, and
//! `std::thread::panicking()` is true for all while one of them waits for a lock in the midst of a
//! panic.
//!
//! A crash is real: [`kill`] unwinds each task of a node wherever it stands, and then the node
//! takes in nothing new. Destructors run. They may take locks, but wait for nothing else.
#![allow(unsafe_code, reason = "this folder is the one place for it: stack switching, signals, interposition")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "below the facade there is only std")]

mod chance;
mod choice;
mod coroutine;
mod describe;
mod frozen;
mod heap;
mod panics;
mod parking;
mod platform;
pub(crate) mod runtime;
mod scheduler;
mod settings;
mod state;
mod task;
mod watchdog;

use std::borrow::Cow;
use std::cell::Cell;

pub use choice::{Choice, Keep, Kind, Name, Stamp, draw, mix};
pub use heap::{CountedHeap, heap_bytes, heap_bytes_peak, heap_forget_peak};
pub use settings::{Failure, FailureKind, Preemption, Report, Settings};
pub use task::NodeId;

use runtime::{Runtime, current};
use watchdog::Progress;

use crate::time::Instant;

/// Runs `body` in a world of its own, and says how it went.
///
/// The body is the task of the test; when it returns, whatever else still runs is unwound.
///
/// # Errors
///
/// [`Failure`], when the body or any other task panicked, or the world came to a halt.
///
/// # Panics
///
/// When called inside a simulation.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Settings};
/// use labrpc::thread;
///
/// let (result, report) = sim::run(Settings::default(), || {
///     thread::sleep(Duration::from_secs(3600)); // takes no time at all
/// });
/// assert!(result.is_ok());
/// assert!(report.virtual_time >= Duration::from_secs(3600));
/// ```
pub fn run<T: Send>(settings: Settings, body: impl FnOnce() -> T + Send) -> (Result<T, Failure>, Report) {
    assert!(!is_simulated(), "a simulation cannot run inside a simulation");
    panics::install_hook();
    let progress = Progress::default();
    let patience = settings.patience;
    let (started, starting) = std::sync::mpsc::channel();
    // A fresh OS thread, so that what std keeps per thread (a HashMap's keys, say) is fresh too.
    std::thread::scope(|scope| {
        let watcher = std::thread::current();
        let inner = progress.clone();
        let simulation = std::thread::Builder::new()
            .name("simulation".into())
            .spawn_scoped(scope, move || {
                platform::prepare_thread();
                let thread = platform::SimThread::this();
                started.send(thread).expect("the watchdog waits for it");
                let _end = End { progress: inner.clone(), watcher };
                simulate(settings, inner, thread, body)
            })
            .expect("the system can start a thread");
        let thread = starting.recv().expect("the simulation starts");
        watchdog::watch(&progress, thread, patience);
        simulation.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

/// Tells the watchdog that the simulation is over, also if it ends by a panic of its own.
struct End {
    progress: Progress,
    watcher: std::thread::Thread,
}

impl Drop for End {
    fn drop(&mut self) {
        self.progress.end();
        self.watcher.unpark();
    }
}

fn simulate<T>(
    settings: Settings,
    progress: Progress,
    thread: platform::SimThread,
    body: impl FnOnce() -> T,
) -> (Result<T, Failure>, Report) {
    let runtime = Box::new(Runtime::new(settings, progress));
    let entered = runtime::enter(&runtime);
    let result = Cell::new(None);
    let is_done = Cell::new(false);
    let main = || {
        result.set(Some(body()));
        is_done.set(true);
    };
    let main: Box<dyn FnOnce() + '_> = Box::new(main);
    // SAFETY: the task either ends or is unwound or leaked before this function returns, and a
    // leaked one is never entered again: what `main` borrows is not used after its end.
    let main: Box<dyn FnOnce() + 'static> = unsafe { std::mem::transmute(main) };
    runtime.spawn("test".into(), Some(NodeId::TEST), None, main);
    let ended = runtime.give_turns(|| is_done.get());
    let report = Report { cpu_time: thread.time_used(), ..runtime.report() };
    let is_clean = runtime.tear_down();
    let late = runtime.failure_of_frozen().or_else(|| runtime.state.borrow_mut().failure.take());
    drop(entered);
    if !is_clean {
        std::mem::forget(runtime); // what was leaked may still point into it
    }
    let outcome = match (ended, late) {
        (Err(failure), _) | (Ok(()), Some(failure)) => Err(failure),
        (Ok(()), None) => Ok(result.take().expect("the body has ended")),
    };
    (outcome, report)
}

fn inside() -> &'static Runtime {
    current().expect("this is possible inside a simulation only")
}

/// Whether the caller is in a simulation.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// assert!(!sim::is_simulated());
/// assert!(sim::run(Settings::default(), sim::is_simulated).0.unwrap());
/// ```
pub fn is_simulated() -> bool {
    current().is_some()
}

/// A new node: a box whose tasks a crash ends all at once. The label names it in reports.
///
/// # Panics
///
/// Outside of a simulation, as do the functions below.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Settings};
/// use labrpc::thread;
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let node = sim::new_node("server 0");
///     sim::spawn_in(node, "ticker", || loop {
///         thread::sleep(Duration::from_millis(10));
///     });
///     thread::sleep(Duration::from_secs(1));
///     sim::kill(node);
///     assert!(!sim::is_alive(node));
/// });
/// result.unwrap();
/// ```
pub fn new_node(label: impl Into<String>) -> NodeId {
    inside().new_node(label.into())
}

/// Starts a task in a node. In one that has crashed nothing starts: `body` is dropped.
/// For an example see [`new_node`].
pub fn spawn_in(node: NodeId, name: impl Into<Cow<'static, str>>, body: impl FnOnce() + 'static) {
    inside().spawn(name.into(), Some(node), None, Box::new(body));
}

/// As [`spawn_in`], with a lineage (see [`mix`]) that does not depend on who spawns the task, and
/// so keeps the names of the task's decisions when other decisions change.
pub fn spawn_named(node: NodeId, name: impl Into<Cow<'static, str>>, lineage: u64, body: impl FnOnce() + 'static) {
    inside().spawn(name.into(), Some(node), Some(lineage), Box::new(body));
}

/// Crashes a node: its tasks unwind where they stand, before anything else happens. If the caller
/// is one of them, this does not return. For an example see [`new_node`].
pub fn kill(node: NodeId) {
    inside().kill(node);
}

/// Stops all tasks of a node where they stand, as a long garbage collection or a suspended machine
/// would, or lets them go on. What arrives meanwhile waits for them.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Settings};
/// use labrpc::time::Instant;
/// use labrpc::{channel, thread};
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let node = sim::new_node("server 0");
///     let (done, when_done) = channel::unbounded();
///     sim::spawn_in(node, "worker", move || {
///         thread::sleep(Duration::from_secs(1));
///         done.send(Instant::now()).unwrap();
///     });
///     thread::yield_now(); // it falls asleep
///     sim::set_paused(node, true);
///     thread::sleep(Duration::from_secs(5));
///     sim::set_paused(node, false);
///     assert!(when_done.recv().unwrap() >= Instant::ZERO + Duration::from_secs(5));
/// });
/// result.unwrap();
/// ```
pub fn set_paused(node: NodeId, is_paused: bool) {
    inside().set_paused(node, is_paused);
}

/// Whether a node has not crashed.
pub fn is_alive(node: NodeId) -> bool {
    inside().is_alive(node)
}

/// How many tasks of a node are alive.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// let (count, _) = sim::run(Settings::default(), || {
///     let node = sim::new_node("server 0");
///     sim::spawn_in(node, "one", || labrpc::thread::sleep(std::time::Duration::from_secs(1)));
///     sim::tasks_in(node)
/// });
/// assert_eq!(count.unwrap(), 1);
/// ```
pub fn tasks_in(node: NodeId) -> usize {
    inside().tasks_in(node)
}

/// How many operations of the facade all tasks have made so far.
pub fn operations() -> u64 {
    inside().report().operations
}

/// The caller's node.
pub fn node() -> NodeId {
    inside().node()
}

/// Lets `event` happen at a point in time, outside of every task. It must not block.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Settings};
/// use labrpc::{channel, time::Instant};
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let (sender, receiver) = channel::unbounded();
///     sim::at(Instant::ZERO + Duration::from_secs(1), move || sender.send("now").unwrap());
///     assert_eq!(receiver.recv(), Ok("now"));
/// });
/// result.unwrap();
/// ```
pub fn at(deadline: Instant, event: impl FnOnce() + 'static) {
    inside().at(deadline.as_nanos(), Box::new(event));
}

/// Draws a decision by name: its calm value, or whatever `wild` makes of the random bits, if the
/// keep-set holds it.
///
/// ```
/// use labrpc::sim::{self, Kind, Keep, Name, Settings};
///
/// let die = || sim::decide(Name::new(Kind::Workload, 1, 0), 0, |bits| 1 + bits % 6);
/// let (thrown, _) = sim::run(Settings::default(), die);
/// assert!((1..=6).contains(&thrown.unwrap()));
/// let (calm, _) = sim::run(Settings { keep: Keep::Only(Default::default()), ..Settings::default() }, die);
/// assert_eq!(calm.unwrap(), 0);
/// ```
pub fn decide<T: PartialEq>(name: Name, calm: T, wild: impl FnOnce(u64) -> T) -> T {
    inside().decide(name, calm, wild)
}

/// Random bits by name, for what has no calm value, such as the seed of a server's time-outs.
pub fn seed_of(what: u64, when: u64) -> u64 {
    draw(inside().settings.seed, Name::new(Kind::Seed, what, when))
}

/// Mixes something that happened into [`Report::trace`].
pub fn record(word: u64) {
    inside().record(word);
}

/// Ends the run with a failure ([`FailureKind::Reported`]) of the calling task, at its next turn.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// let (result, _) = sim::run(Settings::default(), || sim::fail("two leaders in term 3"));
/// assert!(result.unwrap_err().message.contains("two leaders"));
/// ```
pub fn fail(message: impl Into<String>) {
    inside().fail(message.into());
}
