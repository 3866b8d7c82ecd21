//! The network's clock outside of a simulation: a thread that lets things happen later.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "here the network lives in real time")]

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::time::Instant;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs at their time, each on a thread of its own, so that they may block.
#[derive(Default)]
pub(super) struct Postman {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: BinaryHeap<Reverse<Due>>,
    posted: u64,
    is_closed: bool,
}

struct Due {
    at: Instant,
    number: u64,
    job: Job,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Postman {
    /// Starts the thread. It ends when the postman is dropped.
    pub(super) fn start() -> Postman {
        let postman = Postman::default();
        let shared = postman.shared.clone();
        std::thread::spawn(move || shared.work());
        postman
    }

    /// Lets `job` happen at `at`.
    pub(super) fn post(&self, at: Instant, job: Job) {
        let mut queue = self.shared.queue.lock();
        queue.posted += 1;
        let number = queue.posted;
        queue.jobs.push(Reverse(Due { at, number, job }));
        self.shared.changed.notify_one();
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.is_closed = true;
        queue.jobs.clear();
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn work(&self) {
        let mut queue = self.queue.lock();
        while !queue.is_closed {
            match queue.jobs.peek() {
                None => self.changed.wait(&mut queue),
                Some(Reverse(due)) if due.at > Instant::now() => {
                    let until = due.at.on_real_clock();
                    self.changed.wait_until(&mut queue, until);
                }
                Some(_) => {
                    let Some(Reverse(due)) = queue.jobs.pop() else { continue };
                    std::thread::spawn(due.job);
                }
            }
        }
    }
}
