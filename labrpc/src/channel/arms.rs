//! What [`select!`](crate::select) expands to. Not for use by itself.
//!
//! Outside of a simulation it is crossbeam's own `Select`. Inside, a `select!` looks whether any
//! arm is ready, and if none is, parks on all of them at once. While it is parked it also holds
//! out a hand in each channel whose messages go from hand to hand; all its hands share one ticket,
//! so that one sender at most serves it.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Select, SelectedOperation};

use super::receiver::Flavor as Receiving;
use super::sender::Flavor as Sending;
use super::ticket::Ticket;
use super::{Receiver, RecvError, SendError, Sender, deadline_after, refuse_to_block};
use crate::sim::runtime::{self, Key, Runtime, Waiting, Wake};
use crate::sync::waiting::{AtEnd, park_in_line};
use crate::time::Instant;

/// One arm, whatever it does.
pub struct Arm<'a>(&'a dyn Operation);

/// An operation that may turn out to be the one that happens. All but the first two methods are
/// for simulations only.
trait Operation {
    /// Adds it to crossbeam's selection.
    fn add_to<'a>(&'a self, select: &mut Select<'a>);
    /// Panics unless its channel belongs to the simulation that the caller is in. Returns the line
    /// that made the channel.
    fn expect_here(&self) -> &'static Location<'static>;
    /// Whether it would not have to wait.
    fn is_ready(&self, world: &Runtime) -> bool;
    /// What it waits on; a timer on nothing.
    fn key(&self) -> Option<Key>;
    /// When it will be ready by itself; none but a timer ever is.
    fn due(&self) -> Option<Instant>;
    /// Wakes another who waits for the same, since this wake-up was not made use of.
    fn pass_on(&self, world: &Runtime);
    /// Holds out a hand for a message.
    fn enlist(&self, world: &Runtime, ticket: &Arc<Ticket>);
    /// Takes the hand back, and keeps what is in it.
    fn withdraw(&self, ticket: &Arc<Ticket>);
    /// Whether something was in it.
    fn is_served(&self) -> bool;
}

/// `recv(receiver) -> message`.
pub struct RecvArm<'a, T> {
    receiver: &'a Receiver<T>,
    /// What a sender put into the hand that was held out.
    served: RefCell<Option<T>>,
}

/// An arm that receives.
pub fn recv<T>(receiver: &Receiver<T>) -> RecvArm<'_, T> {
    RecvArm { receiver, served: RefCell::new(None) }
}

impl<T> RecvArm<'_, T> {
    /// The arm among others.
    pub fn arm(&self) -> Arm<'_> {
        Arm(self)
    }

    /// Carries the operation out.
    pub fn complete(&self, chosen: Chosen<'_>) -> Result<T, RecvError> {
        match (chosen.operation, &self.receiver.flavor) {
            (Some(operation), Receiving::Real(receiver)) => operation.recv(receiver),
            (Some(operation), Receiving::Timer(timer)) => {
                let receiver = timer.real().expect("crossbeam chose it, so it is crossbeam's");
                operation.recv(receiver).map(|due| timer.real_message(due))
            }
            (None, Receiving::Timer(timer)) => timer.take(present_world()).ok_or(RecvError),
            (None, Receiving::Simulated(channel)) => match self.served.take() {
                Some(message) => Ok(message),
                None => channel.try_receive(present_world()).map_err(|_| RecvError),
            },
            (Some(_), Receiving::Simulated(_)) | (None, Receiving::Real(_)) => {
                unreachable!("a select! has arms of one world only")
            }
        }
    }
}

impl<T> Operation for RecvArm<'_, T> {
    fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        match &self.receiver.flavor {
            Receiving::Real(receiver) => {
                select.recv(receiver);
            }
            Receiving::Timer(timer) if timer.real().is_some() => {
                timer.real().map(|receiver| select.recv(receiver));
            }
            Receiving::Simulated(_) | Receiving::Timer(_) => {
                self.expect_here(); // which panics: this is not its simulation
            }
        }
    }

    fn expect_here(&self) -> &'static Location<'static> {
        match &self.receiver.flavor {
            Receiving::Real(_) => refuse_to_block("select!"),
            Receiving::Timer(timer) => timer.expect_here(),
            Receiving::Simulated(channel) => {
                channel.world();
                channel.made()
            }
        }
    }

    fn is_ready(&self, world: &Runtime) -> bool {
        match &self.receiver.flavor {
            Receiving::Real(_) => false,
            Receiving::Timer(timer) => timer.due().is_some_and(|due| due.as_nanos() <= world.now_ns()),
            Receiving::Simulated(channel) => channel.is_receive_ready(),
        }
    }

    fn key(&self) -> Option<Key> {
        match &self.receiver.flavor {
            Receiving::Simulated(channel) => Some(channel.receive_key()),
            Receiving::Real(_) | Receiving::Timer(_) => None,
        }
    }

    fn due(&self) -> Option<Instant> {
        match &self.receiver.flavor {
            Receiving::Timer(timer) => timer.due(),
            Receiving::Real(_) | Receiving::Simulated(_) => None,
        }
    }

    fn pass_on(&self, world: &Runtime) {
        if let Receiving::Simulated(channel) = &self.receiver.flavor {
            channel.wake_receiver_if_ready(world);
        }
    }

    fn enlist(&self, world: &Runtime, ticket: &Arc<Ticket>) {
        if let Receiving::Simulated(channel) = &self.receiver.flavor {
            channel.enlist(world, ticket);
        }
    }

    fn withdraw(&self, ticket: &Arc<Ticket>) {
        if let Receiving::Simulated(channel) = &self.receiver.flavor {
            *self.served.borrow_mut() = channel.withdraw_taker(ticket);
        }
    }

    fn is_served(&self) -> bool {
        self.served.borrow().is_some()
    }
}

/// `send(sender, message) -> result`.
pub struct SendArm<'a, T> {
    sender: &'a Sender<T>,
}

/// An arm that sends.
pub fn send<T>(sender: &Sender<T>) -> SendArm<'_, T> {
    SendArm { sender }
}

impl<T> SendArm<'_, T> {
    /// The arm among others.
    pub fn arm(&self) -> Arm<'_> {
        Arm(self)
    }

    /// Carries the operation out. Only if making the message took its time, and somebody else
    /// was quicker, does it have to wait.
    #[track_caller]
    pub fn complete(&self, chosen: Chosen<'_>, message: T) -> Result<(), SendError<T>> {
        match (chosen.operation, &self.sender.flavor) {
            (Some(operation), Sending::Real(sender)) => operation.send(sender, message),
            (None, Sending::Simulated(channel)) => {
                let sent = channel.send(present_world(), message, None, Location::caller());
                sent.map_err(|error| SendError(error.into_inner()))
            }
            (Some(_), Sending::Simulated(_)) | (None, Sending::Real(_)) => {
                unreachable!("a select! has arms of one world only")
            }
        }
    }
}

impl<T> Operation for SendArm<'_, T> {
    fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        match &self.sender.flavor {
            Sending::Real(sender) => {
                select.send(sender);
            }
            Sending::Simulated(_) => {
                self.expect_here(); // which panics: this is not its simulation
            }
        }
    }

    fn expect_here(&self) -> &'static Location<'static> {
        match &self.sender.flavor {
            Sending::Real(_) => refuse_to_block("select!"),
            Sending::Simulated(channel) => {
                channel.world();
                channel.made()
            }
        }
    }

    fn is_ready(&self, _world: &Runtime) -> bool {
        match &self.sender.flavor {
            Sending::Real(_) => false,
            Sending::Simulated(channel) => channel.is_send_ready(),
        }
    }

    fn key(&self) -> Option<Key> {
        match &self.sender.flavor {
            Sending::Real(_) => None,
            Sending::Simulated(channel) => Some(channel.send_key()),
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn pass_on(&self, world: &Runtime) {
        if let Sending::Simulated(channel) = &self.sender.flavor {
            channel.wake_sender_if_ready(world);
        }
    }

    // A sender has no hand to hold out: its message is not made until the arm is chosen. It is
    // woken when a receiver holds out one.
    fn enlist(&self, _world: &Runtime, _ticket: &Arc<Ticket>) {}

    fn withdraw(&self, _ticket: &Arc<Ticket>) {}

    fn is_served(&self) -> bool {
        false
    }
}

/// The arm that was chosen. It must be completed.
pub struct Chosen<'a> {
    index: usize,
    arms_seen: usize,
    /// crossbeam's own, outside of a simulation.
    operation: Option<SelectedOperation<'a>>,
}

impl Chosen<'_> {
    /// Asked for one arm after the other: whether this is the one.
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

fn present_world() -> &'static Runtime {
    runtime::current().expect("the arm was chosen in a simulation")
}

fn wait_in<'a>(
    world: &Runtime,
    arms: &[Arm<'a>],
    deadline: Option<Instant>,
    at: &'static Location<'static>,
) -> Option<Chosen<'a>> {
    let chosen = |index| Some(Chosen { index, arms_seen: 0, operation: None });
    let made = arms.iter().map(|arm| arm.0.expect_here()).reduce(|first, _| first).unwrap_or(at);
    let waiting = Waiting::Channel { operation: "select!", made, at };
    world.operation();
    let mut has_waited = false;
    loop {
        if let Some(index) = choose(world, arms) {
            if has_waited {
                // The wake-up may have been for another arm, and others may be waiting there.
                let others = arms.iter().enumerate().filter(|&(other, _)| other != index);
                others.for_each(|(_, arm)| arm.0.pass_on(world));
            }
            return chosen(index);
        }
        if deadline.is_some_and(|deadline| deadline.as_nanos() <= world.now_ns()) {
            return None;
        }
        if park(world, arms, waiting, deadline) == Wake::Killed {
            // A destructor waits for nobody. Any arm will do: it will find nobody there.
            return if deadline.is_some() { None } else { chosen(0) };
        }
        has_waited = true;
    }
}

/// A message that is in the hand already, or else any arm that is ready.
fn choose(world: &Runtime, arms: &[Arm<'_>]) -> Option<usize> {
    if let Some(served) = arms.iter().position(|arm| arm.0.is_served()) {
        return Some(served);
    }
    let ready: Vec<usize> = (0..arms.len()).filter(|&index| arms[index].0.is_ready(world)).collect();
    if ready.is_empty() { None } else { Some(ready[world.choose(ready.len())]) }
}

fn park(world: &Runtime, arms: &[Arm<'_>], waiting: Waiting, deadline: Option<Instant>) -> Wake {
    let ticket = Ticket::new();
    let _hands_back = AtEnd(|| arms.iter().for_each(|arm| arm.0.withdraw(&ticket)));
    arms.iter().for_each(|arm| arm.0.enlist(world, &ticket));
    let keys: Vec<Key> = arms.iter().filter_map(|arm| arm.0.key()).chain([ticket.key()]).collect();
    let until = arms.iter().filter_map(|arm| arm.0.due()).chain(deadline).min();
    let pass_on = || arms.iter().for_each(|arm| arm.0.pass_on(world));
    park_in_line(world, &keys, waiting, until.map(Instant::as_nanos), pass_on)
}
