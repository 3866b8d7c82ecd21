//! What a leader sends its followers, and when (Figure 2, Leaders; §5.3, §5.5).

use std::collections::BTreeMap;
use std::time::Duration;

use labrpc::{APPEND_BYTES_MAX, AppendEntries, Index, PeerId, RaftReply, RaftRequest};
use testkit::rule::election::{FIRST_HEARTBEAT, HEARTBEATS};
use testkit::rule::replication::{APPEND_TRAFFIC, CATCH_UP, FILLS_A_REQUEST, NOT_AGAIN, RETRY, SENT_AT_ONCE};
use testkit::script::{ScriptedCluster, TRAVEL, agreement, at, look_at, refuses};
use testkit::{World, number};

use super::{ROUND_TRIP, send_log};
use crate::lab::{LAB, Server, boot};

/// Offers the leader `count` commands, one right after the other.
#[track_caller]
fn offer(script: &ScriptedCluster<Server>, count: u64) {
    for n in 1..=count {
        let index = script.take(number(n)).index;
        assert_eq!(index, n, "it leads, and this is its command number {n}");
    }
}

/// A leader with an empty log, between two heartbeats. The others agree to everything.
#[track_caller]
fn idle_leader(world: &World) -> (ScriptedCluster<Server>, labrpc::Term) {
    let script = ScriptedCluster::replicating(world, 3, boot);
    script.agree_to_everything();
    let (term, _) = script.elect();
    script.requests_within(script.timing().heartbeat_interval / 2);
    (script, term)
}

/// A new leader sends a heartbeat to every follower at once, and does not claim that anything is committed.
#[test]
fn first_heartbeat_2b() {
    LAB.rule(&FIRST_HEARTBEAT, |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        send_log(&script, &[1, 1]);
        let (_, heartbeats) = script.elect();
        let wrong = heartbeats.iter().find(|received| received.append().leader_commit > 0);
        assert!(wrong.is_none(), "it knows of nothing that is committed, and sends {}", wrong.unwrap());
    });
}

/// A command leaves at once for every follower that has no request to answer.
#[test]
fn entries_leave_at_once_2b() {
    LAB.rule(&SENT_AT_ONCE, |world| {
        let (script, term) = idle_leader(world);
        script.expect_taken(number(1), at(1, term), format!("it leads term {term}"));
        for _ in 0..2 {
            let received = script.next_request(2 * TRAVEL).filter(|received| received.request.through().index == 1);
            assert!(
                received.is_some(),
                "a command was taken, and not sent to both followers at once: does it wait for a heartbeat?"
            );
        }
    });
}

/// Commands that come in while a request is on its way leave as soon as that request is answered.
#[test]
fn the_next_leaves_with_the_answer_2b() {
    LAB.rule(&SENT_AT_ONCE, |world| {
        let (script, _) = idle_leader(world);
        offer(&script, 3);
        let received = script.requests_within(5 * TRAVEL);
        for follower in [1, 2] {
            let to_it = received.iter().filter(|received| received.to == follower);
            let last = to_it.map(|received| received.request.through().index).max();
            assert_eq!(
                last,
                Some(3),
                "server {follower} has answered, so the commands since then should have been sent"
            );
        }
    });
}

/// A command that is larger than requests usually are is sent all the same, and so is a log of such commands.
#[test]
fn large_commands_travel_2b() {
    LAB.rule(&CATCH_UP, |world| {
        /// Larger than a request with several commands may get.
        const COMMAND_BYTES: usize = 200 << 10;
        let (script, term) = idle_leader(world);
        (1..=4).for_each(|n| script.expect_taken(vec![n as u8; COMMAND_BYTES], at(n, term), "it leads"));
        script.requests_within(script.timing().heartbeat_interval / 4);
        script.expect_applied_indices([1, 2, 3, 4], "both followers answer within 2 ms, so everything is committed");
    });
}

/// A request carries at most 64 KiB of entries, whatever their sizes are: only a single entry may be larger.
#[test]
fn a_request_is_limited_2b() {
    LAB.rule(&APPEND_TRAFFIC, |world| {
        /// Small and large by turns, so that a large one comes next to a request that is nearly full.
        const SIZES: [usize; 9] = [1, 40 << 10, 40 << 10, 1, 300 << 10, 1, 1, 63 << 10, 2 << 10];
        look_at(&FILLS_A_REQUEST);
        let (script, term) = idle_leader(world);
        for (size, index) in SIZES.into_iter().zip(1..) {
            script.expect_taken(vec![b'x'; size], at(index, term), "it leads");
        }
        for received in script.requests_within(script.timing().heartbeat_interval / 2) {
            let entries = &received.append().entries;
            let bytes: usize = entries.iter().map(|entry| entry.command.len()).sum();
            assert!(
                bytes <= APPEND_BYTES_MAX || entries.len() == 1,
                "a request carries {} entries with commands of {bytes} bytes, and at most {APPEND_BYTES_MAX} \
                 (`labrpc::APPEND_BYTES_MAX`) may travel together",
                entries.len()
            );
        }
        script.expect_applied_indices(1..=SIZES.len() as u64, "both followers answer within 2 ms");
    });
}

/// Commands that come in while a request is on its way wait, and are sent together.
#[test]
fn commands_travel_together_2b() {
    LAB.rule(&APPEND_TRAFFIC, |world| {
        const COMMANDS: u64 = 20;
        let (script, _) = idle_leader(world);
        offer(&script, COMMANDS);
        let received = script.requests_within(script.timing().heartbeat_interval / 2);
        let to_one = received.iter().filter(|received| received.to == 1);
        let sent: usize = to_one.map(|received| received.append().entries.len()).sum();
        let allowed = 2 * COMMANDS as usize;
        assert!(sent <= allowed, "{COMMANDS} commands came in at once, and server 1 was sent {sent} entries");
        script.expect_applied_indices(1..=COMMANDS, "both followers answered within 2 ms, so everything is committed");
    });
}

/// An entry that a follower has agreed to is not sent to it again.
#[test]
fn not_sent_again_2b() {
    LAB.rule(&NOT_AGAIN, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        let (term, _) = script.elect();
        for n in 1..=5 {
            script.requests_within(2 * ROUND_TRIP);
            script.expect_taken(number(n), at(n, term), format!("it leads term {term}"));
            for received in script.requests_within(ROUND_TRIP) {
                let is_new = received.append().entries.is_empty() || received.append().prev.index + 1 >= n;
                assert!(
                    is_new,
                    "server {} has agreed to everything before entry {n}, and is sent {received}",
                    received.to
                );
            }
        }
    });
}

/// A request without an answer says nothing about the follower's log: silence is no refusal.
#[test]
fn silence_is_no_refusal_2b() {
    LAB.rule(&RETRY, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        send_log(&script, &[1, 1, 1]);
        let (term, heartbeats) = script.elect();
        let guess = heartbeats[0].append().prev;
        script.expect_taken(number(4), at(4, term), "its log ended at index 3");
        for received in script.requests_within(10 * script.timing().heartbeat_interval) {
            assert!(
                received.append().prev >= guess,
                "server {} has refused nothing, but the leader has moved back: it sends {received}",
                received.to
            );
        }
    });
}

/// A lost request is sent again until it is answered.
#[test]
fn lost_requests_are_repeated_2b() {
    LAB.rule(&RETRY, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let heartbeat_interval = script.timing().heartbeat_interval;
        script.elect();
        offer(&script, 3);
        script.requests_within(5 * heartbeat_interval);
        script.expect_applied_indices([], "no follower has answered yet");
        script.answer_with(correct_followers());
        script.requests_within(3 * heartbeat_interval);
        script.expect_applied_indices(
            [1, 2, 3],
            "the followers answer now, so the lost entries must have been sent again",
        );
    });
}

/// Followers that vote for the leader and keep what they are sent. Their logs begin empty.
fn correct_followers() -> impl FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send + 'static {
    let mut ends: BTreeMap<PeerId, Index> = BTreeMap::new();
    move |me, request| {
        if let RaftRequest::AppendEntries(AppendEntries { term, prev, .. }) = request {
            let end = ends.entry(me).or_default();
            if prev.index > *end {
                return Some(refuses(*term, *end + 1));
            }
            *end = request.through().index.max(*end);
        }
        Some(agreement(request))
    }
}

/// A follower that does not answer still receives a heartbeat at each interval.
#[test]
fn heartbeats_go_on_2b() {
    LAB.rule(&HEARTBEATS, |world| {
        const SILENCE: Duration = Duration::from_secs(1);
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.elect();
        let received = script.requests_within(SILENCE);
        let expected = (SILENCE.as_millis() / script.timing().heartbeat_interval.as_millis()) as usize - 1;
        for follower in [1, 2] {
            let beats = received.iter().filter(|received| received.to == follower).count();
            assert!(
                beats >= expected,
                "in {SILENCE:?} server {follower} received {beats} requests, not at least {expected}"
            );
        }
    });
}

/// A follower that was cut off is sent the entries that it lacks, and then learns that they are committed.
#[test]
fn catch_up_2b() {
    LAB.rule(&CATCH_UP, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let heartbeat_interval = script.timing().heartbeat_interval;
        script.answer_with(correct_followers());
        script.elect();
        script.network().set_cut(0, 2, true);
        offer(&script, 10);
        script.requests_within(10 * heartbeat_interval);
        script.expect_applied_indices(1..=10, "the leader and server 1 hold them, two of three");
        script.network().set_cut(0, 2, false);
        let mut received = script.requests_within(4 * heartbeat_interval);
        received.retain(|received| received.to == 2);
        let learns = received
            .iter()
            .any(|received| received.request.through().index == 10 && received.append().leader_commit == 10);
        assert!(learns, "server 2 answers again, and has not learned that entry 10 is committed");
        let sent: usize = received.iter().map(|received| received.append().entries.len()).sum();
        assert!(sent >= 10, "server 2 lacked ten entries, and was sent {sent}");
    });
}
