//! Requests about entries that a snapshot covers. Those are committed, so both logs hold the same there.

use labrpc::thread;
use testkit::rule::election::LEADER_STAYS;
use testkit::rule::replication::BACK_UP;
use testkit::rule::snapshots::COVERED;
use testkit::script::{at, entries};

use super::setup::{SOON, cut, follower_with, position};
use crate::lab::LAB;

/// A request may begin before the first entry of the log and end after it: the covered entries are
/// skipped, the held ones stay, and the new ones are appended.
#[test]
fn covered_entries_are_skipped_2d() {
    LAB.rule(&COVERED, |world| {
        let terms = [1, 1, 2, 2, 3];
        let script = follower_with(world, &terms, 5);
        cut(&script, 3);
        let leader = script.leader(1).in_term(3).commit(5);
        for first in 1..=4 {
            let prev = first - 1;
            let answer = leader.clone().after(position(&terms, prev)).entries_of_terms(&terms[prev as usize..]).send();
            answer.expect_agreement(5, format!("the snapshot covers entries {first} to 3, and it holds the others"));
            script.expect_entries_on_disk(&entries(4, &[2, 3]), "the log begins after 3:2, and nothing was new");
        }
        let answer = leader.after(at(1, 1)).entries_of_terms(&[1, 2, 2, 3, 3]).send();
        answer.expect_agreement(6, "entry 6 follows entries that it holds or has in its snapshot");
        script.expect_entries_on_disk(&entries(4, &[2, 3, 3]), "entry 6 is new");
    });
}

/// A follower agrees to a request that ends before the first entry of the log: nothing in it is new.
#[test]
fn a_request_of_covered_entries_only_2d() {
    LAB.rule(&COVERED, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 3], 5);
        cut(&script, 4);
        let leader = script.leader(1).in_term(3).commit(5);
        leader.clone().entries_of_terms(&[1, 1]).send().expect_agreement(2, "the snapshot covers both entries");
        leader.clone().send().expect_agreement(0, "every log agrees through index 0");
        leader.clone().after(at(2, 1)).send().expect_agreement(2, "the snapshot covers 2:1");
        let answer = leader.after(at(1, 1)).entries_of_terms(&[1, 2, 2]).send();
        answer.expect_agreement(4, "the snapshot covers entries 2 to 4");
        script.expect_entries_on_disk(&entries(5, &[3]), "nothing was new");
        thread::sleep(SOON);
        script.expect_applied_indices([], "all of it was applied before");
    });
}

/// A refusal asks for entries after the snapshot: the leader need not go back any further.
#[test]
fn refusals_ask_for_entries_after_the_snapshot_2d() {
    LAB.rule(&BACK_UP, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 2, 2], 3);
        cut(&script, 3);
        let leader = script.leader(1).in_term(4).commit(3);
        let answer = leader.clone().after(at(6, 3)).send();
        answer.expect_retry_from(4, "its entry 6 is of term 2, and the first entry of term 2 after the snapshot is 4");
        leader.after(at(9, 4)).send().expect_retry_from(7, "its log ends at index 6");
    });
}

/// Skipped entries are not appended at a wrong index, even if no term tells them apart.
#[test]
fn covered_entries_are_not_appended_2d() {
    LAB.rule(&COVERED, |world| {
        let script = follower_with(world, &[1; 5], 5);
        cut(&script, 3);
        let leader = script.leader(1).in_term(1).commit(5);
        leader
            .clone()
            .entries_of_terms(&[1; 5])
            .send()
            .expect_agreement(5, "the snapshot covers 1 to 3, and it holds 4 and 5");
        let why = "the first entry of the request is entry 1, not entry 4";
        script.expect_entries_on_disk(&entries(4, &[1, 1]), why);
        let answer = leader.after(at(2, 1)).entries_of_terms(&[1; 4]).send();
        answer.expect_agreement(6, "the snapshot covers 3, it holds 4 and 5, and 6 is new");
        script.expect_entries_on_disk(&entries(4, &[1, 1, 1]), "only entry 6 is new");
    });
}

/// A new leader with a cut log knows nothing of its followers yet, and asks its log only for entries
/// that are still there.
#[test]
fn a_new_leader_with_a_cut_log_2d() {
    LAB.rule(&LEADER_STAYS, |world| {
        let script = follower_with(world, &[1, 1, 1, 1], 3);
        cut(&script, 3);
        let (term, heartbeats) = script.elect();
        script.expect_taken(&b"next"[..], at(5, term), format!("server 0 leads term {term}, and its log ended at 4"));
        heartbeats.into_iter().for_each(|received| received.retry_from(1));
        thread::sleep(SOON);
        script.expect_leader(term, "two followers lack everything, which deposes nobody");
    });
}
