//! With a counted heap, a task that allocates without end is stopped before the memory of the machine is used up.
#![cfg(all(target_os = "linux", not(labrpc_portable)))]

use labrpc::sim::{self, CountedHeap, FailureKind, Settings};
use labrpc::thread;

#[global_allocator]
static HEAP: CountedHeap = CountedHeap;

const MIB: usize = 1 << 20;

/// Takes memory and never gives it back. It is not touched, so this costs the machine nothing.
fn take_mib() {
    std::mem::forget(Vec::<u8>::with_capacity(MIB));
}

/// A loop that allocates without end is named with its place at a point that depends on its allocations alone.
#[test]
fn a_loop_that_keeps_what_it_allocates_is_stopped() {
    for _ in 0..2 {
        let (result, _) = sim::run(Settings::default(), || {
            thread::spawn(|| {
                loop {
                    take_mib();
                }
            })
            .join()
        });
        let failure = result.expect_err("the loop has no end");
        assert_eq!(failure.kind, FailureKind::Stuck, "{failure}");
        assert!(failure.message.contains("allocated more than 1 GiB"), "{failure}");
        assert!(failure.backtrace.contains("at labrpc/tests/sim_heap.rs:"), "{failure}");
    }
}

/// A task may hold that much if it takes it in several turns, and the test harness may take it in one.
#[test]
fn large_heaps_are_allowed() {
    let (result, _) = sim::run(Settings::default(), || {
        for _ in 0..3 {
            (0..700).for_each(|_| take_mib());
            thread::yield_now();
        }
        sim::as_harness(|| (0..2000).for_each(|_| take_mib()));
    });
    result.unwrap();
}
