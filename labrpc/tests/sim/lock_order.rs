//! Two locks that are taken in opposite orders are reported, even if no thread ever waited for them.

use std::sync::Arc;

use labrpc::sim::{self, Failure, FailureKind, Settings};
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::thread;

use crate::worlds::MS;

/// The locks of a server.
#[derive(Default)]
struct Locks {
    one: Mutex<u8>,
    other: Mutex<u8>,
    gate: Mutex<u8>,
    shared: RwLock<u8>,
    shared_too: RwLock<u8>,
    changed: Condvar,
}

/// Runs two threads of a server, one after the other, so that neither ever waits for the other.
fn outcome(
    first: impl FnOnce(&Locks) + Send + 'static,
    second: impl FnOnce(&Locks) + Send + 'static,
) -> Result<(), Failure> {
    let body = || {
        let (node, locks) = (sim::new_node("server 0"), Arc::new(Locks::default()));
        sim::spawn_in(node, "boot", || ());
        let for_second = Arc::clone(&locks);
        sim::spawn_in(node, "ticker", move || first(&locks));
        thread::sleep(10 * MS);
        sim::spawn_in(node, "handler", move || second(&for_second));
        thread::sleep(10 * MS);
    };
    sim::run(Settings::default(), body).0
}

fn one_then_other(locks: &Locks) {
    let _one = locks.one.lock();
    let _other = locks.other.lock();
}

fn other_then_one(locks: &Locks) {
    let _other = locks.other.lock();
    let _one = locks.one.lock();
}

/// The report names both threads, and the lines where each took its two locks.
#[test]
fn opposite_orders_are_reported() {
    let failure = outcome(one_then_other, other_then_one).expect_err("they can wait for each other");
    assert_eq!(failure.kind, FailureKind::LockOrder);
    let lines: Vec<&str> = failure.message.lines().collect();
    assert!(lines[0].contains("two locks in opposite orders"), "{failure}");
    let place = "labrpc/tests/sim/lock_order.rs:";
    for (line, task) in lines[1..].iter().zip(["ticker", "handler"]) {
        assert!(line.contains(&format!("server 0, task '{task}'")), "{failure}");
        assert_eq!(line.matches(place).count(), 4, "{failure}");
    }
}

/// A condition variable takes its lock again, and that is an order as well.
#[test]
fn a_wait_takes_the_lock_again() {
    let waits = |locks: &Locks| {
        let mut other = locks.other.lock();
        let _one = locks.one.lock();
        locks.changed.wait_for(&mut other, MS);
    };
    let failure = outcome(waits, |_| ()).err();
    assert!(failure.is_none(), "one thread alone waits for nobody: {failure:?}");
    let failure = outcome(other_then_one, waits).expect_err("it holds one lock and takes the other one again");
    assert_eq!(failure.kind, FailureKind::LockOrder);
}

/// Under a common third lock, only one thread at a time is between its two locks.
#[test]
fn a_common_lock_allows_both_orders() {
    let under_gate = |order: fn(&Locks)| {
        move |locks: &Locks| {
            let _gate = locks.gate.lock();
            order(locks);
        }
    };
    outcome(under_gate(one_then_other), under_gate(other_then_one)).expect("both hold the third lock");
    outcome(under_gate(one_then_other), other_then_one).expect_err("only one of them holds the third lock");
}

/// A thread that only tries to take the second lock does not wait for it.
#[test]
fn a_try_is_no_order() {
    let tries = |locks: &Locks| {
        let _other = locks.other.lock();
        assert!(locks.one.try_lock().is_some());
    };
    outcome(one_then_other, tries).expect("it does not wait");
    outcome(tries, one_then_other).expect("it does not wait");
}

/// Readers do not exclude one another, but readers and writers do.
#[test]
fn readers_may_read_in_any_order() {
    let reads = |locks: &Locks| {
        let _shared = locks.shared.read();
        let _too = locks.shared_too.read();
    };
    let reads_too = |locks: &Locks| {
        let _too = locks.shared_too.read();
        let _shared = locks.shared.read();
    };
    let writes_too = |locks: &Locks| {
        let _too = locks.shared_too.write();
        let _shared = locks.shared.write();
    };
    outcome(reads, reads_too).expect("nobody waits for a reader");
    outcome(reads, writes_too).expect_err("readers and writers wait for one another");
}

/// One thread that takes two locks in both orders waits for nobody, and neither do the first thread of a node, which
/// starts the others, and locks that have taken the place of others in memory.
#[test]
fn only_different_threads_and_locks_can_wait() {
    let both = |locks: &Locks| {
        one_then_other(locks);
        other_then_one(locks);
    };
    outcome(both, |_| ()).expect("it is one thread");
    let (result, _) = sim::run(Settings::default(), || {
        let (node, locks) = (sim::new_node("server 0"), Arc::new(Locks::default()));
        sim::spawn_in(node, "boot", move || {
            one_then_other(&locks);
            thread::spawn(move || other_then_one(&locks));
        });
        thread::sleep(MS);
    });
    result.expect("boot takes its locks before it starts a thread");
    let in_turn = |is_one_first: bool| {
        move |locks: &Locks| {
            for _ in 0..100 {
                let fresh = Box::new(Mutex::new(()));
                match is_one_first {
                    true => drop((locks.one.lock(), fresh.lock())),
                    false => drop((fresh.lock(), locks.one.lock())),
                }
            }
        }
    };
    outcome(in_turn(true), in_turn(false)).expect("each fresh lock is another one");
}
