//! Threads and time.

use std::time::Duration;

use labrpc::channel;
use labrpc::sim::{self, FailureKind};
use labrpc::thread::{self, Builder};
use labrpc::time::Instant;

use crate::worlds::{calmly, everywhere, failing, panic_of};

/// A join returns what the thread returned.
#[test]
fn a_join_returns_the_value() {
    everywhere(|| {
        let threads: Vec<_> = (0..5).map(|n| thread::spawn(move || n * n)).collect();
        let squares: Vec<u32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(squares, [0, 1, 4, 9, 16]);
    });
}

/// A thread has the name that it was given, or none.
#[test]
fn threads_have_names() {
    everywhere(|| {
        let named = Builder::new().name("ticker".into()).stack_size(1 << 20).spawn(|| ()).unwrap();
        assert_eq!(named.thread().name(), Some("ticker"));
        named.join().unwrap();
        assert_eq!(thread::spawn(|| ()).thread().name(), None);
    });
}

/// A thread is finished when it has returned, and not before.
#[test]
fn is_finished_is_true_once_the_thread_has_returned() {
    everywhere(|| {
        let (release, is_released) = channel::bounded::<()>(0);
        let waiting = thread::spawn(move || is_released.recv());
        assert!(!waiting.is_finished());
        release.send(()).unwrap();
        while !waiting.is_finished() {
            thread::yield_now();
        }
        waiting.join().unwrap().unwrap();
    });
}

/// On OS threads the join returns the panic, as in std.
#[test]
fn a_panic_is_an_error_of_the_join() {
    let payload = thread::spawn(|| panic!("on purpose")).join().unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"on purpose"));
}

/// In a simulation a panic ends the run, and names the thread by the line that spawned it.
#[test]
fn a_panic_in_a_simulation_fails_the_run() {
    let failure = failing(|| {
        let _ = thread::spawn(|| panic!("on purpose")).join();
    });
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.message.contains("on purpose") && failure.task.contains("facade/thread.rs:"), "{failure}");
}

/// A thread belongs to the node of its spawner, and so do the threads that it spawns.
#[test]
fn a_thread_stays_in_its_spawners_node() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let (report, reports) = channel::unbounded();
        sim::spawn_in(node, "parent", move || {
            let grandchild = thread::spawn(|| thread::spawn(sim::node).join().unwrap());
            report.send((sim::node(), grandchild.join().unwrap())).unwrap();
        });
        assert_eq!(reports.recv(), Ok((node, node)));
    });
}

/// Joining a thread that a crash has ended is an error, before and after the crash.
#[test]
fn a_join_with_a_killed_thread_is_an_error() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let (handle_sender, handles) = channel::unbounded();
        sim::spawn_in(node, "parent", move || {
            for _ in 0..2 {
                handle_sender.send(thread::spawn(|| thread::sleep(Duration::from_secs(60)))).unwrap();
            }
        });
        let (early, late) = (handles.recv().unwrap(), handles.recv().unwrap());
        let joiner = thread::spawn(move || early.join().is_err());
        thread::sleep(Duration::from_secs(1));
        sim::kill(node);
        assert!(late.is_finished());
        assert!(late.join().is_err());
        assert!(joiner.join().unwrap(), "it was waiting when the crash came");
    });
}

/// In a crashed node no thread starts: joining such a thread is an error at once.
#[test]
fn a_thread_of_a_crashed_node_never_starts() {
    struct SpawnsWhenDropped(channel::Sender<thread::JoinHandle<()>>);
    impl Drop for SpawnsWhenDropped {
        fn drop(&mut self) {
            self.0.send(thread::spawn(|| unreachable!("the node has crashed"))).unwrap();
        }
    }
    calmly(|| {
        let node = sim::new_node("server 0");
        let (handle_sender, handles) = channel::unbounded();
        sim::spawn_in(node, "spawner", move || {
            let _late = SpawnsWhenDropped(handle_sender);
            thread::sleep(Duration::from_secs(60));
        });
        thread::yield_now();
        sim::kill(node);
        assert!(handles.recv().unwrap().join().is_err());
    });
}

/// Joining a simulated thread outside of its simulation, or in another one, panics with a clear message.
#[test]
fn a_simulated_thread_cannot_be_joined_outside() {
    let leak = || calmly(|| thread::spawn(|| thread::sleep(Duration::from_secs(60))));
    let (first, second) = (leak(), leak());
    assert!(panic_of(|| first.join()).contains("outside of its simulation"));
    assert!(failing(|| second.join()).message.contains("outside of its simulation"));
}

/// In a simulation a sleep takes exactly the requested time, save for the operations around it.
#[test]
fn a_simulated_sleep_is_exact() {
    calmly(|| {
        let before = Instant::now();
        thread::sleep(Duration::from_secs(1000));
        let took = before.elapsed();
        assert!(took >= Duration::from_secs(1000) && took < Duration::from_secs(1000) + Duration::from_micros(1));
    });
}
