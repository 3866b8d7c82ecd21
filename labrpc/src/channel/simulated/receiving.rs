//! The receiving half of a simulated channel.

use std::panic::Location;
use std::sync::Arc;

use super::super::rendezvous::Rendezvous;
use super::super::{RecvTimeoutError, TryRecvError};
use super::{Channel, WaitingReceiver, WaitingSender};
use crate::sim::runtime::{Key, Runtime, WakeReason};
use crate::time::Instant;

impl<T> Channel<T> {
    pub(in crate::channel) fn try_receive(&self, world: &Runtime) -> Result<T, TryRecvError> {
        let mut state = self.state.lock();
        let (message, woken) = if let Some(message) = state.queue.pop_front() {
            (message, self.send_key())
        } else if let Some(WaitingSender { rendezvous, message }) = state.waiting_senders.pop_front() {
            (message, rendezvous.key())
        } else if state.senders == 0 {
            return Err(TryRecvError::Disconnected);
        } else {
            return Err(TryRecvError::Empty);
        };
        drop(state);
        if self.capacity.is_some() {
            world.unpark_one(woken);
        }
        Ok(message)
    }

    pub(in crate::channel) fn receive(
        &self,
        world: &Runtime,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        loop {
            match self.try_receive(world) {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {}
            }
            if self.capacity == Some(0) {
                return self.wait_for_sender(world, deadline, at);
            }
            let pass_on = || self.wake_receiver_if_ready(world);
            match self.park(world, self.receive_key(), "recv", at, deadline, pass_on) {
                WakeReason::Unparked => {}
                WakeReason::TimedOut => return Err(RecvTimeoutError::Timeout),
                // A task that unwinds must not wait: it gets the error of a disconnected channel.
                WakeReason::Killed => return Err(RecvTimeoutError::Disconnected),
            }
        }
    }

    /// At capacity 0: waits until a sender brings a message.
    fn wait_for_sender(
        &self,
        world: &Runtime,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        let rendezvous = Rendezvous::new();
        self.register_receiver(world, &rendezvous);
        let if_killed = || drop(self.remove_receiver(&rendezvous));
        let wake = self.park(world, rendezvous.key(), "recv", at, deadline, if_killed);
        match self.remove_receiver(&rendezvous) {
            Some(message) => Ok(message),
            None if wake == WakeReason::TimedOut => Err(RecvTimeoutError::Timeout),
            None => Err(RecvTimeoutError::Disconnected),
        }
    }

    /// Lets senders know that a receiver waits with this rendezvous. Does nothing unless the capacity
    /// is 0.
    pub(in crate::channel) fn register_receiver(&self, world: &Runtime, rendezvous: &Arc<Rendezvous>) {
        if self.capacity != Some(0) {
            return;
        }
        self.state
            .lock()
            .waiting_receivers
            .push_back(WaitingReceiver { rendezvous: Arc::clone(rendezvous), message: None });
        // A sender that waits in a `select!` is not in `waiting_senders`, so it has to be woken.
        world.unpark_one(self.send_key());
    }

    /// Undoes `register_receiver`. Returns the message if a sender brought one.
    pub(in crate::channel) fn remove_receiver(&self, rendezvous: &Arc<Rendezvous>) -> Option<T> {
        let mut state = self.state.lock();
        let position =
            state.waiting_receivers.iter().position(|receiver| Arc::ptr_eq(&receiver.rendezvous, rendezvous))?;
        state.waiting_receivers.remove(position)?.message
    }

    /// Called by a task that was woken to receive and did not.
    pub(in crate::channel) fn wake_receiver_if_ready(&self, world: &Runtime) {
        if self.is_receive_ready() {
            world.unpark_one(self.receive_key());
        }
    }

    pub(in crate::channel) fn add_receiver(&self) {
        self.state.lock().receivers += 1;
    }

    pub(in crate::channel) fn drop_receiver(&self) {
        let mut state = self.state.lock();
        state.receivers -= 1;
        if state.receivers > 0 {
            return;
        }
        let left = std::mem::take(&mut state.queue);
        let waiting_senders: Vec<Key> = state.waiting_senders.iter().map(|sender| sender.rendezvous.key()).collect();
        drop(state);
        if let Some(world) = self.present_world() {
            world.unpark_all(self.send_key());
            waiting_senders.into_iter().for_each(|key| world.unpark_all(key));
        }
        drop(left);
    }
}
