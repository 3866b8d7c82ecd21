//! Who comes next: in virtual time nothing but these rules breaks a pattern that starves somebody.

use std::sync::Arc;
use std::time::Duration;

use labrpc::sync::{Mutex, RwLock};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::calmly;

/// How long whoever hogs a lock has it at a time.
const HOGGED: Duration = Duration::from_millis(1);
/// A waiter is passed over once, by one hog.
const PATIENCE: Duration = Duration::from_millis(5);

/// A thread that holds its lock nearly always cannot keep another one out for ever.
#[test]
fn a_hogged_mutex_is_handed_over() {
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

/// A lock that is asked for with `try_lock` only cannot be snatched for ever either.
#[test]
fn a_mutex_is_not_snatched_for_ever() {
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

/// Readers that overlap without end do not keep a writer out.
#[test]
fn a_writer_is_not_starved_by_readers() {
    calmly(|| {
        let lock = Arc::new(RwLock::new(0));
        for reader in 0..3 {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                thread::sleep(HOGGED * reader / 3); // so that there is always one inside
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

/// Writers that follow one another without end do not keep a reader out.
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

/// A reader that comes while a writer waits stands behind it.
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
