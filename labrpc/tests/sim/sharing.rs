//! What tasks of one simulation share, and what they must not.

use std::cell::Cell;

use labrpc::channel;
use labrpc::sim::{self, Settings};
use labrpc::thread;

use crate::worlds::{calmly, failing};

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// All tasks run on one OS thread, so a `thread_local!` of std is shared by all of them: known, and
/// documented. It begins anew in each simulation.
#[test]
fn a_thread_local_is_shared_by_all_tasks() {
    for _ in 0..2 {
        calmly(|| {
            COUNT.set(COUNT.get() + 1);
            assert_eq!(thread::spawn(|| COUNT.get()).join().unwrap(), 1);
        });
    }
    assert_eq!(COUNT.get(), 0, "and the test's own thread is another one");
}

/// A channel that leaks out of its simulation is of no use there, and says so.
#[test]
fn a_leaked_channel_is_refused() {
    let (sender, receiver) = calmly(|| channel::unbounded::<u8>());
    for panic in [
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| _ = sender.send(1))).unwrap_err(),
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| _ = receiver.recv())).unwrap_err(),
    ] {
        let words = panic.downcast_ref::<String>().unwrap();
        assert!(words.contains("made inside a simulation") && words.contains("sharing.rs"), "{words}");
    }
    let failure = failing(move || _ = receiver.try_recv());
    assert!(failure.message.contains("made in one simulation"), "{failure}");
}

/// The world's functions are for the world's inside.
#[test]
fn outside_there_is_no_world() {
    assert!(!sim::is_simulated());
    let panic = std::panic::catch_unwind(sim::node).unwrap_err();
    let words = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string()));
    assert!(words.unwrap().contains("inside a simulation only"));
}

/// A run may borrow from its test, and returns what its body returns.
#[test]
fn a_run_borrows_and_returns() {
    let (names, mut seen) = (["a", "b"], 0);
    let (longest, _) = sim::run(Settings::default(), || {
        seen = names.len();
        names.iter().map(|name| name.len()).max()
    });
    assert_eq!((longest.unwrap(), seen), (Some(1), 2));
}
