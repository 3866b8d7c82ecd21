//! A snapshot of the server's own service: the log drops what it covers, and nothing else.

use std::time::Duration;

use labrpc::{ApplyMsg, Bytes, Compact, Index, thread};
use testkit::rule::replication::ELECTION_RESTRICTION;
use testkit::rule::snapshots::{BOOTS, BOUNDARY, CUT, CUTS, DELIVERED, KEEPS, OLD_SNAPSHOT, OPAQUE, SERVICE_CALLS};
use testkit::script::{ScriptedCluster, at, entries, expect_eq, look_at};

use super::setup::{
    SOON, command, cut, expect_received, extend, follower_with, leader_that_cut, position, send_log, state,
};
use crate::lab::{LAB, Server, boot};

/// After each cut the log begins right after the snapshot, and remembers the snapshot's last index and
/// that entry's own term, even if the log is empty then.
#[test]
fn the_log_begins_after_the_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        look_at(&CUTS);
        let terms = [1, 1, 2, 2, 3];
        let script = follower_with(world, &terms, 5);
        for through in [1, 3, 4, 5] {
            script.snapshot(through, state(through));
            let base = position(&terms, through);
            script.expect_base_on_disk(base, format!("the snapshot goes through index {through}"));
            let answer = script.leader(1).in_term(3).after(base).commit(5).send();
            answer.expect_agreement(through, "its log begins right after this position");
        }
    });
}

/// The entries after the snapshot stay in the log, in memory and on disk, and more entries can follow.
#[test]
fn what_follows_the_snapshot_stays_2d() {
    LAB.rule(&KEEPS, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 3, 3], 4);
        let leader = script.leader(1).in_term(3);
        cut(&script, 3);
        script.expect_entries_on_disk(&entries(4, &[2, 3, 3]), "the snapshot covers three of six entries");
        let answer = leader.clone().after(at(6, 3)).entries_of_terms(&[3]).commit(4).send();
        answer.expect_agreement(7, "its log ended at 6:3");
        leader.after(at(7, 3)).commit(7).send().expect_agreement(7, "its log ends at 7:3");
        thread::sleep(SOON);
        script.expect_applied_indices([5, 6, 7], "these were not committed before the cut, and are now");
        script.expect_entries_on_disk(&entries(4, &[2, 3, 3, 3]), "only a snapshot drops entries");
    });
}

/// Every server drops at once what its service's snapshot covers, whether it leads or not.
#[test]
fn everyone_cuts_its_log_2d() {
    LAB.rule(&CUT, |world| {
        let follower = follower_with(world, &[1; 8], 8);
        let before = follower.persister().raft_state_bytes();
        follower.snapshot(6, state(6));
        let why = "the snapshot of a follower's service goes through 6, and the log ended at 8";
        follower.expect_entries_on_disk(&entries(7, &[1, 1]), why);
        let after = follower.persister().raft_state_bytes();
        assert!(after < before / 2, "a log of {before} bytes on disk was cut to a quarter, and has {after} bytes now");

        let (leader, _) = leader_that_cut(world, 6, 8);
        let why = "the snapshot of a leader's service goes through 6, and the log ended at 8";
        expect_eq("the number of entries on disk", leader.disk().entries.len(), 2, why);
    });
}

/// A snapshot that covers no more than the one before changes nothing.
#[test]
fn an_older_cut_changes_nothing_2d() {
    LAB.rule(&OLD_SNAPSHOT, |world| {
        let script = follower_with(world, &[1, 1, 1, 2, 2], 5);
        cut(&script, 4);
        for through in [4, 3, 1] {
            script.snapshot(through, "an old state".as_bytes());
            let why = format!("it has a snapshot through 4, and this one goes through {through}");
            script.expect_base_on_disk(at(4, 2), &why);
            expect_eq("the snapshot on disk", script.disk().snapshot, state(4), &why);
            script.expect_entries_on_disk(&entries(5, &[2]), &why);
        }
        let answer = script.leader(1).in_term(2).after(at(5, 2)).entries_of_terms(&[2]).commit(6).send();
        answer.expect_agreement(6, "its log ended at 5:2");
    });
}

/// A snapshot covers what the service has applied. Entries that still wait for the service are not in
/// it, and must stay in the log.
#[test]
fn a_busy_service_cuts_only_what_it_applied_2d() {
    LAB.rule(&BOUNDARY, |world| {
        look_at(&CUTS);
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            let ApplyMsg::Command { at, .. } = message else { return };
            thread::sleep(Duration::from_millis(5)); // The next entries already wait for the service.
            if at.index == 2 {
                raft.snapshot(2, state(2));
            }
        });
        send_log(&script, &[1; 6], 6);
        thread::sleep(Duration::from_millis(100));
        script.expect_applied_indices(1..=6, "all six entries are committed");
        script.expect_base_on_disk(at(2, 1), "the service had applied two entries when it took its snapshot");
        script.expect_entries_on_disk(&entries(3, &[1; 4]), "the snapshot does not cover these four entries");
    });
}

/// The service may take a snapshot before it receives the next command, as often as it likes.
#[test]
fn the_service_may_call_its_server_2d() {
    LAB.rule(&SERVICE_CALLS, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            if let ApplyMsg::Command { at, .. } = message {
                raft.snapshot(at.index, state(at.index));
            }
        });
        send_log(&script, &[1; 20], 20);
        thread::sleep(SOON);
        script.expect_applied_indices(1..=20, "all twenty entries are committed");
        script.expect_base_on_disk(at(20, 1), "the service has taken a snapshot at each of them");
        script.leader(1).in_term(1).heartbeat();
    });
}

/// The service's bytes go to disk as they are: nothing is added or left out.
#[test]
fn the_services_own_bytes_2d() {
    LAB.rule(&OPAQUE, |world| {
        let script = follower_with(world, &[1; 4], 4);
        for (through, bytes) in [(1, vec![]), (2, vec![0]), (3, vec![0xff; 1000]), (4, vec![8, 0, 0, 0, 0, 0, 0, 0])] {
            script.snapshot(through, bytes.clone());
            let on_disk = script.disk().snapshot;
            assert!(
                on_disk[..] == bytes[..],
                "the service gave {bytes:?} as snapshot {through}, and on disk is {on_disk:?}"
            );
        }
        script.restart();
        thread::sleep(SOON);
        let received = script.applied();
        assert!(
            matches!(&received[..], [ApplyMsg::Snapshot { snapshot, .. }] if snapshot[..] == [8, 0, 0, 0, 0, 0, 0, 0]),
            "the service of a restarted server receives its own bytes, [8, 0, 0, 0, 0, 0, 0, 0], and not {received:?}"
        );
    });
}

/// A snapshot without any bytes is a snapshot like any other, whether it comes from the service, a leader or the disk.
#[test]
fn an_empty_snapshot_2d() {
    LAB.rule(&DELIVERED, |world| {
        let is_delivered = |script: &ScriptedCluster<Server>, through: Index, why: &str| {
            thread::sleep(SOON);
            let received = script.applied();
            let right = |message: &ApplyMsg| {
                matches!(message, ApplyMsg::Snapshot { through: at, snapshot } if at.index == through && snapshot.is_empty())
            };
            assert!(
                received.len() == 1 && right(&received[0]),
                "{why} through index {through}, which has no bytes, and the service receives {received:?}"
            );
        };
        let script = follower_with(world, &[1; 4], 3);
        script.cut(2, Bytes::default());
        look_at(&BOOTS);
        script.restart();
        is_delivered(&script, 2, "the server boots with a snapshot");
        script.leader(1).in_term(1).install_snapshot(at(6, 1), Bytes::default()).expect_agreement(6, "it is new");
        is_delivered(&script, 6, "a leader sends a snapshot");
        script.restart();
        is_delivered(&script, 6, "the server boots with a snapshot");
    });
}

/// A log that is empty after its snapshot ends where the snapshot does: in votes, in campaigns, and for
/// the entries that follow.
#[test]
fn an_empty_log_ends_at_its_snapshot_2d() {
    LAB.rule(&ELECTION_RESTRICTION, |world| {
        let script = follower_with(world, &[1, 1, 3], 3);
        let candidate = |term, last_log| script.candidate(2).in_term(term).with_log_through(last_log).asks_for_vote();
        cut(&script, 3);
        let term = script.await_newer_term();
        candidate(term, at(9, 2)).expect_no_vote("the voter's log ends at 3:3, in its snapshot");
        candidate(term + 1, at(2, 3)).expect_no_vote("the voter's log ends at 3:3, in its snapshot");
        let (campaign, _unanswered) = script.expect_campaign();
        assert_eq!(campaign, term + 2, "server 0 was in the term before");
        candidate(campaign + 1, at(3, 3)).expect_vote("both logs end at 3:3");
    });
}

/// A leader goes on from its snapshot: the next commands follow right after it.
#[test]
fn a_leader_goes_on_from_its_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let (script, _) = leader_that_cut(world, 6, 6);
        extend(&script, 8);
        expect_eq("the base on disk", script.disk().head.base.index, 6, "the snapshot goes through index 6");
        expect_received(&script, &[command(7), command(8)], "two commands have come after the snapshot");
    });
}
