//! Virtual time: when things happen, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use labrpc::channel;
use labrpc::sim::{self, Preemption, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{FOREVER, MS, POLICIES, at, calmly, with_every_policy};

/// When all threads are blocked, time moves on to the next deadline.
#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    with_every_policy(|| {
        let woken = Arc::new(Mutex::new(Vec::new()));
        for n in [3, 1, 2] {
            let woken = Arc::clone(&woken);
            thread::spawn(move || {
                thread::sleep(MS * n);
                woken.lock().push((n, Instant::now()));
            });
        }
        thread::sleep(4 * MS);
        let woken = woken.lock();
        assert_eq!(woken.iter().map(|&(n, _)| n).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(woken.iter().all(|&(n, when)| when >= at(MS * n) && when < at(MS * n + MS / 100)));
    });
}

/// Events for the same time happen in the order in which they were set, and before the threads that
/// wake at that time.
#[test]
fn events_at_equal_times_keep_their_order() {
    with_every_policy(|| {
        let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let order = Arc::clone(&order);
            move || order.lock().push(what)
        };
        let moment = Instant::now() + MS;
        let (event, wakes) = (note("event 1"), note("thread"));
        thread::spawn(move || {
            thread::sleep(moment - Instant::now());
            wakes();
        });
        thread::sleep(MS / 2); // it sleeps by now
        sim::at(moment, event);
        sim::at(moment, note("event 2"));
        sim::at(Instant::now() + MS / 4, note("event 0"));
        sim::at(Instant::ZERO, note("overdue event"));
        thread::sleep(MS);
        assert_eq!(*order.lock(), ["overdue event", "event 0", "event 1", "event 2", "thread"]);
    });
}

/// An event may set another one for the same time: it comes after the existing ones.
#[test]
fn an_event_may_set_another_one() {
    calmly(|| {
        let (sender, received) = channel::unbounded();
        let (first, second) = (sender.clone(), sender);
        sim::at(at(MS), move || {
            let third = first.clone();
            first.send(1).unwrap();
            sim::at(Instant::now(), move || third.send(3).unwrap());
        });
        sim::at(at(MS), move || second.send(2).unwrap());
        assert_eq!(received.iter().collect::<Vec<_>>(), [1, 2, 3]);
    });
}

/// An operation takes 100 ns, and computing takes no time.
#[test]
fn only_operations_and_waiting_take_time() {
    calmly(|| {
        let before = Instant::now();
        let _work: u64 = (0..10_000_u64).map(|n| n * n).sum();
        assert_eq!(before.elapsed(), Duration::from_nanos(100), "one read of the clock");
    });
}

/// A thread that polls without blocking moves time on, and other threads get their turn.
#[test]
fn busy_polling_makes_progress() {
    let polls: [fn(&Poll); 5] = [
        |poll| while !*poll.by_lock.lock() {},
        |poll| while poll.by_lock.try_lock().is_none_or(|is_set| !*is_set) {},
        |poll| while poll.by_message.try_recv().is_err() {},
        |poll| {
            while !poll.by_flag.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        },
        |_| while Instant::now() < at(5 * MS) {},
    ];
    for (n, poll) in polls.into_iter().enumerate() {
        for preemption in POLICIES {
            for seed in 1..=3 {
                let settings = Settings { seed, preemption, operations_max: 1_000_000, ..Settings::default() };
                let (result, _) = sim::run(settings, || poll_and_be_served(poll));
                result.unwrap_or_else(|failure| panic!("poll {n}, {preemption:?}, seed {seed}: {failure}"));
            }
        }
    }
}

/// The values that are polled, and set by another thread.
struct Poll {
    by_lock: Arc<Mutex<bool>>,
    by_flag: Arc<AtomicBool>,
    by_message: channel::Receiver<()>,
}

fn poll_and_be_served(poll: fn(&Poll)) {
    let (sender, by_message) = channel::unbounded();
    let polled = Poll { by_lock: Arc::default(), by_flag: Arc::default(), by_message };
    let (by_lock, by_flag) = (Arc::clone(&polled.by_lock), Arc::clone(&polled.by_flag));
    thread::spawn(move || {
        thread::sleep(2 * MS);
        *by_lock.lock() = true;
        by_flag.store(true, Ordering::SeqCst);
        sender.send(()).unwrap();
        thread::sleep(FOREVER);
    });
    poll(&polled);
    assert!(Instant::now() < at(20 * MS), "it took until {:?}", Instant::now());
}

/// A thread with a high priority that is never demoted, because that decision is calm, still lets others
/// run when it yields. Otherwise a run that was reduced to few decisions would hang.
#[test]
fn a_yield_lets_others_run_despite_priorities() {
    for seed in 1..=20 {
        let preemption = Preemption::Priorities { change_one_in: u64::MAX };
        let settings = Settings { seed, preemption, operations_max: 100_000, ..Settings::default() };
        let (result, _) = sim::run(settings, || {
            let is_set = Arc::new(AtomicBool::new(false));
            let set = Arc::clone(&is_set);
            thread::spawn(move || set.store(true, Ordering::SeqCst));
            while !is_set.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        });
        result.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

/// A deadline beyond the largest time does not overflow.
#[test]
fn the_longest_sleep_does_not_overflow() {
    let (result, _) = sim::run(Settings::default(), || {
        thread::spawn(|| thread::sleep(Duration::MAX));
        thread::sleep(MS);
    });
    result.unwrap();
}
