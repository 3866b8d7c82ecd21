//! State is on disk before a message shows it. The oracles check every message as it leaves; each
//! script here makes one of the changes that a message can depend on.

use labrpc::thread;
use testkit::number;
use testkit::rule::persistence::DURABLE;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, at, entries};

use crate::lab::{LAB, boot};

/// A vote is on disk before the candidate learns of it, even in a term that the voter already knew.
#[test]
fn a_vote_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        script.candidate(1).in_term(1).asks_for_vote().expect_vote("nobody has the vote of term 1 yet");
        script.expect_ballot_on_disk(1, Some(1), "server 0 has granted its vote in a term that was new to it");

        let (term, mut requests) = script.expect_campaign();
        requests.remove(0).deny_in_term(term + 1);
        thread::sleep(2 * TRAVEL);
        let answer = script.candidate(3).in_term(term + 1).asks_for_vote();
        answer.expect_vote("a denial told server 0 of this term, in which nobody has its vote yet");
        script.expect_ballot_on_disk(term + 1, Some(3), "server 0 has granted its vote in a term that it already knew");
    });
}

/// A newer term from a request is on disk before the reply shows it, for every kind of request.
#[test]
fn a_term_from_a_request_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.leader(1).in_term(2).heartbeat();
        script.expect_ballot_on_disk(2, None, "a leader of term 2 has sent a heartbeat");
        script.leader(1).in_term(2).entries_of_terms(&[2]).send();
        let term = script.await_newer_term();
        let answer = script.candidate(2).in_term(term).asks_for_vote();
        answer.expect_no_vote("the voter's log ends at 1:2, the candidate's is empty");
        script.expect_ballot_on_disk(term, None, "a candidate was denied the vote, but its newer term counts");

        // The vote goes to the same server as before: only the term differs.
        let candidate = |term| script.candidate(2).in_term(term).with_log_through(at(1, 2));
        candidate(term + 1).asks_for_vote().expect_vote("both logs end at 1:2");
        candidate(term + 2).asks_for_vote().expect_vote("nobody has the vote of this term yet");
        script.expect_ballot_on_disk(term + 2, Some(2), "server 2 has also got the vote of the next term");
    });
}

/// A newer term from a reply is on disk as soon as the server acts on it.
#[test]
fn a_term_from_a_reply_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, requests) = script.expect_campaign();
        requests.into_iter().for_each(|received| received.deny_in_term(term + 5));
        thread::sleep(2 * TRAVEL);
        script.expect_ballot_on_disk(term + 5, None, format!("a voter's reply has term {}", term + 5));
        let answer = script.leader(1).in_term(term + 1).heartbeat();
        answer.expect_stale(term + 5, format!("a voter's reply had term {}", term + 5));

        let (term, heartbeats) = script.elect();
        heartbeats.into_iter().for_each(|received| received.stale(term + 3));
        thread::sleep(2 * TRAVEL);
        script.expect_ballot_on_disk(term + 3, None, format!("a follower's reply has term {}", term + 3));
        let answer = script.leader(1).in_term(term + 1).heartbeat();
        answer.expect_stale(term + 3, format!("a follower's reply had term {}", term + 3));
    });
}

/// A candidate's new term and its vote for itself are on disk before it asks any server.
#[test]
fn a_candidate_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for campaign in 1..=3 {
            let (term, _unanswered) = script.expect_campaign();
            script.expect_ballot_on_disk(term, Some(0), format!("this is its campaign number {campaign}"));
        }
    });
}

/// Entries are on disk before the follower agrees to them, even if term and vote do not change.
#[test]
fn entries_are_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1);
        leader.heartbeat();
        leader.clone().entries_of_terms(&[1, 1]).send().expect_agreement(2, "its log was empty");
        leader.after(at(2, 1)).entries_of_terms(&[1]).send().expect_agreement(3, "its log ended at 2:1");
        script.expect_entries_on_disk(&entries(1, &[1, 1, 1]), "server 0 has agreed to three entries");
    });
}

/// Entries that replace others are on disk before the follower agrees to them, and the replaced entries
/// are gone, whether the log becomes shorter or longer or keeps its length, and whether the new entries are of a later
/// term or of an earlier one.
#[test]
fn replaced_entries_are_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        // A leader of term 4 has entries of term 2 if it took them from the leader of that term.
        for (replaced, new, leader_term) in [(1, 2, 2), (3, 2, 4)] {
            for replacements in 1..=3 {
                let script = ScriptedCluster::replicating(world, 3, boot);
                script.leader(1).in_term(replaced).entries_of_terms(&[1, replaced, replaced]).send();
                let leader = script.leader(2).in_term(leader_term);
                leader.heartbeat();
                let terms = vec![new; replacements];
                let last = 1 + replacements as u64;
                let answer = leader.clone().after(at(1, 1)).entries_of_terms(&terms).send();
                answer.expect_agreement(last, "its log holds 1:1");
                let expected = entries(1, &[&[1][..], &terms].concat());
                let why = format!("from index 2 on, entries of term {new} replace those of term {replaced}");
                script.expect_entries_on_disk(&expected, why);

                // The next save must continue the log that is on disk now.
                leader.after(at(last, new)).entries_of_terms(&[new]).send();
                let expected = entries(1, &[&[1][..], &terms, &[new]].concat());
                script.expect_entries_on_disk(&expected, format!("one more entry of term {new} has followed"));
            }
        }
    });
}

/// A leader's entry is on its disk before `start` returns, before it is sent, and before it is
/// committed, even in a cluster of one.
#[test]
fn a_command_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, heartbeats) = script.elect();
        heartbeats.into_iter().for_each(ReceivedRequest::agree);
        thread::sleep(2 * TRAVEL);
        script.expect_taken(number(1), at(1, term), format!("server 0 leads term {term}"));
        assert_eq!(script.disk().last(), at(1, term), "`start` has returned the position of its entry");

        let alone = ScriptedCluster::replicating(world, 1, boot);
        thread::sleep(alone.timing().election_timeout_max + TRAVEL);
        let at = alone.start(number(1)).expect("the only server of a cluster leads");
        thread::sleep(TRAVEL);
        alone.expect_applied_indices([1], "the only server of a cluster commits by itself");
        assert_eq!(alone.disk().last(), at, "the entry is committed, so a majority of one holds it on disk");
    });
}
