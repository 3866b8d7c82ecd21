//! What a follower does with a leader's entries (Figure 2, AppendEntries; §5.3).

use testkit::rule::election::OLD_TERM;
use testkit::rule::replication::{
    ACKNOWLEDGED, BACK_UP, COMMIT_SPREADS, CONSISTENCY, FOLLOWER_COMMIT, FOLLOWS, REFUSAL,
};
use testkit::script::at;

use super::{follower_with, send_log};
use crate::lab::LAB;

/// A follower takes entries only if its log holds the position right before them, index and term.
#[test]
fn consistency_check_2b() {
    LAB.rule(&CONSISTENCY, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let leader = script.leader(2).in_term(3);
        let answer = leader.clone().after(at(3, 2)).entries_of_terms(&[3]).commit(4).send();
        answer.expect_refusal("its entry 3 is of term 1, not of term 2");
        let answer = leader.after(at(5, 1)).entries_of_terms(&[3]).commit(6).send();
        answer.expect_refusal("its log ends at index 3, before index 5");
        script.expect_nothing_applied("both requests were refused");
    });
}

/// A heartbeat is an AppendEntries without entries: the position that it names is checked as well.
#[test]
fn heartbeats_are_checked_2b() {
    LAB.rule(&CONSISTENCY, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let leader = script.leader(2).in_term(3);
        let answer = leader.clone().after(at(3, 2)).commit(3).send();
        answer.expect_refusal("its entry 3 is of term 1, not of term 2");
        let answer = leader.after(at(5, 2)).commit(5).send();
        answer.expect_refusal("its log ends at index 3, before index 5");
        script.expect_nothing_applied("both heartbeats were refused");
    });
}

/// Each new entry is compared with the one at its index. The log is cut at the first entry that
/// differs, and only there.
#[test]
fn conflicts_are_cut_2b() {
    LAB.rule(&FOLLOWS, |world| {
        let script = follower_with(world, &[1, 1, 2, 2]);
        let leader = script.leader(2).in_term(3);
        let answer = leader.clone().entries_of_terms(&[1, 1, 3]).send();
        answer.expect_agreement(3, "it holds the first two entries, and the third replaces 3:2");
        let answer = leader.clone().after(at(4, 2)).send();
        answer.expect_refusal("its entry 4:2 followed 3:2, which was replaced, so both must be gone");
        leader.after(at(3, 3)).commit(3).send();
        script.expect_applied(1, &[1, 1, 3], "the leader of term 3 has sent and committed these");
    });
}

/// A follower does not append again what it already holds: a request may arrive twice.
#[test]
fn doubled_request_2b() {
    LAB.rule(&FOLLOWS, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        send_log(&script, &[1, 1, 1]);
        let answer = script.leader(1).in_term(1).after(at(1, 1)).entries_of_terms(&[1, 1, 1]).commit(4).send();
        answer.expect_agreement(4, "it holds entries 2 and 3, and entry 4 is new");
        script.expect_applied(1, &[1, 1, 1, 1], "all four entries are committed");
    });
}

/// A follower agrees through the last entry of the request, and no further: the leader may not have
/// the entries that follow in the follower's log.
#[test]
fn agreement_ends_with_the_request_2b() {
    LAB.rule(&FOLLOWS, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let answer = script.leader(2).in_term(2).after(at(1, 1)).send();
        answer.expect_agreement(1, "the leader of term 2 has asked about index 1 only");
    });
}

/// An older request that arrives late cuts nothing off.
#[test]
fn late_request_2b() {
    LAB.rule(&ACKNOWLEDGED, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1]);
        let leader = script.leader(1).in_term(1);
        let late = leader.clone().entries_of_terms(&[1, 1]).send();
        late.expect_agreement(2, "the late request ends at index 2, and it holds both entries");
        leader.clone().after(at(1, 1)).send();
        let answer = leader.after(at(5, 1)).commit(5).send();
        answer.expect_agreement(5, "it agreed through index 5 earlier, and no entry since then conflicts with that");
        script.expect_applied(1, &[1, 1, 1, 1, 1], "all five entries are committed");
    });
}

/// A refused request leaves the log as it is.
#[test]
fn refusal_cuts_nothing_2b() {
    LAB.rule(&REFUSAL, |world| {
        let script = follower_with(world, &[1, 2, 2, 2]);
        let leader = script.leader(2).in_term(4);
        let answer = leader.clone().after(at(4, 3)).entries_of_terms(&[4]).send();
        answer.expect_refusal("its entry 4 is of term 2, not of term 3");
        let answer = leader.after(at(3, 2)).entries_of_terms(&[4]).send();
        answer.expect_agreement(4, "it held entries 1 to 3, and the refused request conflicted with none of them");
    });
}

/// A refused request commits nothing.
#[test]
fn refusal_commits_nothing_2b() {
    LAB.rule(&REFUSAL, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let leader = script.leader(2).in_term(3);
        let answer = leader.clone().after(at(3, 2)).entries_of_terms(&[3]).commit(3).send();
        answer.expect_refusal("its entry 3 is of term 1, not of term 2");
        let answer = leader.after(at(4, 3)).entries_of_terms(&[3]).commit(3).send();
        answer.expect_refusal("its log ends at index 3, before index 4");
        script.expect_nothing_applied("both requests were refused");
    });
}

/// A leader of an older term is refused, whatever it sends: nothing is appended, cut or committed.
#[test]
fn old_leaders_entries_2b() {
    LAB.rule(&OLD_TERM, |world| {
        let script = follower_with(world, &[1, 1, 3]);
        let late = script.leader(2).in_term(2).after(at(2, 1)).entries_of_terms(&[2, 2]).commit(4).send();
        late.expect_stale(3, "it is in term 3, and term 2 is over");
        script.expect_nothing_applied("the leader of term 2 was refused");
        let answer = script.leader(1).in_term(3).after(at(3, 3)).commit(3).send();
        answer.expect_agreement(
            3,
            "its entry 3 came from the leader of term 3, and the refused request replaces nothing",
        );
        script.expect_applied(1, &[1, 1, 3], "the leader of term 3 has committed these");
    });
}

/// A follower commits no further than the last entry of the request: the entries that follow in its
/// own log may still be replaced.
#[test]
fn follower_commit_2b() {
    LAB.rule(&FOLLOWER_COMMIT, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let leader = script.leader(2).in_term(2).after(at(1, 1));
        leader.clone().commit(3).send();
        script.expect_applied(1, &[1], "the request ends at index 1, though the leader has committed 3");
        leader.entries_of_terms(&[2, 2]).commit(7).send();
        script.expect_applied(2, &[2, 2], "the request ends at index 3, though the leader has committed 7");
    });
}

/// What a follower knows to be committed stays committed, whatever an older request says.
#[test]
fn commitment_stays_2b() {
    LAB.rule(&FOLLOWER_COMMIT, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let leader = script.leader(1).in_term(1);
        leader.clone().after(at(3, 1)).commit(3).send();
        script.expect_applied(1, &[1, 1, 1], "the leader has committed 3");
        leader.clone().after(at(2, 1)).commit(1).send();
        leader.clone().after(at(3, 1)).commit(3).send();
        script.expect_nothing_applied("all three entries were applied before");
        leader.after(at(1, 1)).commit(0).send();
        script.expect_campaign();
    });
}

/// A follower learns from every request what is committed, with entries or without.
#[test]
fn heartbeats_tell_what_is_committed_2b() {
    LAB.rule(&COMMIT_SPREADS, |world| {
        let script = follower_with(world, &[1, 1]);
        let leader = script.leader(1).in_term(1).after(at(2, 1));
        leader.clone().commit(1).send();
        script.expect_applied(1, &[1], "a heartbeat says that entry 1 is committed");
        leader.commit(2).send();
        script.expect_applied(2, &[1], "a heartbeat says that entry 2 is committed");
    });
}

/// With the help of a follower's refusals, a leader finds within a few requests where the two logs
/// differ, however long they are.
#[test]
fn refusals_help_2b() {
    LAB.rule(&BACK_UP, |world| {
        /// One for each term, and a few more. A refusal without any help would cost one per entry.
        const REFUSALS_MAX: usize = 4;
        let longer = [&[1][..], &[2; 30]].concat();
        let cases =
            [(vec![1, 1], 40, 4, "its log is too short"), (longer, 31, 4, "it holds thirty entries of another term")];
        for (own, last, term, why) in cases {
            let script = follower_with(world, &own);
            let mut prev = at(last, 3);
            let mut refusals = 0;
            while let Some(index) = script.leader(2).in_term(term).after(prev).send().retry_from() {
                assert!(
                    (1..=prev.index).contains(&index),
                    "it does not hold index {}, and asks for the entries from index {index} on",
                    prev.index
                );
                refusals += 1;
                assert!(
                    refusals <= REFUSALS_MAX,
                    "{why}, and after {refusals} refusals the leader still has to go back"
                );
                prev = if index <= 2 { at(index - 1, index.min(2) - 1) } else { at(index - 1, 3) };
            }
        }
    });
}
