//! A thread that never reaches the scheduler is found by a watchdog in real time, and abandoned. Only its
//! test fails, and the process goes on.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "these tests measure real time")]

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use labrpc::sim::{self, Failure, FailureKind, Keep, Preemption, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;

use crate::worlds::{FOREVER, MS, POLICIES, WhenDropped, calmly, failing, failing_with};

/// A report is promised within this time.
const REPORTED_WITHIN: Duration = Duration::from_secs(5);

/// Little patience, so that the tests end soon.
fn impatient() -> Settings {
    Settings { patience: Duration::from_millis(200), ..Settings::default() }
}

/// Runs a body that gets stuck, and checks that the process still works.
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

/// A function to be found in a backtrace.
#[inline(never)]
fn wait_for_leader_without_end() {
    loop {
        std::hint::spin_loop();
    }
}

/// An endless loop is reported with its thread and the line at which it was interrupted.
#[test]
fn an_endless_loop_is_reported_with_its_line() {
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

/// So is an endless loop in a destructor that runs when the test is over.
#[test]
fn an_endless_loop_in_a_destructor_is_reported() {
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

/// Uses about this much processor time without an end of the turn.
fn compute(duration: Duration) {
    // std's clocks are virtual here, and so is every other one that Rust knows.
    const PER_MS: u64 = 500_000;
    (0..duration.as_millis() as u64 * PER_MS).for_each(|n| _ = std::hint::black_box(n));
}

/// Time that the test harness takes inside of a server's task does not count as the server's. Its limit is
/// told as one of the harness.
#[test]
fn the_time_of_the_harness_is_not_the_servers() {
    let with_patience = |patience| Settings { patience, ..Settings::default() };
    let observed = sim::run(with_patience(60 * MS), || {
        for _ in 0..3 {
            sim::as_harness(|| compute(250 * MS));
        }
    });
    observed.0.unwrap();
    let failure = stuck(with_patience(60 * MS), || compute(FOREVER));
    assert_eq!(failure.kind, FailureKind::Stuck, "{failure}");
    let failure = stuck(with_patience(20 * MS), || sim::as_harness(|| compute(FOREVER)));
    assert_eq!(failure.kind, FailureKind::HarnessLimit, "{failure}");
    assert!(failure.message.contains("no fault of the server"), "{failure}");
}

/// A thread that waits for the operating system uses no processor time, and is reported even so.
#[test]
fn a_blocking_system_call_is_reported() {
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

/// An interrupt in the middle of an operation has no effect, and is repeated.
#[test]
fn a_thread_is_not_stopped_in_the_middle_of_an_operation() {
    /// Each operation looks at all ready threads, which then takes most of the time.
    const READY: usize = 100;
    for _ in 0..3 {
        let preemption = Preemption::Priorities { change_one_in: 1000 };
        let settings = Settings { preemption, keep: Keep::Only(Default::default()), ..impatient() };
        let failure = stuck(settings, || {
            (0..READY).for_each(|_| drop(thread::spawn(|| ())));
            let lock = Mutex::new(());
            // The scheduler does not interrupt a thread that unwinds, so only the watchdog ends it.
            let _unwinding = WhenDropped(|| {
                loop {
                    drop(lock.lock());
                }
            });
            panic!("on purpose");
        });
        assert_eq!(failure.kind, FailureKind::Stuck);
        assert_eq!(failure.node, "the test", "the task was abandoned in the middle of an operation");
    }
}

/// Recurses endlessly, with an operation at each step, so that the stack may overflow inside of one.
#[inline(never)]
fn recurse(depth: u64, lock: &Mutex<u64>) -> u64 {
    *lock.lock() += 1;
    thread::yield_now();
    let frame = std::hint::black_box([depth; 24]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1, lock) + frame[3] }
}

/// Endless recursion is reported, also if the stack overflows in the simulation's own code.
#[test]
fn a_stack_overflow_is_reported() {
    // Different stack sizes and interruptions make the overflow happen in different places.
    for preemption in [POLICIES[0], POLICIES[1]] {
        for stack_kib in 64..68 {
            let settings = Settings { preemption, stack_bytes: stack_kib << 10, ..Settings::default() };
            let failure = stuck(settings, || {
                let lock = Arc::new(Mutex::new(0));
                sim::spawn_in(sim::new_node("server 0"), "deep", move || _ = recurse(0, &lock));
                thread::sleep(FOREVER);
            });
            assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
            assert!(failure.message.contains("Endless recursion?"), "{failure}");
            assert!(failure.backtrace.contains("recurse"), "{failure}");
        }
    }
}

/// The whole stack of the default size can be used, and its overflow is reported in time.
#[test]
fn an_overflow_of_the_default_stack_is_reported_in_time() {
    let lock = Mutex::new(0);
    let failure = stuck(Settings::default(), || _ = recurse(0, &lock));
    assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
    assert!(failure.message.starts_with("the task's stack of 2048 KiB is full: `"), "{failure}");
    assert!(failure.message.contains("recurse` is on it "), "{failure}");
    assert!(failure.message.contains("Builder::stack_size"), "{failure}");
}

/// Recurses endlessly with frames as small as they can be, so that very many of them fit on the stack.
#[inline(never)]
fn count_up(depth: u64) -> u64 {
    if std::hint::black_box(depth) == u64::MAX { 0 } else { count_up(depth + 1) + 1 }
}

/// Even a stack with very many frames is reported in time.
#[test]
fn a_stack_of_small_frames_is_reported_in_time() {
    let failure = stuck(Settings::default(), || _ = count_up(0));
    assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
    assert!(failure.backtrace.lines().count() < 20, "{failure}");
    assert!(failure.backtrace.contains(" times"), "{failure}");
}

/// Uses this much of the stack at once.
#[inline(never)]
fn fill<const BYTES: usize>() -> usize {
    std::hint::black_box([1_u8; BYTES]).iter().map(|&byte| usize::from(byte)).sum()
}

/// A thread has as much room for local variables as a real one, and more if it asks for more.
#[test]
fn large_local_variables_fit() {
    assert_eq!(calmly(|| thread::spawn(fill::<1_500_000>).join().unwrap()), 1_500_000);
    let large = || thread::Builder::new().stack_size(8 << 20).spawn(fill::<7_000_000>).unwrap().join().unwrap();
    assert_eq!(calmly(large), 7_000_000);
    let small = || thread::Builder::new().stack_size(96 << 10).spawn(fill::<64_000>).unwrap().join().unwrap();
    assert_eq!(calmly(small), 64_000);
}

/// A stack that is full of local variables is not told as recursion. The report says what to do.
#[test]
fn large_local_variables_are_not_told_as_recursion() {
    for (stack_bytes, size) in [(None, "2048 KiB"), (Some(96 << 10), "96 KiB")] {
        let failure = stuck(Settings::default(), move || {
            let mut builder = thread::Builder::new();
            if let Some(bytes) = stack_bytes {
                builder = builder.stack_size(bytes);
            }
            builder.spawn(fill::<3_000_000>).unwrap().join().unwrap();
        });
        assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
        assert!(failure.message.contains(size) && !failure.message.contains("recursion?"), "{failure}");
        assert!(failure.message.contains("large local variables"), "{failure}");
        assert!(failure.message.contains("fill`"), "{failure}");
    }
}

/// A stack of the default size is enough for a panic with a backtrace, and for 1,000 nested calls.
#[test]
fn the_default_stack_is_large_enough() {
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
