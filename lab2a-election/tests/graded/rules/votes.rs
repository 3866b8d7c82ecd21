//! Who gets a vote, and how often (Figure 2, RequestVote; §5.2).

use labrpc::{PeerId, thread};
use testkit::rule::election::{VOTE_GIVEN, VOTE_ONCE};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL};

use crate::lab::{LAB, boot};

/// A server votes for at most one candidate in a term, whatever else it hears in that term.
#[test]
fn vote_once_2a() {
    LAB.rule(&VOTE_ONCE, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        script.candidate(1).in_term(5).asks_for_vote().expect_vote("nobody has the vote of term 5 yet");
        script.candidate(2).in_term(5).asks_for_vote().expect_no_vote("server 1 has the vote of term 5");
        script.leader(1).in_term(5).heartbeat();
        let answer = script.candidate(3).in_term(5).asks_for_vote();
        answer.expect_no_vote("server 1 has the vote of term 5: a heartbeat of term 5 does not change that");
        script.candidate(4).in_term(4).asks_for_vote();
        let answer = script.candidate(3).in_term(5).asks_for_vote();
        answer.expect_no_vote("server 1 has the vote of term 5: a request of term 4 does not change that");
    });
}

/// A candidate votes for itself, so another candidate of the same term does not get its vote.
#[test]
fn a_candidate_votes_for_itself_2a() {
    LAB.rule(&VOTE_ONCE, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut requests) = script.expect_campaign();
        let answer = script.candidate(1).in_term(term).asks_for_vote();
        answer.expect_no_vote(format!("server 0 campaigns in term {term} itself"));
        requests.extract_if(.., |received| received.to >= 3).for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        let answer = script.candidate(2).in_term(term).asks_for_vote();
        answer.expect_no_vote(format!("server 0 leads term {term}, and has voted for itself"));
    });
}

/// Each newer term has a vote of its own. The first candidate that asks for it gets it.
#[test]
fn new_term_new_vote_2a() {
    LAB.rule(&VOTE_GIVEN, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        for term in 1..=4 {
            let answer = script.candidate(term as PeerId).in_term(term).asks_for_vote();
            answer.expect_vote(format!("nobody has asked for the vote of term {term} before"));
        }
        let (term, _) = script.elect();
        let answer = script.candidate(1).in_term(term + 1).asks_for_vote();
        answer.expect_vote(format!("its own vote was for term {term}, and term {} is new", term + 1));
    });
}

/// A candidate may ask again, because the first reply may be lost. It gets the vote again.
#[test]
fn a_vote_is_granted_again_2a() {
    LAB.rule(&VOTE_GIVEN, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        script.candidate(1).in_term(3).asks_for_vote().expect_vote("nobody has the vote of term 3 yet");
        let answer = script.candidate(1).in_term(3).asks_for_vote();
        answer.expect_vote("server 1 has the vote of term 3, and asks for it again");
    });
}
