//! Who wins an election, and who does not (Figure 2, Candidates; §5.2).

use labrpc::network::Conditions;
use labrpc::{Term, thread};
use testkit::rule::election::{LEADER_IN_TIME, MAJORITY};
use testkit::script::{PUNCTUAL, ReceivedRequest, ScriptedCluster, TRAVEL, granted, refused};

use super::{await_campaign_after, leader, not_leader, timing};
use crate::lab::{LAB, Server, boot};

/// Answers one of a campaign's requests with a vote, and waits until it is counted.
fn vote(round: &mut Vec<ReceivedRequest>, term: Term) {
    round.pop().expect("there is another voter").reply(granted(term));
    thread::sleep(2 * TRAVEL);
}

fn assert_no_leader(script: &ScriptedCluster<Server>, why: &str) {
    let status = script.status();
    assert!(!status.is_leader, "server 0 leads term {}, but {why}", status.term);
}

/// Three votes of five win, its own included; two do not.
#[test]
fn three_of_five_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        vote(&mut round, term);
        assert_no_leader(&script, "two votes of five are no majority");
        vote(&mut round, term);
        assert_eq!(script.status(), leader(term), "three votes of five are a majority");
    });
}

/// Half of an even number of servers is no majority: with two votes of four, both halves could win.
#[test]
fn three_of_four_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 4, boot);
        let (term, mut round) = script.await_campaign();
        vote(&mut round, term);
        assert_no_leader(&script, "two votes of four are no majority");
        vote(&mut round, term);
        assert_eq!(script.status(), leader(term), "three votes of four are a majority");
    });
}

/// Voters count, not votes: the answer of one server that arrives twice is one vote.
#[test]
fn voters_are_counted_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let doubled = Conditions { duplicates_per_mille: 1000, ..PUNCTUAL };
        (1..5).for_each(|peer| script.network().set_link_conditions(peer, 0, Some(doubled)));
        let (term, mut round) = script.await_campaign();
        vote(&mut round, term);
        assert_no_leader(&script, "one other server has voted for it, and its answer came twice");
    });
}

/// An answer that denies the vote is none.
#[test]
fn denials_do_not_count_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, round) = script.await_campaign();
        round.into_iter().for_each(|received| received.reply(refused(term)));
        thread::sleep(2 * TRAVEL);
        assert_no_leader(&script, "both other servers denied it their vote");
    });
}

/// A vote counts in the term that it was given in: late ones do not help the next campaign.
#[test]
fn late_votes_do_not_count_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (earlier, late) = script.await_campaign();
        let (term, _) = await_campaign_after(&script, earlier);
        late.into_iter().for_each(|received| received.reply(granted(earlier)));
        thread::sleep(2 * TRAVEL);
        assert_no_leader(&script, &format!("all votes that it has were given in term {earlier}, not in term {term}"));
    });
}

/// Each campaign starts with no vote but its own, whatever the last one had.
#[test]
fn votes_are_not_saved_up_2a() {
    LAB.rule(&MAJORITY, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (earlier, mut round) = script.await_campaign();
        vote(&mut round, earlier);
        let (term, mut round) = await_campaign_after(&script, earlier);
        round.pop(); // Another server than before is to vote.
        vote(&mut round, term);
        assert_no_leader(
            &script,
            &format!("one other server voted for it in term {term}, and another in term {earlier}"),
        );
    });
}

/// A majority is enough, though the other servers are silent.
#[test]
fn majority_is_enough_2a() {
    LAB.rule(&LEADER_IN_TIME, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, mut round) = script.await_campaign();
        vote(&mut round, term);
        assert_eq!(script.status(), leader(term), "with its own vote it has two of three");
    });
}

/// A server that is alone leads as soon as it campaigns: nobody has to answer.
#[test]
fn alone_2a() {
    LAB.rule(&LEADER_IN_TIME, |world| {
        let script = ScriptedCluster::new(world, 1, boot);
        assert_eq!(script.status(), not_leader(0), "a server boots as a follower");
        thread::sleep(timing().election_timeout_max + TRAVEL);
        assert_eq!(script.status(), leader(1), "its own vote is a majority of one");
    });
}
