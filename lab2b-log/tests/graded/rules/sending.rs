//! What a leader sends its followers, and when (Figure 2, Leaders; §5.3, §5.5).

use std::collections::BTreeMap;
use std::time::Duration;

use labrpc::{AppendEntries, RaftReply, RaftRequest};
use labrpc::{Index, PeerId};
use testkit::number;
use testkit::rule::election::{FIRST_HEARTBEAT, HEARTBEATS};
use testkit::rule::replication::{APPEND_TRAFFIC, CATCH_UP, NOT_AGAIN, RETRY, SENT_AT_ONCE};
use testkit::script::{ScriptedCluster, TRAVEL, agrees, at, granted, retry};

use super::{ROUND_TRIP, append_of, give, pace};
use crate::lab::{LAB, Server, boot};

/// A leader is offered so many commands, one right after the other.
fn offer(script: &ScriptedCluster<Server>, commands: u64) {
    for n in 1..=commands {
        assert_eq!(script.start(number(n)).map(|at| at.index), Ok(n), "it leads, and this is its command number {n}");
    }
}

/// A new leader lets every follower hear from it at once, and says what it takes for committed.
#[test]
fn first_heartbeat_2b() {
    LAB.rule(&FIRST_HEARTBEAT, "first_heartbeat_2b", |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        give(&script, &[1, 1]);
        let (_, greeting) = script.elect();
        assert!(greeting.iter().all(|received| append_of(received).2 == 0), "it knows of nothing that is committed");
    });
}

/// A command leaves at once for every follower that waits for nothing.
#[test]
fn entries_leave_at_once_2b() {
    LAB.rule(&SENT_AT_ONCE, "entries_leave_at_once_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play_along();
        let (term, _) = script.elect();
        script.hear_all(pace().heartbeat_interval / 2);
        assert_eq!(script.start(number(1)), Ok(at(1, term)), "it leads term {term}");
        for _ in 0..2 {
            let received = script.hear(2 * TRAVEL).filter(|received| received.request.through().index == 1);
            assert!(
                received.is_some(),
                "a command was taken, and not sent to everyone at once: does it wait for a heartbeat?"
            );
        }
    });
}

/// What comes in while a request is on its way leaves as soon as that one is answered.
#[test]
fn the_next_leaves_with_the_answer_2b() {
    LAB.rule(&SENT_AT_ONCE, "the_next_leaves_with_the_answer_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play_along();
        script.elect();
        script.hear_all(pace().heartbeat_interval / 2);
        offer(&script, 3);
        let received = script.hear_all(5 * TRAVEL);
        for follower in [1, 2] {
            let reached = received
                .iter()
                .filter(|received| received.to == follower)
                .map(|received| received.request.through().index)
                .max();
            assert_eq!(
                reached,
                Some(3),
                "server {follower} has answered, and should have been sent what came in since"
            );
        }
    });
}

/// A command larger than a request usually is travels all the same, and so does a log of many.
#[test]
fn large_commands_travel_2b() {
    LAB.rule(&CATCH_UP, "large_commands_travel_2b", |world| {
        /// More than any request carries, if there are others that could wait.
        const COMMAND_BYTES: usize = 200 << 10;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play_along();
        let (term, _) = script.elect();
        script.hear_all(pace().heartbeat_interval / 2);
        (1..=4).for_each(|n| assert_eq!(script.start(vec![n as u8; COMMAND_BYTES]), Ok(at(n, term)), "it leads"));
        script.hear_all(pace().heartbeat_interval / 4);
        assert_eq!(script.applied_indices(), [1, 2, 3, 4], "everyone answers within 2 ms, so all is committed by now");
    });
}

/// While one request is on its way, what comes in meanwhile waits, and travels together.
#[test]
fn commands_travel_together_2b() {
    LAB.rule(&APPEND_TRAFFIC, "commands_travel_together_2b", |world| {
        const COMMANDS: u64 = 20;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play_along();
        script.elect();
        script.hear_all(pace().heartbeat_interval / 2);
        offer(&script, COMMANDS);
        let received = script.hear_all(pace().heartbeat_interval / 2);
        let sent: usize =
            received.iter().filter(|received| received.to == 1).map(|received| append_of(received).1.len()).sum();
        let allowed = 2 * COMMANDS as usize;
        assert!(sent <= allowed, "{COMMANDS} commands came in at once, and server 1 was sent {sent} entries");
        assert_eq!(
            script.applied_indices().len() as u64,
            COMMANDS,
            "everyone answered within 2 ms, so all is committed"
        );
    });
}

/// What a follower has agreed to is not sent again.
#[test]
fn not_sent_again_2b() {
    LAB.rule(&NOT_AGAIN, "not_sent_again_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play_along();
        let (term, _) = script.elect();
        for n in 1..=5 {
            script.hear_all(2 * ROUND_TRIP);
            assert_eq!(script.start(number(n)), Ok(at(n, term)), "it leads term {term}");
            for received in script.hear_all(ROUND_TRIP) {
                let (prev, entries, _) = append_of(&received);
                let is_new = entries.is_empty() || prev.index + 1 >= n;
                assert!(
                    is_new,
                    "server {} agreed to all before entry {n}, and is sent entry {}",
                    received.to,
                    prev.index + 1
                );
            }
        }
    });
}

/// A request that is not answered says nothing about the follower's log: silence is no refusal.
#[test]
fn silence_is_no_refusal_2b() {
    LAB.rule(&RETRY, "silence_is_no_refusal_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        give(&script, &[1, 1, 1]);
        let (term, greeting) = script.elect();
        let guess = append_of(&greeting[0]).0;
        assert_eq!(script.start(number(4)), Ok(at(4, term)), "its log ended at index 3");
        for received in script.hear_all(10 * pace().heartbeat_interval) {
            let (prev, ..) = append_of(&received);
            assert!(
                prev >= guess,
                "server {} has refused nothing, and is asked about {prev:?} instead of {guess:?}",
                received.to
            );
        }
    });
}

/// A request that is lost is sent again, until it is answered.
#[test]
fn lost_requests_are_repeated_2b() {
    LAB.rule(&RETRY, "lost_requests_are_repeated_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, _) = script.elect();
        offer(&script, 3);
        script.hear_all(5 * pace().heartbeat_interval);
        assert!(script.applied().is_empty(), "nobody has answered yet");
        script.play(honest());
        script.hear_all(3 * pace().heartbeat_interval);
        assert_eq!(
            script.applied_indices(),
            [1, 2, 3],
            "the others answer again, in term {term}, and have lost entries"
        );
    });
}

/// Followers that have voted for nobody else, and lose nothing; at first their logs are empty.
fn honest() -> impl FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send + 'static {
    let mut ends: BTreeMap<PeerId, Index> = BTreeMap::new();
    move |me, request| match request {
        RaftRequest::AppendEntries(AppendEntries { term, prev, .. }) => {
            let end = ends.entry(me).or_default();
            if prev.index > *end {
                return Some(retry(*term, *end + 1));
            }
            let through = request.through().index;
            *end = through.max(*end);
            Some(agrees(*term, through))
        }
        request => Some(granted(request.term())),
    }
}

/// A follower that does not answer still hears from its leader, at each interval.
#[test]
fn heartbeats_go_on_2b() {
    LAB.rule(&HEARTBEATS, "heartbeats_go_on_2b", |world| {
        const SILENCE: Duration = Duration::from_secs(1);
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.elect();
        let received = script.hear_all(SILENCE);
        let expected = (SILENCE.as_millis() / pace().heartbeat_interval.as_millis()) as usize - 1;
        for follower in [1, 2] {
            let beats = received.iter().filter(|received| received.to == follower).count();
            assert!(beats >= expected, "in {SILENCE:?} server {follower} heard from its leader {beats} times");
        }
    });
}

/// A follower that was away is sent what it lacks, and then learns that it is committed.
#[test]
fn catch_up_2b() {
    LAB.rule(&CATCH_UP, "catch_up_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play(honest());
        let (term, _) = script.elect();
        script.network().set_cut(0, 2, true);
        offer(&script, 10);
        script.hear_all(10 * pace().heartbeat_interval);
        assert_eq!(script.applied_indices(), Vec::from_iter(1..=10), "two of three hold them, in term {term}");
        script.network().set_cut(0, 2, false);
        let received = script.hear_all(4 * pace().heartbeat_interval);
        let told = received
            .iter()
            .filter(|received| received.to == 2)
            .any(|received| received.request.through().index == 10 && append_of(received).2 == 10);
        assert!(told, "server 2 answers again, and has not learnt that entry 10 is committed");
        let sent =
            received.iter().filter(|received| received.to == 2).flat_map(|received| append_of(received).1).count();
        assert!(sent >= 10, "server 2 lacked ten entries, and was sent {sent}");
    });
}
