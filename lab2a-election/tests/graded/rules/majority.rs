//! Who wins an election, and who does not (Figure 2, Candidates; §5.2).

use labrpc::network::Conditions;
use labrpc::thread;
use testkit::rule::election::{LEADER_IN_TIME, MAJORITY};
use testkit::script::{PUNCTUAL, ReceivedRequest, ScriptedCluster, TRAVEL};

use crate::lab::{LAB, boot};

/// One more server grants its vote, and the candidate counts it.
#[track_caller]
fn grant_one(requests: &mut Vec<ReceivedRequest>) {
    requests.pop().expect("there is another voter").grant();
    thread::sleep(2 * TRAVEL);
}

/// Three votes of five win, the candidate's own included. Two do not.
#[test]
fn three_votes_of_five_win_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut requests) = script.expect_campaign();
        grant_one(&mut requests);
        script.expect_not_leading("it has two votes of five, which is no majority");
        grant_one(&mut requests);
        script.expect_leader(term, "it has three votes of five, which is a majority");
    });
}

/// Half of an even number of servers is no majority: otherwise both halves could elect a leader.
#[test]
fn two_votes_of_four_do_not_win_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 4, boot);
        let (term, mut requests) = script.expect_campaign();
        grant_one(&mut requests);
        script.expect_not_leading("it has two votes of four, which is no majority");
        grant_one(&mut requests);
        script.expect_leader(term, "it has three votes of four, which is a majority");
    });
}

/// A reply that arrives twice is one vote: a candidate counts voters, not replies.
#[test]
fn a_doubled_vote_counts_once_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let doubled = Conditions { duplicates_per_mille: 1000, ..PUNCTUAL };
        (1..5).for_each(|peer| script.network().set_link_conditions(peer, 0, Some(doubled)));
        let (_, mut requests) = script.expect_campaign();
        grant_one(&mut requests);
        script.expect_not_leading("one other server has voted for it, and that reply arrived twice");
    });
}

/// A reply that denies the vote is no vote.
#[test]
fn denials_do_not_count_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (_, requests) = script.expect_campaign();
        requests.into_iter().for_each(ReceivedRequest::deny);
        thread::sleep(2 * TRAVEL);
        script.expect_not_leading("both other servers denied it their vote");
    });
}

/// A denied vote ends no campaign: the candidate goes on counting, and wins with enough others.
#[test]
fn a_denied_vote_ends_no_campaign_2a() {
    LAB.rule(&MAJORITY, |world| {
        for denials in [[0, 1], [1, 1], [2, 0], [1, 0]] {
            let script = ScriptedCluster::new(world, 5, boot);
            let (term, mut requests) = script.expect_campaign();
            for count in denials {
                for _ in 0..count {
                    requests.pop().expect("there is another voter").deny();
                    thread::sleep(2 * TRAVEL);
                }
                script.expect_not_leading("it has no majority of the votes yet");
                grant_one(&mut requests);
            }
            script.expect_leader(
                term,
                "it has three votes of five, which is a majority, and denied votes change nothing",
            );
            script.crash();
        }
    });
}

/// A vote counts only in the term in which it was granted: a late one does not help the next campaign.
#[test]
fn late_votes_do_not_count_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (earlier, late) = script.expect_campaign();
        let (term, _) = script.expect_campaign_after(earlier);
        late.into_iter().for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        script.expect_not_leading(format!("all votes for it were granted in term {earlier}, not in term {term}"));
    });
}

/// A campaign begins with the candidate's own vote only, whatever votes an earlier campaign had.
#[test]
fn votes_of_an_earlier_term_do_not_count_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (earlier, mut requests) = script.expect_campaign();
        grant_one(&mut requests);
        let (term, mut requests) = script.expect_campaign_after(earlier);
        requests.pop(); // Now a different server grants its vote.
        grant_one(&mut requests);
        let why = format!("in term {term} one other server has voted for it, and in term {earlier} another one");
        script.expect_not_leading(why);
    });
}

/// A majority is enough, even if the other servers are silent.
#[test]
fn majority_is_enough_2a() {
    LAB.rule(&LEADER_IN_TIME, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, mut requests) = script.expect_campaign();
        grant_one(&mut requests);
        script.expect_leader(term, "it has two votes of three, its own included");
    });
}

/// The only server of a cluster leads as soon as it campaigns: no other server has to answer.
#[test]
fn a_single_server_elects_itself_2a() {
    LAB.rule(&LEADER_IN_TIME, |world| {
        let script = ScriptedCluster::new(world, 1, boot);
        script.expect_no_leader(0, "a server boots as a follower, in term 0");
        thread::sleep(script.timing().election_timeout_max + TRAVEL);
        script.expect_leader(1, "its own vote is a majority of one");
    });
}
