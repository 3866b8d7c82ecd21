//! Two things at almost the same moment, at every distance: the doors that lead to one log.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Elect, Term, thread};
use testkit::rule::election::NEW_TERM;
use testkit::rule::replication::{ACKNOWLEDGED, APPLY_AT_ONCE, APPLY_ORDER, COMMIT_AT_ONCE, SENT_AT_ONCE, START};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agreement, agrees, at};
use testkit::sweep::{Stimulus, Sweep};
use testkit::{World, number};

use super::{ROUND_TRIP, follower_with};
use crate::lab::{LAB, Server, boot};

/// Enough for both events, and for what follows from them.
const REACH: Duration = Duration::from_micros(6);

/// A leader with an empty log whose first heartbeats were answered, and its term.
fn leader(world: &World) -> (ScriptedCluster<Server>, Term) {
    let script = ScriptedCluster::replicating(world, 3, boot);
    let (term, heartbeats) = script.elect();
    heartbeats.into_iter().for_each(ReceivedRequest::agree);
    thread::sleep(ROUND_TRIP);
    (script, term)
}

/// A command is offered at the moment when a newer term begins. It is taken in the old term or refused;
/// if it was taken, it stays in the log.
#[test]
fn a_command_meets_a_newer_term_2b() {
    LAB.rule(&START, |world| {
        Sweep::of(world, "a newer leader's heartbeat arrives", "a command is offered").within(REACH).each(|offset| {
            let (script, term) = leader(world);
            let newer = script.leader(1).in_term(term + 1).request();
            let (_, taken) = offset.meet(script.arrives(1, newer), script.is_offered(number(1)));
            let taken = taken.expect("the server is up").ok();
            assert!(taken.is_none_or(|taken| taken == at(1, term)), "it led term {term}, and took it as {taken:?}");
            script.expect_no_leader(term + 1, "a request of that term has arrived");
            let sent = script.requests_within(4 * TRAVEL);
            let of_newer = sent.iter().find(|received| received.term() > term);
            assert!(of_newer.is_none(), "server 0 leads nothing after term {term}, and sends: {}", of_newer.unwrap());
            let answer = script.candidate(2).in_term(script.await_newer_term()).asks_for_vote();
            match taken {
                Some(_) => answer.expect_no_vote("the voter's log holds an entry, and the candidate's is empty"),
                None => answer.expect_vote("both logs are empty"),
            }
            script.crash();
        });
    });
}

/// A command is offered at the moment when a follower's agreement arrives: it leaves at once.
#[test]
fn a_command_meets_an_agreement_2b() {
    LAB.rule(&SENT_AT_ONCE, |world| {
        Sweep::of(world, "an agreement arrives", "a command is offered").within(REACH).each(|offset| {
            let (script, term) = leader(world);
            script.start(number(1)).expect("it leads");
            let waiting = script.expect_append_to(1, "the first command");
            script.answer_with(|peer, request| (peer == 1).then(|| agreement(request)));
            offset.meet(script.reply_arrives(waiting, agrees(term, 1)), script.is_offered(number(2)));
            // A leader may first tell that the first command is committed, and wait for the answer.
            let received = script.requests_within(6 * TRAVEL);
            let is_sent = received.iter().any(|received| received.to == 1 && received.request.through().index == 2);
            assert!(is_sent, "server 1 answers everything at once, and is not sent the second command at once");
            script.crash();
        });
    });
}

/// Two commands are offered at the same moment: each has a position of its own, and both are applied.
#[test]
fn two_commands_meet_2b() {
    LAB.rule(&START, |world| {
        Sweep::of(world, "a command is offered", "another one is offered").within(REACH).each(|offset| {
            let (script, term) = leader(world);
            script.answer_with(|_, request| Some(agreement(request)));
            let (one, other) = offset.meet(script.is_offered(number(1)), script.is_offered(number(2)));
            let mut taken = [one, other].map(|taken| taken.expect("the server is up").expect("it leads"));
            taken.sort();
            assert_eq!(taken, [at(1, term), at(2, term)], "two commands need two positions");
            thread::sleep(3 * ROUND_TRIP);
            script.expect_applied_indices([1, 2], "both were taken, and all agree");
            script.crash();
        });
    });
}

/// An agreement arrives at the moment when a heartbeat is due: what it commits is applied at once.
#[test]
fn an_agreement_meets_a_heartbeat_2b() {
    LAB.rule(&COMMIT_AT_ONCE, |world| {
        /// The command leaves so long before the heartbeat is due that the agreement can arrive with it.
        const BEFORE: Duration = Duration::from_millis(5);
        Sweep::of(world, "a heartbeat is due", "an agreement arrives").within(REACH).each(|offset| {
            let (script, term) = leader(world);
            let interval = script.timing().heartbeat_interval;
            let heartbeat = script.expect_request("a heartbeat", interval, |_| true);
            let due = heartbeat.at + (interval - TRAVEL);
            heartbeat.agree();
            script.requests_within(ROUND_TRIP).into_iter().for_each(ReceivedRequest::agree);
            thread::sleep(due.duration_since(Instant::now()) - BEFORE);
            script.start(number(1)).expect("it leads");
            let waiting = script.expect_request("the first command", ROUND_TRIP, |received| received.to == 1);
            offset.meet_at(due, script.reply_arrives(waiting, agrees(term, 1)));
            thread::sleep(ROUND_TRIP);
            script.expect_applied_indices([1], "two of three servers hold it");
            script.crash();
        });
    });
}

/// An agreement that commits something arrives at the moment when a newer term begins.
#[test]
fn an_agreement_meets_a_newer_term_2b() {
    LAB.rule(&NEW_TERM, |world| {
        Sweep::of(world, "an agreement arrives", "a newer leader's heartbeat arrives").within(REACH).each(|offset| {
            let (script, term) = leader(world);
            script.start(number(1)).expect("it leads");
            let waiting = script.expect_append_to(1, "the first command");
            let newer = script.leader(2).in_term(term + 1).after(at(1, term)).request();
            let arrives = script.arrives(2, newer);
            let (_, reply) = offset.meet(script.reply_arrives(waiting, agrees(term, 1)), arrives);
            assert_eq!(reply, Some(agrees(term + 1, 1)), "its log holds entry 1 of term {term}");
            script.expect_no_leader(term + 1, "a request of that term has arrived");
            script.crash();
        });
    });
}

/// More is committed at the moment when something is applied: nothing waits, and the order stays.
#[test]
fn two_commitments_meet_2b() {
    LAB.rule(&APPLY_AT_ONCE, |world| {
        Sweep::of(world, "entries 1 and 2 are committed", "entry 3 is committed").within(REACH).each(|offset| {
            let script = follower_with(world, &[1, 1, 1]);
            let leader = script.leader(1).in_term(1).after(at(3, 1));
            let (two, three) = (leader.clone().commit(2).request(), leader.commit(3).request());
            offset.meet(script.arrives(1, two), script.arrives(1, three));
            thread::sleep(TRAVEL);
            script.expect_applied_indices([1, 2, 3], "all three are committed");
            script.crash();
        });
    });
}

/// A leader that is a majority by itself takes two commands at once, and something else comes in between: both
/// commands are applied.
#[test]
fn two_commands_meet_alone_2b() {
    LAB.rule(&APPLY_AT_ONCE, |world| {
        Sweep::of(world, "two commands are offered at once", "the status is asked for").within(REACH).each(|offset| {
            let script = ScriptedCluster::replicating(world, 1, boot);
            thread::sleep(script.timing().election_timeout_max + TRAVEL);
            let both = Stimulus::both(script.is_offered(number(1)), script.is_offered(number(2)));
            offset.meet(both, script.is_called(|server| server.status()));
            thread::sleep(TRAVEL);
            script.expect_applied_indices([1, 2], "it is a majority by itself");
            script.crash();
        });
    });
}

/// Two requests commit something at once, and something else comes in between: everything is applied.
#[test]
fn two_commitments_at_once_2b() {
    LAB.rule(&APPLY_AT_ONCE, |world| {
        Sweep::of(world, "entry 1 and entry 2 are committed at once", "the status is asked for").within(REACH).each(
            |offset| {
                let script = follower_with(world, &[1, 1]);
                let leader = script.leader(1).in_term(1).after(at(2, 1));
                let (one, two) = (leader.clone().commit(1).request(), leader.commit(2).request());
                // Of two messages that arrive at the same moment, the one that left last is handled first.
                let both = Stimulus::both(script.arrives(1, two), script.arrives(1, one));
                offset.meet(both, script.is_called(|server| server.status()));
                thread::sleep(TRAVEL);
                script.expect_applied_indices([1, 2], "both are committed");
                script.crash();
            },
        );
    });
}

/// Two leaders' entries for the same index arrive at the same moment: the newer leader's stay.
#[test]
fn two_leaders_entries_meet_2b() {
    LAB.rule(&ACKNOWLEDGED, |world| {
        Sweep::of(world, "an old leader's entries arrive", "a newer leader's entries arrive").within(REACH).each(
            |offset| {
                let script = follower_with(world, &[1]);
                let old = script.leader(1).in_term(1).after(at(1, 1)).entries_of_terms(&[1, 1]).request();
                let newer = script.leader(2).in_term(2).after(at(1, 1)).entries_of_terms(&[2]).request();
                let (_, reply) = offset.meet(script.arrives(1, old), script.arrives(2, newer));
                assert_eq!(reply, Some(agrees(2, 2)), "the entries fit its log, and no newer term has begun");
                script
                    .leader(2)
                    .in_term(2)
                    .after(at(2, 2))
                    .commit(2)
                    .send()
                    .expect_agreement(2, "it has agreed to entry 2");
                script.expect_applied(1, &[1, 2], "the leader of term 2 has committed these");
                script.crash();
            },
        );
    });
}

/// A server is shut down at the moment when entries are committed: what it applies is in order, and ends.
#[test]
fn a_shutdown_meets_a_commitment_2b() {
    LAB.rule(&APPLY_ORDER, |world| {
        Sweep::of(world, "three entries are committed", "the server is shut down").within(REACH).each(|offset| {
            let script = follower_with(world, &[1, 1, 1]);
            let committed = script.leader(1).in_term(1).after(at(3, 1)).commit(3).request();
            offset.meet(script.arrives(1, committed), script.is_shut_down());
            thread::sleep(TRAVEL);
            script.applied();
            thread::sleep(10 * TRAVEL);
            script.expect_nothing_applied("it was shut down a while ago");
            script.crash();
        });
    });
}
