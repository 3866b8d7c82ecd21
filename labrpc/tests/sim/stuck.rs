//! A thread that never reaches the scheduler is found out by a watchdog in real time, and taken out
//! of the world; the test fails alone, and the process goes on.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "what is shown here is real time")]

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use labrpc::sim::{self, Failure, FailureKind, Keep, Preemption, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;

use crate::worlds::{FOREVER, MS, POLICIES, WhenDropped, calmly, failing, failing_with};

/// A report is promised within this time.
const REPORTED_WITHIN: Duration = Duration::from_secs(5);

/// Little patience, for tests that are to be over soon.
fn impatient() -> Settings {
    Settings { patience: Duration::from_millis(200), ..Settings::default() }
}

/// Runs a body that gets stuck, and checks that the process is none the worse for it.
fn stuck(settings: Settings, body: impl FnOnce() + Send) -> Failure {
    let began = Instant::now();
    let failure = failing_with(settings, body);
    assert!(began.elapsed() < REPORTED_WITHIN, "found after {:?}", began.elapsed());
    calmly(|| thread::spawn(|| thread::sleep(MS)).join().unwrap());
    failure
}

/// The default patience leaves time enough to write the report.
#[test]
fn the_default_patience_keeps_the_promise() {
    assert!(Settings::default().patience * 2 < REPORTED_WITHIN);
}

/// Says by its name in a backtrace what it does.
#[inline(never)]
fn wait_for_leader_without_end() {
    loop {
        std::hint::spin_loop();
    }
}

/// An endless loop is reported with its thread, and with the line on which it was met.
#[test]
fn an_endless_loop_is_found() {
    let failure = stuck(impatient(), || {
        sim::spawn_in(sim::new_node("server 1"), "ticker", || {
            thread::sleep(3 * MS);
            wait_for_leader_without_end();
        });
        thread::sleep(FOREVER);
    });
    assert_eq!(failure.kind, FailureKind::Stuck);
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 1", "ticker"));
    assert!(failure.message.contains("without ever reaching the scheduler"), "{failure}");
    assert!(failure.backtrace.contains("wait_for_leader_without_end"), "{failure}");
    assert!(failure.backtrace.contains("at labrpc/tests/sim/stuck.rs:"), "{failure}");
}

/// So is one in a destructor that runs when the test is over.
#[test]
fn an_endless_destructor_is_found() {
    let failure = stuck(impatient(), || {
        sim::spawn_in(sim::new_node("server 0"), "closer", || {
            let _closing = WhenDropped(wait_for_leader_without_end);
            thread::sleep(FOREVER);
        });
        thread::sleep(MS);
    });
    assert_eq!(failure.kind, FailureKind::Stuck);
    assert_eq!(failure.task, "closer");
}

/// A thread that waits for the operating system uses no processor time, and is found all the same.
#[test]
fn a_blocking_system_call_is_found() {
    let (mut nothing_comes, _never_writes) = std::io::pipe().unwrap();
    let failure = stuck(impatient(), move || {
        sim::spawn_in(sim::new_node("server 0"), "reader", move || {
            let _ = nothing_comes.read(&mut [0]);
        });
        thread::sleep(FOREVER);
    });
    assert_eq!(failure.kind, FailureKind::Stuck);
    assert!(failure.message.contains("a call that blocks outside of labrpc"), "{failure}");
}

/// A thread that takes long in each of many steps may be caught in the middle of an operation. It
/// is left alone then, and interrupted again.
#[test]
fn a_thread_is_not_stopped_in_the_middle_of_an_operation() {
    /// All of them are looked at in each operation, which is then the greater part of the time.
    const READY: usize = 100;
    for _ in 0..3 {
        let preemption = Preemption::Priorities { change_one_in: 1000 };
        let settings = Settings { preemption, keep: Keep::Only(Default::default()), ..impatient() };
        let failure = stuck(settings, || {
            (0..READY).for_each(|_| drop(thread::spawn(|| ())));
            let lock = Mutex::new(());
            // What unwinds is not interrupted by the scheduler, so nothing but the watchdog ends it.
            let _unwinding = WhenDropped(|| {
                loop {
                    drop(lock.lock());
                }
            });
            panic!("on purpose");
        });
        assert_eq!(failure.kind, FailureKind::Stuck);
        assert_eq!(failure.node, "the test", "it is not known whose task it was: the state was in its hands");
    }
}

/// As deep as it goes, with an operation of the world at each step and so in all likelihood at the last.
#[inline(never)]
fn recurse(depth: u64, lock: &Mutex<u64>) -> u64 {
    *lock.lock() += 1;
    thread::yield_now();
    let frame = std::hint::black_box([depth; 24]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1, lock) + frame[3] }
}

/// Recursion without an end is reported, wherever the stack's last byte was used: also if that was
/// in the world's own code.
#[test]
fn a_full_stack_is_reported() {
    // Different sizes, and what interruptions add, put the last byte in different places.
    for preemption in [POLICIES[0], POLICIES[1]] {
        for stack_kib in 64..68 {
            let settings = Settings { preemption, stack_bytes: stack_kib << 10, ..Settings::default() };
            let failure = stuck(settings, || {
                let lock = Arc::new(Mutex::new(0));
                sim::spawn_in(sim::new_node("server 0"), "deep", move || _ = recurse(0, &lock));
                thread::sleep(FOREVER);
            });
            assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
            assert!(failure.message.contains("endless recursion?"), "{failure}");
            assert!(failure.backtrace.contains("recurse"), "{failure}");
        }
    }
}

/// A stack of the default size is enough for a panic with its backtrace, and for honest recursion.
#[test]
fn the_default_stack_is_deep_enough() {
    #[inline(never)]
    fn sum_to(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 8]);
        if n == 0 { 0 } else { sum_to(n - 1) + frame[7] }
    }
    let sum = calmly(|| thread::spawn(|| sum_to(1000)).join().unwrap());
    assert_eq!(sum, 500_500);
    let failure = failing(|| {
        sim::spawn_in(sim::new_node("server 0"), "parser", || _ = "term".parse::<u64>().unwrap());
        thread::sleep(MS);
    });
    assert!(failure.message.contains("ParseIntError"), "{failure}");
}
