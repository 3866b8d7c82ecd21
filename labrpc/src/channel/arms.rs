//! What [`select!`](crate::select) expands to. Not to be used directly.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;

use crossbeam_channel::Select;

use super::receiver::ReceiverFlavor;
use super::rendezvous::Rendezvous;
use super::selection::SelectOperation;
pub use super::selection::{Arm, Chosen, wait, wait_for};
use super::sender::SenderFlavor;
use super::{Receiver, RecvError, SendError, Sender, refuse_to_block};
use crate::sim::runtime::{self, Key, Runtime};
use crate::time::Instant;

/// `recv(receiver) -> message`.
pub struct RecvArm<'a, T> {
    receiver: &'a Receiver<T>,
    /// At capacity 0: the message that a sender brought while the `select!` waited.
    received: RefCell<Option<T>>,
}

/// Makes an arm that receives.
pub fn recv<T>(receiver: &Receiver<T>) -> RecvArm<'_, T> {
    RecvArm { receiver, received: RefCell::new(None) }
}

impl<T> RecvArm<'_, T> {
    /// This arm, in the form that `wait` takes.
    pub fn arm(&self) -> Arm<'_> {
        Arm::new(self)
    }

    /// Carries out the operation.
    pub fn complete(&self, chosen: Chosen<'_>) -> Result<T, RecvError> {
        match (chosen.operation, &self.receiver.flavor) {
            (Some(operation), ReceiverFlavor::Real(receiver)) => operation.recv(receiver),
            (Some(operation), ReceiverFlavor::Timer(timer)) => {
                let receiver = timer.real().expect("crossbeam chose it, so it is crossbeam's");
                operation.recv(receiver).map(|due| timer.real_message(due))
            }
            (None, ReceiverFlavor::Timer(timer)) => timer.take(present_world()).ok_or(RecvError),
            (None, ReceiverFlavor::Simulated(channel)) => match self.received.take() {
                Some(message) => Ok(message),
                None => channel.try_receive(present_world()).map_err(|_| RecvError),
            },
            (Some(_), ReceiverFlavor::Simulated(_)) | (None, ReceiverFlavor::Real(_)) => {
                unreachable!("a select! has arms of one world only")
            }
        }
    }
}

impl<T> SelectOperation for RecvArm<'_, T> {
    fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        match &self.receiver.flavor {
            ReceiverFlavor::Real(receiver) => {
                select.recv(receiver);
            }
            ReceiverFlavor::Timer(timer) if timer.real().is_some() => {
                timer.real().map(|receiver| select.recv(receiver));
            }
            ReceiverFlavor::Simulated(_) | ReceiverFlavor::Timer(_) => {
                self.expect_here(); // panics: the caller is not in its simulation
            }
        }
    }

    fn expect_here(&self) -> &'static Location<'static> {
        match &self.receiver.flavor {
            ReceiverFlavor::Real(_) => refuse_to_block("select!"),
            ReceiverFlavor::Timer(timer) => timer.expect_here(),
            ReceiverFlavor::Simulated(channel) => {
                channel.world();
                channel.made()
            }
        }
    }

    fn is_ready(&self, world: &Runtime) -> bool {
        match &self.receiver.flavor {
            ReceiverFlavor::Real(_) => false,
            ReceiverFlavor::Timer(timer) => timer.due().is_some_and(|due| due.as_nanos() <= world.now_ns()),
            ReceiverFlavor::Simulated(channel) => channel.is_receive_ready(),
        }
    }

    fn key(&self) -> Option<Key> {
        match &self.receiver.flavor {
            ReceiverFlavor::Simulated(channel) => Some(channel.receive_key()),
            ReceiverFlavor::Real(_) | ReceiverFlavor::Timer(_) => None,
        }
    }

    fn due(&self) -> Option<Instant> {
        match &self.receiver.flavor {
            ReceiverFlavor::Timer(timer) => timer.due(),
            ReceiverFlavor::Real(_) | ReceiverFlavor::Simulated(_) => None,
        }
    }

    fn pass_on(&self, world: &Runtime) {
        if let ReceiverFlavor::Simulated(channel) = &self.receiver.flavor {
            channel.wake_receiver_if_ready(world);
        }
    }

    fn register(&self, world: &Runtime, rendezvous: &Arc<Rendezvous>) {
        if let ReceiverFlavor::Simulated(channel) = &self.receiver.flavor {
            channel.register_receiver(world, rendezvous);
        }
    }

    fn unregister(&self, rendezvous: &Arc<Rendezvous>) {
        if let ReceiverFlavor::Simulated(channel) = &self.receiver.flavor {
            *self.received.borrow_mut() = channel.remove_receiver(rendezvous);
        }
    }

    fn has_received(&self) -> bool {
        self.received.borrow().is_some()
    }
}

/// `send(sender, message) -> result`.
pub struct SendArm<'a, T> {
    sender: &'a Sender<T>,
}

/// Makes an arm that sends.
pub fn send<T>(sender: &Sender<T>) -> SendArm<'_, T> {
    SendArm { sender }
}

impl<T> SendArm<'_, T> {
    /// This arm, in the form that `wait` takes.
    pub fn arm(&self) -> Arm<'_> {
        Arm::new(self)
    }

    /// Carries out the operation. It waits only if another sender took the room while the message was
    /// being made.
    #[track_caller]
    pub fn complete(&self, chosen: Chosen<'_>, message: T) -> Result<(), SendError<T>> {
        match (chosen.operation, &self.sender.flavor) {
            (Some(operation), SenderFlavor::Real(sender)) => operation.send(sender, message),
            (None, SenderFlavor::Simulated(channel)) => {
                let sent = channel.send(present_world(), message, None, Location::caller());
                sent.map_err(|error| SendError(error.into_inner()))
            }
            (Some(_), SenderFlavor::Simulated(_)) | (None, SenderFlavor::Real(_)) => {
                unreachable!("a select! has arms of one world only")
            }
        }
    }
}

impl<T> SelectOperation for SendArm<'_, T> {
    fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        match &self.sender.flavor {
            SenderFlavor::Real(sender) => {
                select.send(sender);
            }
            SenderFlavor::Simulated(_) => {
                self.expect_here(); // panics: the caller is not in its simulation
            }
        }
    }

    fn expect_here(&self) -> &'static Location<'static> {
        match &self.sender.flavor {
            SenderFlavor::Real(_) => refuse_to_block("select!"),
            SenderFlavor::Simulated(channel) => {
                channel.world();
                channel.made()
            }
        }
    }

    fn is_ready(&self, _world: &Runtime) -> bool {
        match &self.sender.flavor {
            SenderFlavor::Real(_) => false,
            SenderFlavor::Simulated(channel) => channel.is_send_ready(),
        }
    }

    fn key(&self) -> Option<Key> {
        match &self.sender.flavor {
            SenderFlavor::Real(_) => None,
            SenderFlavor::Simulated(channel) => Some(channel.send_key()),
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn pass_on(&self, world: &Runtime) {
        if let SenderFlavor::Simulated(channel) = &self.sender.flavor {
            channel.wake_sender_if_ready(world);
        }
    }

    // A sender cannot register: its message is not made until the arm is chosen. Instead it is woken
    // when a receiver registers.
    fn register(&self, _world: &Runtime, _rendezvous: &Arc<Rendezvous>) {}

    fn unregister(&self, _rendezvous: &Arc<Rendezvous>) {}

    fn has_received(&self) -> bool {
        false
    }
}

fn present_world() -> &'static Runtime {
    runtime::current().expect("the arm was chosen in a simulation")
}
