//! Destructors run when a crash, or the end of the run, unwinds a thread.

use std::sync::Arc;

use labrpc::sim;
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{Drops, FOREVER, MS, WhenDropped, calmly, failing, with_every_policy};

/// A destructor that runs in a crash may crash another node, and so on. All crashes are over when the
/// first kill returns.
#[test]
fn destructors_may_crash_other_nodes() {
    with_every_policy(|| {
        let drops = Drops::default();
        let nodes: Vec<_> = (0..3).map(|n| sim::new_node(format!("server {n}"))).collect();
        for (n, &node) in nodes.iter().enumerate() {
            let (counted, next) = (drops.counted(), nodes.get(n + 1).copied());
            sim::spawn_in(node, "domino", move || {
                let _counted = counted;
                let _topple = WhenDropped(|| next.into_iter().for_each(sim::kill));
                thread::sleep(FOREVER);
            });
        }
        thread::sleep(MS);
        sim::kill(nodes[0]);
        assert_eq!(drops.count(), 3);
        assert!(nodes.iter().all(|&node| !sim::is_alive(node)));
    });
}

/// Two nodes whose destructors crash each other both crash, and the run goes on.
#[test]
fn destructors_may_crash_each_others_nodes() {
    with_every_policy(|| {
        let drops = Drops::default();
        let nodes = [sim::new_node("server 0"), sim::new_node("server 1")];
        for n in 0..2 {
            let counted = drops.counted();
            sim::spawn_in(nodes[n], "rival", move || {
                let _counted = counted;
                let _kill_other = WhenDropped(move || sim::kill(nodes[1 - n]));
                thread::sleep(FOREVER);
            });
        }
        thread::sleep(MS);
        sim::kill(nodes[0]);
        assert_eq!(drops.count(), 2);
    });
}

/// In a crashed node no thread starts, not even from a destructor. Its closure is dropped.
#[test]
fn no_thread_starts_in_a_crashed_node() {
    calmly(|| {
        let (drops, node) = (Drops::default(), sim::new_node("server 0"));
        let late = drops.counted();
        sim::spawn_in(node, "spawner", move || {
            let mut late = Some(late);
            let _spawn = WhenDropped(move || {
                let late = late.take();
                thread::spawn(move || unreachable!("started in a dead node, with {}", late.is_some()));
            });
            thread::sleep(FOREVER);
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

/// Destructors of a crashed node may take locks, and wait for locks that other destructors hold.
#[test]
fn destructors_may_wait_for_locks() {
    with_every_policy(|| {
        let (node, sum) = (sim::new_node("server 0"), Arc::new(Mutex::new(0)));
        for _ in 0..4 {
            let (sum, sum_too) = (Arc::clone(&sum), Arc::clone(&sum));
            sim::spawn_in(node, "adder", move || {
                let _add = WhenDropped(move || *sum.lock() += 1);
                let _holding = sum_too.lock();
                thread::sleep(FOREVER);
            });
        }
        thread::sleep(MS);
        sim::kill(node);
        assert_eq!(*sum.lock(), 4);
    });
}

/// When the test ends, every remaining thread is unwound, and every remaining event dropped.
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
                thread::sleep(FOREVER);
            });
        }
        let counted = drops.counted();
        sim::at(Instant::ZERO + FOREVER, move || drop(counted));
        thread::sleep(MS);
        assert_eq!(drops.count(), 0);
    });
    assert_eq!(drops.count(), 6);
}

/// The same happens when the run fails.
#[test]
fn a_failure_unwinds_everything() {
    let drops = Drops::default();
    failing(|| {
        let counted = drops.counted();
        sim::spawn_in(sim::new_node("server 0"), "sleeper", move || {
            let _counted = counted;
            thread::sleep(FOREVER);
        });
        let _mine = drops.counted();
        thread::sleep(MS);
        panic!("on purpose");
    });
    assert_eq!(drops.count(), 2);
}
