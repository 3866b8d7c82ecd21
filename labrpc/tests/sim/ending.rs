//! A server that ends the process fails its own test, and no other.

use std::sync::Arc;

use labrpc::sim::{self, Failure, FailureKind};
use labrpc::sync::Mutex;
use labrpc::thread;

use crate::worlds::{Child, FOREVER, MS, WhenDropped, calmly, failing};

/// Runs code in a server that would end the process.
fn ended_by(end: impl FnOnce() + Send + 'static) -> Failure {
    let failure = failing(move || {
        sim::spawn_in(sim::new_node("server 1"), "applier", end);
        thread::sleep(FOREVER);
    });
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 1", "applier"), "{failure}");
    calmly(|| thread::spawn(|| thread::sleep(MS)).join().unwrap());
    failure
}

/// `std::process::exit` in a server is reported with its place, again and again. The process goes on, and tells
/// that a test has failed when it ends.
#[test]
fn an_exit_is_reported() {
    let Some(child) = Child::run("ending::an_exit_is_reported") else {
        for _ in 0..3 {
            let line = line!() + 1;
            let failure = ended_by(|| std::process::exit(0));
            assert_eq!(failure.kind, FailureKind::EndedProcess, "{failure}");
            assert!(failure.backtrace.contains(&format!("labrpc/tests/sim/ending.rs:{line}:")), "{failure}");
        }
        return println!("all three were reported");
    };
    assert!(child.output.contains("all three were reported"), "{}", child.output);
    assert!(!child.is_success);
}

/// So is an abort.
#[test]
fn an_abort_is_reported() {
    for _ in 0..3 {
        let line = line!() + 1;
        let failure = ended_by(|| std::process::abort());
        assert_eq!(failure.kind, FailureKind::EndedProcess, "{failure}");
        assert!(failure.backtrace.contains(&format!("labrpc/tests/sim/ending.rs:{line}:")), "{failure}");
    }
}

/// A destructor that panics while a crash unwinds its thread fails its own test, and is named.
#[test]
fn a_panic_in_a_crash_is_reported() {
    for _ in 0..3 {
        let mut line = 0;
        let failure = failing(|| {
            let node = sim::new_node("server 4");
            line = line!() + 2;
            sim::spawn_in(node, "closer", || {
                let _closing = WhenDropped(|| panic!("the applier is still busy"));
                thread::sleep(FOREVER);
            });
            thread::sleep(MS);
            sim::kill(node);
        });
        assert_eq!(failure.kind, FailureKind::Panic);
        assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 4", "closer"), "{failure}");
        let place = format!("the applier is still busy at labrpc/tests/sim/ending.rs:{line}:");
        for words in ["while a crash of its server", place.as_str(), "must not panic then"] {
            assert!(failure.message.contains(words), "{words:?} is missing: {failure}");
        }
    }
    calmly(|| thread::spawn(|| thread::sleep(MS)).join().unwrap());
}

/// So does one that panics because of another panic.
#[test]
fn a_panic_during_a_panic_is_reported() {
    let failure = ended_by(|| {
        let _closing = WhenDropped(|| panic!("the second panic"));
        panic!("the first panic");
    });
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.message.contains("panicking already: the second panic"), "{failure}");
}

/// The thread pool of the Rust Book: its destructor waits for its threads, and unwraps the results. A crash of
/// its server ends them all.
#[test]
fn a_pool_that_joins_its_threads_survives_a_crash() {
    struct Pool(Vec<Option<thread::JoinHandle<()>>>);
    impl Drop for Pool {
        fn drop(&mut self) {
            for worker in &mut self.0 {
                worker.take().into_iter().for_each(|thread| thread.join().unwrap());
            }
        }
    }
    calmly(|| {
        for round in 0..3 {
            let node = sim::new_node("server 0");
            let shared = Arc::new(Mutex::new(0));
            sim::spawn_in(node, "pool", move || {
                let workers = (0..4).map(|_| {
                    let shared = Arc::clone(&shared);
                    Some(thread::spawn(move || {
                        loop {
                            *shared.lock() += 1;
                            thread::sleep(MS);
                        }
                    }))
                });
                let _pool = Pool(workers.collect());
                thread::sleep(FOREVER);
            });
            thread::sleep((10 + round) * MS);
            sim::kill(node);
            assert_eq!(sim::tasks_in(node), 0);
        }
    });
}
