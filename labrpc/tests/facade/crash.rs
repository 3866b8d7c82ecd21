//! Crashes: a thread that is killed while it holds a lock, or waits for one, keeps no other thread
//! waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use labrpc::sim;
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{LONG, SHORT, calmly, simulated};

/// Counts how many of its clones are still alive.
type Alive = Arc<()>;

fn alive(of: &Alive) -> usize {
    Arc::strong_count(of) - 1
}

/// A crash releases the locks that a thread held.
#[test]
fn a_killed_thread_releases_its_locks() {
    simulated(|| {
        let node = sim::new_node("server 0");
        let locks = Arc::new((Mutex::new(()), RwLock::new(()), RwLock::new(())));
        let held = Arc::clone(&locks);
        sim::spawn_in(node, "holder", move || {
            let _guards = (held.0.lock(), held.1.read(), held.2.write());
            thread::sleep(LONG);
        });
        thread::sleep(SHORT); // it holds them now
        let waiting = thread::spawn({
            let locks = Arc::clone(&locks);
            move || drop((locks.0.lock(), locks.1.write(), locks.2.read()))
        });
        thread::sleep(SHORT);
        assert!(!waiting.is_finished());
        sim::kill(node);
        waiting.join().unwrap();
        assert!(Instant::now() < Instant::ZERO + LONG);
    });
}

/// If a thread is woken for a free lock, and killed before its turn, its wake-up is not lost: the next
/// waiter gets the lock.
#[test]
fn a_lock_freed_for_a_killed_thread_goes_to_the_next() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let lock = Arc::new(Mutex::new(()));
        let guard = lock.lock();
        let (first, second) = (Arc::clone(&lock), Arc::clone(&lock));
        sim::spawn_in(node, "first in line", move || drop(first.lock()));
        thread::sleep(SHORT);
        let next = thread::spawn(move || drop(second.lock()));
        thread::sleep(SHORT);
        drop(guard); // wakes the first
        sim::kill(node);
        next.join().unwrap();
    });
}

/// The same holds for an RwLock, for each combination of readers and writers.
#[test]
fn an_rwlock_freed_for_a_killed_thread_goes_to_the_next() {
    fn take(lock: &RwLock<()>, is_writer: bool) {
        if is_writer { drop(lock.write()) } else { drop(lock.read()) }
    }
    for (is_held_by_writer, is_first_writer, is_next_writer) in (0..8).map(|n| (n & 1 != 0, n & 2 != 0, n & 4 != 0)) {
        calmly(|| {
            let node = sim::new_node("server 0");
            let lock = Arc::new(RwLock::new(()));
            let (first, second) = (Arc::clone(&lock), Arc::clone(&lock));
            let guards = if is_held_by_writer { (Some(lock.write()), None) } else { (None, Some(lock.read())) };
            sim::spawn_in(node, "first in line", move || take(&first, is_first_writer));
            thread::sleep(SHORT);
            let next = thread::spawn(move || take(&second, is_next_writer));
            thread::sleep(SHORT);
            drop(guards);
            sim::kill(node);
            next.join().unwrap();
            assert!(lock.try_write().is_some());
        });
    }
}

/// When a waiting writer is killed, the readers that queue up behind it get the lock.
#[test]
fn readers_behind_a_killed_writer_get_the_lock() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let lock = Arc::new(RwLock::new(()));
        let _reading = lock.read();
        let (write, read) = (Arc::clone(&lock), Arc::clone(&lock));
        sim::spawn_in(node, "writer", move || drop(write.write()));
        thread::sleep(SHORT);
        let reader = thread::spawn(move || drop(read.read()));
        thread::sleep(SHORT);
        assert!(!reader.is_finished());
        sim::kill(node);
        reader.join().unwrap();
    });
}

/// A thread that is killed in a wait unwinds, and leaves the mutex free.
#[test]
fn a_thread_killed_in_a_wait_leaves_the_mutex_free() {
    simulated(|| {
        let node = sim::new_node("server 0");
        let shared = Arc::new((Mutex::new(()), Condvar::new()));
        let witness = Alive::default();
        for _ in 0..3 {
            let (shared, witness) = (Arc::clone(&shared), Arc::clone(&witness));
            sim::spawn_in(node, "waiter", move || {
                let _witness = witness;
                let mut guard = shared.0.lock();
                loop {
                    shared.1.wait(&mut guard);
                }
            });
        }
        thread::sleep(SHORT);
        assert_eq!(alive(&witness), 3);
        sim::kill(node);
        thread::yield_now();
        assert_eq!(alive(&witness), 0, "all have unwound");
        assert!(shared.0.try_lock().is_some());
        assert_eq!(shared.1.notify_all(), 0);
    });
}

/// A waiter that is killed while it takes its mutex again waits for the mutex, in virtual time, and then
/// unwinds: two threads never hold the mutex, and the simulation goes on.
#[test]
fn a_thread_killed_while_it_takes_its_mutex_again_unwinds() {
    for is_notified in [true, false] {
        calmly(|| {
            let node = sim::new_node("server 0");
            let shared = Arc::new((Mutex::new(0), Condvar::new()));
            let witness = Alive::default();
            let (waiting, held) = (Arc::clone(&shared), Arc::clone(&witness));
            sim::spawn_in(node, "waiter", move || {
                let _held = held;
                let mut guard = waiting.0.lock();
                waiting.1.wait(&mut guard);
                *guard += 1;
            });
            thread::sleep(SHORT);
            let mut guard = shared.0.lock();
            if is_notified {
                shared.1.notify_one();
                thread::sleep(SHORT); // it waits for the mutex now
            }
            sim::kill(node);
            thread::sleep(SHORT);
            assert_eq!(alive(&witness), 1, "it cannot end before it has the mutex");
            *guard += 10;
            drop(guard);
            thread::sleep(SHORT);
            assert_eq!(alive(&witness), 0);
            assert_eq!(*shared.0.lock(), 10, "a killed thread runs no code of its own");
        });
    }
}

/// A notification that a killed thread cannot use goes to another waiter.
#[test]
fn a_notification_for_a_killed_thread_goes_to_the_next() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let (first, second) = (Arc::clone(&shared), Arc::clone(&shared));
        sim::spawn_in(node, "first in line", move || first.1.wait(&mut first.0.lock()));
        thread::sleep(SHORT);
        let next = thread::spawn(move || {
            let mut is_set = second.0.lock();
            second.1.wait_while(&mut is_set, |is_set| !*is_set);
        });
        thread::sleep(SHORT);
        *shared.0.lock() = true;
        assert!(shared.1.notify_one());
        sim::kill(node);
        next.join().unwrap();
    });
}

/// Destructors of killed threads take locks that other killed threads hold.
#[test]
fn destructors_take_locks() {
    struct CountsWhenDropped(Arc<Mutex<u32>>);
    impl Drop for CountsWhenDropped {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }
    simulated(|| {
        let node = sim::new_node("server 0");
        let count = Arc::new(Mutex::new(0));
        for _ in 0..3 {
            let (mine, held) = (CountsWhenDropped(Arc::clone(&count)), Arc::clone(&count));
            sim::spawn_in(node, "counts", move || {
                let _mine = mine;
                thread::sleep(SHORT);
                let _held = held.lock();
                thread::sleep(LONG);
            });
        }
        thread::sleep(2 * SHORT);
        sim::kill(node);
        thread::sleep(SHORT);
        assert_eq!(*count.lock(), 3);
    });
}

/// While a destructor waits for a condition in a loop, other tasks of its node can make it true.
#[test]
fn a_destructor_may_wait_for_a_condition_in_a_loop() {
    struct WaitsWhenDropped(Arc<(Mutex<u32>, Condvar)>);
    impl Drop for WaitsWhenDropped {
        fn drop(&mut self) {
            let mut left = self.0.0.lock();
            *left -= 1;
            self.0.1.notify_all();
            self.0.1.wait_while(&mut left, |left| *left > 0);
        }
    }
    simulated(|| {
        let node = sim::new_node("server 0");
        let left = Arc::new((Mutex::new(3), Condvar::new()));
        let ended = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let (waits, ended) = (WaitsWhenDropped(Arc::clone(&left)), Arc::clone(&ended));
            sim::spawn_in(node, "waits", move || {
                let _ended = CountsEnd(ended);
                let _waits = waits;
                thread::sleep(LONG);
            });
        }
        thread::sleep(SHORT);
        sim::kill(node);
        thread::sleep(SHORT);
        assert_eq!(ended.load(Ordering::SeqCst), 3);
    });
}

/// Counts the threads that have ended.
struct CountsEnd(Arc<AtomicUsize>);

impl Drop for CountsEnd {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
