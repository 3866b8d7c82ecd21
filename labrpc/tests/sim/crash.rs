//! A crash ends every thread of a node where it stands.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use labrpc::channel;
use labrpc::sim::{self, FailureKind};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{Drops, FOREVER, MS, calmly, failing, with_every_policy};

/// Wherever a thread waits, a crash unwinds it there, before the kill returns.
#[test]
fn a_crash_unwinds_every_waiting_thread() {
    with_every_policy(|| {
        let drops = Drops::default();
        let node = sim::new_node("server 0");
        let shared = Arc::new((Mutex::new(()), Condvar::new(), Mutex::new(())));
        let (full, no_receives) = channel::bounded(0);
        let (_no_sends, empty) = channel::unbounded::<()>();
        let held = shared.2.lock();
        let places: [Box<dyn FnOnce() + Send>; 7] = [
            Box::new(|| thread::sleep(FOREVER)),
            Box::new(move || _ = empty.recv()),
            Box::new(move || _ = full.send(())),
            Box::new({
                let shared = Arc::clone(&shared);
                move || shared.1.wait(&mut shared.0.lock())
            }),
            Box::new({
                let shared = Arc::clone(&shared);
                move || drop(shared.2.lock())
            }),
            Box::new(|| drop(thread::spawn(|| thread::sleep(FOREVER)).join())),
            Box::new(|| {
                loop {
                    thread::yield_now();
                }
            }),
        ];
        for place in places {
            let counted = drops.counted();
            sim::spawn_in(node, "waiter", move || {
                let _counted = counted;
                place();
                unreachable!("only the crash wakes it");
            });
        }
        thread::sleep(MS);
        assert_eq!(drops.count(), 0);
        let spent = Instant::now();
        sim::kill(node);
        assert_eq!(drops.count(), drops.made());
        assert!(spent.elapsed() < MS / 100, "a crash takes no time");
        drop((held, no_receives));
    });
}

/// Locks that a crashed thread held are free for others.
#[test]
fn a_crash_releases_locks() {
    with_every_policy(|| {
        let lock = Arc::new(Mutex::new(0));
        let node = sim::new_node("server 0");
        let held = Arc::clone(&lock);
        sim::spawn_in(node, "holder", move || {
            let mut value = held.lock();
            *value = 1;
            thread::sleep(FOREVER);
            *value = 2;
        });
        let waiter = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                thread::sleep(MS);
                *lock.lock()
            }
        });
        thread::sleep(2 * MS);
        sim::kill(node);
        assert_eq!(waiter.join().unwrap(), 1);
        assert_eq!(*lock.lock(), 1);
    });
}

/// A thread that crashes its own node does not go on.
#[test]
fn killing_the_own_node_does_not_return() {
    with_every_policy(|| {
        let (drops, node) = (Drops::default(), sim::new_node("server 0"));
        for name in ["bystander", "suicide"] {
            let counted = drops.counted();
            sim::spawn_in(node, name, move || {
                let _counted = counted;
                if name == "bystander" {
                    thread::sleep(FOREVER);
                }
                sim::kill(sim::node());
                unreachable!("it is dead");
            });
        }
        thread::sleep(MS);
        assert_eq!(drops.count(), 2);
        assert!(!sim::is_alive(node));
    });
}

/// A thread that was spawned, and had no turn before the crash, is dropped without being started.
#[test]
fn a_thread_that_never_ran_is_dropped() {
    calmly(|| {
        let (drops, node) = (Drops::default(), sim::new_node("server 0"));
        let counted = drops.counted();
        sim::spawn_in(node, "unborn", move || unreachable!("{}", counted.0.count()));
        sim::kill(node);
        assert_eq!(drops.count(), 1);
    });
}

/// Crashing a node again changes nothing.
#[test]
fn a_second_crash_of_a_node_changes_nothing() {
    calmly(|| {
        let node = sim::new_node("server 0");
        sim::spawn_in(node, "sleeper", || thread::sleep(FOREVER));
        sim::kill(node);
        sim::kill(node);
        assert!(!sim::is_alive(node));
    });
}

/// A crash does not affect other nodes.
#[test]
fn a_crash_does_not_affect_other_nodes() {
    with_every_policy(|| {
        let (dead, alive) = (sim::new_node("server 0"), sim::new_node("server 1"));
        let (done, when_done) = channel::unbounded();
        sim::spawn_in(dead, "sleeper", || thread::sleep(FOREVER));
        sim::spawn_in(alive, "sleeper", move || {
            thread::sleep(2 * MS);
            done.send(sim::node()).unwrap();
        });
        thread::sleep(MS);
        sim::kill(dead);
        assert_eq!(when_done.recv(), Ok(alive));
        assert!(sim::is_alive(alive));
    });
}

/// A server that catches its own crash and goes on fails the run.
#[test]
fn a_swallowed_crash_fails_the_run() {
    let failure = failing(|| {
        let node = sim::new_node("server 3");
        sim::spawn_in(node, "immortal", || {
            loop {
                let _ = catch_unwind(|| thread::sleep(FOREVER));
            }
        });
        thread::sleep(MS);
        sim::kill(node);
        thread::sleep(MS);
    });
    assert_eq!(failure.kind, FailureKind::CrashSwallowed);
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 3", "immortal"));
    assert!(failure.message.contains("caught by catch_unwind"), "{failure}");
}

/// Catching a crash and resuming its unwinding, as a thread pool does, is allowed.
#[test]
fn a_crash_that_is_caught_and_resumed_is_allowed() {
    calmly(|| {
        let node = sim::new_node("server 0");
        sim::spawn_in(node, "pool", || {
            let outcome = catch_unwind(AssertUnwindSafe(|| thread::sleep(FOREVER)));
            resume_unwind(outcome.unwrap_err());
        });
        thread::sleep(MS);
        sim::kill(node);
        thread::sleep(MS);
    });
}

/// The test itself is not a server, and cannot crash.
#[test]
fn the_test_itself_cannot_crash() {
    let failure = failing(|| sim::kill(sim::NodeId::TEST));
    assert!(failure.message.contains("the test itself cannot crash"), "{failure}");
}
