//! A crash ends every thread of a node where it stands.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use labrpc::channel;
use labrpc::sim::{self, FailureKind};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{Drops, FOR_EVER, MS, WhenDropped, calmly, failing, with_every_policy};

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
            Box::new(|| thread::sleep(FOR_EVER)),
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
            Box::new(|| drop(thread::spawn(|| thread::sleep(FOR_EVER)).join())),
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
            thread::sleep(FOR_EVER);
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
                    thread::sleep(FOR_EVER);
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

/// A destructor that runs in a crash may crash another node, and so on: all of it is over when
/// the first kill returns.
#[test]
fn crashes_nest() {
    with_every_policy(|| {
        let drops = Drops::default();
        let nodes: Vec<_> = (0..3).map(|n| sim::new_node(format!("server {n}"))).collect();
        for (n, &node) in nodes.iter().enumerate() {
            let (counted, next) = (drops.counted(), nodes.get(n + 1).copied());
            sim::spawn_in(node, "domino", move || {
                let _counted = counted;
                let _topple = WhenDropped(|| next.into_iter().for_each(sim::kill));
                thread::sleep(FOR_EVER);
            });
        }
        thread::sleep(MS);
        sim::kill(nodes[0]);
        assert_eq!(drops.count(), 3);
        assert!(nodes.iter().all(|&node| !sim::is_alive(node)));
    });
}

/// Two nodes whose destructors crash each other are both dead, and nobody hangs.
#[test]
fn crashes_may_be_mutual() {
    with_every_policy(|| {
        let drops = Drops::default();
        let nodes = [sim::new_node("server 0"), sim::new_node("server 1")];
        for n in 0..2 {
            let counted = drops.counted();
            sim::spawn_in(nodes[n], "enemy", move || {
                let _counted = counted;
                let _revenge = WhenDropped(move || sim::kill(nodes[1 - n]));
                thread::sleep(FOR_EVER);
            });
        }
        thread::sleep(MS);
        sim::kill(nodes[0]);
        assert_eq!(drops.count(), 2);
    });
}

/// In a node that has crashed nothing starts any more, not even from a destructor. What would
/// have run is dropped.
#[test]
fn nothing_starts_in_a_dead_node() {
    calmly(|| {
        let (drops, node) = (Drops::default(), sim::new_node("server 0"));
        let late = drops.counted();
        sim::spawn_in(node, "spawner", move || {
            let mut late = Some(late);
            let _spawn = WhenDropped(move || {
                let late = late.take();
                thread::spawn(move || unreachable!("started in a dead node, with {}", late.is_some()));
            });
            thread::sleep(FOR_EVER);
        });
        thread::yield_now();
        sim::kill(node);
        assert_eq!(drops.count(), 1);
        let late = drops.counted();
        sim::spawn_in(node, "late", move || unreachable!("started in a dead node, with {}", late.0.count()));
        assert_eq!(drops.count(), 2);
        thread::sleep(MS);
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
        sim::spawn_in(node, "sleeper", || thread::sleep(FOR_EVER));
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
        sim::spawn_in(dead, "sleeper", || thread::sleep(FOR_EVER));
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
                let _ = catch_unwind(|| thread::sleep(FOR_EVER));
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
            let outcome = catch_unwind(AssertUnwindSafe(|| thread::sleep(FOR_EVER)));
            resume_unwind(outcome.unwrap_err());
        });
        thread::sleep(MS);
        sim::kill(node);
        thread::sleep(MS);
    });
}

/// Destructors of a crashed node may take locks of one another, and wait for each other there.
#[test]
fn destructors_may_lock() {
    with_every_policy(|| {
        let (node, sum) = (sim::new_node("server 0"), Arc::new(Mutex::new(0)));
        for _ in 0..4 {
            let (sum, sum_too) = (Arc::clone(&sum), Arc::clone(&sum));
            sim::spawn_in(node, "adder", move || {
                let _add = WhenDropped(move || *sum.lock() += 1);
                let _holding = sum_too.lock();
                thread::sleep(FOR_EVER);
            });
        }
        thread::sleep(MS);
        sim::kill(node);
        assert_eq!(*sum.lock(), 4);
    });
}

/// When the test ends, everything that still runs is unwound, wherever it stands.
#[test]
fn the_end_of_the_test_unwinds_everything() {
    let drops = Drops::default();
    calmly(|| {
        let lock = Arc::new(Mutex::new(()));
        for n in 0..5 {
            let (counted, lock) = (drops.counted(), Arc::clone(&lock));
            sim::spawn_in(sim::new_node(format!("server {n}")), "sleeper", move || {
                let _counted = counted;
                let _relock = WhenDropped(|| drop(lock.lock()));
                let _guard = lock.try_lock();
                thread::sleep(FOR_EVER);
            });
        }
        let counted = drops.counted();
        sim::at(Instant::ZERO + FOR_EVER, move || drop(counted));
        thread::sleep(MS);
        assert_eq!(drops.count(), 0);
    });
    assert_eq!(drops.count(), 6);
}

/// So it is when the run fails.
#[test]
fn a_failure_unwinds_everything() {
    let drops = Drops::default();
    failing(|| {
        let counted = drops.counted();
        sim::spawn_in(sim::new_node("server 0"), "sleeper", move || {
            let _counted = counted;
            thread::sleep(FOR_EVER);
        });
        let _mine = drops.counted();
        thread::sleep(MS);
        panic!("on purpose");
    });
    assert_eq!(drops.count(), 2);
}

/// The test itself is not a server, and cannot crash.
#[test]
fn the_test_itself_cannot_crash() {
    let failure = failing(|| sim::kill(sim::NodeId::TEST));
    assert!(failure.message.contains("the test itself cannot crash"), "{failure}");
}
