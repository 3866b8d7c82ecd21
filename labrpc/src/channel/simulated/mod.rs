//! A channel of a simulation: what it holds, and who waits for it.
//!
//! All of a simulation runs on one OS thread, so the mutex around the state is never contended.
//! It is there because a channel may leave its simulation, to be dropped elsewhere. No code of a
//! message's type runs while it is held.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ticket::Ticket;
use super::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, expect_world};
use crate::sim::runtime::{self, Key, Runtime, Waiting, Wake};
use crate::sync::waiting::park_in_line;
use crate::time::Instant;

pub(super) struct Channel<T> {
    run_id: u64,
    made: &'static Location<'static>,
    /// `None` is without bound, 0 is from hand to hand.
    capacity: Option<usize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    queue: VecDeque<T>,
    /// From hand to hand: senders that wait for a receiver.
    offers: VecDeque<Offer<T>>,
    /// From hand to hand: receivers that wait for a sender.
    takers: VecDeque<Taker<T>>,
    senders: usize,
    receivers: usize,
}

struct Offer<T> {
    ticket: Arc<Ticket>,
    message: T,
}

struct Taker<T> {
    ticket: Arc<Ticket>,
    message: Option<T>,
}

impl<T> State<T> {
    fn is_full(&self, capacity: Option<usize>) -> bool {
        capacity.is_some_and(|capacity| self.queue.len() >= capacity)
    }

    fn has_free_taker(&self) -> bool {
        self.takers.iter().any(|taker| !taker.ticket.is_served())
    }
}

impl<T> Channel<T> {
    pub(super) fn with_ends(
        world: &Runtime,
        capacity: Option<usize>,
        made: &'static Location<'static>,
    ) -> (Sender<T>, Receiver<T>) {
        let state = State {
            queue: VecDeque::new(),
            offers: VecDeque::new(),
            takers: VecDeque::new(),
            senders: 1,
            receivers: 1,
        };
        let channel = Arc::new(Channel { run_id: world.run_id(), made, capacity, state: Mutex::new(state) });
        (Sender::of_simulated(Arc::clone(&channel)), Receiver::of_simulated(channel))
    }

    /// The simulation that the channel belongs to, which the caller must be in.
    #[track_caller]
    pub(super) fn world(&self) -> &'static Runtime {
        expect_world(self.run_id, "channel", self.made)
    }

    /// Receivers wait on it.
    pub(super) fn receive_key(&self) -> Key {
        std::ptr::from_ref(&self.run_id) as Key
    }

    /// Senders wait on it, and where messages go from hand to hand those of a `select!`.
    pub(super) fn send_key(&self) -> Key {
        std::ptr::from_ref(&self.made) as Key
    }

    pub(super) fn made(&self) -> &'static Location<'static> {
        self.made
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Whether a send would return at once, if only with an error.
    pub(super) fn is_send_ready(&self) -> bool {
        let state = self.state.lock();
        state.receivers == 0 || !state.is_full(self.capacity) || state.has_free_taker()
    }

    /// Whether a receive would return at once, if only with an error.
    pub(super) fn is_receive_ready(&self) -> bool {
        let state = self.state.lock();
        state.senders == 0 || !state.queue.is_empty() || !state.offers.is_empty()
    }

    fn park(
        &self,
        world: &Runtime,
        key: Key,
        operation: &'static str,
        at: &'static Location<'static>,
        deadline: Option<Instant>,
        if_killed: impl FnMut(),
    ) -> Wake {
        let waiting = Waiting::Channel { operation, made: self.made, at };
        park_in_line(world, &[key], waiting, deadline.map(Instant::as_nanos), if_killed)
    }
}

/// Sending.
impl<T> Channel<T> {
    pub(super) fn try_send(&self, world: &Runtime, message: T) -> Result<(), TrySendError<T>> {
        let mut state = self.state.lock();
        if state.receivers == 0 {
            return Err(TrySendError::Disconnected(message));
        }
        let woken = if self.capacity == Some(0) {
            let Some(taker) = state.takers.iter_mut().find(|taker| taker.ticket.serve()) else {
                return Err(TrySendError::Full(message));
            };
            taker.message = Some(message);
            taker.ticket.key()
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

    pub(super) fn send(
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
                return self.offer(world, message, deadline, at);
            }
            let pass_on = || self.wake_sender_if_ready(world);
            match self.park(world, self.send_key(), "send", at, deadline, pass_on) {
                Wake::Unparked => {}
                Wake::TimedOut => return Err(SendTimeoutError::Timeout(message)),
                // An unwinding task waits for nobody: to it, there is nobody.
                Wake::Killed => return Err(SendTimeoutError::Disconnected(message)),
            }
        }
    }

    /// Holds a message out until a receiver takes it.
    fn offer(
        &self,
        world: &Runtime,
        message: T,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<(), SendTimeoutError<T>> {
        let ticket = Ticket::new();
        self.state.lock().offers.push_back(Offer { ticket: Arc::clone(&ticket), message });
        // A sender that is killed does not leave its message behind.
        let if_killed = || drop(self.withdraw_offer(&ticket));
        let wake = self.park(world, ticket.key(), "send", at, deadline, if_killed);
        match self.withdraw_offer(&ticket) {
            None => Ok(()), // somebody took it
            Some(message) if wake == Wake::TimedOut => Err(SendTimeoutError::Timeout(message)),
            Some(message) => Err(SendTimeoutError::Disconnected(message)),
        }
    }

    fn withdraw_offer(&self, ticket: &Arc<Ticket>) -> Option<T> {
        let mut state = self.state.lock();
        let place = state.offers.iter().position(|offer| Arc::ptr_eq(&offer.ticket, ticket))?;
        state.offers.remove(place).map(|offer| offer.message)
    }

    /// For one that was woken to send and did not.
    pub(super) fn wake_sender_if_ready(&self, world: &Runtime) {
        if self.is_send_ready() {
            world.unpark_one(self.send_key());
        }
    }

    pub(super) fn add_sender(&self) {
        self.state.lock().senders += 1;
    }

    pub(super) fn drop_sender(&self) {
        let mut state = self.state.lock();
        state.senders -= 1;
        if state.senders > 0 {
            return;
        }
        let takers: Vec<Key> = state.takers.iter().map(|taker| taker.ticket.key()).collect();
        drop(state);
        if let Some(world) = self.present_world() {
            world.unpark_all(self.receive_key());
            takers.into_iter().for_each(|key| world.unpark_all(key));
        }
    }
}

/// Receiving.
impl<T> Channel<T> {
    pub(super) fn try_receive(&self, world: &Runtime) -> Result<T, TryRecvError> {
        let mut state = self.state.lock();
        let (message, woken) = if let Some(message) = state.queue.pop_front() {
            (message, self.send_key())
        } else if let Some(Offer { ticket, message }) = state.offers.pop_front() {
            (message, ticket.key())
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

    pub(super) fn receive(
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
                return self.hold_out_a_hand(world, deadline, at);
            }
            let pass_on = || self.wake_receiver_if_ready(world);
            match self.park(world, self.receive_key(), "recv", at, deadline, pass_on) {
                Wake::Unparked => {}
                Wake::TimedOut => return Err(RecvTimeoutError::Timeout),
                // An unwinding task waits for nobody: to it, there is nobody.
                Wake::Killed => return Err(RecvTimeoutError::Disconnected),
            }
        }
    }

    /// Waits until a sender puts a message into this receiver's hand.
    fn hold_out_a_hand(
        &self,
        world: &Runtime,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        let ticket = Ticket::new();
        self.enlist(world, &ticket);
        let if_killed = || drop(self.withdraw_taker(&ticket));
        let wake = self.park(world, ticket.key(), "recv", at, deadline, if_killed);
        match self.withdraw_taker(&ticket) {
            Some(message) => Ok(message),
            None if wake == Wake::TimedOut => Err(RecvTimeoutError::Timeout),
            None => Err(RecvTimeoutError::Disconnected),
        }
    }

    /// Lets senders know that whoever holds `ticket` would take a message from their hands.
    pub(super) fn enlist(&self, world: &Runtime, ticket: &Arc<Ticket>) {
        if self.capacity != Some(0) {
            return;
        }
        self.state.lock().takers.push_back(Taker { ticket: Arc::clone(ticket), message: None });
        // One that waits in a `select!` has not put its message here, and has to be told.
        world.unpark_one(self.send_key());
    }

    /// Ends that, and returns the message if there was one.
    pub(super) fn withdraw_taker(&self, ticket: &Arc<Ticket>) -> Option<T> {
        let mut state = self.state.lock();
        let place = state.takers.iter().position(|taker| Arc::ptr_eq(&taker.ticket, ticket))?;
        state.takers.remove(place)?.message
    }

    /// For one that was woken to receive and did not.
    pub(super) fn wake_receiver_if_ready(&self, world: &Runtime) {
        if self.is_receive_ready() {
            world.unpark_one(self.receive_key());
        }
    }

    pub(super) fn add_receiver(&self) {
        self.state.lock().receivers += 1;
    }

    pub(super) fn drop_receiver(&self) {
        let mut state = self.state.lock();
        state.receivers -= 1;
        if state.receivers > 0 {
            return;
        }
        let left = std::mem::take(&mut state.queue);
        let offers: Vec<Key> = state.offers.iter().map(|offer| offer.ticket.key()).collect();
        drop(state);
        if let Some(world) = self.present_world() {
            world.unpark_all(self.send_key());
            offers.into_iter().for_each(|key| world.unpark_all(key));
        }
        drop(left);
    }

    /// The channel's simulation, if the caller is in it. To drop an end elsewhere is no mistake.
    fn present_world(&self) -> Option<&'static Runtime> {
        runtime::current().filter(|world| world.run_id() == self.run_id)
    }
}
