//! What a follower does with a leader's entries (Figure 2, AppendEntries; §5.3).

use labrpc::AppendOutcome::{self, RetryFrom, StaleTerm, Through};
use labrpc::LogPosition;
use testkit::rule::election::OLD_TERM;
use testkit::rule::replication::{
    ACKNOWLEDGED, BACK_UP, COMMIT_SPREADS, CONSISTENCY, FOLLOWER_COMMIT, FOLLOWS, REFUSAL,
};
use testkit::script::{at, entries};

use super::{assert_applies, follower_with, give};
use crate::lab::LAB;

fn assert_refused((_, outcome): (u64, AppendOutcome), why: &str) {
    assert!(matches!(outcome, RetryFrom(_)), "{why}, and it answers {outcome:?} instead of asking for earlier entries");
}

/// A follower takes entries only if its log holds the position right before them: index and term.
#[test]
fn consistency_check_2b() {
    LAB.rule(&CONSISTENCY, "consistency_check_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let refused = script.append(2, 3, at(3, 2), entries(4, &[3]), 4);
        assert_refused(refused, "it holds index 3 of term 1, not of term 2");
        let refused = script.append(2, 3, at(5, 1), entries(6, &[3]), 6);
        assert_refused(refused, "its log ends at index 3, before index 5");
        assert_applies(&script, 1, &[]);
    });
}

/// A heartbeat is an append without entries: it vouches for nothing that the follower does not hold.
#[test]
fn heartbeats_are_checked_2b() {
    LAB.rule(&CONSISTENCY, "heartbeats_are_checked_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let refused = script.append(2, 3, at(3, 2), vec![], 3);
        assert_refused(refused, "it holds index 3 of term 1, not of term 2");
        let refused = script.append(2, 3, at(5, 2), vec![], 5);
        assert_refused(refused, "its log ends at index 3, before index 5");
        assert_applies(&script, 1, &[]);
    });
}

/// Each new entry is compared with the one that stands at its index: the log is cut at the first
/// that differs, and there only.
#[test]
fn conflicts_are_cut_2b() {
    LAB.rule(&FOLLOWS, "conflicts_are_cut_2b", |world| {
        let script = follower_with(world, &[1, 1, 2, 2]);
        let theirs = entries(1, &[1, 1, 3]);
        let (_, outcome) = script.append(2, 3, LogPosition::ZERO, theirs.clone(), 0);
        assert_eq!(outcome, Through(3), "the first two entries are there already, and the third replaces another");
        assert_refused(
            script.append(2, 3, at(4, 2), vec![], 0),
            "its entry 4 followed another entry 3, and must be gone",
        );
        script.append(2, 3, at(3, 3), vec![], 3);
        assert_applies(&script, 1, &theirs);
    });
}

/// What a follower holds already it does not append again: a request may come twice.
#[test]
fn doubled_request_2b() {
    LAB.rule(&FOLLOWS, "doubled_request_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        give(&script, &[1, 1, 1]);
        let (_, outcome) = script.append(1, 1, at(1, 1), entries(2, &[1, 1, 1]), 4);
        assert_eq!(outcome, Through(4), "entries 2 and 3 are there already, and entry 4 is new");
        assert_applies(&script, 1, &entries(1, &[1, 1, 1, 1]));
    });
}

/// A follower agrees through the last entry that the request spoke of, and no further: what it holds
/// beyond may be anybody's.
#[test]
fn agreement_ends_with_the_request_2b() {
    LAB.rule(&FOLLOWS, "agreement_ends_with_the_request_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let (_, outcome) = script.append(2, 2, at(1, 1), vec![], 0);
        assert_eq!(outcome, Through(1), "the leader of term 2 has asked about index 1 only");
    });
}

/// An older request that comes late cuts nothing off.
#[test]
fn late_request_2b() {
    LAB.rule(&ACKNOWLEDGED, "late_request_2b", |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1]);
        let (_, outcome) = script.append(1, 1, LogPosition::ZERO, entries(1, &[1, 1]), 0);
        assert_eq!(outcome, Through(2), "the late request ends at index 2, and all of it is there");
        script.append(1, 1, at(1, 1), vec![], 0);
        let (_, outcome) = script.append(1, 1, at(5, 1), vec![], 5);
        assert_eq!(outcome, Through(5), "it has agreed through index 5 before, and no entry conflicts with that");
        assert_applies(&script, 1, &entries(1, &[1, 1, 1, 1, 1]));
    });
}

/// A request that is refused leaves the log as it is.
#[test]
fn refusal_cuts_nothing_2b() {
    LAB.rule(&REFUSAL, "refusal_cuts_nothing_2b", |world| {
        let script = follower_with(world, &[1, 2, 2, 2]);
        assert_refused(script.append(2, 4, at(4, 3), entries(5, &[4]), 0), "it holds index 4 of term 2, not of term 3");
        let (_, outcome) = script.append(2, 4, at(3, 2), entries(4, &[4]), 0);
        assert_eq!(outcome, Through(4), "it held entries 1 to 3, which nothing conflicted with");
    });
}

/// A request that is refused commits nothing.
#[test]
fn refusal_commits_nothing_2b() {
    LAB.rule(&REFUSAL, "refusal_commits_nothing_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        assert_refused(script.append(2, 3, at(3, 2), entries(4, &[3]), 3), "it holds index 3 of term 1, not of term 2");
        assert_refused(script.append(2, 3, at(4, 3), entries(5, &[3]), 3), "its log ends at index 3");
        assert_applies(&script, 1, &[]);
    });
}

/// A leader whose term is over is refused, whatever it sends: nothing is appended, cut or committed.
#[test]
fn old_leaders_entries_2b() {
    LAB.rule(&OLD_TERM, "old_leaders_entries_2b", |world| {
        let script = follower_with(world, &[1, 1, 3]);
        let late = script.append(2, 2, at(2, 1), entries(3, &[2, 2]), 4);
        assert_eq!(late, (3, StaleTerm), "it is in term 3, and term 2 is over");
        assert_applies(&script, 1, &[]);
        let (_, outcome) = script.append(1, 3, at(3, 3), vec![], 3);
        assert_eq!(outcome, Through(3), "entry 3 of term 3 is its leader's, and no older leader's entry replaces it");
        assert_applies(&script, 1, &entries(1, &[1, 1, 3]));
    });
}

/// A follower commits no further than the last entry that the request vouches for: what it holds
/// beyond may be replaced yet.
#[test]
fn follower_commit_2b() {
    LAB.rule(&FOLLOWER_COMMIT, "follower_commit_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        script.append(2, 2, at(1, 1), vec![], 3);
        assert_applies(&script, 1, &entries(1, &[1]));
        script.append(2, 2, at(1, 1), entries(2, &[2, 2]), 7);
        assert_applies(&script, 2, &entries(2, &[2, 2]));
    });
}

/// What a follower knows to be committed stays so, whatever an older request says.
#[test]
fn commitment_stays_2b() {
    LAB.rule(&FOLLOWER_COMMIT, "commitment_stays_2b", |world| {
        let script = follower_with(world, &[1, 1, 1]);
        script.append(1, 1, at(3, 1), vec![], 3);
        assert_applies(&script, 1, &entries(1, &[1, 1, 1]));
        script.append(1, 1, at(2, 1), vec![], 1);
        script.append(1, 1, at(3, 1), vec![], 3);
        assert_applies(&script, 4, &[]);
        script.append(1, 1, at(1, 1), vec![], 0);
        script.await_campaign();
    });
}

/// A follower learns from any request what is committed, with entries or without.
#[test]
fn heartbeats_tell_what_is_committed_2b() {
    LAB.rule(&COMMIT_SPREADS, "heartbeats_tell_what_is_committed_2b", |world| {
        let script = follower_with(world, &[1, 1]);
        script.append(1, 1, at(2, 1), vec![], 1);
        assert_applies(&script, 1, &entries(1, &[1]));
        script.append(1, 1, at(2, 1), vec![], 2);
        assert_applies(&script, 2, &entries(2, &[1]));
    });
}

/// Going by the refusals of a follower, a leader finds where the logs part within a few requests,
/// however long the logs are.
#[test]
fn refusals_help_2b() {
    LAB.rule(&BACK_UP, "refusals_help_2b", |world| {
        /// One for each term, and a few; a refusal that says nothing would cost one for each entry.
        const REFUSALS_MAX: usize = 4;
        let own = [&[1][..], &[2; 30]].concat();
        let cases =
            [(vec![1, 1], 40, 4, "its log is too short"), (own, 31, 4, "it holds thirty entries of another term")];
        for (own, long, term, why) in cases {
            let script = follower_with(world, &own);
            let mut prev = at(long, 3);
            let mut refusals = 0;
            while let (_, RetryFrom(index)) = script.append(2, term, prev, vec![], 0) {
                assert!(
                    (1..=prev.index).contains(&index),
                    "it does not hold index {}, and asks for {index}",
                    prev.index
                );
                refusals += 1;
                assert!(refusals <= REFUSALS_MAX, "{why}, and {refusals} refusals did not lead to where the logs part");
                prev = if index <= 2 { at(index - 1, index.min(2) - 1) } else { at(index - 1, 3) };
            }
        }
    });
}
