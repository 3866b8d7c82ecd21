//! A leader, and a follower that needs entries which the leader no longer has (§7).

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::time::Instant;
use labrpc::{PeerId, thread};
use testkit::rule::election::HEARTBEATS;
use testkit::rule::replication::CATCH_UP;
use testkit::rule::snapshots::{BOUNDARY, OPAQUE, RESUMES, SENDS, SENDS_TO, SENT, SNAPSHOT_TRAFFIC};
use testkit::script::{PUNCTUAL, ReceivedRequest, ScriptedCluster, agrees, at, expect_eq, expect_rule, look_at};

use super::setup::{
    HEARTBEAT, ROUND_TRIP, cut, elect, expect_snapshot, extend, first_snapshot_to_2, follower_with, leader,
    leader_of_that_cut, leader_that_cut, snapshots_to_2, state,
};
use crate::lab::{LAB, Server};

/// A follower that says what it lacks is sent a snapshot within this time.
const HELP: Duration = Duration::from_millis(300);
/// A snapshot may be on its way for this long: a message travels for some 30 ms at most, and the next heartbeat comes
/// meanwhile.
const ON_ITS_WAY: Duration = Duration::from_millis(120);
/// A lost snapshot is sent again within this time. Several times as long as an election is too long.
const AGAIN: Duration = Duration::from_secs(2);
const NEEDS_ALL: &str = "server 2 needs every entry, and the leader's log begins after 4:1";

#[track_caller]
fn heartbeat_to_2(script: &ScriptedCluster<Server>) -> ReceivedRequest {
    script.next_request_to(2, HEARTBEAT).expect("a heartbeat to server 2")
}

/// The first snapshot that server 2 is sent, if its log is empty. It has just arrived, so the leader still waits for its
/// answer.
#[track_caller]
fn snapshot_to_2(script: &ScriptedCluster<Server>) -> ReceivedRequest {
    first_snapshot_to_2(script, at(0, 0), HELP).expect(NEEDS_ALL)
}

/// A follower that needs a dropped entry is sent the snapshot, whether it lacks everything or only the
/// last dropped entry.
#[test]
fn a_follower_behind_is_sent_the_snapshot_2d() {
    LAB.rule(&SENT, |world| {
        for needed in [1, 3, 4] {
            let (script, _) = leader_that_cut(world, 4, 6);
            heartbeat_to_2(&script).retry_from(needed);
            let last = at(needed - 1, u64::from(needed > 1));
            let snapshots = snapshots_to_2(&script, last, HELP);
            assert!(!snapshots.is_empty(), "server 2 needs entry {needed}, and the leader's log begins after 4:1");
        }
    });
}

/// A follower that once agreed and then missed many entries is sent the snapshot, too.
#[test]
fn a_follower_that_fell_behind_is_sent_the_snapshot_2d() {
    LAB.rule(&SENT, |world| {
        let (script, term) = leader(world, 6);
        heartbeat_to_2(&script).reply(agrees(term, 6));
        thread::sleep(ROUND_TRIP);
        extend(&script, 12);
        cut(&script, 10);
        let snapshots = snapshots_to_2(&script, at(6, term), HELP);
        assert!(!snapshots.is_empty(), "server 2 needs entry 7, and the leader's log begins after 10:{term}");
    });
}

/// A new leader whose log is cut sends its snapshot to nobody who lacks nothing: not while it knows of no agreement yet,
/// and not later.
#[test]
fn a_new_leader_sends_no_needless_snapshot_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        look_at(&SENDS_TO);
        let script = follower_with(world, &[1; 4], 3);
        cut(&script, 3);
        let (_, first) = script.elect();
        let later = |received: &ReceivedRequest| format!("both followers hold everything, and {received} is sent");
        for received in first {
            assert!(!received.is_snapshot(), "{}", later(&received));
            received.agree();
        }
        script.agree_to_everything();
        let sent = script.requests_within(3 * HEARTBEAT);
        sent.iter().for_each(|received| assert!(!received.is_snapshot(), "{}", later(received)));
    });
}

/// A follower that asks for an entry after the leader's snapshot is sent entries from there on, and no snapshot.
#[test]
fn a_follower_at_the_base_is_sent_entries_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        look_at(&SENDS_TO);
        for needed in [5, 6] {
            // A leader that halves the distance with each refusal comes to entry 5, too.
            let script = follower_with(world, &[1; 8], 4);
            cut(&script, 4);
            elect(&script);
            heartbeat_to_2(&script).retry_from(needed);
            let what = format!("server 2 asks for entry {needed}, and the leader's log begins after 4:1");
            let next = script.next_request_to(2, HEARTBEAT);
            let next = next.unwrap_or_else(|| panic!("{what}; it is sent nothing for {HEARTBEAT:?}"));
            assert!(!next.is_snapshot(), "{what}; it is sent {next}");
            let is_right = next.append().prev.index < needed && !next.append().entries.is_empty();
            expect_rule(&CATCH_UP, is_right, format!("{what}; it is sent {next}"));
        }
    });
}

/// A sent snapshot names its last entry's own term, which may differ from the leader's.
#[test]
fn a_sent_snapshot_names_its_last_entrys_term_2d() {
    LAB.rule(&BOUNDARY, |world| {
        look_at(&SENDS);
        let (script, term) = leader_that_cut(world, 4, 6);
        let sent = snapshot_to_2(&script);
        let why = format!("entry 4 was made in term 1; the leader's term is {term}");
        expect_eq("the last entry of the sent snapshot", sent.snapshot().last_included, at(4, 1), why);
    });
}

/// A leader sends the bytes that its service gave it, even if it has them from its disk.
#[test]
fn a_leader_sends_the_services_own_bytes_2d() {
    LAB.rule(&OPAQUE, |world| {
        let (script, _) = leader_that_cut(world, 4, 6);
        expect_snapshot(&snapshot_to_2(&script), at(4, 1), state(4), "the leader's service gave it this snapshot");

        script.restart();
        elect(&script);
        let why = "the leader's service gave it this snapshot before it restarted";
        expect_snapshot(&snapshot_to_2(&script), at(4, 1), state(4), why);
    });
}

/// A snapshot that may still be on its way is not sent again, even if the follower repeats what it lacks.
#[test]
fn a_snapshot_on_its_way_is_not_sent_again_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        let (script, _) = leader_that_cut(world, 4, 6);
        let (first, second) = (heartbeat_to_2(&script), heartbeat_to_2(&script));
        script.discard_requests();
        first.retry_from(1);
        second.retry_from(1);
        let sent = script.requests_within(4 * ROUND_TRIP);
        let snapshots = sent.iter().filter(|received| received.to == 2 && received.is_snapshot()).count();
        assert!(snapshots <= 1, "server 2 was sent {snapshots} snapshots within {:?}", 4 * ROUND_TRIP);
    });
}

/// A server that leads again sends its snapshot again, and in its new term.
#[test]
fn a_snapshot_in_each_leadership_2d() {
    LAB.rule(&SENT, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        expect_eq("the term of the snapshot", snapshot_to_2(&script).term(), term, "server 0 leads this term");
        script.leader(1).in_term(term + 1).heartbeat();
        let again = elect(&script);
        expect_eq("the term of the snapshot", snapshot_to_2(&script).term(), again, "server 0 leads this term now");
    });
}

/// Two followers that need the snapshot at the same time are each sent it, and not again while it may be on its way:
/// what is on its way to one of them says nothing of the other.
#[test]
fn two_followers_need_the_snapshot_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        const NEEDY: [PeerId; 2] = [3, 4];
        let (script, _) = leader_of_that_cut(world, 5, 4, 6);
        let until = Instant::now() + HEARTBEAT + ON_ITS_WAY;
        let mut sent: [Vec<Instant>; 2] = Default::default();
        while let Some(received) = script.next_request(until.duration_since(Instant::now())) {
            let Some(place) = NEEDY.iter().position(|follower| *follower == received.to) else { continue };
            if !received.is_snapshot() {
                received.retry_from(1);
                continue;
            }
            if let Some(earlier) = sent[place].last() {
                let apart = received.at - *earlier;
                assert!(
                    apart > ON_ITS_WAY,
                    "servers 3 and 4 need the snapshot, and server {} is sent it twice within {apart:?}",
                    received.to
                );
            }
            sent[place].push(received.at);
        }
        for (follower, sent) in NEEDY.iter().zip(&sent) {
            let what = format!("servers 3 and 4 ask for entry 1, and server {follower} is not sent the snapshot");
            expect_rule(&SENT, !sent.is_empty(), what);
        }
    });
}

/// A lost snapshot is sent again after some time.
#[test]
fn a_lost_snapshot_is_sent_again_2d() {
    LAB.rule(&SENT, |world| {
        let (script, _) = leader_that_cut(world, 4, 6);
        snapshot_to_2(&script);
        let again = snapshots_to_2(&script, at(0, 0), AGAIN);
        let what = format!("server 2 still asks for entry 1, and for {AGAIN:?} it is not sent the snapshot again");
        assert!(!again.is_empty(), "{what}");
    });
}

/// A snapshot whose call has failed, because the link is cut, is not sent again before the follower has answered
/// something: it may be down. Then it is.
#[test]
fn a_snapshot_lost_in_a_cut_has_to_wait_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        let (script, _) = leader_that_cut(world, 4, 6);
        // A call on the cut link fails at once.
        let unreachable = Conditions { unreachable_max: Duration::ZERO, ..PUNCTUAL };
        script.network().set_link_conditions(0, 2, Some(unreachable));
        let heartbeat = heartbeat_to_2(&script);
        script.network().set_cut(0, 2, true);
        heartbeat.retry_from(1);
        thread::sleep(ROUND_TRIP);
        script.network().set_cut(0, 2, false);
        for _ in 0..3 {
            let silent = heartbeat_to_2(&script);
            let what = "server 2 has said nothing since the first snapshot left for it, and is sent another one";
            assert!(!silent.is_snapshot(), "{what}: {silent}");
        }
        let later = snapshots_to_2(&script, at(0, 0), AGAIN);
        expect_rule(
            &SENT,
            !later.is_empty(),
            format!("server 2 asks for entry 1 again, and is sent nothing in {AGAIN:?}"),
        );
    });
}

/// A repeated snapshot is the current one: its position and its bytes belong together.
#[test]
fn a_repeated_snapshot_is_the_current_one_2d() {
    LAB.rule(&SENT, |world| {
        let (script, term) = leader_that_cut(world, 4, 6);
        snapshot_to_2(&script);
        cut(&script, 6);
        script.discard_requests();
        let newer = snapshots_to_2(&script, at(0, 0), AGAIN);
        let newer = newer.last().expect("server 2 still asks for entry 1");
        expect_snapshot(newer, at(6, term), state(6), "the leader's log begins after index 6 now");
    });
}

/// A follower that waits for a snapshot receives heartbeats, too.
#[test]
fn heartbeats_while_a_snapshot_is_due_2d() {
    LAB.rule(&HEARTBEATS, |world| {
        let (script, _) = leader_that_cut(world, 4, 6);
        for wait in ["for the first request", "for the snapshot", "for the snapshot", "for the snapshot"] {
            let received = script.next_request_to(2, HEARTBEAT);
            let received =
                received.unwrap_or_else(|| panic!("server 2 waits {wait}, and receives nothing for {HEARTBEAT:?}"));
            if !received.is_snapshot() {
                received.retry_from(1);
            }
        }
    });
}

/// A follower that has agreed to the snapshot is sent the entries after it, at once.
#[test]
fn entries_follow_the_snapshot_2d() {
    LAB.rule(&RESUMES, |world| {
        let (script, _) = leader_that_cut(world, 4, 6);
        let snapshot = snapshot_to_2(&script);
        thread::sleep(ROUND_TRIP); // What left along with the snapshot arrives.
        script.discard_requests();
        snapshot.agree();
        let next = script.next_request_to(2, 2 * ROUND_TRIP);
        let next = next.expect("server 2 has the snapshot through 4:1, and needs entries 5 and 6");
        let append = next.append();
        assert!(
            (append.prev, append.entries.len()) == (at(4, 1), 2),
            "server 2 has the snapshot through 4:1, and needs entries 5 and 6; it is sent {next}"
        );
    });
}

/// The follower's reply says which snapshot it has, even if the leader has a newer one by then.
#[test]
fn the_leader_cuts_again_meanwhile_2d() {
    LAB.rule(&RESUMES, |world| {
        let (script, term) = leader_that_cut(world, 4, 8);
        // Server 2 refuses until the first snapshot comes: it installs it long before that counts as lost.
        let snapshot = loop {
            let received = script.next_request_to(2, HELP).expect(NEEDS_ALL);
            match received.is_snapshot() {
                true => break received,
                false => received.retry_from(1),
            }
        };
        cut(&script, 7);
        script.discard_requests();
        snapshot.agree();
        let why = "server 2 has everything through 4:1, and the leader's log begins after index 7 now, so the newer \
                   snapshot is sent with the next heartbeat at the latest";
        let newer = snapshots_to_2(&script, at(4, 1), script.timing().heartbeat_interval + ROUND_TRIP);
        expect_snapshot(newer.first().expect(why), at(7, term), state(7), why);
    });
}
