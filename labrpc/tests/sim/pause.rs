//! A paused node does nothing while other nodes go on.

use std::sync::Arc;

use labrpc::channel;
use labrpc::sim;
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{Drops, FOREVER, MS, WhenDropped, at, calmly, failing, with_every_policy};

/// Messages for a paused node, and its deadlines, wait until it is resumed.
#[test]
fn a_paused_node_catches_up_when_it_is_resumed() {
    with_every_policy(|| {
        let node = sim::new_node("server 0");
        let (work, worker) = channel::unbounded();
        let done = Arc::new(Mutex::new(Vec::new()));
        let doing = Arc::clone(&done);
        sim::spawn_in(node, "worker", move || {
            for item in worker {
                doing.lock().push((item, Instant::now()));
            }
        });
        work.send(1).unwrap();
        thread::sleep(MS);
        sim::set_paused(node, true);
        work.send(2).unwrap();
        work.send(3).unwrap();
        thread::sleep(10 * MS);
        assert_eq!(done.lock().len(), 1, "nothing happens in a paused node");
        sim::set_paused(node, false);
        thread::sleep(MS);
        let items: Vec<_> = done.lock().iter().map(|&(item, _)| item).collect();
        assert_eq!(items, [1, 2, 3]);
        assert!(done.lock()[1].1 >= at(11 * MS));
    });
}

/// A thread that pauses its own node stops at the end of its turn.
#[test]
fn a_node_may_pause_itself() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let (woken, when_woken) = channel::unbounded();
        sim::spawn_in(node, "sleepy", move || {
            sim::set_paused(sim::node(), true);
            thread::yield_now();
            woken.send(Instant::now()).unwrap();
        });
        thread::sleep(5 * MS);
        assert!(when_woken.is_empty());
        sim::set_paused(node, false);
        assert!(when_woken.recv().unwrap() >= at(5 * MS));
    });
}

/// A paused node can crash. Its destructors run at once, and may wait for locks.
#[test]
fn a_paused_node_can_crash() {
    with_every_policy(|| {
        let (drops, node) = (Drops::default(), sim::new_node("server 0"));
        let lock = Arc::new(Mutex::new(()));
        for _ in 0..3 {
            let (counted, lock) = (drops.counted(), Arc::clone(&lock));
            sim::spawn_in(node, "sleeper", move || {
                let _counted = counted;
                let _closing = WhenDropped(|| {
                    thread::yield_now();
                    drop(lock.lock());
                    thread::yield_now();
                });
                thread::sleep(10 * MS);
                thread::sleep(FOREVER);
            });
        }
        thread::sleep(MS);
        sim::set_paused(node, true);
        thread::sleep(20 * MS); // they would have moved on
        let held = lock.lock();
        sim::kill(node);
        sim::set_paused(node, true); // has no effect: a crashed node cannot be paused
        drop(held);
        thread::sleep(MS);
        assert_eq!(drops.count(), 3);
    });
}

/// The test itself cannot be paused: nothing could resume it.
#[test]
fn the_test_itself_cannot_be_paused() {
    let failure = failing(|| sim::set_paused(sim::NodeId::TEST, true));
    assert!(failure.message.contains("the test itself cannot be paused"), "{failure}");
}
