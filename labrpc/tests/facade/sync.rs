//! Mutex, Condvar and RwLock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use labrpc::sim::FailureKind;
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::time::Instant;
use labrpc::{channel, thread};

use crate::worlds::{LONG, SHORT, calmly, everywhere, failing};

/// While a thread holds a mutex, no other thread reads or changes its value.
#[test]
fn a_mutex_excludes_other_threads() {
    everywhere(|| {
        let count = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let count = Arc::clone(&count);
                thread::spawn(move || {
                    for _ in 0..20 {
                        let mut guard = count.lock();
                        let seen = *guard;
                        thread::yield_now();
                        *guard = seen + 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*count.lock(), 80);
    });
}

/// `try_lock` fails exactly while another thread holds the lock.
#[test]
fn try_lock_fails_while_the_lock_is_held() {
    everywhere(|| {
        let lock = Arc::new(Mutex::new(()));
        let (held, is_held) = channel::bounded(0);
        let (release, is_released) = channel::bounded::<()>(0);
        let holder = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let _guard = lock.lock();
                held.send(()).unwrap();
                is_released.recv().unwrap();
            }
        });
        is_held.recv().unwrap();
        assert!(lock.try_lock().is_none());
        release.send(()).unwrap();
        holder.join().unwrap();
        assert!(lock.try_lock().is_some());
    });
}

/// A value that a simulation left in a lock can be read after the simulation has ended.
#[test]
fn a_lock_outlives_its_simulation() {
    let outer = Mutex::new(1);
    let inner = calmly(|| {
        *outer.lock() += 1;
        Arc::new((Mutex::new("left"), RwLock::new("behind")))
    });
    assert_eq!((*outer.lock(), *inner.0.lock(), *inner.1.read()), (2, "left", "behind"));
}

/// A lock can guard an unsized value, as in `Arc<Mutex<dyn Trait>>`.
#[test]
fn locks_take_unsized_values() {
    everywhere(|| {
        let mutex: Arc<Mutex<dyn Fn() -> u32 + Send>> = Arc::new(Mutex::new(|| 7));
        let table: Arc<RwLock<[u32]>> = Arc::new(RwLock::new([1, 2, 3]));
        assert_eq!((mutex.lock())(), 7);
        table.write()[0] = 4;
        assert_eq!(table.read().iter().sum::<u32>(), 9);
    });
}

/// A thread that takes a lock twice fails with a report that names all lines.
#[test]
fn a_lock_taken_twice_is_reported_as_a_deadlock() {
    let failure = failing(|| {
        let lock = Mutex::new(0_u8);
        let _first = lock.lock();
        let _second = lock.lock();
    });
    assert_eq!(failure.kind, FailureKind::Deadlock);
    assert!(failure.message.contains("holds itself"), "{failure}");
    assert!(failure.message.matches("facade/sync.rs").count() >= 3, "made, taken, taken again: {failure}");
}

/// A wait releases the lock, and takes it again before it returns.
#[test]
fn a_wait_releases_the_lock_and_takes_it_again() {
    everywhere(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let waiter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut is_set = shared.0.lock();
                while !*is_set {
                    shared.1.wait(&mut is_set);
                    assert!(shared.0.try_lock().is_none(), "the waiter has the lock");
                }
            }
        });
        *shared.0.lock() = true; // would block forever if the waiter kept the lock
        shared.1.notify_one();
        waiter.join().unwrap();
        assert!(shared.0.try_lock().is_some(), "the waiter's guard has released the lock");
    });
}

/// Starts waiters, and returns when all of them wait.
fn waiters(count: usize, shared: &Arc<(Mutex<usize>, Condvar)>) -> Vec<thread::JoinHandle<()>> {
    let threads = (0..count)
        .map(|_| {
            let shared = Arc::clone(shared);
            thread::spawn(move || {
                let mut waiting = shared.0.lock();
                *waiting += 1;
                shared.1.wait(&mut waiting);
                *waiting -= 1;
            })
        })
        .collect();
    while *shared.0.lock() < count {
        thread::yield_now();
    }
    threads
}

/// One notification wakes one waiter and leaves the others waiting, in both worlds.
#[test]
fn notify_one_wakes_exactly_one() {
    everywhere(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let threads = waiters(3, &shared);
        assert!(shared.1.notify_one());
        while *shared.0.lock() > 2 {
            thread::yield_now();
        }
        // A waiter that was woken by mistake would be missing here.
        assert_eq!(shared.1.notify_all(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(!shared.1.notify_one(), "no waiter is left");
    });
}

/// A notification is lost if no thread waits: it is not kept for the next waiter.
#[test]
fn a_notification_without_waiters_is_lost() {
    everywhere(|| {
        let shared = (Mutex::new(()), Condvar::new());
        shared.1.notify_one();
        assert!(shared.1.wait_for(&mut shared.0.lock(), SHORT).timed_out());
    });
}

/// A wait with a time limit returns whether it was notified or timed out.
#[test]
fn waits_report_whether_they_timed_out() {
    everywhere(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let before = Instant::now();
        let mut is_set = shared.0.lock();
        assert!(shared.1.wait_for(&mut is_set, SHORT).timed_out());
        assert!(before.elapsed() >= SHORT);
        assert!(shared.1.wait_until(&mut is_set, before + 2 * SHORT).timed_out());
        assert!(before.elapsed() >= 2 * SHORT);
        assert!(shared.1.wait_until(&mut is_set, before).timed_out(), "a deadline in the past");
        let notifier = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                *shared.0.lock() = true;
                shared.1.notify_one();
            }
        });
        while !*is_set {
            assert!(!shared.1.wait_for(&mut is_set, LONG).timed_out());
        }
        drop(is_set);
        notifier.join().unwrap();
    });
}

/// In a simulation a wait ends exactly at its deadline, save for the operations around it.
#[test]
fn simulated_waits_are_exact() {
    calmly(|| {
        let shared = (Mutex::new(()), Condvar::new());
        let before = Instant::now();
        shared.1.wait_for(&mut shared.0.lock(), Duration::from_secs(100));
        let took = before.elapsed();
        assert!(took >= Duration::from_secs(100) && took < Duration::from_secs(100) + Duration::from_micros(1));
    });
}

/// `wait_while` checks its condition after each notification.
#[test]
fn wait_while_waits_until_the_condition_is_over() {
    everywhere(|| {
        let shared = Arc::new((Mutex::new(3), Condvar::new()));
        let counter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for _ in 0..3 {
                    *shared.0.lock() -= 1;
                    shared.1.notify_all();
                }
            }
        });
        let mut left = shared.0.lock();
        shared.1.wait_while(&mut left, |left| *left > 0);
        assert_eq!(*left, 0);
        drop(left);
        counter.join().unwrap();
    });
}

/// Using a Condvar with two mutexes at once panics with a clear message.
#[test]
fn a_condvar_goes_with_one_mutex() {
    let failure = failing(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let _waiter = waiters(1, &shared);
        shared.1.wait(&mut Mutex::new(()).lock());
    });
    assert!(failure.message.contains("a Condvar goes with one Mutex"), "{failure}");
}

/// Several readers hold the lock together; a writer holds it alone.
#[test]
fn an_rwlock_admits_many_readers_or_one_writer() {
    everywhere(|| {
        let lock = Arc::new(RwLock::new(0));
        let (met, meeting) = channel::bounded(0);
        let reader = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let value = lock.read();
                met.send(*value).unwrap(); // received while the other reads, too
            }
        });
        {
            let value = lock.read();
            assert_eq!(meeting.recv(), Ok(*value));
            assert!(lock.try_write().is_none());
        }
        reader.join().unwrap();
        let inside = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..3)
            .map(|_| {
                let (lock, inside) = (Arc::clone(&lock), Arc::clone(&inside));
                thread::spawn(move || {
                    for _ in 0..10 {
                        let mut value = lock.write();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "a writer is alone");
                        thread::yield_now();
                        *value += 1;
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(value);
                        let _reading = lock.read();
                        assert_eq!(
                            inside.load(Ordering::SeqCst),
                            0,
                            "no writer holds the lock while another thread reads"
                        );
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(*lock.read(), 30);
        assert!(lock.try_write().is_some());
    });
}

/// `try_read` and `try_write` fail while a writer holds the lock.
#[test]
fn a_writer_excludes_others() {
    everywhere(|| {
        let lock = RwLock::new(1);
        let writer = lock.write();
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        drop(writer);
        assert!(lock.try_read().is_some());
        assert!(lock.try_write().is_some());
    });
}
