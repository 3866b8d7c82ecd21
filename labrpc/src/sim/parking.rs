//! Who is parked on what, in order.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::task::{Key, Slot};

/// A parking that can be ended: whose it is, and which of that task's parkings.
pub(super) type Parked = (Slot, u64);

/// Tasks parked on one key. Mostly there is one.
enum Queue {
    One(Parked),
    Many(VecDeque<Parked>),
}

/// All tasks that are parked on keys. Entries of parkings that have ended are void, and skipped.
#[derive(Default)]
pub(super) struct Parking {
    queues: FxHashMap<Key, Queue>,
}

impl Parking {
    pub(super) fn push(&mut self, key: Key, parked: Parked) {
        match self.queues.get_mut(&key) {
            None => drop(self.queues.insert(key, Queue::One(parked))),
            Some(Queue::Many(queue)) => queue.push_back(parked),
            Some(queue) => {
                let Queue::One(first) = *queue else { unreachable!("the other kind was matched above") };
                *queue = Queue::Many(VecDeque::from([first, parked]));
            }
        }
    }

    /// Whoever has been parked on `key` longest.
    pub(super) fn pop(&mut self, key: Key) -> Option<Parked> {
        match self.queues.get_mut(&key)? {
            Queue::One(first) => {
                let first = *first;
                self.queues.remove(&key);
                Some(first)
            }
            Queue::Many(queue) => {
                let first = queue.pop_front();
                if queue.is_empty() {
                    self.queues.remove(&key);
                }
                first
            }
        }
    }

    /// A task that waited for several things, or not for ever, waits for this one no more.
    pub(super) fn leave(&mut self, key: Key, slot: Slot) {
        let is_empty = match self.queues.get_mut(&key) {
            None => false,
            Some(Queue::One((other, _))) => *other == slot,
            Some(Queue::Many(queue)) => {
                queue.retain(|(other, _)| *other != slot);
                queue.is_empty()
            }
        };
        if is_empty {
            self.queues.remove(&key);
        }
    }

    pub(super) fn count(&self, key: Key) -> usize {
        match self.queues.get(&key) {
            None => 0,
            Some(Queue::One(_)) => 1,
            Some(Queue::Many(queue)) => queue.len(),
        }
    }
}
