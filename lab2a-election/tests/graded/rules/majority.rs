//! Who wins an election, and who does not (Figure 2, Candidates; §5.2).

use labrpc::network::Conditions;
use labrpc::{Term, thread};
use testkit::rule::election::{LEADER_IN_TIME, MAJORITY};
use testkit::script::{Heard, PUNCTUAL, Stage, TRAVEL, granted, refused};

use super::{await_campaign_after, leader, not_leader, pace};
use crate::lab::{LAB, Server, boot};

/// Answers one of a campaign's requests with a vote, and waits until it is counted.
fn vote(round: &mut Vec<Heard>, term: Term) {
    round.pop().expect("there is another voter").reply(granted(term));
    thread::sleep(2 * TRAVEL);
}

fn assert_no_leader(stage: &Stage<Server>, why: &str) {
    let standing = stage.standing();
    assert!(!standing.is_leader, "server 0 leads term {}, but {why}", standing.term);
}

/// Three votes of five win, its own included; two do not.
#[test]
fn three_of_five_2a() {
    LAB.rule(&MAJORITY, "three_of_five_2a", |world| {
        let stage = Stage::new(world, 5, boot);
        let (term, mut round) = stage.await_campaign();
        vote(&mut round, term);
        assert_no_leader(&stage, "two votes of five are no majority");
        vote(&mut round, term);
        assert_eq!(stage.standing(), leader(term), "three votes of five are a majority");
    });
}

/// Half of an even number of servers is no majority: with two votes of four, both halves could win.
#[test]
fn three_of_four_2a() {
    LAB.rule(&MAJORITY, "three_of_four_2a", |world| {
        let stage = Stage::new(world, 4, boot);
        let (term, mut round) = stage.await_campaign();
        vote(&mut round, term);
        assert_no_leader(&stage, "two votes of four are no majority");
        vote(&mut round, term);
        assert_eq!(stage.standing(), leader(term), "three votes of four are a majority");
    });
}

/// Voters count, not votes: the answer of one server that arrives twice is one vote.
#[test]
fn voters_are_counted_2a() {
    LAB.rule(&MAJORITY, "voters_are_counted_2a", |world| {
        let stage = Stage::new(world, 5, boot);
        let doubled = Conditions { duplicates_per_mille: 1000, ..PUNCTUAL };
        (1..5).for_each(|peer| stage.network().set_link_conditions(peer, 0, Some(doubled)));
        let (term, mut round) = stage.await_campaign();
        vote(&mut round, term);
        assert_no_leader(&stage, "one other server has voted for it, and its answer came twice");
    });
}

/// An answer that denies the vote is none.
#[test]
fn denials_do_not_count_2a() {
    LAB.rule(&MAJORITY, "denials_do_not_count_2a", |world| {
        let stage = Stage::new(world, 3, boot);
        let (term, round) = stage.await_campaign();
        round.into_iter().for_each(|heard| heard.reply(refused(term)));
        thread::sleep(2 * TRAVEL);
        assert_no_leader(&stage, "both other servers denied it their vote");
    });
}

/// A vote counts in the term that it was given in: late ones do not help the next campaign.
#[test]
fn late_votes_do_not_count_2a() {
    LAB.rule(&MAJORITY, "late_votes_do_not_count_2a", |world| {
        let stage = Stage::new(world, 5, boot);
        let (earlier, late) = stage.await_campaign();
        let (term, _) = await_campaign_after(&stage, earlier);
        late.into_iter().for_each(|heard| heard.reply(granted(earlier)));
        thread::sleep(2 * TRAVEL);
        assert_no_leader(&stage, &format!("all votes that it has were given in term {earlier}, not in term {term}"));
    });
}

/// Each campaign starts with no vote but its own, whatever the last one had.
#[test]
fn votes_are_not_saved_up_2a() {
    LAB.rule(&MAJORITY, "votes_are_not_saved_up_2a", |world| {
        let stage = Stage::new(world, 5, boot);
        let (earlier, mut round) = stage.await_campaign();
        vote(&mut round, earlier);
        let (term, mut round) = await_campaign_after(&stage, earlier);
        round.pop(); // Another server than before is to vote.
        vote(&mut round, term);
        assert_no_leader(
            &stage,
            &format!("one other server voted for it in term {term}, and another in term {earlier}"),
        );
    });
}

/// A majority is enough, though the other servers are silent.
#[test]
fn majority_is_enough_2a() {
    LAB.rule(&LEADER_IN_TIME, "majority_is_enough_2a", |world| {
        let stage = Stage::new(world, 3, boot);
        let (term, mut round) = stage.await_campaign();
        vote(&mut round, term);
        assert_eq!(stage.standing(), leader(term), "with its own vote it has two of three");
    });
}

/// A server that is alone leads as soon as it campaigns: nobody has to answer.
#[test]
fn alone_2a() {
    LAB.rule(&LEADER_IN_TIME, "alone_2a", |world| {
        let stage = Stage::new(world, 1, boot);
        assert_eq!(stage.standing(), not_leader(0), "a server boots as a follower");
        thread::sleep(pace().election_timeout_max + TRAVEL);
        assert_eq!(stage.standing(), leader(1), "its own vote is a majority of one");
    });
}
