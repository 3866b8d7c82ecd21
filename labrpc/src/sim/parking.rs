//! Which tasks are parked on which key, in order.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::task::{Key, TaskSlot};

/// One parking of one task: the task and its epoch.
pub(super) type Parked = (TaskSlot, u64);

/// The tasks parked on one key. Mostly there is one.
enum Queue {
    One(Parked),
    Many(VecDeque<Parked>),
}

/// All parked tasks, by key. Entries of parkings that have ended are void, and skipped.
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

    /// Removes the parking that has been on `key` longest.
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

    /// Removes a task that was woken by another key or by its deadline.
    pub(super) fn leave(&mut self, key: Key, slot: TaskSlot) {
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
