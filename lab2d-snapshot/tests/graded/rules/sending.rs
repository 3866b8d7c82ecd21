//! A leader, and a follower that needs entries which are gone (§7).

use std::time::Duration;

use labrpc::RaftRequest;
use labrpc::{AppendEntries, thread};
use testkit::rule::election::HEARTBEATS;
use testkit::rule::snapshots::{BOUNDARY, OPAQUE, RESUMES, SENT, SNAPSHOT_TRAFFIC};
use testkit::script::{agrees, at, retry};

use super::prelude::{
    ROUND_TRIP, extend, leader, leader_that_cut, leadership, next_to, pending, snapshots_to_2, state,
};
use crate::lab::LAB;

/// A heartbeat comes within this.
const HEARTBEAT: Duration = Duration::from_millis(150);
/// A follower that says what it lacks is helped within this.
const HELP: Duration = Duration::from_millis(300);
/// A snapshot that is lost is sent again within this: several times what an election takes is too much.
const AGAIN: Duration = Duration::from_secs(2);

/// A follower that needs what is gone is sent the snapshot, whether it lacks much or just the last
/// entry that was cut off.
#[test]
fn a_follower_behind_is_sent_the_snapshot_2d() {
    LAB.rule(&SENT, |world| {
        for needed in [1, 3, 4] {
            let (script, term) = leader_that_cut(world, 4, 6);
            next_to(&script, 2, HEARTBEAT).expect("a heartbeat").reply(retry(term, needed));
            let last = at(needed - 1, u64::from(needed > 1));
            let snapshots = snapshots_to_2(&script, term, last, HELP);
            assert!(!snapshots.is_empty(), "server 2 needs entry {needed}, and the leader's log begins after 4");
        }
    });
}

/// A follower that once agreed and then missed much is sent the snapshot, too.
#[test]
fn a_follower_that_fell_behind_is_sent_the_snapshot_2d() {
    LAB.rule(&SENT, |world| {
        let (script, term) = leader(world, 6);
        next_to(&script, 2, HEARTBEAT).expect("a heartbeat").reply(agrees(term, 6));
        thread::sleep(ROUND_TRIP);
        extend(&script, 12);
        script.snapshot(10, state(10));
        let snapshots = snapshots_to_2(&script, term, at(6, term), HELP);
        assert!(!snapshots.is_empty(), "server 2 needs entry 7, and the leader's log begins after 10");
    });
}

/// The snapshot names its last entry's own term, which need not be the leader's, and holds the
/// service's own bytes.
#[test]
fn what_a_leader_sends_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        let snapshots = snapshots_to_2(&script, term, at(0, 0), HELP);
        let (through, _) = pending(snapshots.first().expect("server 2 needs all, and the log begins after 4"));
        assert_eq!(through, at(4, 1), "entry 4 was made in term 1; the leader's term is {term}");
    });
}

/// The follower is sent the very bytes that the leader's service gave, also by a leader that has them
/// from its disk.
#[test]
fn the_bytes_that_a_leader_sends_2d() {
    LAB.rule(&OPAQUE, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        let snapshots = snapshots_to_2(&script, term, at(0, 0), HELP);
        assert_eq!(pending(snapshots.first().expect("server 2 needs all")), (at(4, 1), state(4)));

        script.restart();
        let term = leadership(&script);
        let snapshots = snapshots_to_2(&script, term, at(0, 0), HELP);
        assert_eq!(pending(snapshots.first().expect("server 2 needs all")), (at(4, 1), state(4)));
    });
}

/// A snapshot that may still be on its way is not sent again, though the follower goes on to say what
/// it lacks.
#[test]
fn a_snapshot_on_its_way_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        let first = next_to(&script, 2, HEARTBEAT).expect("a heartbeat");
        let second = next_to(&script, 2, HEARTBEAT).expect("another");
        script.forget_heard();
        first.reply(retry(term, 1));
        second.reply(retry(term, 1));
        let sent = script.hear_all(4 * ROUND_TRIP);
        let is_snapshot = |request: &RaftRequest| matches!(request, RaftRequest::InstallSnapshot(_));
        let snapshots = sent.iter().filter(|received| received.to == 2 && is_snapshot(&received.request)).count();
        assert!(snapshots <= 1, "server 2 was sent {snapshots} snapshots within {:?}", 4 * ROUND_TRIP);
    });
}

/// A snapshot that is lost is sent again, in the end: the one that the log begins with by then.
#[test]
fn a_lost_snapshot_is_sent_again_2d() {
    LAB.rule(&SENT, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        let first = snapshots_to_2(&script, term, at(0, 0), HELP);
        assert!(!first.is_empty(), "server 2 needs all, and the leader's log begins after 4");
        let again = snapshots_to_2(&script, term, at(0, 0), AGAIN);
        assert!(!again.is_empty(), "server 2 was sent a snapshot {HELP:?} ago or more, and still asks for entry 1");
    });
}

/// A snapshot that is sent again is the one that the log begins with by then: position and bytes go together.
#[test]
fn label_and_bytes_go_together_2d() {
    LAB.rule(&SENT, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        let first = snapshots_to_2(&script, term, at(0, 0), HELP);
        assert!(!first.is_empty(), "server 2 needs all, and the leader's log begins after 4");
        script.snapshot(6, state(6));
        script.forget_heard();
        let newer = snapshots_to_2(&script, term, at(0, 0), AGAIN);
        let newer = pending(newer.last().expect("server 2 still asks for entry 1"));
        assert_eq!(newer, (at(6, term), state(6)), "the leader's log begins after 6 now");
    });
}

/// A follower that waits for a snapshot hears from its leader meanwhile.
#[test]
fn heartbeats_while_a_snapshot_is_due_2d() {
    LAB.rule(&HEARTBEATS, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        for wait in ["for the first answer", "for the snapshot", "for the snapshot", "for the snapshot"] {
            let received = next_to(&script, 2, HEARTBEAT);
            let received =
                received.unwrap_or_else(|| panic!("server 2 heard nothing for {HEARTBEAT:?}, waiting {wait}"));
            if !matches!(received.request, RaftRequest::InstallSnapshot(_)) {
                received.reply(retry(term, 1));
            }
        }
    });
}

/// Once a follower has the snapshot it is sent the entries that follow, at once.
#[test]
fn entries_follow_the_snapshot_2d() {
    LAB.rule(&RESUMES, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        let snapshots = snapshots_to_2(&script, term, at(0, 0), HELP);
        let snapshot = snapshots.into_iter().next().expect("server 2 needs all, and the leader's log begins after 4");
        script.forget_heard();
        snapshot.reply(agrees(term, 4));
        let next = next_to(&script, 2, 2 * ROUND_TRIP).expect("server 2 has the snapshot, and lacks entries 5 and 6");
        match next.request {
            RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => {
                assert_eq!((prev, entries.len()), (at(4, 1), 2), "server 2 has all through 4");
            }
            other => panic!("server 2 has all through 4, and was sent {other:?}"),
        }
    });
}

/// What a follower's answer names is what it holds, though the leader's own snapshot be newer by then.
#[test]
fn the_leader_cuts_again_meanwhile_2d() {
    LAB.rule(&RESUMES, |world| {
        let (script, term) = leader_that_cut(world, 4, 8);
        let snapshots = snapshots_to_2(&script, term, at(0, 0), HELP);
        let snapshot = snapshots.into_iter().next().expect("server 2 needs all, and the leader's log begins after 4");
        script.snapshot(7, state(7));
        script.forget_heard();
        snapshot.reply(agrees(term, 4));
        let newer = snapshots_to_2(&script, term, at(4, 1), HELP);
        let newer = newer.first().expect("server 2 has all through 4, and the leader's log begins after 7 by now");
        assert_eq!(pending(newer), (at(7, term), state(7)));
    });
}
