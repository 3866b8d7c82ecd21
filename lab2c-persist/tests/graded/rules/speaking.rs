//! Nothing is told before it is on disk. The oracles look at each message as it leaves; the scripts
//! here only bring about, one by one, all that may have changed when it does.

use std::time::Duration;

use labrpc::{AppendOutcome, Ballot, Head, LogPosition, thread};
use testkit::number;
use testkit::rule::persistence::DURABLE;
use testkit::script::{ScriptedCluster, TRAVEL, agrees, at, entries, refused, stale};

use crate::lab::{LAB, boot};

fn head(term: u64, voted_for: Option<usize>) -> Head {
    Head { ballot: Ballot { term, voted_for }, base: LogPosition::ZERO }
}

/// A vote is on disk before the candidate hears of it, also in a term that the voter knew before.
#[test]
fn a_vote_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        assert_eq!(script.request_vote(1, 1, LogPosition::ZERO), (1, true), "the vote of term 1 was free");
        assert_eq!(script.disk().head, head(1, Some(1)), "server 0 gave its vote in a term that was new to it");

        script.heartbeat(2, 2);
        assert_eq!(script.request_vote(3, 2, LogPosition::ZERO), (2, true), "the vote of term 2 was free");
        assert_eq!(script.disk().head, head(2, Some(3)), "server 0 gave its vote in a term that it knew already");
    });
}

/// A newer term is on disk before anybody hears of it, whatever request has brought it.
#[test]
fn a_term_from_a_request_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.heartbeat(1, 2);
        assert_eq!(script.disk().head, head(2, None), "a leader of term 2 has spoken");
        script.append(1, 2, LogPosition::ZERO, entries(1, &[2]), 0);
        assert_eq!(script.request_vote(2, 3, LogPosition::ZERO), (3, false), "the candidate's log is too short");
        assert_eq!(script.disk().head, head(3, None), "a candidate of term 3 was refused, but its term counts");

        // The vote is for the same server as before: only the term differs.
        assert_eq!(script.request_vote(2, 4, at(1, 2)), (4, true), "the candidate's log is as good as the voter's");
        assert_eq!(script.request_vote(2, 5, at(1, 2)), (5, true), "the vote of term 5 was free");
        assert_eq!(script.disk().head, head(5, Some(2)), "server 2 was given a second vote, in a newer term");
    });
}

/// A newer term is on disk as soon as it counts, also if a reply has brought it.
#[test]
fn a_term_from_a_reply_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, round) = script.await_campaign();
        round.into_iter().for_each(|received| received.reply(refused(term + 5)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.disk().head, head(term + 5, None), "a candidate was told of a newer term");
        let outcome = script.heartbeat(1, term + 1);
        assert_eq!(outcome, (term + 5, AppendOutcome::StaleTerm), "a voter has named a newer term");

        let (term, greeting) = script.elect();
        greeting.into_iter().for_each(|received| received.reply(stale(term + 3)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.disk().head, head(term + 3, None), "a leader was told of a newer term");
        let outcome = script.heartbeat(1, term + 1);
        assert_eq!(outcome, (term + 3, AppendOutcome::StaleTerm), "a follower has named a newer term");
    });
}

/// A candidate's new term and its vote for itself are on disk before it asks anyone.
#[test]
fn a_candidate_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for campaign in 1..=3 {
            let (term, _unanswered) = script.await_campaign();
            assert_eq!(script.disk().head, head(term, Some(0)), "server 0 stands for the {campaign}. time");
        }
    });
}

/// Entries are on disk before the follower agrees to them, though neither term nor vote change.
#[test]
fn entries_are_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.heartbeat(1, 1);
        assert_eq!(script.append(1, 1, LogPosition::ZERO, entries(1, &[1, 1]), 0), (1, AppendOutcome::Through(2)));
        assert_eq!(script.append(1, 1, at(2, 1), entries(3, &[1]), 0), (1, AppendOutcome::Through(3)));
        assert_eq!(script.disk().entries, entries(1, &[1, 1, 1]), "server 0 has agreed to three entries");
    });
}

/// Entries that take the place of others are on disk before the follower agrees to them, and what
/// they replace is gone, whether the log is then shorter, as long, or longer.
#[test]
fn replaced_entries_are_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        for replacements in 1..=3 {
            let script = ScriptedCluster::replicating(world, 3, boot);
            script.append(1, 1, LogPosition::ZERO, entries(1, &[1, 1, 1]), 0);
            script.heartbeat(2, 2);
            let terms = vec![2; replacements];
            let through = 1 + replacements as u64;
            let outcome = script.append(2, 2, at(1, 1), entries(2, &terms), 0);
            assert_eq!(outcome, (2, AppendOutcome::Through(through)), "index 1 of term 1 is in the log");
            let expected: Vec<_> = entries(1, &[1]).into_iter().chain(entries(2, &terms)).collect();
            assert_eq!(script.disk().entries, expected, "from index 2 on, entries of term 2 replace those of term 1");

            // What is then saved stands on what is there.
            script.append(2, 2, at(through, 2), entries(through + 1, &[2]), 0);
            assert_eq!(script.disk().entries.len() as u64, through + 1, "one more entry has followed");
        }
    });
}

/// A leader's entry is on its disk before `start` returns and before it is sent, and is not
/// committed before, though the leader be alone.
#[test]
fn a_command_is_saved_first_2c() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, greeting) = script.elect();
        greeting.into_iter().for_each(|received| received.reply(agrees(term, 0)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.start(number(1)), Ok(at(1, term)), "server 0 leads");
        assert_eq!(script.disk().last(), at(1, term), "the leader has said where its entry stands");

        let alone = ScriptedCluster::replicating(world, 1, boot);
        thread::sleep(Duration::from_secs(1));
        let at = alone.start(number(1)).expect("who is alone leads");
        thread::sleep(TRAVEL);
        assert_eq!(alone.applied_indices(), [1], "who is alone commits by itself");
        assert_eq!(alone.disk().last(), at, "a majority of one holds what is on its disk");
    });
}
