//! Requests that speak of entries which a snapshot covers: they are committed, so both logs hold the same.

use labrpc::AppendOutcome::{RetryFrom, Through};
use labrpc::{LogPosition, thread};
use testkit::rule::life::RUNS;
use testkit::rule::replication::BACK_UP;
use testkit::rule::snapshots::COVERED;
use testkit::script::{at, entries, retry};

use super::prelude::{SOON, follower_with, state};
use crate::lab::LAB;

/// A request that begins before the log's beginning and ends behind it: what is covered is skipped,
/// what is held stays, what is new is appended.
#[test]
fn covered_entries_are_skipped_2d() {
    LAB.rule(&COVERED, |world| {
        let terms = [1, 1, 2, 2, 3];
        let script = follower_with(world, &terms, 5);
        script.snapshot(3, state(3));
        let tail = entries(4, &[2, 3]);
        for first in 1..=4 {
            let prev = first - 1;
            let prev = if prev == 0 { LogPosition::ZERO } else { at(prev, terms[prev as usize - 1]) };
            let outcome = script.append(1, 3, prev, entries(first, &terms[first as usize - 1..]), 5);
            assert_eq!(outcome, (3, Through(5)), "entries {first} to 5 are in the snapshot or behind it");
            assert_eq!(script.disk().entries, tail, "the log begins after index 3, and held entries 4 and 5 already");
        }
        let outcome = script.append(1, 3, at(1, 1), entries(2, &[1, 2, 2, 3, 3]), 5);
        assert_eq!(outcome, (3, Through(6)), "entry 6 follows what is in the snapshot or behind it");
        assert_eq!(script.disk().entries, entries(4, &[2, 3, 3]), "entry 6 is new");
    });
}

/// A request that ends before the log's beginning, or right at it, tells nothing new, and is agreed to.
#[test]
fn a_request_of_covered_entries_only_2d() {
    LAB.rule(&COVERED, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 3], 5);
        script.snapshot(4, state(4));
        assert_eq!(script.append(1, 3, LogPosition::ZERO, entries(1, &[1, 1]), 5), (3, Through(2)));
        assert_eq!(script.append(1, 3, LogPosition::ZERO, vec![], 5), (3, Through(0)));
        assert_eq!(script.append(1, 3, at(2, 1), vec![], 5), (3, Through(2)));
        assert_eq!(script.append(1, 3, at(1, 1), entries(2, &[1, 2, 2]), 5), (3, Through(4)));
        assert_eq!(script.disk().entries, entries(5, &[3]), "nothing new was said");
        thread::sleep(SOON);
        assert_eq!(script.applied_indices(), [0; 0], "all of it was handed over long ago");
    });
}

/// The hint of a refusal lies behind the snapshot: nobody needs to go back further.
#[test]
fn hints_lie_behind_the_snapshot_2d() {
    LAB.rule(&BACK_UP, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 2, 2], 3);
        script.snapshot(3, state(3));
        let (_, outcome) = script.append(1, 4, at(6, 3), vec![], 3);
        assert_eq!(outcome, RetryFrom(4), "entry 6 is of term 2, whose entries begin before the snapshot's end, at 3");
        let (_, outcome) = script.append(1, 4, at(9, 4), vec![], 3);
        assert_eq!(outcome, RetryFrom(7), "the log ends at index 6");
    });
}

/// Entries that are skipped are not appended in their stead: not even if no term tells them apart.
#[test]
fn covered_entries_are_not_appended_2d() {
    LAB.rule(&COVERED, |world| {
        let script = follower_with(world, &[1; 5], 5);
        script.snapshot(3, state(3));
        assert_eq!(script.append(1, 1, LogPosition::ZERO, entries(1, &[1; 5]), 5), (1, Through(5)));
        assert_eq!(script.disk().entries, entries(4, &[1, 1]), "the first entry of that request is entry 1, and not 4");
        assert_eq!(script.append(1, 1, at(2, 1), entries(3, &[1; 4]), 5), (1, Through(6)));
        assert_eq!(script.disk().entries, entries(4, &[1, 1, 1]), "entry 6 is new; entry 3 is in the snapshot");
    });
}

/// A new leader whose log is cut knows nothing of its followers yet, and asks its log for nothing that is gone.
#[test]
fn a_new_leader_with_a_cut_log_2d() {
    LAB.rule(&RUNS, |world| {
        let script = follower_with(world, &[1, 1, 1, 1], 3);
        script.snapshot(3, state(3));
        let (term, greeting) = script.elect();
        assert_eq!(script.start(&b"next"[..]), Ok(at(5, term)), "server 0 has won term {term}");
        greeting.into_iter().for_each(|received| received.reply(retry(term, 1)));
        thread::sleep(SOON);
        assert!(script.status().is_leader, "two followers lack everything, which deposes nobody");
    });
}
