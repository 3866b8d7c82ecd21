//! What a server logs: a line for each transition, with rules of any author.
#![allow(clippy::disallowed_types, reason = "a logger works outside of any simulation")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lab2a_election::{Election, TIMING};
use labrpc::sim::{self, Settings};
use labrpc::time::Instant;
use labrpc::{Elect, thread};

/// All lines of this process.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// A server that elects itself logs its campaign and its leadership.
#[test]
fn transitions_are_logged_2a() {
    log::set_logger(&Collector).expect("no other test of this target logs");
    log::set_max_level(log::LevelFilter::Debug);
    let run = || {
        let server = lab2a_election::boot(Election::new(0, 1, TIMING, 1, Instant::now()), Vec::new());
        thread::sleep(Duration::from_secs(1));
        server.shutdown();
    };
    sim::run(Settings::default(), run).0.unwrap_or_else(|failure| panic!("{failure}"));
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*lines, ["campaigns in term 1", "leads term 1"]);
}
