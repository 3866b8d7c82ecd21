//! Elections, now that logs differ (§5.4.1), and the timer, now that requests can be refused.

use labrpc::RaftRequest;
use labrpc::time::Instant;
use labrpc::{AppendOutcome, LogPosition, RequestVote, Term};
use testkit::rule::election::{CAMPAIGN, NEW_TERM, TIMER, VOTE_GIVEN};
use testkit::rule::replication::ELECTION_RESTRICTION;
use testkit::script::{ScriptedCluster, TRAVEL, at};

use super::{follower_with, pace};
use crate::lab::{LAB, Server};

/// A candidate of a term that the server has not heard of, long after it has heard from a leader.
fn ask(script: &ScriptedCluster<Server>, last_log: LogPosition) -> (Term, bool) {
    let (term, _) = script.await_campaign();
    let (answered, granted) = script.request_vote(2, term + 1, last_log);
    assert_eq!(answered, term + 1, "the candidate's term is newer, whatever becomes of its request");
    (answered, granted)
}

/// A candidate whose log is older gets no vote: an older last term, or the same and a shorter log.
#[test]
fn older_log_2b() {
    LAB.rule(&ELECTION_RESTRICTION, "older_log_2b", |world| {
        let script = follower_with(world, &[1, 2, 2]);
        assert!(!ask(&script, at(9, 1)).1, "its log ends in term 2: one that ends in term 1 is older, however long");
        assert!(!ask(&script, at(2, 2)).1, "its log ends at index 3 of term 2: one that ends at index 2 is older");
        assert!(!ask(&script, LogPosition::ZERO).1, "its log holds three entries: an empty one is older");
    });
}

/// A candidate whose log is as good gets the vote, and so does one whose log is newer, though shorter.
#[test]
fn as_good_a_log_2b() {
    LAB.rule(&VOTE_GIVEN, "as_good_a_log_2b", |world| {
        let script = follower_with(world, &[1, 2, 2]);
        assert!(ask(&script, at(3, 2)).1, "both logs end at index 3 of term 2: that is as up to date");
        assert!(ask(&script, at(4, 2)).1, "both logs end in term 2, and the candidate's is longer");
        assert!(ask(&script, at(1, 3)).1, "the candidate's log ends in a later term: it is newer, though shorter");
    });
}

/// A candidate names the end of its log, with all that is not known to be committed.
#[test]
fn candidates_log_2b() {
    LAB.rule(&CAMPAIGN, "candidates_log_2b", |world| {
        let script = follower_with(world, &[1, 2, 2]);
        let (term, round) = script.await_campaign();
        let request = RaftRequest::RequestVote(RequestVote { term, candidate: 0, last_log: at(3, 2) });
        assert!(round.iter().all(|received| received.request == request), "its log ends at index 3 of term 2");
    });
}

/// A newer term is taken over from a candidate that gets no vote, too.
#[test]
fn newer_term_without_a_vote_2b() {
    LAB.rule(&NEW_TERM, "newer_term_without_a_vote_2b", |world| {
        let script = follower_with(world, &[1, 2, 2]);
        let (term, _) = script.await_campaign();
        assert_eq!(script.request_vote(2, term + 3, at(1, 1)), (term + 3, false), "an older log, in a newer term");
        assert_eq!(script.status().term, term + 3, "it was told of term {}", term + 3);
    });
}

/// A candidate that cannot win keeps nobody quiet who can, however high its term.
#[test]
fn hopeless_candidates_2b() {
    LAB.rule(&TIMER, "hopeless_candidates_2b", |world| {
        let script = follower_with(world, &[1, 2, 2]);
        let (term, _) = script.await_campaign();
        let since = Instant::now();
        for newer in term + 1.. {
            assert!(!script.request_vote(2, newer, at(1, 1)).1, "its log is newer than the candidate's");
            if script.hear(pace().heartbeat_interval).is_some() {
                return;
            }
            let waited = since.elapsed();
            assert!(
                waited <= pace().election_timeout_max + pace().heartbeat_interval,
                "{waited:?} after its last campaign it has not campaigned: candidates that cannot win put it off"
            );
        }
    });
}

/// Any word of the present leader restarts the timer, also a request that has to be refused: its
/// log is being repaired.
#[test]
fn refused_leader_restarts_the_timer_2b() {
    LAB.rule(&TIMER, "refused_leader_restarts_the_timer_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        for _ in 0..10 {
            let (_, outcome) = script.append(2, 3, at(9, 3), vec![], 0);
            assert!(matches!(outcome, AppendOutcome::RetryFrom(_)), "its log does not go as far as index 9");
            let received = script.hear(pace().election_timeout_min - 4 * TRAVEL);
            assert!(
                received.is_none(),
                "its leader has just spoken, and it campaigns: {:?}",
                received.map(|received| received.request)
            );
        }
    });
}
