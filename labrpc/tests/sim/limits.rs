//! A run is bounded in virtual time and in operations, whatever its tasks do.

use std::time::Duration;

use labrpc::sim::{self, FailureKind, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;

use crate::worlds::{MS, POLICIES, at, failing_with};

/// A run that waits for too long fails, and the message names the bound.
#[test]
fn virtual_time_is_bounded() {
    let settings = Settings { virtual_time_max: Duration::from_secs(10), ..Settings::default() };
    let failure = failing_with(settings, || {
        loop {
            thread::sleep(Duration::from_secs(3));
        }
    });
    assert_eq!(failure.kind, FailureKind::VirtualTime);
    assert!(failure.message.contains("10s of virtual time"), "{failure}");
    assert!(failure.at <= at(Duration::from_secs(10)), "{failure}");
}

/// A run that polls without waiting fails as well.
#[test]
fn virtual_time_is_bounded_for_threads_that_poll() {
    for preemption in POLICIES {
        let settings = Settings { virtual_time_max: 5 * MS, preemption, ..Settings::default() };
        let failure = failing_with(settings, || {
            let lock = Mutex::new(());
            loop {
                drop(lock.lock());
            }
        });
        assert_eq!(failure.kind, FailureKind::VirtualTime, "{preemption:?}");
        assert!(failure.at < at(6 * MS), "{preemption:?}: {failure}");
    }
}

/// A run may take as much virtual time as its bound allows.
#[test]
fn the_bound_itself_is_allowed() {
    let settings = Settings { virtual_time_max: Duration::from_secs(1), ..Settings::default() };
    let (result, report) = sim::run(settings, || thread::sleep(Duration::from_secs(1) - MS));
    result.unwrap();
    assert!(report.virtual_time <= Duration::from_secs(1));
}

/// A run that makes too many operations fails, and the message names the bound.
#[test]
fn operations_are_bounded() {
    for preemption in POLICIES {
        let settings = Settings { operations_max: 10_000, preemption, ..Settings::default() };
        let failure = failing_with(settings, || {
            let lock = Mutex::new(());
            loop {
                drop(lock.lock());
            }
        });
        assert_eq!(failure.kind, FailureKind::Operations, "{preemption:?}");
        assert!(failure.message.contains("more than 10000 operations"), "{failure}");
    }
}

/// The report on too many operations names the thread that has made them, and its line, even if another one polls too.
#[test]
fn the_busy_thread_is_named() {
    for preemption in POLICIES {
        let settings = Settings { operations_max: 100_000, preemption, ..Settings::default() };
        let mut first_line = 0;
        let failure = failing_with(settings, || {
            for server in 0..3 {
                sim::spawn_in(sim::new_node(format!("server {server}")), "poller", || {
                    let lock = Mutex::new(());
                    loop {
                        drop(lock.lock());
                    }
                });
            }
            first_line = line!() - 5;
            thread::sleep(Duration::from_secs(3600));
        });
        assert_eq!(failure.kind, FailureKind::Operations, "{preemption:?}");
        assert_eq!(failure.task, "poller", "{preemption:?}: {failure}");
        let lines = first_line..first_line + 5;
        let is_named = lines.clone().any(|line| failure.backtrace.contains(&format!("tests/sim/limits.rs:{line}:")));
        assert!(is_named || failure.backtrace.is_empty(), "{preemption:?}, lines {lines:?}: {failure}");
    }
}

/// A node has a bound on its tasks, and the report says how many of them wait for a reply and which line starts another.
#[test]
fn tasks_are_bounded() {
    let settings = Settings { tasks_max: 100, ..Settings::default() };
    let (result, _) = sim::run(settings.clone(), || {
        for _ in 0..200 {
            thread::spawn(|| thread::sleep(MS)); // the test's own
        }
        let node = sim::new_node("server 0");
        for _ in 0..1_000 {
            sim::spawn_in(node, "short", || ());
            thread::yield_now();
        }
    });
    result.expect("the test's own tasks are not counted, and tasks that have ended are not either");
    let failure = failing_with(settings, || {
        sim::spawn_in(sim::new_node("server 0"), "ticker", || {
            loop {
                thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
            }
        });
        thread::sleep(Duration::from_secs(3600));
    });
    assert_eq!(failure.kind, FailureKind::Tasks);
    let expected = "server 0 has 100 threads at the same time, of which 0 wait in `call` for a reply";
    assert!(failure.message.contains(expected) && failure.message.contains("tests/sim/limits.rs:"), "{failure}");
}

/// Operations are counted: one for taking a lock, one for reading the clock.
#[test]
fn operations_are_counted() {
    let (_, report) = sim::run(Settings::default(), || {
        let lock = Mutex::new(());
        for _ in 0..100 {
            drop(lock.lock());
            let _ = labrpc::time::Instant::now();
        }
    });
    assert_eq!(report.operations, 200);
    assert_eq!(report.virtual_time, Duration::from_nanos(200 * 100));
}

/// Processor time is measured. It is the only real figure of a run.
#[test]
fn processor_time_is_counted() {
    let used = |times| {
        let (_, report) = sim::run(Settings::default(), || {
            for _ in 0..times {
                thread::yield_now();
            }
        });
        report.cpu_time
    };
    assert!(used(200_000) > used(0) + MS);
}
