//! What a leader commits, and when (Figure 2, Leaders rule 4; §5.3, §5.4.2).

use labrpc::{Status, Term, thread};
use testkit::rule::election::LEADER_STAYS;
use testkit::rule::replication::{
    APPEND_ONLY, COMMIT_AT_ONCE, COMMIT_SPREADS, LEADS_AND_SENDS, MAJORITY_COMMIT, OWN_TERM_COMMIT,
};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, at, entries, expect_rule, look_at, prepare};
use testkit::{World, number};

use super::{ROUND_TRIP, send_log};
use crate::lab::{LAB, Server, boot};

/// A leader of `size` servers, its term, and its first entry's AppendEntries to each other server,
/// unanswered.
#[track_caller]
fn leader_with_one_entry(world: &World, size: usize) -> (ScriptedCluster<Server>, Term, Vec<ReceivedRequest>) {
    let script = ScriptedCluster::replicating(world, size, boot);
    let (term, heartbeats) = script.elect();
    let begun = prepare("server 0 leads, takes a command, and sends it to all others");
    look_at(&LEADS_AND_SENDS);
    heartbeats.into_iter().for_each(ReceivedRequest::agree);
    thread::sleep(2 * TRAVEL);
    script.expect_taken(number(1), at(1, term), format!("it leads term {term}, and its log is empty"));
    let what = "its first entry to every server";
    let mut sent = Vec::new();
    while sent.len() + 1 < size {
        sent.push(script.expect_request(what, ROUND_TRIP, ReceivedRequest::is_append));
    }
    begun.done();
    (script, term, sent)
}

/// One more follower agrees to the entry, and the leader handles the reply.
#[track_caller]
fn agree(sent: &mut Vec<ReceivedRequest>) {
    sent.pop().expect("another follower was sent the entry").agree();
    thread::sleep(2 * TRAVEL);
}

/// A leader of five commits an entry once three servers hold it, itself included, and not before.
#[test]
fn majority_commit_2b() {
    LAB.rule(&MAJORITY_COMMIT, |world| {
        let (script, _, mut sent) = leader_with_one_entry(world, 5);
        script.expect_applied_indices([], "no follower has agreed to entry 1 yet");
        agree(&mut sent);
        script.expect_applied_indices([], "two of five servers hold entry 1, which is no majority");
        agree(&mut sent);
        script.expect_applied_indices([1], "three of five servers hold entry 1, the leader included");
    });
}

/// Half of an even number of servers is no majority.
#[test]
fn majority_of_four_2b() {
    LAB.rule(&MAJORITY_COMMIT, |world| {
        let (script, _, mut sent) = leader_with_one_entry(world, 4);
        agree(&mut sent);
        script.expect_applied_indices([], "two of four servers hold entry 1, which is no majority");
        agree(&mut sent);
        script.expect_applied_indices([1], "three of four servers hold entry 1, the leader included");
    });
}

/// A leader tells its followers what is committed, not what it hopes to commit.
#[test]
fn a_leader_tells_only_what_is_committed_2b() {
    LAB.rule(&MAJORITY_COMMIT, |world| {
        let (script, _, mut sent) = leader_with_one_entry(world, 5);
        agree(&mut sent);
        let commit = sent[0].append().leader_commit;
        assert_eq!(commit, 0, "no other server could hold entry 1 when it was sent for the first time");
        let heartbeat = script.expect_append_to(1, "a heartbeat to server 1");
        assert_eq!(heartbeat.append().leader_commit, 0, "two of five servers hold entry 1, which is no majority");
    });
}

/// A leader does not commit an entry of an older term by counting copies. An entry of its own term
/// commits the older ones too (Figure 8).
#[test]
fn own_term_commit_2b() {
    LAB.rule(&OWN_TERM_COMMIT, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let heartbeat_interval = script.timing().heartbeat_interval;
        send_log(&script, &[1, 1]);
        script.agree_to_everything();
        let (term, _) = script.elect();
        script.requests_within(heartbeat_interval * 2);
        script.expect_applied_indices(
            [],
            format!("its entries are of term 1, and it may count only copies of entries of term {term}"),
        );
        script.expect_taken(number(3), at(3, term), "its log ended at index 2");
        script.requests_within(heartbeat_interval * 2);
        script.expect_applied_indices([1, 2, 3], "entry 3 is committed, and so is everything before it");
    });
}

/// An entry is applied as soon as the agreement that completes the majority arrives.
#[test]
fn commit_at_once_2b() {
    LAB.rule(&COMMIT_AT_ONCE, |world| {
        let (script, _, mut sent) = leader_with_one_entry(world, 3);
        agree(&mut sent);
        script.expect_applied_indices([1], "a millisecond ago one of two followers agreed, which makes a majority");
    });
}

/// A cluster of one server commits what it is offered.
#[test]
fn alone_2b() {
    LAB.rule(&COMMIT_AT_ONCE, |world| {
        let script = ScriptedCluster::replicating(world, 1, boot);
        thread::sleep(script.timing().election_timeout_max + TRAVEL);
        script.expect_taken(number(1), at(1, 1), "it won term 1 by its own vote");
        thread::sleep(TRAVEL);
        script.expect_applied_indices([1], "its own copy is a majority of one");
    });
}

/// Followers learn with the next heartbeat what is committed, even if no command follows.
#[test]
fn commitment_spreads_2b() {
    LAB.rule(&COMMIT_SPREADS, |world| {
        let (script, _, mut sent) = leader_with_one_entry(world, 3);
        agree(&mut sent);
        for follower in [1, 2] {
            script.discard_requests();
            let heartbeat = script.expect_append_to(follower, "the next heartbeat");
            let commit = heartbeat.append().leader_commit;
            assert_eq!(commit, 1, "entry 1 is committed, and only a heartbeat can tell server {follower} so");
        }
    });
}

/// A new leader keeps its log as it is: entries of older terms keep their terms.
#[test]
fn leader_append_only_2b() {
    LAB.rule(&APPEND_ONLY, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        send_log(&script, &[1, 2, 2]);
        let (term, heartbeats) = script.elect();
        let follower = heartbeats[0].to;
        heartbeats.into_iter().for_each(|received| received.retry_from(1));
        thread::sleep(2 * TRAVEL);
        let status = script.status();
        let stays = Status { term, is_leader: true };
        let what = format!("two refusals of term {term} have arrived, and the status is {status:?}, not {stays:?}");
        expect_rule(&LEADER_STAYS, status == stays, what);
        let received = script.expect_append_to(follower, "its log, from the first entry on");
        let after = received.append().prev.index as usize;
        let expected = &entries(1, &[1, 2, 2])[after..];
        assert!(
            received.append().entries == expected,
            "its log is 1:1 2:2 3:2, as it was when it became the leader, and it sends {received}"
        );
    });
}
