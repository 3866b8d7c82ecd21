//! A service's own snapshot: the log lets go of what it covers, and of nothing else.

use std::time::Duration;

use labrpc::{AppendOutcome, ApplyMsg, Compact, thread};
use testkit::rule::replication::ELECTION_RESTRICTION;
use testkit::rule::snapshots::{BOUNDARY, CUT, KEEPS, OLD_SNAPSHOT, OPAQUE, SERVICE_CALLS};
use testkit::script::{ScriptedCluster, at, entries};

use super::prelude::{SOON, extend, follow, follower_with, leader_that_cut, position, state, taken};
use crate::lab::{LAB, Server, boot};

/// The log begins right behind the snapshot, and remembers its last index and that entry's own term,
/// each time that it is cut, and though nothing be left.
#[test]
fn the_log_begins_after_the_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let terms = [1, 1, 2, 2, 3];
        let script = follower_with(world, &terms, 5);
        for through in [1, 3, 4, 5] {
            script.snapshot(through, state(through));
            let expected = position(&terms, through);
            assert_eq!(script.disk().head.base, expected, "the snapshot covers all through {expected:?}");
            let outcome = script.append(1, 3, expected, vec![], 5);
            assert_eq!(outcome, (3, AppendOutcome::Through(through)), "{expected:?} is where the log begins");
        }
    });
}

/// What follows the snapshot stays in the log, in memory and on disk, and may be built upon.
#[test]
fn what_follows_the_snapshot_stays_2d() {
    LAB.rule(&KEEPS, |world| {
        let terms = [1, 1, 2, 2, 3, 3];
        let script = follower_with(world, &terms, 4);
        script.snapshot(3, state(3));
        assert_eq!(script.disk().entries, entries(4, &[2, 3, 3]), "the snapshot covers three entries of six");
        assert_eq!(script.append(1, 3, at(6, 3), entries(7, &[3]), 4), (3, AppendOutcome::Through(7)));
        assert_eq!(script.append(1, 3, at(7, 3), vec![], 7), (3, AppendOutcome::Through(7)));
        thread::sleep(SOON);
        assert_eq!(script.applied_indices(), [5, 6, 7], "what was not committed before the cut is committed now");
        assert_eq!(script.disk().entries, entries(4, &[2, 3, 3, 3]), "only a snapshot lets go of entries");
    });
}

/// Every server lets go of what its service's snapshot covers, whether it leads or not, and at once.
#[test]
fn everyone_cuts_its_log_2d() {
    LAB.rule(&CUT, |world| {
        let follower = follower_with(world, &[1; 8], 8);
        let before = follower.cluster().persister(0).raft_state_bytes();
        follower.snapshot(6, state(6));
        assert_eq!(follower.disk().entries.len(), 2, "a follower's service has taken a snapshot through 6 of 8");
        let after = follower.cluster().persister(0).raft_state_bytes();
        assert!(after < before / 2, "the log on disk had {before} bytes; cut to a quarter, it has {after}");

        let (leader, _) = leader_that_cut(world, 6, 8);
        assert_eq!(leader.disk().entries.len(), 2, "a leader's service has taken a snapshot through 6 of 8");
    });
}

/// A snapshot that covers no more than the one before changes nothing.
#[test]
fn an_older_cut_changes_nothing_2d() {
    LAB.rule(&OLD_SNAPSHOT, |world| {
        let script = follower_with(world, &[1, 1, 1, 2, 2], 5);
        script.snapshot(4, state(4));
        for through in [4, 3, 1] {
            script.snapshot(through, "an old state".as_bytes());
            assert_eq!(script.disk().head.base, at(4, 2), "a snapshot through 4 is here already");
            assert_eq!(script.disk().snapshot, state(4), "a snapshot through 4 is here already");
            assert_eq!(script.disk().entries, entries(5, &[2]), "a snapshot through 4 is here already");
        }
        assert_eq!(script.append(1, 2, at(5, 2), entries(6, &[2]), 6), (2, AppendOutcome::Through(6)));
    });
}

/// The service says what it has applied. What was handed over and waits for it is not in its snapshot,
/// and must stay in the log.
#[test]
fn a_busy_services_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            let ApplyMsg::Command { at, .. } = message else { return };
            thread::sleep(Duration::from_millis(5)); // The next ones are on their way to it.
            if at.index == 2 {
                raft.snapshot(2, state(2));
            }
        });
        follow(&script, &[1; 6], 6);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(script.applied_indices(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(script.disk().head.base, at(2, 1), "the service had applied two entries when it took its snapshot");
        assert_eq!(script.disk().entries, entries(3, &[1; 4]), "four entries are in no snapshot yet");
    });
}

/// The service may take a snapshot before it takes the next command, as often as it likes.
#[test]
fn the_service_may_call_2d() {
    LAB.rule(&SERVICE_CALLS, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            if let ApplyMsg::Command { at, .. } = message {
                raft.snapshot(at.index, state(at.index));
            }
        });
        follow(&script, &[1; 20], 20);
        thread::sleep(SOON);
        assert_eq!(script.applied_indices(), (1..=20).collect::<Vec<_>>(), "the service took a snapshot at each");
        assert_eq!(script.disk().head.base, at(20, 1), "the service took a snapshot at each");
        script.heartbeat(1, 1);
    });
}

/// The service's bytes go to disk as they are: nothing is added, nothing is left out.
#[test]
fn the_services_own_bytes_2d() {
    LAB.rule(&OPAQUE, |world| {
        let script = follower_with(world, &[1; 4], 4);
        for (through, bytes) in [(1, vec![]), (2, vec![0]), (3, vec![0xff; 1000]), (4, vec![8, 0, 0, 0, 0, 0, 0, 0])] {
            script.snapshot(through, bytes.clone());
            assert_eq!(
                &script.disk().snapshot[..],
                &bytes[..],
                "the snapshot through {through}, as the service gave it"
            );
        }
        script.restart();
        thread::sleep(SOON);
        let handed = script.applied();
        assert!(
            matches!(&handed[..], [ApplyMsg::Snapshot { snapshot, .. }] if snapshot[..] == [8, 0, 0, 0, 0, 0, 0, 0]),
            "a restarted service is handed its own bytes; it was handed {handed:?}"
        );
    });
}

/// A log that is empty behind its snapshot ends where the snapshot does: in votes, in campaigns, and
/// for what is to follow.
#[test]
fn an_empty_log_ends_at_its_snapshot_2d() {
    LAB.rule(&ELECTION_RESTRICTION, |world| {
        let script = follower_with(world, &[1, 1, 3], 3);
        script.snapshot(3, state(3));
        assert_eq!(
            script.request_vote(2, 4, at(9, 2)),
            (4, false),
            "the voter's last entry is of term 3, if in a snapshot"
        );
        assert_eq!(script.request_vote(2, 5, at(2, 3)), (5, false), "the voter's last entry has index 3");
        let (term, _unanswered) = script.await_campaign();
        assert_eq!(term, 6, "server 0 knew term 5");
        assert_eq!(script.request_vote(2, 7, at(3, 3)), (7, true), "an equal log is good enough");
    });
}

/// A leader goes on from its snapshot: what it is offered next stands right behind it.
#[test]
fn a_leader_goes_on_from_its_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let (script, _) = leader_that_cut(world, 6, 6);
        extend(&script, 8);
        assert_eq!(script.disk().head.base.index, 6, "the snapshot covers all through 6");
        assert_eq!(taken(&script), ["command 7", "command 8"], "two commands came after the snapshot");
    });
}
