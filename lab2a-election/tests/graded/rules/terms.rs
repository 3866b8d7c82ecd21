//! What an older and what a newer term does (§5.1).

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{RaftReply, RequestVoteReply, Term, thread};
use testkit::rule::election::{NEW_TERM, OLD_TERM, TIMER};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, expect_rule, stale};

use crate::lab::{LAB, Server, boot};

/// A leader that does not know yet that its term is over sends heartbeats this often.
const OFTEN: Duration = Duration::from_millis(20);

/// Checks that a server that led until now no longer does, sends nothing as a leader, and waits before it campaigns.
#[track_caller]
fn expect_deposed(script: &ScriptedCluster<Server>, newer: Term) {
    script.expect_no_leader(newer, format!("server 0 has heard of term {newer}"));
    script.discard_requests();
    let received = script.requests_within(script.timing().election_timeout_min - 4 * TRAVEL);
    let append = received.iter().find(|received| received.is_append());
    assert!(append.is_none(), "server 0 no longer leads, and still sends {}", append.unwrap());
    let what = "a leader that is deposed campaigns one election timeout after its last heartbeat, and not sooner";
    expect_rule(&TIMER, received.is_empty(), what);
}

/// A candidate of an older term is refused, even if nobody asked for that vote before. It learns the
/// newer term from the refusal.
#[test]
fn a_candidate_of_an_older_term_is_refused_2a() {
    LAB.rule(&OLD_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        script.candidate(1).in_term(7).asks_for_vote().expect_vote("nobody has the vote of term 7 yet");
        let late = script.candidate(1).in_term(6).asks_for_vote();
        late.expect_stale(7, "server 0 is in term 7, and has voted for server 1 there, but this request is of term 6");
        script.leader(2).in_term(9).heartbeat();
        let late = script.candidate(1).in_term(8).asks_for_vote();
        late.expect_stale(9, "server 0 is in term 9, so no leader of term 8 can be elected any more");
        script.expect_no_leader(9, "a request of an older term changes nothing");
    });
}

/// A leader of an older term is refused, and does not keep anybody from campaigning.
#[test]
fn a_leader_of_an_older_term_is_refused_2a() {
    LAB.rule(&OLD_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        script.leader(1).in_term(7).heartbeat().expect_same_term("a server adopts the newer term of a leader");
        let since = Instant::now();
        while script.next_request(OFTEN).is_none() {
            script
                .leader(2)
                .in_term(6)
                .heartbeat()
                .expect_stale_in_any_term("server 0 has heard of term 7, and term 6 is over");
            let waited = since.elapsed();
            assert!(
                waited <= script.timing().election_timeout_max + OFTEN + 2 * TRAVEL,
                "for {waited:?} server 0 has heard only from a leader of term 6, and does not campaign"
            );
        }
        thread::sleep(TRAVEL);
        script.discard_requests();
        let (term, _) = script.elect();
        let answer = script.leader(1).in_term(7).heartbeat();
        answer.expect_stale(term, format!("server 0 leads term {term}, and term 7 is over"));
        script.expect_leader(term, "a leader of an older term deposes nobody");
    });
}

/// A candidate's newer term deposes a leader at once.
#[test]
fn a_newer_candidate_deposes_a_leader_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        script.candidate(1).in_term(term + 2).asks_for_vote();
        expect_deposed(&script, term + 2);
    });
}

/// A leader's newer term deposes a leader, and ends a campaign, at once.
#[test]
fn a_newer_leader_deposes_a_leader_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        let answer = script.leader(1).in_term(term + 2).heartbeat();
        answer.expect_same_term("server 0 adopts the newer term of a leader");
        expect_deposed(&script, term + 2);
        let (term, _) = script.expect_campaign();
        let answer = script.leader(1).in_term(term + 2).heartbeat();
        answer.expect_same_term("server 0 adopts the newer term of a leader");
        script.expect_no_leader(term + 2, format!("its campaign was in term {term}, which is over"));
    });
}

/// A newer term in the reply to a candidate ends its campaign: votes of the older term no longer count.
#[test]
fn newer_term_for_a_candidate_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut requests) = script.expect_campaign();
        let newer = term + 3;
        requests.pop().expect("four servers were asked").deny_in_term(newer);
        thread::sleep(2 * TRAVEL);
        script.expect_no_leader(newer, format!("a voter's reply was of term {newer}"));
        requests.into_iter().for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        script.expect_no_leader(newer, format!("the votes were granted in term {term}, which is over"));
        let (next, _) = script.expect_campaign();
        assert_eq!(next, newer + 1, "it knows of term {newer}, and campaigns in the next one");
    });
}

/// A newer term in the reply to a heartbeat deposes a leader at once.
#[test]
fn newer_term_for_a_leader_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, mut heartbeats) = script.elect();
        heartbeats.pop().expect("two servers receive heartbeats").stale(term + 3);
        thread::sleep(2 * TRAVEL);
        expect_deposed(&script, term + 3);
    });
}

/// A newer term counts, however far ahead it is: a server that was alone may have campaigned a thousand times.
#[test]
fn a_term_far_ahead_counts_2a() {
    LAB.rule(&NEW_TERM, |world| {
        let mut term = 2;
        for ahead in [10, 2_000, 1 << 20, 1 << 31, 1 << 40] {
            let script = ScriptedCluster::new(world, 3, boot);
            script.leader(1).in_term(term).heartbeat().expect_same_term("it is the first term that server 0 hears of");
            term = script.await_newer_term() + ahead;
            script.candidate(2).in_term(term).asks_for_vote().expect_vote(format!("term {term} is new, if far ahead"));
            term += ahead;
            let leader = script.leader(1).in_term(term);
            leader.heartbeat().expect_same_term(format!("term {term} is new, if far ahead"));
            let (campaign, mut requests) = script.expect_campaign();
            term = campaign + ahead;
            requests.remove(0).reply(RaftReply::RequestVote(RequestVoteReply { term, granted: false }));
            thread::sleep(2 * TRAVEL);
            script.expect_no_leader(term, format!("a reply of term {term} has arrived"));
            let (leads, mut heartbeats) = script.elect();
            term = leads + ahead;
            heartbeats.remove(0).reply(stale(term));
            thread::sleep(2 * TRAVEL);
            script.expect_no_leader(term, format!("a follower's reply of term {term} has arrived"));
            script.crash();
        }
    });
}
