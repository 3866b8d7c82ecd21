//! A long run takes no more memory than a short one.
//!
//! The only test of its executable, because it measures the memory of the whole process.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use labrpc::sim::{self, Settings};
use labrpc::sync::{Condvar, Mutex};
use labrpc::time::Instant;
use labrpc::{channel, thread};

const MANY: u32 = 200_000;
/// Far more than a run of a few tasks needs, and less than one word for each of `MANY` events.
const GROWTH_BYTES_MAX: u64 = 1 << 20;

/// The memory that the process holds in RAM.
fn resident_bytes() -> u64 {
    /// Linux counts in pages here, which have this size on all machines that we know.
    const PAGE_BYTES: u64 = 4096;
    let counts = std::fs::read_to_string("/proc/self/statm").unwrap();
    counts.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * PAGE_BYTES
}

/// How much more memory a run holds after `MANY` repetitions than after a few.
fn growth_bytes(repeat: impl Fn(u32) + Sync) -> u64 {
    let (result, _) = sim::run(Settings::default(), || {
        repeat(MANY / 100);
        let before = resident_bytes();
        repeat(MANY);
        resident_bytes().saturating_sub(before)
    });
    result.unwrap_or_else(|failure| panic!("{failure}"))
}

/// A million events, tasks, messages and waits leave no memory behind.
#[test]
fn a_million_events_leave_no_memory_behind() {
    let events = growth_bytes(|times| {
        for _ in 0..times {
            sim::at(Instant::now() + Duration::from_micros(1), || ());
            thread::sleep(Duration::from_micros(2));
        }
    });
    let tasks = growth_bytes(|times| {
        for _ in 0..times {
            thread::spawn(|| ()).join().unwrap();
        }
    });
    let messages = growth_bytes(|times| {
        let (sender, receiver) = channel::bounded(4);
        let producer = thread::spawn(move || (0..times).try_for_each(|n| sender.send(n)));
        assert_eq!(receiver.iter().count(), times as usize);
        producer.join().unwrap().unwrap();
    });
    // Each wait sets a timer for an hour later, and ends at once: the timer must be freed as well.
    let waits = growth_bytes(|times| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let notifier = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for _ in 0..times {
                *notifier.0.lock() += 1;
                notifier.1.notify_one();
                thread::yield_now();
            }
        });
        let mut count = shared.0.lock();
        while *count < times {
            shared.1.wait_for(&mut count, Duration::from_secs(3600));
        }
        drop(count);
        thread.join().unwrap();
    });
    let timeouts = growth_bytes(|times| {
        let (sender, receiver) = channel::unbounded::<()>();
        // Not dropped, because that would free the entries of waiters that were left behind.
        std::mem::forget(sender);
        for _ in 0..times {
            receiver.recv_timeout(Duration::from_micros(1)).unwrap_err();
        }
    });
    let kinds =
        [("events", events), ("tasks", tasks), ("messages", messages), ("waits", waits), ("timeouts", timeouts)];
    for (what, bytes) in kinds {
        assert!(bytes < GROWTH_BYTES_MAX, "{MANY} {what} left {bytes} bytes behind");
    }
}
