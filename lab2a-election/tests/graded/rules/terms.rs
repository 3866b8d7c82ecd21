//! What an older and what a newer term does (§5.1).

use std::time::Duration;

use labrpc::RaftRequest;
use labrpc::time::Instant;
use labrpc::{AppendOutcome, LogPosition, Term, thread};
use testkit::rule::election::{NEW_TERM, OLD_TERM};
use testkit::script::{ScriptedCluster, TRAVEL, granted, refused, stale};

use super::{leader, not_leader, timing};
use crate::lab::{LAB, Server, boot};

/// A leader whose term is over does not know it yet, and speaks so often.
const INSISTENTLY: Duration = Duration::from_millis(20);

/// Checks that a server that led until now is silent, as a leader.
fn assert_deposed(script: &ScriptedCluster<Server>, newer: Term) {
    assert_eq!(script.status(), not_leader(newer), "server 0 was told of term {newer}");
    script.forget_heard();
    let received = script.hear_all(timing().election_timeout_min - 4 * TRAVEL);
    let spoken = received.iter().find(|received| matches!(received.request, RaftRequest::AppendEntries(_)));
    assert!(spoken.is_none(), "server 0 leads no more, and still sends {:?}", spoken.map(|received| &received.request));
}

/// A candidate of an older term is refused, though its request may have been the first of all, and
/// learns the newer term from the refusal.
#[test]
fn old_candidate_2a() {
    LAB.rule(&OLD_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        assert_eq!(script.request_vote(1, 7, LogPosition::ZERO), (7, true), "nobody had the vote of term 7 yet");
        let late = script.request_vote(1, 6, LogPosition::ZERO);
        assert_eq!(late, (7, false), "server 1 has the vote of term 7, but this request is of term 6");
        script.heartbeat(2, 9);
        let late = script.request_vote(1, 8, LogPosition::ZERO);
        assert_eq!(late, (9, false), "server 0 is in term 9, so nobody is elected in term 8 any more");
        assert_eq!(script.status(), not_leader(9), "a request of an older term changes nothing");
    });
}

/// A leader of an older term is refused, and does not keep anybody from campaigning.
#[test]
fn old_leader_2a() {
    LAB.rule(&OLD_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        assert_eq!(script.heartbeat(1, 7).0, 7, "server 0 takes over the term of the leader that it hears");
        let since = Instant::now();
        while script.hear(INSISTENTLY).is_none() {
            assert_eq!(script.heartbeat(2, 6).1, AppendOutcome::StaleTerm, "term 6 is over: server 0 is in term 7");
            let waited = since.elapsed();
            assert!(
                waited <= timing().election_timeout_max + INSISTENTLY + 2 * TRAVEL,
                "for {waited:?} only a leader of term 6 has spoken, and server 0 does not campaign"
            );
        }
        thread::sleep(TRAVEL);
        script.forget_heard();
        let (term, _) = script.elect();
        assert_eq!(script.heartbeat(1, 7), (term, AppendOutcome::StaleTerm), "term 7 is over");
        assert_eq!(script.status(), leader(term), "a leader of an older term deposes nobody");
    });
}

/// A candidate's newer term deposes a leader, at once.
#[test]
fn newer_candidate_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        script.request_vote(1, term + 2, LogPosition::ZERO);
        assert_deposed(&script, term + 2);
    });
}

/// A leader's newer term deposes a leader and ends a campaign, at once.
#[test]
fn newer_leader_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        assert_eq!(script.heartbeat(1, term + 2).0, term + 2, "the leader of term {} has spoken", term + 2);
        assert_deposed(&script, term + 2);
        let (term, _) = script.await_campaign();
        assert_eq!(script.heartbeat(1, term + 2).0, term + 2, "the leader of term {} has spoken", term + 2);
        assert_eq!(script.status(), not_leader(term + 2), "its campaign was for term {term}");
    });
}

/// A newer term in the answer to a candidate ends its campaign: votes of the older one are worth nothing.
#[test]
fn newer_term_for_a_candidate_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        round.pop().expect("four servers were asked").reply(refused(term + 3));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.status(), not_leader(term + 3), "an answer told it of term {}", term + 3);
        round.into_iter().for_each(|received| received.reply(granted(term)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.status(), not_leader(term + 3), "it was elected in term {term}, which is over");
        let (next, _) = script.await_campaign();
        assert_eq!(next, term + 4, "the next campaign is in the term after the newest that it knows");
    });
}

/// A newer term in the answer to a heartbeat deposes a leader, at once.
#[test]
fn newer_term_for_a_leader_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, mut greeting) = script.elect();
        greeting.pop().expect("two servers hear from it").reply(stale(term + 3));
        thread::sleep(2 * TRAVEL);
        assert_deposed(&script, term + 3);
    });
}
