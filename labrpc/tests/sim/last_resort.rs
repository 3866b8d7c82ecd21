//! Failures that end the test process, which then says why.

use labrpc::sim::{self, Settings};
use labrpc::thread;

use crate::worlds::{Child, MS, failing_with};
#[cfg(any(not(target_os = "linux"), labrpc_portable))]
use crate::worlds::{FOREVER, WhenDropped, failing};

/// Where the end of the process cannot be caught, a destructor that panics while a crash unwinds its thread
/// ends it, as always in Rust. Its message is printed.
#[test]
#[cfg(any(not(target_os = "linux"), labrpc_portable))]
fn a_panic_in_a_crash_says_why_the_process_ends() {
    let Some(child) = Child::run("last_resort::a_panic_in_a_crash_says_why_the_process_ends") else {
        failing(|| {
            let node = sim::new_node("server 4");
            sim::spawn_in(node, "closer", || {
                let _closing = WhenDropped(|| panic!("the applier is still busy"));
                thread::sleep(FOREVER);
            });
            thread::sleep(MS);
            sim::kill(node);
        });
        return;
    };
    assert!(!child.is_success);
    for words in ["server 4, task 'closer'", "the applier is still busy", "last_resort.rs:", "must not panic then"] {
        assert!(child.output.contains(words), "{words:?} is missing: {}", child.output);
    }
}

/// A stack overflow while a panic is being reported cannot be reported as well: the process ends with a
/// line that says so, instead of hanging.
#[test]
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
fn a_stack_too_small_for_a_panic_does_not_hang() {
    let Some(child) = Child::run("last_resort::a_stack_too_small_for_a_panic_does_not_hang") else {
        failing_with(Settings { stack_bytes: 8 << 10, ..Settings::default() }, || {
            sim::spawn_in(sim::new_node("server 0"), "parser", || _ = "term".parse::<u64>().unwrap());
            thread::sleep(MS);
        });
        return;
    };
    assert!(!child.is_success);
    assert!(
        child.output.contains("the task's stack of 8 KiB is full")
            && child.output.contains("the test process ends here")
    );
}

/// Where a thread cannot be interrupted, an endless loop ends the process with one line.
#[test]
#[cfg(any(not(target_os = "linux"), labrpc_portable))]
fn an_endless_loop_ends_the_process() {
    let Some(child) = Child::run("last_resort::an_endless_loop_ends_the_process") else {
        let patience = std::time::Duration::from_millis(200);
        failing_with(Settings { patience, ..Settings::default() }, || {
            loop {
                std::hint::spin_loop();
            }
        });
        return;
    };
    assert!(!child.is_success);
    assert!(child.output.contains("without ever reaching the scheduler"), "{}", child.output);
}
