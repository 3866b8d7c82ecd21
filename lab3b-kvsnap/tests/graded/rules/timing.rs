//! When a snapshot is taken, and what goes on meanwhile.

use std::collections::VecDeque;
use std::time::Duration;

use labrpc::thread;
use testkit::rule::service::{ANSWERED, SMALL, WORTHWHILE};
use testkit::script::{append, expect_rule, put};

use super::setup::{service, service_with_disk};
use crate::lab::{LAB, RAFT_STATE_BYTES_MAX};

/// Enough to exceed the limit, whatever else is in the log.
const LARGE: usize = 3 * RAFT_STATE_BYTES_MAX;

/// Little of a long log is left once all of it is applied, even if it came all at once.
#[test]
fn little_is_left_of_a_long_log_3b() {
    LAB.rule(&SMALL, |_| {
        const COMMANDS: u64 = 300;
        service().expect_work();
        let (service, persister) = service_with_disk(Duration::ZERO);
        (1..=COMMANDS).for_each(|nth| service.apply(&append(0, nth, "k", "x")));
        let before = persister.raft_state_bytes();
        service.let_threads_run();
        let after = persister.raft_state_bytes();
        assert!(
            after <= 2 * RAFT_STATE_BYTES_MAX,
            "a log of {before} bytes came at once; all of it is applied, and {after} bytes are left, with a limit of \
             {RAFT_STATE_BYTES_MAX}"
        );
    });
}

/// Commands that wait to be committed keep no applied ones in the log.
#[test]
fn what_waits_keeps_nothing_3b() {
    LAB.rule(&SMALL, |_| {
        const COMMANDS: u64 = 200;
        service().expect_work();
        let (service, persister) = service_with_disk(Duration::ZERO);
        let command = |nth| put(0, nth, "k", &"x".repeat(20));
        for nth in 1..=COMMANDS {
            service.raft().push(&command(nth));
        }
        let whole = persister.raft_state_bytes();
        for nth in 1..=COMMANDS {
            service.commit(nth, &command(nth));
            let waiting = whole * (COMMANDS - nth) as usize / COMMANDS as usize;
            let bytes = persister.raft_state_bytes();
            assert!(
                bytes <= waiting + 2 * RAFT_STATE_BYTES_MAX,
                "{nth} of {COMMANDS} commands are applied, and {bytes} bytes are left in the log, of which {waiting} \
                 wait to be committed; the limit is {RAFT_STATE_BYTES_MAX}"
            );
        }
    });
}

/// The log is cut while clients wait for this server, whose commands are not committed yet: on a server with many clients
/// some always do.
#[test]
fn clients_that_wait_keep_nothing_3b() {
    LAB.rule(&SMALL, |_| {
        const COMMANDS: u64 = 200;
        /// More clients than one wait, and none of them for long.
        const CLIENTS: u64 = 3;
        let (service, persister) = service_with_disk(Duration::ZERO);
        let mut waiting = VecDeque::new();
        for nth in 1..=COMMANDS {
            let request = append(nth % CLIENTS, nth, &format!("k{}", nth % CLIENTS), "x");
            waiting.push_back((nth, request.clone(), service.ask(request)));
            if (waiting.len() as u64) < CLIENTS {
                continue;
            }
            let (index, first, asked) = waiting.pop_front().expect("clients wait");
            service.commit(index, &first);
            asked.expect_any_result("its command was applied");
            let bytes = persister.raft_state_bytes();
            let waiting = waiting.len();
            assert!(
                bytes <= 2 * RAFT_STATE_BYTES_MAX,
                "a leader has applied {index} commands of its clients, {waiting} clients wait, as at every moment, and \
                 {bytes} bytes of Raft's state are on disk; the limit is {RAFT_STATE_BYTES_MAX}"
            );
        }
    });
}

/// While nothing is applied no snapshot is taken, however long the log is: none of it could be dropped.
#[test]
fn no_snapshot_without_a_gain_3b() {
    LAB.rule(&WORTHWHILE, |_| {
        const A_WHILE: Duration = Duration::from_secs(2);
        service().expect_work();
        let service = service();
        service.apply(&put(0, 1, "k", &"x".repeat(RAFT_STATE_BYTES_MAX)));
        // Far beyond the limit, and not committed.
        service.raft().push(&put(1, 1, "other", &"y".repeat(LARGE)));
        service.let_threads_run();
        let before = service.raft().snapshots().len();
        thread::sleep(A_WHILE);
        let taken = service.raft().snapshots().len() - before;
        assert_eq!(taken, 0, "nothing was applied for {A_WHILE:?}, so no snapshot could drop anything");
    });
}

/// Every snapshot drops entries that the one before it did not cover.
#[test]
fn snapshots_move_forward_3b() {
    LAB.rule(&WORTHWHILE, |_| {
        const COMMANDS: u64 = 100;
        service().expect_work();
        let service = service();
        let not_committed = put(1, 1, "other", &"y".repeat(LARGE));
        for nth in 1..=COMMANDS {
            service.apply(&append(0, nth, "k", &"x".repeat(RAFT_STATE_BYTES_MAX / 10)));
            service.let_threads_run();
        }
        service.raft().push(&not_committed);
        service.let_threads_run();
        let through: Vec<u64> = service.raft().snapshots().iter().map(|taken| taken.through).collect();
        let what = format!("{COMMANDS} commands of a tenth of the limit each, and no snapshot was taken");
        expect_rule(&SMALL, !through.is_empty(), what);
        assert!(through.is_sorted_by(|one, next| one < next), "each must cover more than the last one: {through:?}");
    });
}

/// A request reaches Raft at once while a snapshot is saved.
#[test]
fn requests_during_a_snapshot_3b() {
    LAB.rule(&ANSWERED, |_| {
        const SNAPSHOT_TIME: Duration = Duration::from_millis(200);
        let (service, _) = service_with_disk(SNAPSHOT_TIME);
        service.apply(&put(0, 1, "k", &"x".repeat(LARGE)));
        service.let_threads_run();
        let snapshots = service.raft().snapshots().len();
        let what = "the log is three times as long as its limit and its only command is applied, but no snapshot is taken";
        expect_rule(&SMALL, snapshots == 1, what);
        let asked = service.ask(put(1, 1, "k", "v"));
        assert_eq!(
            service.raft().starts(),
            1,
            "a snapshot takes {SNAPSHOT_TIME:?} to save, and a request that comes meanwhile does not reach Raft: does it \
             wait for a lock that is held all that time?"
        );
        drop(asked);
    });
}
