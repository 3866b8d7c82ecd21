//! A thread that is stopped while it prints or allocates leaves no lock of the process taken, and one that waits
//! for the reader of its output is not stopped at all.

use std::hint::black_box;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use labrpc::sim::{self, Failure, FailureKind, Settings};
use labrpc::thread;

use crate::worlds::{Child, FOREVER, MS, calmly, failing_with, is_child};

/// Little patience, so that the tests end soon.
fn impatient() -> Settings {
    Settings { patience: Duration::from_millis(100), ..Settings::default() }
}

/// Runs an endless loop in a server, and checks that its place is named and that the process still works.
fn endless(work: fn()) -> Failure {
    let failure = failing_with(impatient(), move || {
        sim::spawn_in(sim::new_node("server 1"), "ticker", move || {
            loop {
                work();
            }
        });
        thread::sleep(FOREVER);
    });
    assert_eq!(failure.kind, FailureKind::Stuck, "{failure}");
    assert_eq!((failure.node.as_str(), failure.task.as_str()), ("server 1", "ticker"));
    assert!(failure.backtrace.contains("at labrpc/tests/sim/printing.rs:"), "{failure}");
    println!("{failure}");
    eprintln!("{failure}");
    calmly(|| drop(thread::spawn(|| black_box(vec![0_u8; 100_000])).join().unwrap()));
    failure
}

fn allocate() {
    let v: Vec<Vec<u8>> = (0..50_u8).map(|i| vec![i; 2000]).collect();
    black_box(v);
}

fn allocate_little() {
    drop(black_box(Box::new(1)));
}

fn print_and_fail() {
    eprintln!("still waiting");
}

fn print_and_ignore() {
    let _ = writeln!(std::io::stderr(), "still waiting");
}

/// An endless loop that allocates is named with its place, again and again.
#[test]
fn a_loop_that_allocates_is_named() {
    for _ in 0..2 {
        endless(allocate);
        endless(allocate_little);
    }
}

/// So is one that prints into the buffer of the test harness.
#[test]
fn a_loop_that_prints_into_the_harness_is_named() {
    for _ in 0..2 {
        endless(print_and_fail);
    }
}

/// So is one that prints to the terminal, whatever it does with errors.
#[test]
fn a_loop_that_prints_to_the_terminal_is_named() {
    let Some(child) = Child::run("printing::a_loop_that_prints_to_the_terminal_is_named") else {
        endless(print_and_fail);
        endless(print_and_ignore);
        endless(|| println!("still waiting"));
        return;
    };
    assert!(child.is_success, "{}", child.output.lines().filter(|line| *line != "still waiting").collect::<String>());
}

/// A reader that rests for longer than any patience makes the threads wait that print, and fails none of them.
#[test]
fn a_resting_reader_fails_nobody() {
    /// Longer than a blocked thread is waited for.
    const REST: Duration = Duration::from_millis(2500);
    /// Far more than a pipe holds.
    const LINES: usize = 20_000;
    if is_child() {
        // Two simulations, one of which waits for a lock that the other holds.
        #[allow(clippy::disallowed_methods, reason = "each simulation has an OS thread of its own")]
        std::thread::scope(|scope| {
            for n in 0..2 {
                scope.spawn(move || {
                    sim::run(impatient(), || {
                        for line in 0..LINES {
                            println!("thread {n} prints line {line}");
                            thread::sleep(MS);
                        }
                    })
                    .0
                    .unwrap_or_else(|failure| panic!("{failure}"));
                });
            }
        });
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--nocapture", "printing::a_resting_reader_fails_nobody"]);
    let mut child = Child::mark(&mut child).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    #[allow(clippy::disallowed_methods, reason = "the reader of the output rests")]
    std::thread::sleep(REST);
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success(), "{}", output.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
    assert_eq!(output.lines().filter(|line| line.contains("prints line")).count(), 2 * LINES);
}
