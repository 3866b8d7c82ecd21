//! A tap learns of requests that are sent by a thread which holds a lock, with the lines of both.

use std::panic::Location;
use std::sync::Arc;

use labrpc::network::{LockedSend, Message, Network, Passage, Tap};
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::time::Instant;
use labrpc::{Link, Port, sim, thread};

use crate::ends::{MS, calmly};

/// Collects what the tap is told, without a lock of labrpc.
#[derive(Default)]
struct Locked(parking_lot::Mutex<Vec<LockedSend>>);

impl Tap for Locked {
    fn message(&self, _: Instant, _: &Message, _: Passage) {}

    fn locked_send(&self, _: Instant, send: LockedSend) {
        self.0.lock().push(send);
    }
}

/// The lines of the locks and of the sends that were reported while `body` used a link.
fn reported(body: impl FnOnce(&Link) + Send) -> Vec<(u32, u32)> {
    calmly(|| {
        let network = Network::new(2, 1);
        network.plug(0, Some(sim::new_node("server 0")));
        let tap = Arc::new(Locked::default());
        network.set_tap(Arc::clone(&tap) as _);
        body(&network.link(0, 1, Port::Raft));
        let reports = tap.0.lock().clone();
        assert!(reports.iter().all(|send| (send.from, send.to) == (0, 1)));
        reports.iter().map(|send| (send.locks[send.locks.len() - 1].taken.line(), send.place.line())).collect()
    })
}

#[track_caller]
fn here() -> u32 {
    Location::caller().line()
}

/// A send and a call under a lock are reported, for every kind of lock.
#[test]
fn a_send_under_a_lock_is_reported_with_both_lines() {
    let mut line = 0;
    let reports = reported(|link| {
        let (lock, shared) = (Mutex::new(()), RwLock::new(()));
        line = here();
        let _guard = lock.lock();
        link.send(&1_u64);
        let _ = link.call::<u64, u64>(&1, MS);
        let _reader = shared.read();
        link.send(&1_u64);
    });
    assert_eq!(reports, [(line + 1, line + 2), (line + 1, line + 3), (line + 4, line + 5)]);
    let reports = reported(|link| {
        let lock = RwLock::new(());
        line = here();
        let _guard = lock.try_write();
        link.send(&1_u64);
    });
    assert_eq!(reports, [(line + 1, line + 2)]);
}

/// A lock that was released before, is released by a wait, or belongs to another thread, is not reported.
#[test]
fn a_send_without_a_lock_is_not_reported() {
    let reports = reported(|link| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        drop(shared.0.lock());
        link.send(&1_u64);
        let other = Arc::clone(&shared);
        let waiter = thread::spawn(move || {
            let mut is_set = other.0.lock();
            while !*is_set {
                other.1.wait(&mut is_set);
            }
            thread::sleep(5 * MS);
        });
        thread::sleep(MS);
        link.send(&2_u64); // the other thread waits
        *shared.0.lock() = true;
        shared.1.notify_one();
        thread::sleep(MS);
        link.send(&3_u64); // the other thread holds the lock
        waiter.join().unwrap();
    });
    assert_eq!(reports, []);
}
