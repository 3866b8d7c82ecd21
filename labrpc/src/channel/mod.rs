//! Channels between threads, with the API of crossbeam-channel.
//!
//! A channel that is made outside of a simulation *is* a crossbeam channel. A channel that is made
//! inside belongs to the simulation: threads wait for it in virtual time, and a crash of their node ends the wait. The
//! two do not mix: a simulated channel panics when it is used outside of its simulation, and a real
//! channel panics when it would have to wait inside one.
//!
//! | made by | holds | a send waits | a receive waits |
//! |---|---|---|---|
//! | [`unbounded`] | any number of messages | never | while it is empty |
//! | [`bounded`]`(n)` | `n` messages | while it is full | while it is empty |
//! | [`bounded`]`(0)` | none | until a receiver takes the message | until a sender comes |
//! | [`after`] | one message, once it is due | | until it is due, and forever once it was taken |
//! | [`tick`] | one message, repeatedly | | until the next is due |
//! | [`never`](fn@never) | none | | forever |
//!
//! When the last sender is gone, receivers get the remaining messages and then an error. When the last
//! receiver is gone, the remaining messages are dropped, and senders get an error with their message.
//! [`select!`] waits for several channels at once.

#[doc(hidden)]
pub mod arms;
mod arms_macro;
mod iterate;
mod receiver;
mod rendezvous;
mod selection;
mod sender;
mod simulated;
mod timer;

use std::panic::Location;
use std::time::Duration;

pub use crossbeam_channel::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};

pub use crate::select;
pub use iterate::{IntoIter, Iter, TryIter};
pub use receiver::Receiver;
pub use sender::Sender;

use crate::sim::runtime::{self, Runtime};
use crate::sync::waiting::deadline;
use crate::time::Instant;
use simulated::Channel;

/// A channel that holds any number of messages: sending never waits.
///
/// ```
/// use labrpc::{channel, thread};
///
/// let (sender, receiver) = channel::unbounded();
/// thread::spawn(move || sender.send("applied 7").unwrap());
/// assert_eq!(receiver.recv(), Ok("applied 7"));
/// assert!(receiver.recv().is_err(), "the only sender is gone");
/// ```
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    match runtime::current() {
        None => from_crossbeam(crossbeam_channel::unbounded()),
        Some(world) => Channel::with_ends(world, None, Location::caller()),
    }
}

/// A channel that holds at most `capacity` messages: sending waits while it is full.
///
/// With a capacity of 0 the channel is a rendezvous: a send returns once a receiver has the message.
///
/// ```
/// use labrpc::channel::{self, TrySendError};
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// assert_eq!(receiver.recv(), Ok(1));
/// sender.send(2).unwrap();
/// ```
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    match runtime::current() {
        None => from_crossbeam(crossbeam_channel::bounded(capacity)),
        Some(world) => Channel::with_ends(world, Some(capacity), Location::caller()),
    }
}

/// A channel that delivers one message, the time at which it was due, once `patience` has passed.
/// Clones share that one message.
///
/// ```
/// use std::time::Duration;
/// use labrpc::{channel, select};
///
/// let (_sender, answers) = channel::unbounded::<&str>();
/// let outcome = select! {
///     recv(answers) -> answer => answer.unwrap(),
///     recv(channel::after(Duration::from_millis(1))) -> _ => "no answer in time",
/// };
/// assert_eq!(outcome, "no answer in time");
/// ```
#[track_caller]
pub fn after(patience: Duration) -> Receiver<Instant> {
    Receiver::of_timer(timer::Timer::after(patience, Location::caller()))
}

/// A channel that delivers the time once every `period`. If a message is not taken before the next is
/// due, the next is skipped.
///
/// ```
/// use std::time::Duration;
/// use labrpc::channel;
///
/// let heartbeats = channel::tick(Duration::from_millis(2));
/// let (first, second) = (heartbeats.recv().unwrap(), heartbeats.recv().unwrap());
/// assert!(second - first >= Duration::from_millis(2));
/// ```
#[track_caller]
pub fn tick(period: Duration) -> Receiver<Instant> {
    Receiver::of_timer(timer::Timer::tick(period, Location::caller()))
}

/// A channel that never delivers anything and never disconnects: an arm of [`select!`] that is
/// switched off.
///
/// ```
/// use labrpc::channel;
///
/// assert!(channel::never::<u32>().try_recv().is_err());
/// ```
#[track_caller]
pub fn never<T>() -> Receiver<T> {
    Receiver::of_timer(timer::Timer::never(Location::caller()))
}

fn from_crossbeam<T>(
    (sender, receiver): (crossbeam_channel::Sender<T>, crossbeam_channel::Receiver<T>),
) -> (Sender<T>, Receiver<T>) {
    (Sender::of_crossbeam(sender), Receiver::of_crossbeam(receiver))
}

/// The deadline of a wait of `patience` that begins now, inside or outside of a simulation.
fn deadline_after(patience: Duration) -> Instant {
    match runtime::current() {
        None => Instant::now() + patience,
        Some(world) => deadline(world, patience),
    }
}

/// Panics, because a real channel would block the OS thread that the whole simulation runs on.
#[track_caller]
fn refuse_to_block(operation: &str) -> ! {
    panic!(
        "{operation} would have to wait for a channel that was made outside of the simulation, which would block \
         all tasks and virtual time: make the channel inside the simulation"
    )
}

/// The simulation with this id. Panics if the caller is not in it.
#[track_caller]
fn expect_world(run_id: u64, what: &str, made: &'static Location<'static>) -> &'static Runtime {
    match runtime::current() {
        Some(world) if world.run_id() == run_id => world,
        Some(_) => panic!(
            "a {what} that was made in one simulation, at {made}, is used in another: make it in the simulation \
             that uses it"
        ),
        None => panic!(
            "a {what} that was made inside a simulation, at {made}, is used outside of it: return the values that \
             are needed outside from the body of the simulation"
        ),
    }
}
