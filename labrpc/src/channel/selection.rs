//! How a [`select!`](crate::select) waits until one of its arms is ready, and chooses one.
//!
//! Outside of a simulation this is crossbeam's own `Select`. Inside, a `select!` checks whether any arm
//! is ready, and if none is, parks on all of them at once. While it is parked, its receive arms are
//! also registered with their channels of capacity 0. All of them share one rendezvous, so that at
//! most one sender meets it.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Select, SelectedOperation};

use super::deadline_after;
use super::rendezvous::Rendezvous;
use crate::sim::runtime::{self, Key, Runtime, WaitReason, WakeReason};
use crate::sync::waiting::{OnDrop, park_in_queue};
use crate::time::Instant;

/// One arm of a `select!`.
pub struct Arm<'a>(&'a dyn SelectOperation);

impl<'a> Arm<'a> {
    pub(super) fn new(operation: &'a dyn SelectOperation) -> Arm<'a> {
        Arm(operation)
    }
}

/// The operation of one arm. All methods but the first two are for simulations only.
pub(super) trait SelectOperation {
    /// Adds it to crossbeam's selection.
    fn add_to<'a>(&'a self, select: &mut Select<'a>);
    /// Panics unless its channel belongs to the simulation that the caller is in. Returns the line
    /// that made the channel.
    fn expect_here(&self) -> &'static Location<'static>;
    /// Whether it would not have to wait.
    fn is_ready(&self, world: &Runtime) -> bool;
    /// The key that it waits on; `None` for a timer.
    fn key(&self) -> Option<Key>;
    /// When it becomes ready by itself; `None` unless it is a timer.
    fn due(&self) -> Option<Instant>;
    /// Wakes another task that waits for the same, because this `select!` did not use its wake-up.
    fn pass_on(&self, world: &Runtime);
    /// At capacity 0: lets senders know that this `select!` waits for a message.
    fn register(&self, world: &Runtime, rendezvous: &Arc<Rendezvous>);
    /// Undoes `register`, and keeps the message if a sender brought one.
    fn unregister(&self, rendezvous: &Arc<Rendezvous>);
    /// Whether a sender brought a message.
    fn has_received(&self) -> bool;
}

/// The arm that was chosen. It must be completed.
pub struct Chosen<'a> {
    index: usize,
    arms_seen: usize,
    /// crossbeam's selected operation, outside of a simulation.
    pub(super) operation: Option<SelectedOperation<'a>>,
}

impl Chosen<'_> {
    /// Called once for each arm, in order: whether this arm is the chosen one.
    pub fn is_next(&mut self) -> bool {
        self.arms_seen += 1;
        self.arms_seen - 1 == self.index
    }
}

/// Waits until one of the arms can happen.
#[track_caller]
pub fn wait<'a>(arms: &[Arm<'a>]) -> Chosen<'a> {
    let chosen = match runtime::current() {
        None => Some(of_crossbeam(real_select(arms).select())),
        Some(world) => wait_in(world, arms, None, Location::caller()),
    };
    chosen.expect("without a deadline it waits until an arm is chosen")
}

/// Waits until one of the arms can happen, but no longer than `patience`.
#[track_caller]
pub fn wait_for<'a>(arms: &[Arm<'a>], patience: Duration) -> Option<Chosen<'a>> {
    match runtime::current() {
        None if patience.is_zero() => real_select(arms).try_select().ok().map(of_crossbeam),
        None => real_select(arms).select_timeout(patience).ok().map(of_crossbeam),
        Some(world) => wait_in(world, arms, Some(deadline_after(patience)), Location::caller()),
    }
}

fn real_select<'a>(arms: &[Arm<'a>]) -> Select<'a> {
    let mut select = Select::new();
    arms.iter().for_each(|arm| arm.0.add_to(&mut select));
    select
}

fn of_crossbeam(operation: SelectedOperation<'_>) -> Chosen<'_> {
    Chosen { index: operation.index(), arms_seen: 0, operation: Some(operation) }
}

fn wait_in<'a>(
    world: &Runtime,
    arms: &[Arm<'a>],
    deadline: Option<Instant>,
    at: &'static Location<'static>,
) -> Option<Chosen<'a>> {
    let chosen = |index| Some(Chosen { index, arms_seen: 0, operation: None });
    let made = arms.iter().map(|arm| arm.0.expect_here()).reduce(|first, _| first).unwrap_or(at);
    let waiting = WaitReason::Channel { operation: "select!", made, at };
    world.operation();
    let mut has_waited = false;
    loop {
        if let Some(index) = choose(world, arms) {
            if has_waited {
                // The wake-up may have been for another arm, where other tasks may be waiting.
                let others = arms.iter().enumerate().filter(|&(other, _)| other != index);
                others.for_each(|(_, arm)| arm.0.pass_on(world));
            }
            return chosen(index);
        }
        if deadline.is_some_and(|deadline| deadline.as_nanos() <= world.now_ns()) {
            return None;
        }
        if park(world, arms, waiting, deadline) == WakeReason::Killed {
            // A destructor must not wait. Any arm will do: completing it returns an error.
            return if deadline.is_some() { None } else { chosen(0) };
        }
        has_waited = true;
    }
}

/// The arm that has received a message already, or else any arm that is ready.
fn choose(world: &Runtime, arms: &[Arm<'_>]) -> Option<usize> {
    if let Some(received) = arms.iter().position(|arm| arm.0.has_received()) {
        return Some(received);
    }
    let ready: Vec<usize> = (0..arms.len()).filter(|&index| arms[index].0.is_ready(world)).collect();
    if ready.is_empty() { None } else { Some(ready[world.choose(ready.len())]) }
}

fn park(world: &Runtime, arms: &[Arm<'_>], waiting: WaitReason, deadline: Option<Instant>) -> WakeReason {
    let rendezvous = Rendezvous::new();
    let _unregister = OnDrop(|| arms.iter().for_each(|arm| arm.0.unregister(&rendezvous)));
    arms.iter().for_each(|arm| arm.0.register(world, &rendezvous));
    let keys: Vec<Key> = arms.iter().filter_map(|arm| arm.0.key()).chain([rendezvous.key()]).collect();
    let until = arms.iter().filter_map(|arm| arm.0.due()).chain(deadline).min();
    let pass_on = || arms.iter().for_each(|arm| arm.0.pass_on(world));
    park_in_queue(world, &keys, waiting, until.map(Instant::as_nanos), pass_on)
}
