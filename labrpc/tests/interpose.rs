//! On Linux the simulation answers the calls that a thread makes to std, or reports an error that says
//! what to use instead.
#![cfg(all(target_os = "linux", not(labrpc_portable)))]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the mistakes that have to be found")]

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use labrpc::sim::{self, Failure, FailureKind, Settings};
use labrpc::thread;

const MINUTE: Duration = Duration::from_secs(60);

fn seeded<T: Send>(seed: u64, body: impl FnOnce() -> T + Send) -> T {
    sim::run(Settings { seed, ..Settings::default() }, body).0.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a mistake beside a server that goes on, and returns the failure.
fn failing(mistake: impl FnOnce() + Send) -> Failure {
    let (result, _) = sim::run(Settings::default(), || {
        sim::spawn_in(sim::new_node("server 1"), "bystander", || {
            loop {
                thread::sleep(Duration::from_millis(10));
            }
        });
        mistake();
    });
    result.expect_err("it is a mistake")
}

/// Checks that a failure names the line of the mistake, and what to use instead.
fn assert_reported(failure: &Failure, line: u32, instead: &str) {
    assert_eq!(failure.kind, FailureKind::BlockedInStd, "{failure}");
    assert!(failure.message.contains(instead), "{failure}");
    assert!(failure.backtrace.contains(&format!("labrpc/tests/interpose.rs:{line}:")), "line {line}: {failure}");
}

/// The iteration order of a HashMap depends on the seed alone.
#[test]
fn the_order_of_a_hash_map_depends_on_the_seed() {
    let order = || {
        let map: HashMap<u32, ()> = (0..16).map(|key| (key, ())).collect();
        thread::spawn(move || map.into_keys().collect::<Vec<_>>()).join().unwrap()
    };
    assert_eq!(seeded(1, order), seeded(1, order));
    let orders: HashSet<_> = (0..10).map(|seed| seeded(seed, order)).collect();
    assert!(orders.len() > 5, "ten seeds make {} orders", orders.len());
}

/// Random bits of the operating system come from the seed.
#[test]
fn random_bits_come_from_the_seed() {
    let bits = || {
        let (first, second) = (RandomState::new(), thread::spawn(RandomState::new).join().unwrap());
        (first.hash_one(1), second.hash_one(1))
    };
    assert_eq!(seeded(1, bits), seeded(1, bits));
    assert_ne!(seeded(1, bits), seeded(2, bits));
}

/// std's clocks show virtual time.
#[test]
fn clocks_are_virtual() {
    let read = || {
        let (instant, time) = (Instant::now(), SystemTime::now());
        thread::sleep(MINUTE);
        (instant.elapsed(), time.elapsed().unwrap(), time)
    };
    let (by_instant, by_time, began) = seeded(1, read);
    assert!((MINUTE..MINUTE + Duration::from_millis(1)).contains(&by_instant), "{by_instant:?}");
    assert!((MINUTE..MINUTE + Duration::from_millis(1)).contains(&by_time), "{by_time:?}");
    assert_eq!(seeded(2, read).2, began, "every simulation begins at the same time");
    assert!(SystemTime::now() > began + 365 * 24 * 60 * MINUTE, "which is long past in real time");
}

/// Outside of a simulation std behaves as always.
#[test]
fn std_is_unchanged_outside_of_a_simulation() {
    let before = Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    assert!(before.elapsed() >= Duration::from_millis(2));
    let (first, second) = (RandomState::new(), std::thread::spawn(RandomState::new).join().unwrap());
    assert_ne!(first.hash_one(1), second.hash_one(1));
    let lock = std::sync::Mutex::new(1);
    assert_eq!(std::thread::scope(|scope| scope.spawn(|| *lock.lock().unwrap()).join().unwrap()), 1);
}

/// A sleep of std is an error.
#[test]
fn a_real_sleep_is_an_error() {
    let line = line!() + 1;
    let failure = failing(|| std::thread::sleep(MINUTE));
    assert_reported(&failure, line, "use labrpc::thread::sleep");
}

/// A thread of std is an error.
#[test]
fn a_real_thread_is_an_error() {
    let line = line!() + 1;
    let failure = failing(|| drop(std::thread::spawn(|| ())));
    assert_reported(&failure, line, "use labrpc::thread::spawn");
}

/// A lock of std that one task holds would block another task, and with it the whole simulation.
#[test]
fn a_contended_std_mutex_is_an_error() {
    let lock = Arc::new(std::sync::Mutex::new(()));
    let mut line = 0;
    let failure = failing(|| {
        let held = Arc::clone(&lock);
        thread::spawn(move || {
            let _guard = held.lock().unwrap();
            thread::sleep(MINUTE);
        });
        thread::yield_now();
        line = line!() + 1;
        drop(lock.lock());
    });
    assert_reported(&failure, line, "use labrpc::sync");
}

/// A receive from a channel of std would block it as well.
#[test]
fn a_std_channel_is_an_error() {
    let mut line = 0;
    let failure = failing(|| {
        let (_sender, receiver) = std::sync::mpsc::channel::<()>();
        line = line!() + 1;
        let _ = receiver.recv();
    });
    assert_reported(&failure, line, "labrpc::channel");
}

/// So would a condition variable of std, even with a time limit.
#[test]
fn a_std_condvar_is_an_error() {
    let mut line = 0;
    let failure = failing(|| {
        let (lock, changed) = (std::sync::Mutex::new(()), std::sync::Condvar::new());
        line = line!() + 1;
        let _ = changed.wait_timeout(lock.lock().unwrap(), MINUTE);
    });
    assert_reported(&failure, line, "use labrpc::sync");
}

/// A lock of std that is free can be used.
#[test]
fn a_free_std_mutex_is_allowed() {
    let lock = std::sync::Mutex::new(0);
    seeded(1, || {
        for _ in 0..100 {
            *lock.lock().unwrap() += 1;
            thread::yield_now();
        }
    });
    assert_eq!(*lock.lock().unwrap(), 100);
}

/// A task waits for a lock of std that another OS thread holds briefly, such as the terminal's.
#[test]
fn a_lock_that_another_os_thread_holds_is_waited_for() {
    let lock = Arc::new(std::sync::Mutex::new(()));
    let held = Arc::clone(&lock);
    let (is_held, hold) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        let _guard = held.lock().unwrap();
        is_held.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    });
    hold.recv().unwrap();
    seeded(1, || drop(lock.lock().unwrap()));
    holder.join().unwrap();
}

/// A mistake in a destructor that runs when the test is over is found as well.
#[test]
fn a_mistake_in_a_late_destructor_is_found() {
    struct Sleeps;
    impl Drop for Sleeps {
        fn drop(&mut self) {
            std::thread::sleep(MINUTE);
        }
    }
    let (result, _) = sim::run(Settings::default(), || {
        sim::spawn_in(sim::new_node("server 0"), "closer", || {
            let _sleeps = Sleeps;
            thread::sleep(MINUTE);
        });
        thread::yield_now();
    });
    let failure = result.expect_err("it is a mistake");
    assert_eq!((failure.kind, failure.task.as_str()), (FailureKind::BlockedInStd, "closer"));
}
