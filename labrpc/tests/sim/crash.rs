//! A crash ends every thread of a node where it stands.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use labrpc::channel;
use labrpc::sim::{self, FailureKind};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{Drops, FOREVER, MS, WhenDropped, calmly, failing, with_every_policy};

/// Wherever a thread waits, a crash unwinds it there, before the kill returns.
#[test]
fn a_crash_unwinds_whoever_waits() {
    with_every_policy(|| {
        let drops = Drops::default();
        let node = sim::new_node("server 0");
        let shared = Arc::new((Mutex::new(()), Condvar::new(), Mutex::new(())));
        let (full, nobody_receives) = channel::bounded(0);
        let (_nobody_sends, empty) = channel::unbounded::<()>();
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
                unreachable!("nobody is woken but by the crash");
            });
        }
        thread::sleep(MS);
        assert_eq!(drops.count(), 0);
        let spent = Instant::now();
        sim::kill(node);
        assert_eq!(drops.count(), drops.made());
        assert!(spent.elapsed() < MS / 100, "a crash takes no time");
        drop((held, nobody_receives));
    });
}

/// Locks that a crashed thread held are free for others.
#[test]
fn a_crash_lets_locks_go() {
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
fn a_kill_of_the_own_node_does_not_return() {
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

/// A thread that was spawned, and had no turn before the crash, is dropped without having begun.
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

/// To crash a node that is dead already changes nothing.
#[test]
fn a_node_dies_once() {
    calmly(|| {
        let node = sim::new_node("server 0");
        sim::spawn_in(node, "sleeper", || thread::sleep(FOREVER));
        sim::kill(node);
        sim::kill(node);
        assert!(!sim::is_alive(node));
    });
}

/// The other nodes do not notice.
#[test]
fn a_crash_touches_its_own_node_alone() {
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

/// A server that catches its own crash and goes on is found out.
#[test]
fn a_swallowed_crash_is_found_out() {
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

/// To catch a crash and let it pass on, as a thread pool would, is lawful.
#[test]
fn a_crash_that_is_passed_on_is_no_failure() {
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
