//! The sending half of a simulated channel.

use std::panic::Location;
use std::sync::Arc;

use super::super::rendezvous::Rendezvous;
use super::super::{SendTimeoutError, TrySendError};
use super::{Channel, WaitingSender};
use crate::sim::runtime::{Key, Runtime, WakeReason};
use crate::time::Instant;

impl<T> Channel<T> {
    pub(in crate::channel) fn try_send(&self, world: &Runtime, message: T) -> Result<(), TrySendError<T>> {
        let mut state = self.state.lock();
        if state.receivers == 0 {
            return Err(TrySendError::Disconnected(message));
        }
        let woken = if self.capacity == Some(0) {
            let Some(receiver) = state.waiting_receivers.iter_mut().find(|receiver| receiver.rendezvous.claim()) else {
                return Err(TrySendError::Full(message));
            };
            receiver.message = Some(message);
            receiver.rendezvous.key()
        } else if state.is_full(self.capacity) {
            return Err(TrySendError::Full(message));
        } else {
            state.queue.push_back(message);
            self.receive_key()
        };
        drop(state);
        world.unpark_one(woken);
        Ok(())
    }

    pub(in crate::channel) fn send(
        &self,
        world: &Runtime,
        mut message: T,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<(), SendTimeoutError<T>> {
        loop {
            message = match self.try_send(world, message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(message)) => return Err(SendTimeoutError::Disconnected(message)),
                Err(TrySendError::Full(message)) => message,
            };
            if self.capacity == Some(0) {
                return self.wait_for_receiver(world, message, deadline, at);
            }
            let pass_on = || self.wake_sender_if_ready(world);
            match self.park(world, self.send_key(), "send", at, deadline, pass_on) {
                WakeReason::Unparked => {}
                WakeReason::TimedOut => return Err(SendTimeoutError::Timeout(message)),
                // A task that unwinds must not wait: it gets the error of a disconnected channel.
                WakeReason::Killed => return Err(SendTimeoutError::Disconnected(message)),
            }
        }
    }

    /// At capacity 0: waits until a receiver takes the message.
    fn wait_for_receiver(
        &self,
        world: &Runtime,
        message: T,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<(), SendTimeoutError<T>> {
        let rendezvous = Rendezvous::new();
        self.state.lock().waiting_senders.push_back(WaitingSender { rendezvous: Arc::clone(&rendezvous), message });
        // A killed sender must not leave its message behind.
        let if_killed = || drop(self.remove_sender(&rendezvous));
        let wake = self.park(world, rendezvous.key(), "send", at, deadline, if_killed);
        match self.remove_sender(&rendezvous) {
            None => Ok(()), // a receiver took it
            Some(message) if wake == WakeReason::TimedOut => Err(SendTimeoutError::Timeout(message)),
            Some(message) => Err(SendTimeoutError::Disconnected(message)),
        }
    }

    fn remove_sender(&self, rendezvous: &Arc<Rendezvous>) -> Option<T> {
        let mut state = self.state.lock();
        let position = state.waiting_senders.iter().position(|sender| Arc::ptr_eq(&sender.rendezvous, rendezvous))?;
        state.waiting_senders.remove(position).map(|sender| sender.message)
    }

    /// Called by a task that was woken to send and did not.
    pub(in crate::channel) fn wake_sender_if_ready(&self, world: &Runtime) {
        if self.is_send_ready() {
            world.unpark_one(self.send_key());
        }
    }

    pub(in crate::channel) fn add_sender(&self) {
        self.state.lock().senders += 1;
    }

    pub(in crate::channel) fn drop_sender(&self) {
        let mut state = self.state.lock();
        state.senders -= 1;
        if state.senders > 0 {
            return;
        }
        let waiting_receivers: Vec<Key> =
            state.waiting_receivers.iter().map(|receiver| receiver.rendezvous.key()).collect();
        drop(state);
        if let Some(world) = self.present_world() {
            world.unpark_all(self.receive_key());
            waiting_receivers.into_iter().for_each(|key| world.unpark_all(key));
        }
    }
}
