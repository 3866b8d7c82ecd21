//! Runs a test's body on OS threads, in simulations, or in both.

use std::time::Duration;

use labrpc::sim::{self, Failure, Preemption, Settings};

/// Enough seeds for the rarer orders of events, in a few milliseconds.
const SEEDS: u64 = 10;

/// Long enough for any other thread to have its turn, in real and in virtual time.
pub const LONG: Duration = Duration::from_secs(5);
/// Short enough to wait for in real time.
pub const SHORT: Duration = Duration::from_millis(5);

/// Runs a body on OS threads, and in simulations with every policy of preemption.
pub fn everywhere(body: impl Fn() + Sync) {
    body();
    simulated(body);
}

/// Runs a body in simulations with every policy of preemption.
pub fn simulated(body: impl Fn() + Sync) {
    let policies = [
        Preemption::None,
        Preemption::Random { one_in: 2 },
        Preemption::Random { one_in: 10 },
        Preemption::Priorities { change_one_in: 10 },
    ];
    for preemption in policies {
        for seed in 1..=SEEDS {
            let settings = Settings { seed, preemption, ..Settings::default() };
            let (result, _) = sim::run(settings, &body);
            result.unwrap_or_else(|failure| panic!("seed {seed}, {preemption:?}: {failure}"));
        }
    }
}

/// Runs a body in one simulation without preemption, where the order of turns is known.
pub fn calmly<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    sim::run(Settings::default(), body).0.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a body that has to fail.
pub fn failing<T: Send>(body: impl FnOnce() -> T + Send) -> Failure {
    sim::run(Settings::default(), body).0.err().expect("the run has to fail")
}

/// The message of a body's panic.
pub fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    let payload = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => payload,
    };
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).expect("the payload is text")
}
