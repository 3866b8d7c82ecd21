//! What the tasks of one simulation share, and what cannot be used outside of it.

use std::cell::Cell;

use labrpc::channel;
use labrpc::sim::{self, Settings};
use labrpc::thread;

use crate::worlds::{calmly, failing};

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// All tasks run on one OS thread, so they share each `thread_local!` of std (a documented limitation).
/// Each simulation starts with fresh ones.
#[test]
fn a_thread_local_is_shared_by_all_tasks() {
    for _ in 0..2 {
        calmly(|| {
            COUNT.set(COUNT.get() + 1);
            assert_eq!(thread::spawn(|| COUNT.get()).join().unwrap(), 1);
        });
    }
    assert_eq!(COUNT.get(), 0, "the test's own thread is another one");
}

/// Using a channel outside of its simulation panics, and names the line that made it.
#[test]
fn a_channel_used_outside_of_its_simulation_panics() {
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

/// Functions of `sim` that need a simulation panic outside of one.
#[test]
fn sim_functions_panic_outside_of_a_simulation() {
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
