//! Two things at almost the same moment, at every distance: the doors that lead to one lock.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{AppendOutcome, Elect, RaftReply, Status, Term};
use testkit::rule::election::{MESSAGE_TERM, NEW_TERM, STATUS, TIMER};
use testkit::rule::life::SILENT;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, denies, prepare, votes};
use testkit::sweep::Sweep;
use testkit::{Boot, World};

use crate::lab::{LAB, Server, boot};

/// Enough for both events, and for what follows from them.
const REACH: Duration = Duration::from_micros(6);

fn leader(world: &World) -> (ScriptedCluster<Server>, Term, Vec<ReceivedRequest>) {
    let script = ScriptedCluster::new(world, 3, boot);
    let (term, heartbeats) = script.elect();
    (script, term, heartbeats)
}

/// Server 0 has answered once: what it does not do from here on says something.
#[track_caller]
fn answering(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, boot);
    let preparing = prepare("server 0 answers");
    script.candidate(1).in_term(1).asks_for_vote().expect_vote("nobody has the vote yet");
    preparing.done();
    script
}

/// Server 0 follows term `newer`, and sends nothing in that term.
#[track_caller]
fn expect_follower(script: &ScriptedCluster<Server>, newer: Term) {
    script.expect_no_leader(newer, format!("a request of term {newer} has arrived"));
    for received in script.requests_within(4 * TRAVEL) {
        assert!(received.term() < newer, "server 0 follows the leader of term {newer}, and sends: {received}");
    }
}

/// A candidate is elected at the moment when a newer term begins: in the end it follows the newer one.
#[test]
fn a_winning_vote_meets_a_newer_term_2a() {
    LAB.rule(&NEW_TERM, |world| {
        Sweep::of(world, "the winning vote arrives", "a newer leader's heartbeat arrives").within(REACH).each(
            |offset| {
                let script = ScriptedCluster::new(world, 3, boot);
                let (term, mut requests) = script.expect_campaign();
                let newer = script.leader(2).in_term(term + 1).request();
                offset.meet(script.reply_arrives(requests.remove(0), votes(term)), script.arrives(2, newer));
                expect_follower(&script, term + 1);
                script.crash();
            },
        );
    });
}

/// A request arrives at the moment when a newer term begins: the term of its reply is the one in which it was granted, or
/// the newer one that has refused it.
#[test]
fn a_request_meets_a_newer_term_2a() {
    LAB.rule(&MESSAGE_TERM, |world| {
        const TERM: Term = 5;
        let sweep = Sweep::of(world, "a request of a term arrives", "a candidate of the next term asks for the vote");
        sweep.within(REACH).each(|offset| {
            for is_heartbeat in [true, false] {
                let script = ScriptedCluster::new(world, 3, boot);
                let request = match is_heartbeat {
                    true => script.leader(1).in_term(TERM).request(),
                    false => script.candidate(1).in_term(TERM).request(),
                };
                let newer = script.candidate(2).in_term(TERM + 1).request();
                let replies = offset.meet(script.arrives(1, request), script.arrives(2, newer));
                let (Some(reply), Some(newest)) = replies else { panic!("server 0 is up, and answers {replies:?}") };
                let is_taken = match &reply {
                    RaftReply::RequestVote(reply) => reply.granted,
                    RaftReply::AppendEntries(reply) => reply.outcome != AppendOutcome::StaleTerm,
                };
                let expected = if is_taken { TERM } else { TERM + 1 };
                assert_eq!(
                    reply.term(),
                    expected,
                    "the term of the reply to a request of term {TERM}, which meets one of term {}: {reply:?}",
                    TERM + 1
                );
                // A server that has just heard from its leader may ignore candidates (§6).
                let is_ignored = is_heartbeat && is_taken && newest == denies(TERM);
                if !is_ignored {
                    assert_eq!(newest, votes(TERM + 1), "nobody has the vote of term {} yet", TERM + 1);
                }
                script.crash();
            }
        });
    });
}

/// A heartbeat arrives at the moment when the election timeout passes: the server follows the leader, and waits for a
/// whole timeout, or it campaigns, and refuses the heartbeat.
#[test]
fn a_heartbeat_meets_the_timeout_2a() {
    LAB.rule(&TIMER, |world| {
        Sweep::of(world, "the election timeout passes", "a heartbeat arrives").within(REACH).each(|offset| {
            // Servers with the same seed draw the same timeouts: the first one shows when the second is due.
            let seed = world.rng("timeouts").random_range(0..u64::MAX);
            let probe = follower_with_timeouts(world, seed);
            let since = Instant::now();
            let timeout = probe.expect_campaign().1[0].at - since - TRAVEL;
            probe.crash();

            let script = follower_with_timeouts(world, seed);
            let heartbeat = script.leader(1).in_term(LEADER_TERM).request();
            let reply = offset.meet_at(Instant::now() + timeout, script.arrives(1, heartbeat));
            if reply.is_some_and(|reply| reply.term() == LEADER_TERM) {
                let silence = script.timing().election_timeout_min - 4 * TRAVEL;
                script.expect_silence(silence, "it has agreed to a heartbeat, which restarts its timer");
            }
            script.crash();
        });
    });
}

const LEADER_TERM: Term = 5;

/// A server that draws its timeouts from `seed`, and has just heard from a leader.
#[track_caller]
fn follower_with_timeouts(world: &World, seed: u64) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, move |mut start: Boot| {
        start.election_seed = seed;
        boot(start)
    });
    script.leader(1).in_term(LEADER_TERM).heartbeat();
    script
}

/// A leader's heartbeat is due at the moment when a newer term begins: it sends none in that term.
#[test]
fn a_heartbeat_meets_a_newer_term_2a() {
    LAB.rule(&NEW_TERM, |world| {
        Sweep::of(world, "a heartbeat is due", "a newer leader's heartbeat arrives").within(REACH).each(|offset| {
            let (script, term, heartbeats) = leader(world);
            let newer = script.leader(2).in_term(term + 1).request();
            let sent_at = heartbeats[0].at;
            let due = sent_at + (script.timing().heartbeat_interval - TRAVEL);
            offset.meet_at(due, script.arrives(2, newer));
            expect_follower(&script, term + 1);
            script.crash();
        });
    });
}

/// A service begins to watch the status at the moment when it changes: it does not miss the change.
#[test]
fn a_watcher_meets_a_newer_term_2a() {
    LAB.rule(&STATUS, |world| {
        Sweep::of(world, "a newer leader's heartbeat arrives", "the service calls `watch`").within(REACH).each(
            |offset| {
                let (script, term, _) = leader(world);
                let newer = script.leader(1).in_term(term + 1).request();
                let watches = script.is_called(move |server| server.watch(Status { term, is_leader: true }));
                let (_, seen) = offset.meet(script.arrives(1, newer), watches);
                let expected = Status { term: term + 1, is_leader: false };
                assert_eq!(seen, Some(Some(expected)), "it led term {term}, and follows in term {} now", term + 1);
                script.crash();
            },
        );
    });
}

/// A service begins to watch the status at the moment of a shutdown: it returns.
#[test]
fn a_watcher_meets_a_shutdown_2a() {
    LAB.rule(&SILENT, |world| {
        Sweep::of(world, "the server is shut down", "the service calls `watch`").within(REACH).each(|offset| {
            let script = answering(world);
            let status = script.status();
            let (_, seen) = offset.meet(script.is_shut_down(), script.is_called(move |server| server.watch(status)));
            assert_eq!(seen, Some(None), "a server that was shut down has no status to wait for");
            script.crash();
        });
    });
}

/// A request arrives at the moment of a shutdown: it is answered or not, and after that there is silence.
#[test]
fn a_vote_meets_a_shutdown_2a() {
    LAB.rule(&SILENT, |world| {
        Sweep::of(world, "the server is shut down", "a candidate asks for its vote").within(REACH).each(|offset| {
            let script = answering(world);
            let asks = script.candidate(1).in_term(2).request();
            offset.meet(script.is_shut_down(), script.arrives(1, asks));
            let next = script.candidate(1).in_term(3).request();
            assert_eq!(script.try_ask(1, &next), None, "it was shut down before this request came");
            script.expect_silence(2 * script.timing().election_timeout_max, "it was shut down");
            script.crash();
        });
    });
}
