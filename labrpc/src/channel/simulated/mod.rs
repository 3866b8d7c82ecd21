//! A channel of a simulation: what it holds, and which tasks wait for it.
//!
//! A simulation runs on one OS thread, so the mutex around the state is never contended. It is there
//! because a channel may leave its simulation and be dropped elsewhere. No code of a message's type
//! runs while it is held.

mod receiving;
mod sending;

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use super::rendezvous::Rendezvous;
use super::{Receiver, Sender, expect_world};
use crate::sim::runtime::{self, Key, Runtime, WaitReason, WakeReason};
use crate::sync::waiting::park_in_queue;
use crate::time::Instant;

pub(super) struct Channel<T> {
    run_id: u64,
    made: &'static Location<'static>,
    /// `None` if unbounded; 0 for a rendezvous.
    capacity: Option<usize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    queue: VecDeque<T>,
    /// At capacity 0: senders that wait for a receiver, with their messages.
    waiting_senders: VecDeque<WaitingSender<T>>,
    /// At capacity 0: receivers that wait for a sender.
    waiting_receivers: VecDeque<WaitingReceiver<T>>,
    senders: usize,
    receivers: usize,
}

struct WaitingSender<T> {
    rendezvous: Arc<Rendezvous>,
    message: T,
}

struct WaitingReceiver<T> {
    rendezvous: Arc<Rendezvous>,
    /// Put here by the sender that meets it.
    message: Option<T>,
}

impl<T> State<T> {
    fn is_full(&self, capacity: Option<usize>) -> bool {
        capacity.is_some_and(|capacity| self.queue.len() >= capacity)
    }

    fn has_waiting_receiver(&self) -> bool {
        self.waiting_receivers.iter().any(|receiver| !receiver.rendezvous.is_claimed())
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
            waiting_senders: VecDeque::new(),
            waiting_receivers: VecDeque::new(),
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

    /// What receivers wait on.
    pub(super) fn receive_key(&self) -> Key {
        std::ptr::from_ref(&self.run_id) as Key
    }

    /// What senders wait on. At capacity 0 only those in a `select!` do.
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

    /// Whether a send would return at once, possibly with an error.
    pub(super) fn is_send_ready(&self) -> bool {
        let state = self.state.lock();
        state.receivers == 0 || !state.is_full(self.capacity) || state.has_waiting_receiver()
    }

    /// Whether a receive would return at once, possibly with an error.
    pub(super) fn is_receive_ready(&self) -> bool {
        let state = self.state.lock();
        state.senders == 0 || !state.queue.is_empty() || !state.waiting_senders.is_empty()
    }

    fn park(
        &self,
        world: &Runtime,
        key: Key,
        operation: &'static str,
        at: &'static Location<'static>,
        deadline: Option<Instant>,
        if_killed: impl FnMut(),
    ) -> WakeReason {
        let waiting = WaitReason::Channel { operation, made: self.made, at };
        park_in_queue(world, &[key], waiting, deadline.map(Instant::as_nanos), if_killed)
    }

    /// The channel's simulation, if the caller is in it. Dropping an end elsewhere is allowed.
    fn present_world(&self) -> Option<&'static Runtime> {
        runtime::current().filter(|world| world.run_id() == self.run_id)
    }
}
