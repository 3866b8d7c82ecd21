//! What is reported as growth, and what is not.

use std::sync::Mutex;
use std::time::Duration;

use labrpc::sim::{self, CountedHeap, Keep};
use labrpc::thread;

use super::Growth;
use crate::runner::{Lab, Recorded, run_simulated};
use crate::token::Token;
use crate::world::World;

#[global_allocator]
static HEAP: CountedHeap = CountedHeap;

/// What is reported when a step is repeated; `None` if nothing grows.
fn report_of(step: impl Fn(u64) + Send + Sync) -> Option<String> {
    let token = Token::of_seed("growth", 1);
    let body = |world: &World| Growth::of_service("step", world, None).repeat(20, &step);
    let (outcome, _) = run_simulated(&token, Keep::All, Recorded::Nothing, None, &body);
    outcome.err().map(|failed| failed.story(None, &Lab::guided("lab2b-log")))
}

/// Memory that each repetition leaves behind is reported; memory that is freed is not, and that of the
/// harness is not either.
#[test]
fn memory_that_is_left_is_reported() {
    let kept = Mutex::new(Vec::new());
    let report = report_of(|_| kept.lock().unwrap().push(vec![0_u8; 100])).expect("100 bytes a step are left");
    assert!(report.starts_with("After 20 steps server 0 holds "), "{report}");
    assert!(report.contains("each step leaves some 1"), "{report}");
    assert_eq!(report_of(|_| drop(vec![0_u8; 10_000])), None);
    let kept = Mutex::new(Vec::new());
    assert_eq!(report_of(|_| sim::as_harness(|| kept.lock().unwrap().push(vec![0_u8; 100]))), None);
}

/// Threads that each repetition leaves behind are reported; threads that end are not.
#[test]
fn threads_that_are_left_are_reported() {
    let report = report_of(|_| drop(thread::spawn(|| thread::sleep(Duration::from_secs(60)))));
    let report = report.expect("a thread a step is left");
    assert!(report.contains("each step leaves a thread behind"), "{report}");
    assert_eq!(report_of(|_| drop(thread::spawn(|| thread::sleep(Duration::from_millis(1))))), None);
}
