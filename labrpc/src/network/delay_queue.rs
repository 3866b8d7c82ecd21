//! The network's clock outside of a simulation: a thread that runs jobs later.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "here the network lives in real time")]

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::time::Instant;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs at their time, each on a thread of its own, so that they may block.
#[derive(Default)]
pub(super) struct DelayQueue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: BinaryHeap<Reverse<DelayedJob>>,
    pushed: u64,
    is_closed: bool,
}

struct DelayedJob {
    at: Instant,
    number: u64,
    job: Job,
}

impl PartialEq for DelayedJob {
    fn eq(&self, other: &DelayedJob) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DelayedJob {}

impl PartialOrd for DelayedJob {
    fn partial_cmp(&self, other: &DelayedJob) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DelayedJob {
    fn cmp(&self, other: &DelayedJob) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl DelayQueue {
    /// Starts the thread. It ends when the queue is dropped.
    pub(super) fn start() -> DelayQueue {
        let queue = DelayQueue::default();
        let shared = queue.shared.clone();
        std::thread::spawn(move || shared.work());
        queue
    }

    /// Runs `job` at `at`.
    pub(super) fn push(&self, at: Instant, job: Job) {
        let mut state = self.shared.state.lock();
        state.pushed += 1;
        let number = state.pushed;
        state.jobs.push(Reverse(DelayedJob { at, number, job }));
        self.shared.changed.notify_one();
    }
}

impl Drop for DelayQueue {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.is_closed = true;
        state.jobs.clear();
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock();
        while !state.is_closed {
            match state.jobs.peek() {
                None => self.changed.wait(&mut state),
                Some(Reverse(next)) if next.at > Instant::now() => {
                    let until = next.at.on_real_clock();
                    self.changed.wait_until(&mut state, until);
                }
                Some(_) => {
                    let Some(Reverse(next)) = state.jobs.pop() else { continue };
                    std::thread::spawn(next.job);
                }
            }
        }
    }
}
