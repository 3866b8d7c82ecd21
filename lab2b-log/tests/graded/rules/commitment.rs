//! What a leader takes for committed (Figure 2, Leaders rule 4; §5.3, §5.4.2).

use labrpc::{Term, thread};
use testkit::rule::replication::{APPEND_ONLY, COMMIT_AT_ONCE, COMMIT_SPREADS, MAJORITY_COMMIT, OWN_TERM_COMMIT};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agrees, at, entries};
use testkit::{World, number};

use super::{ROUND_TRIP, append_of, await_append, give, pace};
use crate::lab::{LAB, Server, boot};

/// A leader of so many servers who has sent its first command to all of them.
fn leader_with_one(world: &World, size: usize) -> (ScriptedCluster<Server>, Term, Vec<ReceivedRequest>) {
    let script = ScriptedCluster::replicating(world, size, boot);
    let (term, greeting) = script.elect();
    greeting.into_iter().for_each(|received| received.reply(agrees(term, 0)));
    thread::sleep(2 * TRAVEL);
    assert_eq!(script.start(number(1)), Ok(at(1, term)), "it leads term {term}, and its log is empty");
    let sent = (1..size).map(|_| script.await_request("its first entry to everyone", ROUND_TRIP, super::is_append));
    let sent = sent.collect();
    (script, term, sent)
}

/// One follower agrees to the first entry, and that is taken in.
fn agree(sent: &mut Vec<ReceivedRequest>, term: Term) {
    sent.pop().expect("another follower was sent the entry").reply(agrees(term, 1));
    thread::sleep(2 * TRAVEL);
}

fn assert_uncommitted(script: &ScriptedCluster<Server>, why: &str) {
    let applied = script.applied_indices();
    assert!(applied.is_empty(), "it handed over entry {applied:?}, but {why}");
}

/// A leader commits an entry once three of five hold it, itself included, and not before.
#[test]
fn majority_commit_2b() {
    LAB.rule(&MAJORITY_COMMIT, "majority_commit_2b", |world| {
        let (script, term, mut sent) = leader_with_one(world, 5);
        assert_uncommitted(&script, "nobody has agreed to it yet");
        agree(&mut sent, term);
        assert_uncommitted(&script, "two of five are no majority");
        agree(&mut sent, term);
        assert_eq!(script.applied_indices(), [1], "three of five hold entry 1, the leader included");
    });
}

/// Half of an even number of servers is no majority.
#[test]
fn majority_of_four_2b() {
    LAB.rule(&MAJORITY_COMMIT, "majority_of_four_2b", |world| {
        let (script, term, mut sent) = leader_with_one(world, 4);
        agree(&mut sent, term);
        assert_uncommitted(&script, "two of four are no majority");
        agree(&mut sent, term);
        assert_eq!(script.applied_indices(), [1], "three of four hold entry 1, the leader included");
    });
}

/// A leader tells its followers what is committed, and not what it hopes to commit.
#[test]
fn leader_commit_2b() {
    LAB.rule(&MAJORITY_COMMIT, "leader_commit_2b", |world| {
        let (script, term, mut sent) = leader_with_one(world, 5);
        agree(&mut sent, term);
        let (_, _, leader_commit) = append_of(&sent[0]);
        assert_eq!(leader_commit, 0, "it sent entry 1 for the first time, so nobody else could hold it");
        let received = await_append(&script, 1, "a heartbeat");
        assert_eq!(append_of(&received).2, 0, "two of five hold entry 1, which is no majority");
    });
}

/// Copies of an entry of an older term prove nothing; with an entry of the leader's own term, they
/// are committed as well (Figure 8).
#[test]
fn own_term_commit_2b() {
    LAB.rule(&OWN_TERM_COMMIT, "own_term_commit_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        give(&script, &[1, 1]);
        script.play_along();
        let (term, _) = script.elect();
        script.hear_all(pace().heartbeat_interval * 2);
        assert_uncommitted(&script, &format!("it is of term 1, and only entries of term {term} may be counted"));
        assert_eq!(script.start(number(3)), Ok(at(3, term)), "its log ended at index 2");
        script.hear_all(pace().heartbeat_interval * 2);
        assert_eq!(script.applied_indices(), [1, 2, 3], "entry 3 is committed, and with it all before it");
    });
}

/// An entry is handed over as soon as the answer that makes the majority is in.
#[test]
fn commit_at_once_2b() {
    LAB.rule(&COMMIT_AT_ONCE, "commit_at_once_2b", |world| {
        let (script, term, mut sent) = leader_with_one(world, 3);
        agree(&mut sent, term);
        assert_eq!(script.applied_indices(), [1], "a millisecond ago one of two followers agreed: that is a majority");
    });
}

/// A server that is alone commits what it is given.
#[test]
fn alone_2b() {
    LAB.rule(&COMMIT_AT_ONCE, "alone_2b", |world| {
        let script = ScriptedCluster::replicating(world, 1, boot);
        thread::sleep(pace().election_timeout_max + TRAVEL);
        assert_eq!(script.start(number(1)), Ok(at(1, 1)), "it won term 1 by its own vote");
        thread::sleep(TRAVEL);
        assert_eq!(script.applied_indices(), [1], "its own copy is a majority of one");
    });
}

/// Followers hear with the next heartbeat what is committed, though no command follows.
#[test]
fn commitment_spreads_2b() {
    LAB.rule(&COMMIT_SPREADS, "commitment_spreads_2b", |world| {
        let (script, term, mut sent) = leader_with_one(world, 3);
        agree(&mut sent, term);
        for follower in [1, 2] {
            script.forget_heard();
            let received = await_append(&script, follower, "a heartbeat");
            assert_eq!(
                append_of(&received).2,
                1,
                "entry 1 is committed, and nothing else will tell server {follower} so"
            );
        }
    });
}

/// A new leader keeps its log as it is: what it took over from older terms stays of those terms.
#[test]
fn leader_append_only_2b() {
    LAB.rule(&APPEND_ONLY, "leader_append_only_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        give(&script, &[1, 2, 2]);
        let (term, greeting) = script.elect();
        let follower = greeting[0].to;
        greeting.into_iter().for_each(|received| received.reply(testkit::script::retry(term, 1)));
        let received = await_append(&script, follower, "its log, from the first entry on");
        let (prev, sent, _) = append_of(&received);
        let expected = &entries(1, &[1, 2, 2])[prev.index as usize..];
        assert_eq!(sent, expected, "left is what it sends after index {}, right what it was given", prev.index);
    });
}
