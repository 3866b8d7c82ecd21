//! Deadlocks are found, and their threads named.

use std::sync::Arc;

use labrpc::channel;
use labrpc::sim::{self, Failure, FailureKind, Preemption, Settings};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread::{self, Builder};

use crate::worlds::{FOREVER, MS, at, calmly, failing};

/// A line of this file, as reports write it.
fn line(number: u32) -> String {
    format!("labrpc/tests/sim/deadlock.rs:{number}:")
}

/// The line of a report that is about a task.
fn about<'a>(failure: &'a Failure, task: &str) -> &'a str {
    let opening = format!("task '{task}' (#");
    let of_task = |line: &&str| line.split_once(&opening).is_some_and(|(before, _)| !before.contains("held by"));
    failure.message.lines().find(of_task).unwrap_or_else(|| panic!("{task} is not in the report: {failure}"))
}

/// Two threads that take two locks in opposite order are reported at once, although other threads go
/// on. The report says which thread waits where, for which lock, where it was made, and which thread
/// holds it since which line.
#[test]
fn two_threads_that_wait_for_each_other_are_named() {
    let (mut made, mut taken, mut wanted) = ([0; 2], [0; 2], [0; 2]);
    let failure = failing(|| {
        sim::spawn_in(sim::new_node("server 1"), "ticker", || {
            loop {
                thread::sleep(MS);
            }
        });
        made[0] = line!() + 1;
        let log = Arc::new(Mutex::new(vec![0_u8]));
        made[1] = line!() + 1;
        let votes = Arc::new(Mutex::new("votes"));
        let (log_too, votes_too) = (Arc::clone(&log), Arc::clone(&votes));
        taken[1] = line!() + 2;
        sim::spawn_in(sim::new_node("server 0"), "applier", move || {
            let _votes = votes_too.lock();
            thread::sleep(5 * MS);
            let _log = log_too.lock();
        });
        wanted[1] = taken[1] + 2;
        taken[0] = line!() + 1;
        let _log = log.lock();
        thread::sleep(10 * MS);
        wanted[0] = line!() + 1;
        let _votes = votes.lock();
    });
    assert_eq!(failure.kind, FailureKind::Deadlock);
    assert!(failure.message.starts_with("deadlock: 2 tasks wait for one another's locks\n"), "{failure}");
    assert!(failure.at >= at(10 * MS) && failure.at < at(11 * MS), "{failure}");
    assert!(!failure.message.contains("ticker"), "it has no part in it: {failure}");
    let applier = about(&failure, "applier");
    assert!(applier.contains("server 0, task 'applier'"), "{applier}");
    assert!(applier.contains(&format!("waits at {}", line(wanted[1]))), "{applier}");
    assert!(applier.contains("Mutex<alloc::vec::Vec<u8>>"), "{applier}");
    assert!(applier.contains(&format!("made at {}", line(made[0]))), "{applier}");
    assert!(applier.contains("held by the test, task 'test'"), "{applier}");
    assert!(applier.contains(&format!("since {}", line(taken[0]))), "{applier}");
    let test = about(&failure, "test");
    assert!(test.contains(&format!("waits at {}", line(wanted[0]))), "{test}");
    assert!(test.contains(&format!("made at {}", line(made[1]))), "{test}");
    assert!(test.contains("held by server 0, task 'applier'"), "{test}");
    assert!(test.contains(&format!("since {}", line(taken[1]))), "{test}");
}

/// A cycle of three threads is reported when it closes.
#[test]
fn a_cycle_of_three_threads_is_reported() {
    let failure = failing(|| {
        let locks: Vec<_> = (0..3).map(|_| Arc::new(Mutex::new(()))).collect();
        for first in 0..3 {
            let (mine, next) = (Arc::clone(&locks[first]), Arc::clone(&locks[(first + 1) % 3]));
            let philosopher = Builder::new().name(format!("philosopher {first}"));
            let body = move || {
                let _mine = mine.lock();
                thread::sleep(MS);
                let _next = next.lock();
            };
            philosopher.spawn(body).unwrap();
        }
        thread::sleep(FOREVER);
    });
    assert!(failure.message.contains("3 tasks wait for one another's locks"), "{failure}");
    assert!(failure.at < at(2 * MS), "{failure}");
    (0..3).for_each(|n| assert!(about(&failure, &format!("philosopher {n}")).contains("held by")));
}

/// The report on a thread that takes a lock twice names both places.
#[test]
fn a_thread_that_waits_for_itself_is_named() {
    let mut taken = 0;
    let failure = failing(|| {
        let lock = Mutex::new(());
        taken = line!() + 1;
        let _first = lock.lock();
        let _second = lock.lock();
    });
    assert_eq!(failure.kind, FailureKind::Deadlock);
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("the test", "test"));
    let test = about(&failure, "test");
    assert!(test.contains(&format!("waits at {}", line(taken + 1))), "{test}");
    assert!(test.contains(&format!("which it holds itself since {}", line(taken))), "{test}");
}

/// When all threads are blocked, the report lists each of them with what it waits for.
#[test]
fn all_blocked_threads_are_reported() {
    let mut made = 0;
    let failure = failing(|| {
        made = line!() + 1;
        let (lock, changed) = (Arc::new(Mutex::new(0)), Arc::new(Condvar::new()));
        let (sender, receiver) = channel::bounded(1);
        let named = |name: &str| Builder::new().name(name.into());
        let (lock_too, changed_too) = (Arc::clone(&lock), Arc::clone(&changed));
        let waiter = named("waiter").spawn(move || changed_too.wait(&mut lock_too.lock())).unwrap();
        let full = sender.clone();
        named("sender").spawn(move || while full.send(1).is_ok() {}).unwrap();
        thread::sleep(MS);
        let _guard = lock.lock();
        let lock_too = Arc::clone(&lock);
        named("locker").spawn(move || drop(lock_too.lock())).unwrap();
        let _receiver_stays = receiver.clone();
        waiter.join().unwrap();
    });
    assert_eq!(failure.kind, FailureKind::Deadlock);
    assert!(failure.message.starts_with("deadlock: every task is blocked, and no timer is set\n"), "{failure}");
    let expected = [
        ("waiter", "on the Condvar made at"),
        ("sender", "is blocked in send at"),
        ("locker", "held by the test, task 'test'"),
        ("test", "for the end of task #"),
    ];
    for (task, words) in expected {
        assert!(about(&failure, task).contains(words), "{task}: {failure}");
    }
    assert!(about(&failure, "waiter").contains(&line(made)), "{failure}");
    assert!(about(&failure, "sender").contains(&line(made + 1)), "{failure}");
}

/// A long queue for a lock is not a deadlock.
#[test]
fn a_queue_for_a_lock_is_not_a_deadlock() {
    calmly(|| {
        let lock = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..10)
            .map(|_| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    let mut count = lock.lock();
                    thread::sleep(MS);
                    *count += 1;
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.lock(), 10);
    });
}

/// If only a paused node could go on, the report says that it is paused.
#[test]
fn a_paused_node_is_named_in_a_deadlock() {
    let failure = failing(|| {
        let node = sim::new_node("server 0");
        let (done, when_done) = channel::unbounded::<()>();
        sim::spawn_in(node, "worker", move || {
            thread::sleep(MS);
            drop(done);
        });
        thread::yield_now();
        sim::set_paused(node, true);
        let _ = when_done.recv();
    });
    assert_eq!(failure.kind, FailureKind::Deadlock);
    assert!(about(&failure, "worker").contains("paused"), "{failure}");
}

/// Interruptions find a deadlock that depends on the order of turns. Without them each thread runs to
/// its end, and the bug stays hidden.
#[test]
fn interruptions_find_a_hidden_deadlock() {
    let crossed = || {
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let other = Arc::clone(&locks);
        let thread = thread::spawn(move || {
            let _second = other.1.lock();
            let _first = other.0.lock();
        });
        let both = (locks.0.lock(), locks.1.lock());
        drop(both);
        thread.join().unwrap();
    };
    calmly(crossed);
    for preemption in [Preemption::Random { one_in: 10 }, Preemption::Priorities { change_one_in: 10 }] {
        let found = (0..200).any(|seed| {
            let settings = Settings { seed, preemption, ..Settings::default() };
            sim::run(settings, crossed).0.is_err_and(|failure| failure.kind == FailureKind::Deadlock)
        });
        assert!(found, "{preemption:?}");
    }
}
