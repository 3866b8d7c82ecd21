//! When a snapshot is taken, and what goes on meanwhile.

use std::time::Duration;

use labrpc::thread;
use testkit::rule::service::{ANSWERED, SMALL, WORTHWHILE};
use testkit::script::{append, put};

use super::scripted_raft::Service;
use crate::lab::{LAB, RAFT_STATE_BYTES_MAX};

/// Enough to exceed any limit.
const LARGE: usize = 3 * RAFT_STATE_BYTES_MAX;

/// Once all that came at once is applied, little of the log is left.
#[test]
fn little_is_left_of_a_long_log_3b() {
    LAB.rule(&SMALL, |_| {
        const COMMANDS: u64 = 300;
        let service = Service::new();
        (1..=COMMANDS).for_each(|nth| service.apply(&append(0, nth, "k", "x")));
        let before = service.raft_state_bytes();
        service.settle();
        let after = service.raft_state_bytes();
        assert!(
            after <= 2 * RAFT_STATE_BYTES_MAX,
            "{before} bytes of log came at once; all is applied, and {after} are left, where {RAFT_STATE_BYTES_MAX} is \
             the limit"
        );
    });
}

/// While nothing is applied no snapshot is taken, however long the log: none of it could go.
#[test]
fn no_snapshot_without_a_gain_3b() {
    LAB.rule(&WORTHWHILE, |_| {
        const A_WHILE: Duration = Duration::from_secs(2);
        let service = Service::new();
        let request = put(0, 1, "k", &"x".repeat(RAFT_STATE_BYTES_MAX));
        service.apply(&request);
        // In flight, and far beyond the limit.
        let in_flight = put(1, 1, "other", &"y".repeat(LARGE));
        service.push(&in_flight);
        service.settle();
        let before = service.snapshots().len();
        thread::sleep(A_WHILE);
        let taken = service.snapshots().len() - before;
        assert_eq!(taken, 0, "within {A_WHILE:?} nothing was applied, and nothing could go, but snapshots were taken");
    });
}

/// Every snapshot lets go of something that the one before it did not cover.
#[test]
fn snapshots_move_forward_3b() {
    LAB.rule(&WORTHWHILE, |_| {
        const COMMANDS: u64 = 100;
        let service = Service::new();
        let in_flight = put(1, 1, "other", &"y".repeat(LARGE));
        for nth in 1..=COMMANDS {
            service.apply(&append(0, nth, "k", &"x".repeat(RAFT_STATE_BYTES_MAX / 10)));
            service.settle();
        }
        service.push(&in_flight);
        service.settle();
        let through: Vec<u64> = service.snapshots().into_iter().map(|(through, _)| through).collect();
        assert!(!through.is_empty(), "{COMMANDS} commands of a tenth of the limit each, and no snapshot was taken");
        assert!(through.is_sorted_by(|one, next| one < next), "each is to reach further than the last: {through:?}");
    });
}

/// A request is taken at once while a snapshot is being saved.
#[test]
fn requests_during_a_snapshot_3b() {
    LAB.rule(&ANSWERED, |_| {
        const SNAPSHOT_TIME: Duration = Duration::from_millis(200);
        let service = Service::with_slow_disk(SNAPSHOT_TIME);
        service.apply(&put(0, 1, "k", &"x".repeat(LARGE)));
        service.settle();
        assert_eq!(service.snapshots().len(), 1, "the log is three times as long as its limit, and one command is all");
        let asked = service.ask(put(1, 1, "k", "v"));
        service.settle();
        assert_eq!(
            service.starts(),
            1,
            "a snapshot takes {SNAPSHOT_TIME:?} to save; a request that comes meanwhile is not handed to Raft: it \
             waits for a lock that is not to be held so long"
        );
        drop(asked);
    });
}
