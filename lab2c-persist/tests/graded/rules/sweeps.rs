//! A crash at every moment around a save, and requests that come while a save takes its time.

use std::time::Duration;

use labrpc::{RaftReply, RequestVoteReply, thread};
use testkit::World;
use testkit::number;
use testkit::rule::election::VOTE_ONCE;
use testkit::rule::persistence::DURABLE;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agrees, at};
use testkit::sweep::Sweep;

use crate::lab::{LAB, Server, boot};

/// Enough for both events, and for what follows from them.
const REACH: Duration = Duration::from_micros(8);
/// A save takes so long here that other things come in between.
const SAVE_TIME: Duration = Duration::from_micros(2);

/// A server whose saves take time.
fn server(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, 3, boot);
    script.persister().set_save_time(SAVE_TIME);
    script
}

/// A server crashes while it votes: a vote that was heard is remembered.
#[test]
fn a_crash_meets_a_vote_2c() {
    LAB.rule(&DURABLE, |world| {
        Sweep::of(world, "a candidate asks for a vote", "the server crashes").within(REACH).each(|offset| {
            let script = server(world);
            let asks = script.candidate(1).in_term(3).request();
            let (reply, ()) = offset.meet(script.arrives(1, asks), script.crashes());
            script.restart();
            let answer = script.candidate(2).in_term(3).asks_for_vote();
            if reply == Some(RaftReply::RequestVote(RequestVoteReply { term: 3, granted: true })) {
                answer.expect_no_vote("server 1 has heard that it has this vote");
            }
            script.crash();
        });
    });
}

/// A server crashes while it takes entries: entries that it agreed to are in its log.
#[test]
fn a_crash_meets_entries_2c() {
    LAB.rule(&DURABLE, |world| {
        Sweep::of(world, "entries arrive", "the server crashes").within(REACH).each(|offset| {
            let script = server(world);
            let entries = script.leader(1).in_term(1).entries_of_terms(&[1, 1, 1]).request();
            let (reply, ()) = offset.meet(script.arrives(1, entries), script.crashes());
            script.restart();
            let answer = script.leader(1).in_term(1).after(at(3, 1)).send();
            if reply == Some(agrees(1, 3)) {
                answer.expect_agreement(3, "it has agreed to these entries before the crash");
            }
            script.crash();
        });
    });
}

/// A leader crashes while it takes a command: if `start` has returned a position, the entry is there.
#[test]
fn a_crash_meets_a_command_2c() {
    LAB.rule(&DURABLE, |world| {
        Sweep::of(world, "a command is offered", "the server crashes").within(REACH).each(|offset| {
            let script = server(world);
            let (term, heartbeats) = script.elect();
            heartbeats.into_iter().for_each(ReceivedRequest::agree);
            thread::sleep(2 * TRAVEL);
            let (taken, ()) = offset.meet(script.is_offered(number(1)), script.crashes());
            script.restart();
            if taken == Some(Ok(at(1, term))) {
                let answer = script.leader(1).in_term(term + 1).after(at(1, term)).send();
                answer.expect_agreement(1, "it has taken entry 1 before the crash");
            }
            script.crash();
        });
    });
}

/// Two candidates of a term ask while saves take time: one of them has the vote, and keeps it.
#[test]
fn two_candidates_meet_2c() {
    LAB.rule(&VOTE_ONCE, |world| {
        Sweep::of(world, "a candidate asks for a vote", "another candidate asks for it").within(REACH).each(|offset| {
            let script = server(world);
            let ask = |peer| script.arrives(peer, script.candidate(peer).in_term(3).request());
            let (one, other) = offset.meet(ask(1), ask(2));
            let is_granted = |reply: &Option<RaftReply>| {
                matches!(reply, Some(RaftReply::RequestVote(RequestVoteReply { granted: true, .. })))
            };
            let granted = [one, other].iter().filter(|reply| is_granted(reply)).count();
            assert_eq!(granted, 1, "two candidates of term 3 asked, and each has a log as long as the voter's");
            script.crash();
        });
    });
}

/// A server that is a majority by itself takes two commands at almost the same moment, while its disk is slow: no
/// entry is applied before it is saved.
#[test]
fn two_commands_meet_2c() {
    LAB.rule(&DURABLE, |world| {
        Sweep::of(world, "a command is offered", "another command is offered").within(REACH).each(|offset| {
            let script = ScriptedCluster::replicating(world, 1, boot);
            while !script.status().is_leader {
                thread::sleep(script.timing().heartbeat_interval);
            }
            script.persister().set_save_time(SAVE_TIME);
            offset.meet(script.is_offered(number(1)), script.is_offered(number(2)));
            thread::sleep(2 * TRAVEL);
            script.expect_applied_indices([1, 2], "it is a majority by itself");
            script.crash();
        });
    });
}
