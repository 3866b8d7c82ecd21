//! The simulated world: threads as coroutines, time as a number, chance from a seed.
//!
//! [`run`] runs a closure, and every task that it spawns, on one OS thread. A task gives up its turn
//! when it blocks, when the seed interrupts it, or when its time slice is used up. Virtual time
//! moves on in two ways: when every task is blocked, to the next time at which anything happens; and
//! by 100 ns at each operation, so that a task that polls moves on as well. So an hour passes in a
//! second, and equal [`Settings`] make equal runs: [`Report::trace`] is the same in debug and
//! release, on every machine.
//!
//! Reading order: [`Settings`] and [`Report`]; `choice` (decisions by name); `run` (how a run begins
//! and ends); `runtime`, `running` and `nodes` (what a task can do), `scheduler` (what happens while no task
//! runs) and `chance` (decisions about turns); `state`, `timers`, `task` and `parking` (the state
//! of a run); then how runs fail: `panics`, `backtrace`, `abandon`, `describe`, `involved`, `watchdog`,
//! `platform`, `lock_order`.
//! `coroutine` is the one place that switches stacks.
//!
//! **Invariant.** All `unsafe` of the workspace is in this folder.
//! **Invariant.** Nothing here knows what a server, a message or a disk is.
//!
//! All tasks of a run share one OS thread. So they also share each `thread_local!` of std, and
//! `std::thread::panicking()` is true for all of them while one waits for a lock in the middle of a
//! panic.
//!
//! A crash is real: [`kill`] unwinds each task of a node where it stands, and from then on no task
//! starts in that node. Destructors run. They may take locks, but wait for nothing else.
#![allow(unsafe_code, reason = "this folder is the one place for it: stack switching, signals, interposition")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "below the facade there is only std")]

mod abandon;
mod backtrace;
mod chance;
mod choice;
mod coroutine;
mod describe;
mod heap;
mod involved;
mod journal;
mod lock_order;
mod nodes;
mod panics;
mod parking;
mod platform;
mod run;
mod running;
pub(crate) mod runtime;
mod scheduler;
mod settings;
mod state;
pub mod tape;
mod task;
mod timers;
mod watchdog;

use std::borrow::Cow;

pub use choice::{Choice, Forced, Keep, Kind, Name, Stamp, draw, mix};
pub use heap::{CountedHeap, heap_bytes, heap_bytes_in, heap_bytes_peak, heap_forget_peak};
pub use involved::{InvolvedTask, TaskWait};
pub use journal::{Journal, Parting};
pub use run::run;
pub use settings::{Failure, FailureKind, Preemption, Report, Settings};
pub use task::{HeldLock, NodeId};

use runtime::{Runtime, current};

use crate::time::instant::Instant;

fn inside() -> &'static Runtime {
    current().expect("this function works inside a simulation only")
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

/// Creates a node: a group of tasks that a crash ends all at once. Reports call it `label`.
///
/// # Panics
///
/// Outside of a simulation. The functions below panic there as well.
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

/// Starts a task in a node. In a crashed node nothing starts: `body` is dropped.
/// For an example see [`new_node`].
pub fn spawn_in(node: NodeId, name: impl Into<Cow<'static, str>>, body: impl FnOnce() + 'static) {
    inside().spawn(name.into(), Some(node), None, None, Box::new(body));
}

/// Like [`spawn_in`], with a lineage (see [`mix`]) that does not depend on the spawning task. So the
/// task's decisions keep their names when other decisions change.
pub fn spawn_named(node: NodeId, name: impl Into<Cow<'static, str>>, lineage: u64, body: impl FnOnce() + 'static) {
    inside().spawn(name.into(), Some(node), Some(lineage), None, Box::new(body));
}

/// Crashes a node: its tasks unwind where they stand, before anything else happens. If the caller
/// is one of them, this does not return. For an example see [`new_node`].
pub fn kill(node: NodeId) {
    inside().kill(node);
}

/// From now on a panic in a task of this node ends the node, as [`kill`] does, and not the run: for programs that
/// must refuse to run.
///
/// ```
/// use labrpc::sim::{self, Settings};
/// use labrpc::thread;
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let node = sim::new_node("server 0");
///     sim::set_ends_by_panic(node);
///     sim::spawn_in(node, "boot", || panic!("this disk cannot be read"));
///     thread::yield_now();
///     sim::is_alive(node)
/// });
/// assert_eq!(result.unwrap(), false);
/// ```
pub fn set_ends_by_panic(node: NodeId) {
    inside().set_ends_by_panic(node);
}

/// Stops all tasks of a node where they stand, as a long garbage collection or a suspended machine
/// would, or resumes them. Messages and deadlines that arrive meanwhile wait for them.
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

/// Decides how exact moments are. Usually, what is due waits until the running task gives up its turn. In
/// punctual mode, the running task is interrupted at its next operation, and what is due comes first:
/// timers, deliveries, and the tasks that they wake or start. So a test can let something happen
/// between any two operations of a server.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Preemption, Settings};
/// use labrpc::time::Instant;
/// use labrpc::thread;
///
/// let settings = Settings { preemption: Preemption::None, ..Settings::default() };
/// let (result, _) = sim::run(settings, || {
///     let latest = std::rc::Rc::new(std::cell::Cell::new(Instant::ZERO));
///     let (node, seen) = (sim::new_node("busy"), latest.clone());
///     sim::set_punctual(true);
///     sim::spawn_in(node, "busy", move || {
///         while Instant::now() < Instant::ZERO + Duration::from_micros(10) {
///             seen.set(Instant::now()); // each reading of the clock takes 100 ns
///         }
///     });
///     thread::sleep(Duration::from_micros(4));
///     latest.get()
/// });
/// assert!(result.unwrap() < Instant::ZERO + Duration::from_micros(5));
/// ```
pub fn set_punctual(is_punctual: bool) {
    inside().is_punctual.set(is_punctual);
}

/// Decides whether chance is silent. While it is, no task is interrupted by chance, and none overtakes another.
/// So a test that says itself what happens when, see [`set_punctual`], misses nothing by chance.
pub fn set_calm(is_calm: bool) {
    inside().is_calm.set(is_calm);
}

/// Whether a node has not crashed.
pub fn is_alive(node: NodeId) -> bool {
    inside().is_alive(node)
}

/// The number of tasks of a node that are alive.
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

/// The number of tasks in a node that wait in [`Link::call`](crate::Link::call) for a reply. Such a task stands for a message
/// on its way more than for work of its node.
pub fn calls_in(node: NodeId) -> usize {
    inside().calls_in(node)
}

/// What the tasks with this name in a node wait for, a line each, as in the report on a deadlock. Empty if none waits.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Settings};
/// use labrpc::thread;
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let node = sim::new_node("server 0");
///     sim::spawn_in(node, "ticker", || thread::sleep(Duration::from_secs(1)));
///     thread::yield_now();
///     assert!(sim::describe_waiting(node, "ticker").contains("sleeps"));
/// });
/// result.unwrap();
/// ```
pub fn describe_waiting(node: NodeId, name: &str) -> String {
    inside().state.borrow().describe_waiting(node, name)
}

/// The virtual time. Unlike [`Instant::now`] this is no operation: it takes no time and changes nothing in the run.
/// `None` outside of a simulation.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// assert_eq!(sim::now(), None);
/// let (same, _) = sim::run(Settings::default(), || sim::now() == sim::now());
/// assert!(same.unwrap());
/// ```
pub fn now() -> Option<Instant> {
    current().map(|world| Instant::from_nanos(world.now_ns()))
}

/// The number of facade operations that all tasks have made so far.
pub fn operations() -> u64 {
    inside().operations.get()
}

/// The locks of [`labrpc::sync`](crate::sync) that the calling thread holds, in the order in which it took them.
/// Outside of a simulation nobody counts them, and the list is empty.
///
/// ```
/// use labrpc::sim::{self, Settings};
/// use labrpc::sync::Mutex;
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let lock = Mutex::new(());
///     let guard = lock.lock();
///     assert_eq!(sim::held_locks()[0].taken.line(), line!() - 1);
///     drop(guard);
///     assert!(sim::held_locks().is_empty());
/// });
/// result.unwrap();
/// ```
pub fn held_locks() -> Vec<HeldLock> {
    current().map(Runtime::held_locks).unwrap_or_default()
}

/// The number of the calling task; `None` outside of every task.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// assert_eq!(sim::current_task(), None);
/// assert!(sim::run(Settings::default(), sim::current_task).0.unwrap().is_some());
/// ```
pub fn current_task() -> Option<u64> {
    current().and_then(Runtime::current_task)
}

/// The caller's node.
pub fn node() -> NodeId {
    inside().node()
}

/// Runs `event` at a point in time, outside of every task. It must not block.
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

/// Draws a decision by name. Returns what `wild` makes of the random bits if the keep-set holds the
/// name, and `calm` otherwise.
///
/// ```
/// use labrpc::sim::{self, Kind, Keep, Name, Settings};
///
/// let pick = || sim::decide(Name::new(Kind::Workload, 1, 0), 0, |bits| 1 + bits % 6);
/// let (wild, _) = sim::run(Settings::default(), pick);
/// assert!((1..=6).contains(&wild.unwrap()));
/// let (calm, _) = sim::run(Settings { keep: Keep::Only(Default::default()), ..Settings::default() }, pick);
/// assert_eq!(calm.unwrap(), 0);
/// ```
pub fn decide<T: PartialEq>(name: Name, calm: T, wild: impl FnOnce(u64) -> T) -> T {
    inside().decide(name, calm, wild)
}

/// As [`decide`], and the recorded choice says what it is [`about`](Choice::about).
pub fn decide_about<T: PartialEq>(name: Name, about: Option<u64>, calm: T, wild: impl FnOnce(u64) -> T) -> T {
    inside().decide_about(name, about, calm, wild)
}

/// Random bits by name, for values that have no calm value, such as the seed of a server's timeouts.
pub fn seed_of(what: u64, when: u64) -> u64 {
    inside().seed_of(Name::new(Kind::Seed, what, when))
}

/// The outcome that [`Settings::forced`] forces on this name, if any.
///
/// ```
/// use labrpc::sim::{self, Forced, Kind, Name, Settings};
///
/// let coin = Name::new(Kind::Fault, 17, 0);
/// let mut forced = Forced::default();
/// forced.force(coin, 3);
/// let (result, _) = sim::run(Settings { forced, ..Settings::default() }, || sim::forced(coin));
/// assert_eq!(result.unwrap(), Some(3));
/// ```
pub fn forced(name: Name) -> Option<u64> {
    inside().settings.forced.outcome(name)
}

/// Runs `work`, which belongs to the test harness: an observer that looks at what the calling server does, say.
/// Its processor time and what it allocates do not count as the server's. Outside of a simulation it is just called.
///
/// `work` must not give up the turn, so it must not wait for anything.
pub fn as_harness<R>(work: impl FnOnce() -> R) -> R {
    let _account = heap::charged_to_harness();
    match current() {
        Some(world) => world.as_harness(work),
        None => work(),
    }
}

/// Mixes something that happened into [`Report::trace`].
pub fn record(word: u64) {
    inside().record(word);
}

/// Ends the run at the next turn, with a failure ([`FailureKind::Reported`]) of the calling task.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// let (result, _) = sim::run(Settings::default(), || {
///     assert!(!sim::has_failed());
///     sim::fail("two leaders in term 3");
///     assert!(sim::has_failed());
/// });
/// assert!(result.unwrap_err().message.contains("two leaders"));
/// ```
pub fn fail(message: impl Into<String>) {
    inside().fail(FailureKind::Reported, message.into());
}

/// Whether the run has failed, and ends at the next turn. False outside of a simulation.
pub fn has_failed() -> bool {
    current().is_some_and(|world| world.state.borrow().failure.is_some())
}

/// As [`fail`], because a message does not decode ([`FailureKind::Undecodable`]).
pub(crate) fn fail_to_decode(message: String) {
    inside().fail(FailureKind::Undecodable, message);
}
