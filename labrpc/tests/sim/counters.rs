//! Reading the counters of a run changes nothing in it.

use std::sync::Arc;

use labrpc::sim::{self, Settings};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread;

use crate::traffic;
use crate::worlds::{MS, calmly};

/// Reads everything that can be read about a run while it goes on.
fn read_all() -> u64 {
    let node = sim::node();
    sim::operations() + sim::tasks_in(node) as u64 + u64::from(sim::is_alive(node))
}

/// Tasks that are spawned after the counters were read have new numbers. If two tasks had one number, the wait
/// of one for a lock of the other would be taken for a deadlock.
#[test]
fn tasks_keep_their_own_numbers() {
    calmly(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let waiter = Arc::clone(&shared);
        thread::spawn(move || {
            let mut number = waiter.0.lock();
            while *number == 0 {
                waiter.1.wait(&mut number);
            }
        });
        thread::sleep(MS);
        read_all();
        thread::spawn(|| ());
        let setter = thread::spawn(move || {
            let mut number = shared.0.lock();
            *number = 1;
            shared.1.notify_one();
            thread::sleep(MS);
        });
        setter.join().unwrap();
    });
}

/// The report of a run in which the counters were read counts the same as that of one in which they were not.
#[test]
fn a_read_leaves_no_trace() {
    let run = |reads: bool| {
        let settings = Settings { is_recording: true, ..Settings::default() };
        let (result, report) = sim::run(settings, || {
            for nth in 0..10 {
                thread::spawn(move || thread::sleep(nth * MS));
                if reads {
                    read_all();
                }
            }
            thread::sleep(20 * MS);
            sim::operations()
        });
        (result.unwrap(), traffic::reproducible_part(&report))
    };
    assert_eq!(run(true), run(false));
}
