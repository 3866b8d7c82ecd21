//! A panic ends the run. The failure names the thread, the time and the place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use labrpc::channel;
use labrpc::sim::{self, FailureKind, Preemption, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;

use crate::worlds::{FOREVER, MS, WhenDropped, at, failing, with_every_policy};

/// A function to be found in a backtrace.
#[inline(never)]
fn count_votes(votes: &[u64]) -> u64 {
    let leader = votes.len() + 1;
    votes[leader]
}

/// The failure of a server's panic has server, thread, time, line and backtrace.
#[test]
fn a_servers_panic_is_reported_with_its_backtrace() {
    let failure = failing(|| {
        sim::spawn_in(sim::new_node("server 2"), "applier", || {
            thread::sleep(1234 * MS);
            std::hint::black_box(count_votes(&[1, 2]));
        });
        thread::sleep(FOREVER);
    });
    assert_eq!(failure.kind, FailureKind::Panic);
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 2", "applier"));
    assert!(failure.at >= at(1234 * MS) && failure.at < at(1235 * MS));
    assert_eq!(failure.message, "index out of bounds: the len is 2 but the index is 3");
    assert!(failure.place.starts_with("labrpc/tests/sim/panics.rs:"), "{}", failure.place);
    let first = failure.backtrace.trim_start().lines().next().unwrap_or_default();
    assert!(first.contains("count_votes"), "the backtrace begins in the server's own code: {failure}");
    assert!(!failure.backtrace.contains("labrpc/src"), "{failure}");
    let text = failure.to_string();
    assert!(text.starts_with("server 2, task 'applier', at 1.234"), "{text}");
}

/// The failure of the test's own panic has its place, and no backtrace.
#[test]
fn the_tests_own_panic_is_reported_with_its_place() {
    let mut place = 0;
    let failure = failing(|| {
        place = line!() + 1;
        panic!("{} leaders in term {}", 2, 3);
    });
    assert_eq!((failure.message.as_str(), failure.backtrace.as_str()), ("2 leaders in term 3", ""));
    assert_eq!(failure.place, format!("labrpc/tests/sim/panics.rs:{place}:9"));
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("the test", "test"));
}

/// A node can be set to end by a panic: its other tasks unwind, and the run and the other nodes go on.
#[test]
fn a_panic_can_end_its_node_only() {
    with_every_policy(|| {
        let (node, other) = (sim::new_node("server 0"), sim::new_node("server 1"));
        let is_unwound = Arc::new(AtomicBool::new(false));
        let unwound = is_unwound.clone();
        let note = WhenDropped(move || unwound.store(true, Ordering::Relaxed));
        sim::set_ends_by_panic(node);
        sim::spawn_in(node, "ticker", move || {
            let _note = note;
            thread::sleep(FOREVER);
        });
        sim::spawn_in(node, "boot", || {
            let thread = thread::spawn(|| panic!("this disk cannot be read"));
            thread::sleep(FOREVER);
            drop(thread);
        });
        thread::sleep(MS);
        assert!(!sim::is_alive(node) && sim::is_alive(other));
        assert_eq!(sim::tasks_in(node), 0);
        assert!(is_unwound.load(Ordering::Relaxed), "the node's other tasks unwind");
    });
    let failure = failing(|| {
        sim::set_ends_by_panic(sim::new_node("server 0"));
        sim::spawn_in(sim::new_node("server 1"), "boot", || panic!("another node"));
        thread::sleep(FOREVER);
    });
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Panic, "another node"));
}

/// A panic that a thread catches itself does not fail the run.
#[test]
fn a_caught_panic_is_not_a_failure() {
    with_every_policy(|| {
        let thread = thread::spawn(|| catch_unwind(|| panic!("caught")).is_err());
        assert!(thread.join().unwrap());
    });
}

/// A panic whose payload is not text fails the run as well.
#[test]
fn a_panic_without_text_is_a_failure() {
    let failure = failing(|| std::panic::panic_any(7_u8));
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.place.contains("panics.rs"), "{failure}");
}

/// A panic in an event, where no thread runs, fails the run as well.
#[test]
fn a_panic_in_an_event_fails_the_run() {
    let failure = failing(|| {
        sim::at(at(MS), || panic!("the oracle found a violation"));
        thread::sleep(FOREVER);
    });
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.message.contains("found a violation") && failure.place.contains("panics.rs"), "{failure}");
    assert_eq!(failure.at, at(MS));
}

/// A reported failure ends the run at the next turn, and names the thread that reported it.
#[test]
fn a_reported_failure_ends_the_run() {
    let failure = failing(|| {
        sim::spawn_in(sim::new_node("server 1"), "oracle", || {
            thread::sleep(MS);
            sim::fail("two leaders in term 3");
            sim::fail("three leaders in term 4");
        });
        thread::sleep(FOREVER);
    });
    assert_eq!(failure.kind, FailureKind::Reported);
    assert_eq!(failure.message, "two leaders in term 3", "the first failure counts");
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 1", "oracle"));
}

/// A failure that is found in the very last turn still counts.
#[test]
fn a_failure_at_the_end_counts() {
    assert_eq!(failing(|| sim::fail("too late?")).message, "too late?");
}

/// std counts panics per OS thread, and a simulation runs on one. While a destructor waits for a lock in
/// the middle of a panic, `panicking()` is true for other threads too (a documented limitation). They
/// are interrupted even so, so that a thread that polls does not hang the simulation.
#[test]
fn others_go_on_while_a_destructor_waits() {
    for preemption in crate::worlds::POLICIES {
        let settings = Settings { preemption, operations_max: 1_000_000, ..Settings::default() };
        let (result, _) = sim::run(settings, || {
            let (lock, is_set) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(false)));
            let node = sim::new_node("server 0");
            let held = lock.lock();
            let wanted = Arc::clone(&lock);
            sim::spawn_in(node, "dying", move || {
                let _closing = WhenDropped(|| drop(wanted.lock()));
                thread::sleep(FOREVER);
            });
            thread::sleep(MS);
            sim::kill(node); // its destructor waits for the test's lock
            assert!(std::thread::panicking(), "as std sees it");
            let set = Arc::clone(&is_set);
            thread::spawn(move || *set.lock() = true);
            while !*is_set.lock() {}
            drop(held);
        });
        result.unwrap_or_else(|failure| panic!("{preemption:?}: {failure}"));
    }
}

/// A thread may panic and catch the panic while another thread's destructor waits.
#[test]
fn panics_of_two_threads_do_not_mix() {
    with_every_policy(|| {
        let lock = Arc::new(Mutex::new(()));
        let has_dropped = Arc::new(AtomicBool::new(false));
        let (wanted, dropped) = (Arc::clone(&lock), Arc::clone(&has_dropped));
        let held = lock.lock();
        let first = thread::spawn(move || {
            let panics = AssertUnwindSafe(|| {
                let _closing = WhenDropped(|| {
                    drop(wanted.lock());
                    dropped.store(true, Ordering::SeqCst);
                });
                panic!("one");
            });
            catch_unwind(panics).unwrap_err().downcast_ref::<&str>().copied()
        });
        thread::sleep(MS);
        let second = thread::spawn(|| catch_unwind(|| panic!("two")).unwrap_err().downcast_ref::<&str>().copied());
        assert_eq!(second.join().unwrap(), Some("two"));
        assert!(!has_dropped.load(Ordering::SeqCst));
        drop(held);
        assert_eq!(first.join().unwrap(), Some("one"));
        assert!(has_dropped.load(Ordering::SeqCst) && !std::thread::panicking());
    });
}

/// The failure is the first panic, not the panics that its unwinding causes in other threads.
#[test]
fn the_first_panic_is_the_failure() {
    let failure = failing(|| {
        let (sender, receiver) = channel::unbounded::<()>();
        thread::spawn(move || receiver.recv().expect("the sender is alive"));
        thread::yield_now();
        let _sender = sender;
        panic!("the cause");
    });
    assert!(failure.message.contains("the cause"), "{failure}");
}

/// A thread that unwinds is not interrupted.
#[test]
fn a_thread_that_unwinds_is_not_interrupted() {
    let settings = Settings { preemption: Preemption::Random { one_in: 1 }, ..Settings::default() };
    let (result, _) = sim::run(settings, || {
        let node = sim::new_node("server 0");
        let seen = Arc::new(Mutex::new(Vec::new()));
        for n in 0..3 {
            let seen = Arc::clone(&seen);
            sim::spawn_in(node, "dying", move || {
                let _closing = WhenDropped(|| {
                    for _ in 0..3 {
                        seen.lock().push(n);
                    }
                });
                thread::sleep(FOREVER);
            });
        }
        thread::sleep(MS);
        sim::kill(node);
        seen.lock().clone()
    });
    assert_eq!(result.unwrap(), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
}

/// Running a simulation inside a simulation panics.
#[test]
fn simulations_cannot_be_nested() {
    let failure = failing(|| drop(sim::run(Settings::default(), || ())));
    assert!(failure.message.contains("a simulation cannot run inside a simulation"), "{failure}");
}
