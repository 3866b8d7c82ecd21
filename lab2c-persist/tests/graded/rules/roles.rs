//! Crashes in every role: a server comes back as a follower with all that it had said.

use labrpc::{Status, thread};
use testkit::number;
use testkit::rule::election::{HEARTBEATS, STATUS};
use testkit::rule::persistence::REMEMBERS;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agreement, at};

use crate::lab::{LAB, boot};

/// A leader that restarts does not lead, and sends nothing until it is elected again.
#[test]
fn a_restarted_leader_follows_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, _) = script.elect();
        script.expect_taken(number(1), at(1, term), format!("it leads term {term}"));
        script.crash();
        thread::sleep(2 * TRAVEL); // What it had sent before the crash arrives.
        script.restart();
        script.discard_requests();
        script.expect_no_leader(term, "a server comes back as a follower, in the term that it had");
        script.expect_silence(2 * script.timing().heartbeat_interval, "it does not lead any more");
        script.expect_not_taken(number(2), "it does not lead any more");
        let answer = script.leader(1).in_term(term + 1).after(at(1, term)).send();
        answer.expect_agreement(1, "it had appended entry 1 before the crash");
    });
}

/// A leader that restarts knows that it has voted for itself: its own term has no other leader.
#[test]
fn a_restarted_leader_has_voted_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, requests) = script.expect_campaign();
        requests.into_iter().filter(|received| received.to == 2).for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        script.expect_leader(term, "two of three servers have voted for it");
        script.restart();
        let answer = script.candidate(1).in_term(term).with_log_through(at(9, term)).asks_for_vote();
        answer.expect_no_vote(format!("it has led term {term} with its own vote"));
    });
}

/// A leader that is deposed tells those that watch its status at once, also if it saves its new term first.
#[test]
fn a_lost_leadership_is_told_2c() {
    LAB.rule(&STATUS, |world| {
        for way in ["a candidate", "a leader", "a reply"] {
            let script = ScriptedCluster::replicating(world, 3, boot);
            let (term, mut requests) = script.elect();
            let watcher = script.watch(world, Status { term, is_leader: true });
            thread::sleep(TRAVEL);
            let newer = term + 1;
            match way {
                "a candidate" => drop(script.candidate(1).in_term(newer).asks_for_vote()),
                "a leader" => drop(script.leader(1).in_term(newer).heartbeat()),
                _ => requests.remove(0).stale(newer),
            }
            let deposed = Status { term: newer, is_leader: false };
            script.expect_news(watcher, deposed, format!("{way} of term {newer} has deposed the leader"));
            script.crash();
        }
    });
}

/// Votes for a campaign before the crash do not elect a server after it.
#[test]
fn votes_from_before_the_crash_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, requests) = script.expect_campaign();
        script.restart();
        requests.into_iter().for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        script.expect_no_leader(term, "it has campaigned before the crash, and not since");
    });
}

/// A server that restarts and wins again knows its log, and goes on from its end.
#[test]
fn a_leader_again_after_a_restart_2c() {
    LAB.rule(&HEARTBEATS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (first, _) = script.elect();
        (1..=3).for_each(|n| script.expect_taken(number(n), at(n, first), format!("it leads term {first}")));
        script.restart();
        script.discard_requests();
        script.answer_with(|_, request| Some(agreement(request)));
        let term = script.lead_anew();
        script.expect_taken(number(4), at(4, term), "its log holds three entries of an earlier term");
        thread::sleep(4 * TRAVEL);
        script.expect_applied_indices(1..=4, "all agree, and entry 4 is of its own term");
    });
}
