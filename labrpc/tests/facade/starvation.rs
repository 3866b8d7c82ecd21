//! No thread starves. Virtual time has no jitter, so only the locks' own rules prevent starvation.

use std::sync::Arc;
use std::time::Duration;

use labrpc::sync::{Mutex, RwLock};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::calmly;

/// How long a thread that hogs a lock holds it each time.
const HOGGED: Duration = Duration::from_millis(1);
/// Enough for a waiter that is passed over once.
const PATIENCE: Duration = Duration::from_millis(5);

/// A thread that holds its lock nearly always does not starve another one.
#[test]
fn a_waiter_is_not_starved_by_a_lock_in_a_loop() {
    calmly(|| {
        let lock = Arc::new(Mutex::new(()));
        let hogged = Arc::clone(&lock);
        // The guard is dropped before the lock is taken again, with nothing in between.
        thread::spawn(move || {
            loop {
                let _guard = hogged.lock();
                thread::sleep(HOGGED);
            }
        });
        thread::sleep(HOGGED / 2);
        for _ in 0..10 {
            let asked = Instant::now();
            drop(lock.lock());
            assert!(asked.elapsed() < PATIENCE, "waited {:?}", asked.elapsed());
        }
    });
}

/// A thread that takes its lock by `try_lock` in a loop does not starve another one either.
#[test]
fn a_waiter_is_not_starved_by_try_lock_in_a_loop() {
    calmly(|| {
        let lock = Arc::new(Mutex::new(()));
        let snatched = Arc::clone(&lock);
        thread::spawn(move || {
            loop {
                let guard = snatched.try_lock();
                thread::sleep(HOGGED);
                drop(guard);
            }
        });
        thread::sleep(HOGGED / 2);
        let asked = Instant::now();
        drop(lock.lock());
        assert!(asked.elapsed() < PATIENCE, "waited {:?}", asked.elapsed());
    });
}

/// Readers that always overlap do not starve a writer.
#[test]
fn a_writer_is_not_starved_by_readers() {
    calmly(|| {
        let lock = Arc::new(RwLock::new(0));
        for reader in 0..3 {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                thread::sleep(HOGGED * reader / 3); // so that there is always one reader
                loop {
                    let _guard = lock.read();
                    thread::sleep(HOGGED);
                }
            });
        }
        thread::sleep(HOGGED * 2);
        for _ in 0..10 {
            let asked = Instant::now();
            *lock.write() += 1;
            assert!(asked.elapsed() < PATIENCE, "waited {:?}", asked.elapsed());
        }
    });
}

/// Writers that always follow one another do not starve a reader.
#[test]
fn a_reader_is_not_starved_by_writers() {
    calmly(|| {
        let lock = Arc::new(RwLock::new(0));
        for _ in 0..3 {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                loop {
                    let _guard = lock.write();
                    thread::sleep(HOGGED);
                }
            });
        }
        thread::sleep(HOGGED * 2);
        for _ in 0..10 {
            let asked = Instant::now();
            drop(lock.read());
            assert!(asked.elapsed() < PATIENCE, "waited {:?}", asked.elapsed());
        }
    });
}

/// A reader that comes while a writer waits gets the lock after the writer.
#[test]
fn a_reader_queues_up_behind_a_waiting_writer() {
    calmly(|| {
        let lock = Arc::new(RwLock::new(Vec::new()));
        let first = lock.read();
        let writer = thread::spawn({
            let lock = Arc::clone(&lock);
            move || lock.write().push("written")
        });
        thread::yield_now(); // it waits now
        assert!(lock.try_read().is_none());
        let second = thread::spawn({
            let lock = Arc::clone(&lock);
            move || lock.read().clone()
        });
        thread::yield_now();
        drop(first);
        writer.join().unwrap();
        assert_eq!(second.join().unwrap(), ["written"]);
    });
}
