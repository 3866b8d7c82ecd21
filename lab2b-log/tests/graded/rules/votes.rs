//! Elections, now that logs differ (§5.4.1), and the timer, now that requests can be refused.

use labrpc::time::Instant;
use labrpc::{LogPosition, RaftRequest, RequestVote};
use testkit::rule::election::{CAMPAIGN, NEW_TERM, TIMER, VOTE_GIVEN};
use testkit::rule::replication::ELECTION_RESTRICTION;
use testkit::script::{Answered, ScriptedCluster, TRAVEL, at};

use super::follower_with;
use crate::lab::{LAB, Server};

/// Server 2 asks for a vote in a term that is new, long after your server has heard from a leader.
#[track_caller]
fn candidate_asks(script: &ScriptedCluster<Server>, last_log: LogPosition) -> Answered {
    let (term, _) = script.expect_campaign();
    script.candidate(2).in_term(term + 1).with_log_through(last_log).asks_for_vote()
}

/// A candidate with an older log gets no vote: its last entry is of an older term, or of the same
/// term at a lower index.
#[test]
fn a_candidate_with_an_older_log_gets_no_vote_2b() {
    LAB.rule(&ELECTION_RESTRICTION, |world| {
        let script = follower_with(world, &[1, 2, 2]);
        candidate_asks(&script, at(9, 1))
            .expect_no_vote("the voter's log ends at 3:2: a log that ends in term 1 is older, however long");
        candidate_asks(&script, at(2, 2))
            .expect_no_vote("the voter's log ends at 3:2: a log that ends at 2:2 is older");
        candidate_asks(&script, LogPosition::ZERO).expect_no_vote("the voter's log ends at 3:2: an empty log is older");
    });
}

/// A candidate gets the vote if its log is equal, longer, or shorter with a later last term.
#[test]
fn an_equal_or_newer_log_gets_the_vote_2b() {
    LAB.rule(&VOTE_GIVEN, |world| {
        let script = follower_with(world, &[1, 2, 2]);
        candidate_asks(&script, at(3, 2)).expect_vote("both logs end at 3:2");
        candidate_asks(&script, at(4, 2)).expect_vote("the voter's log ends at 3:2: a log that ends at 4:2 is longer");
        candidate_asks(&script, at(1, 3))
            .expect_vote("the voter's log ends at 3:2: a log that ends at 1:3 is newer, though shorter");
    });
}

/// A candidate names the end of its log, including the entries that are not known to be committed.
#[test]
fn a_candidate_names_the_end_of_its_log_2b() {
    LAB.rule(&CAMPAIGN, |world| {
        let script = follower_with(world, &[1, 2, 2]);
        let (term, requests) = script.expect_campaign();
        let expected = RaftRequest::RequestVote(RequestVote { term, candidate: 0, last_log: at(3, 2) });
        let wrong = requests.iter().find(|received| received.request != expected);
        assert!(wrong.is_none(), "its log ends at 3:2, and it sends {}", wrong.unwrap());
    });
}

/// A server adopts a candidate's newer term even if the candidate does not get the vote.
#[test]
fn a_newer_term_counts_without_a_vote_2b() {
    LAB.rule(&NEW_TERM, |world| {
        let script = follower_with(world, &[1, 2, 2]);
        let (term, _) = script.expect_campaign();
        let newer = term + 3;
        let answer = script.candidate(2).in_term(newer).with_log_through(at(1, 1)).asks_for_vote();
        answer.expect_no_vote("the voter's log ends at 3:2: a log that ends at 1:1 is older");
        script.expect_no_leader(newer, format!("the candidate's request was of term {newer}"));
    });
}

/// A candidate that cannot win does not delay the campaign of a server that can, however high its term.
#[test]
fn hopeless_candidates_delay_no_campaign_2b() {
    LAB.rule(&TIMER, |world| {
        let script = follower_with(world, &[1, 2, 2]);
        let timing = script.timing();
        let (term, _) = script.expect_campaign();
        let since = Instant::now();
        for newer in term + 1.. {
            let answer = script.candidate(2).in_term(newer).with_log_through(at(1, 1)).asks_for_vote();
            answer.expect_no_vote_in_any_term("the voter's log ends at 3:2: a log that ends at 1:1 is older");
            if script.next_request(timing.heartbeat_interval).is_some() {
                return;
            }
            let waited = since.elapsed();
            assert!(
                waited <= timing.election_timeout_max + timing.heartbeat_interval,
                "it has not campaigned again, {} ms after its last campaign: candidates that cannot win delay it",
                waited.as_millis()
            );
        }
    });
}

/// Every request of the current leader restarts the timer, even one that the follower must refuse:
/// the leader is repairing the follower's log.
#[test]
fn a_refused_leader_restarts_the_timer_2b() {
    LAB.rule(&TIMER, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        for _ in 0..10 {
            let answer = script.leader(2).in_term(3).after(at(9, 3)).send();
            answer.expect_refusal("its log ends at index 3, before index 9");
            let silence = script.timing().election_timeout_min - 4 * TRAVEL;
            script.expect_silence(silence, "its leader has just sent a request");
        }
    });
}
