//! Runs a test's body in simulations, and observes what it leaves behind.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use labrpc::sim::{self, Failure, Preemption, Settings};
use labrpc::thread;
use labrpc::time::Instant;

/// Every way to interrupt tasks, in the strengths that tests use.
pub const POLICIES: [Preemption; 5] = [
    Preemption::None,
    Preemption::Random { one_in: 1 },
    Preemption::Random { one_in: 10 },
    Preemption::Priorities { change_one_in: 10 },
    Preemption::Priorities { change_one_in: 1000 },
];

pub const MS: Duration = Duration::from_millis(1);
/// Longer than any test runs: a thread that sleeps for it is there to be killed.
pub const FOREVER: Duration = Duration::from_secs(1000);

/// Runs a body without preemption, where the order of turns is known.
pub fn calmly<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    sim::run(Settings::default(), body).0.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a body with every policy of preemption, in several orders each.
pub fn with_every_policy(body: impl Fn() + Sync) {
    for preemption in POLICIES {
        for seed in 1..=5 {
            let settings = Settings { seed, preemption, ..Settings::default() };
            sim::run(settings, &body).0.unwrap_or_else(|failure| panic!("{preemption:?}, seed {seed}: {failure}"));
        }
    }
}

/// Runs a body that has to fail.
pub fn failing(body: impl FnOnce() + Send) -> Failure {
    failing_with(Settings::default(), body)
}

/// Runs a body that has to fail, with other settings than the default.
pub fn failing_with(settings: Settings, body: impl FnOnce() + Send) -> Failure {
    sim::run(settings, body).0.expect_err("the run fails")
}

/// A point in virtual time.
pub fn at(since_zero: Duration) -> Instant {
    Instant::ZERO + since_zero
}

/// Sleeps until a point in virtual time.
pub fn sleep_until(deadline: Instant) {
    thread::sleep(deadline - Instant::now());
}

/// This environment variable is set in a test's child process.
const IS_CHILD: &str = "LABRPC_TEST_IS_CHILD";

/// Whether this is the child process of a test.
pub fn is_child() -> bool {
    std::env::var_os(IS_CHILD).is_some()
}

/// The result of a test that was run in a process of its own.
pub struct Child {
    pub is_success: bool,
    /// Everything that it printed.
    pub output: String,
}

impl Child {
    /// Runs a test, by its name, in a process of its own. `None` if this is that process.
    pub fn run(test: &str) -> Option<Child> {
        Child::run_with(test, &[])
    }

    /// As [`run`](Child::run), with these variables in the environment.
    pub fn run_with(test: &str, variables: &[(&str, &str)]) -> Option<Child> {
        if is_child() {
            return None;
        }
        let mut tests = Command::new(std::env::current_exe().unwrap());
        let output =
            Child::mark(tests.args(["--exact", "--nocapture", test])).envs(variables.iter().copied()).output().unwrap();
        let is_success = output.status.success();
        let output =
            [output.stdout, output.stderr].map(|stream| String::from_utf8_lossy(&stream).into_owned()).concat();
        Some(Child { is_success, output })
    }

    /// Lets the process of a command know that it is a child.
    pub fn mark(command: &mut Command) -> &mut Command {
        command.env(IS_CHILD, "1")
    }
}

/// Counts how many values were made and how many of them have been dropped.
#[derive(Clone, Default)]
pub struct Drops {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Drops {
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub fn count(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    /// A value whose drop is counted.
    pub fn counted(&self) -> Counted {
        self.made.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }
}

pub struct Counted(pub Drops);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs a closure when it is dropped.
pub struct WhenDropped<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for WhenDropped<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
