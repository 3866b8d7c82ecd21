//! Who gets a vote, and how often (Figure 2, RequestVote; §5.2).

use labrpc::{LogPosition, PeerId, Term, thread};
use testkit::rule::election::{VOTE_GIVEN, VOTE_ONCE};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, granted};

use crate::lab::{LAB, Server, boot};

/// A candidate with an empty log asks, and is told the voter's term, and whether it has the vote.
fn ask(script: &ScriptedCluster<Server>, candidate: PeerId, term: Term) -> (Term, bool) {
    script.request_vote(candidate, term, LogPosition::ZERO)
}

/// A server votes for at most one candidate in a term, whatever else it hears in that term.
#[test]
fn vote_once_2a() {
    LAB.rule(&VOTE_ONCE, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        assert_eq!(ask(&script, 1, 5), (5, true), "nobody had the vote of term 5 yet");
        assert_eq!(ask(&script, 2, 5), (5, false), "server 1 has the vote of term 5");
        script.heartbeat(1, 5);
        assert_eq!(ask(&script, 3, 5), (5, false), "hearing the leader of term 5 frees no vote in term 5");
        ask(&script, 4, 4);
        assert_eq!(ask(&script, 3, 5), (5, false), "a request of an older term frees no vote in term 5");
    });
}

/// A candidate has voted for itself: a rival of the same term gets no vote of it, then or later.
#[test]
fn candidates_vote_is_cast_2a() {
    LAB.rule(&VOTE_ONCE, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        assert_eq!(ask(&script, 1, term), (term, false), "server 0 campaigns in term {term} itself");
        let is_voter = |received: &mut ReceivedRequest| received.to >= 3;
        round.extract_if(.., is_voter).for_each(|received| received.reply(granted(term)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(ask(&script, 2, term), (term, false), "server 0 leads term {term}, by its own vote too");
    });
}

/// Each newer term has a vote of its own, and who asks for it first gets it.
#[test]
fn new_term_new_vote_2a() {
    LAB.rule(&VOTE_GIVEN, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        for term in 1..=4 {
            assert_eq!(ask(&script, term as PeerId, term), (term, true), "in term {term} nobody has asked before");
        }
        let (term, _) = script.elect();
        let newer = term + 1;
        assert_eq!(ask(&script, 1, newer), (newer, true), "its own vote was for term {term}, and term {newer} is new");
    });
}

/// A candidate that asks again, because the answer may be lost, is given the vote that it has.
#[test]
fn vote_is_given_again_2a() {
    LAB.rule(&VOTE_GIVEN, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        assert_eq!(ask(&script, 1, 3), (3, true), "nobody had the vote of term 3 yet");
        assert_eq!(ask(&script, 1, 3), (3, true), "server 1 has the vote of term 3, and asks for it again");
    });
}
