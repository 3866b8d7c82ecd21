//! Each save by itself: what a crash right after it would leave, and whether it was needed.

use std::time::Duration;

use labrpc::{Ballot, Head, PeerId, RaftRequest, Term, thread};
use testkit::rule::persistence::{CRASH_IMAGE, SAVES};
use testkit::script::{ReceivedRequest, ScriptedCluster, at, entries, expect_eq, line};
use testkit::{EventKind, number};

use crate::lab::{LAB, Server, boot};

/// Every save crashes the server.
const ALWAYS_PER_MILLE: u64 = 1000;
/// How many boots are made in which each save crashes the server, right before or right after the save.
const BOOTS: u64 = 4;
/// The heartbeats of two seconds.
const HEARTBEATS: u64 = 20;
/// Enough to notice a save that is not needed.
const COMMANDS: u64 = 10;

/// Checks each save. `votes` lists each term with the server that got the vote: the vote on disk must be
/// this one, or none yet. And the term on disk must not be older than the term of an entry.
#[track_caller]
fn check_saves(script: &ScriptedCluster<Server>, votes: &[(Term, Option<PeerId>)]) {
    for event in script.events() {
        let EventKind::Saved(_, change) = event.kind else { continue };
        let Ballot { term, voted_for } = change.head.ballot;
        let given = votes.iter().find(|(voted_in, _)| *voted_in == term).and_then(|(_, vote)| *vote);
        assert!(
            voted_for.is_none() || voted_for == given,
            "a crash after one save would leave term {term} with a vote for {voted_for:?}, but its vote of that term \
             was for {given:?}"
        );
        if let Some(later) = change.appended.iter().find(|entry| entry.term > term) {
            panic!("a crash after one save would leave term {term} with an entry of term {}", later.term);
        }
    }
}

/// Term, vote and entries reach the disk together: after every save, the vote on disk belongs to the
/// term on disk, and no entry is of a later term.
#[test]
fn each_save_is_consistent_2c() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.candidate(2).in_term(1).asks_for_vote();
        script.leader(1).in_term(2).heartbeat();
        script.candidate(1).in_term(3).asks_for_vote();
        script.leader(1).in_term(4).entries_of_terms(&[2, 4]).send();
        script.leader(2).in_term(5).after(at(1, 2)).entries_of_terms(&[5, 5]).send();
        let (term, _unanswered) = script.expect_campaign();
        assert_eq!(term, 6, "server 0 was in term 5");
        script.expect_ballot_on_disk(term, Some(0), "server 0 campaigns in term 6");
        check_saves(&script, &[(1, Some(2)), (2, None), (3, Some(1)), (4, None), (5, None), (6, Some(0))]);
    });
}

/// Requests that change term, vote, log, or several of them at once.
#[track_caller]
fn requests(script: &ScriptedCluster<Server>) -> Vec<(PeerId, RaftRequest)> {
    let (one, two) = (script.leader(1), script.leader(2));
    vec![
        (1, script.candidate(1).in_term(1).request()),
        (2, script.candidate(2).in_term(2).request()),
        (2, two.clone().in_term(2).entries_of_terms(&[2, 2, 2]).request()),
        (1, one.in_term(4).after(at(1, 2)).entries_of_terms(&[4]).request()),
        (2, script.candidate(2).in_term(5).with_log_through(at(2, 4)).request()),
        (2, two.in_term(5).after(at(2, 4)).entries_of_terms(&[5]).request()),
    ]
}

/// After a crash right before or right after any save, the server boots with its state from before the
/// request or with its state from after the request, and the request can be repeated. A server that saves the newer term by
/// itself may also have only that.
#[test]
fn a_crash_at_any_save_2c() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for (from, request) in requests(&script) {
            let what = line(&request);
            let before = script.disk();
            let persister = script.persister();
            persister.set_crashes_per_mille(ALWAYS_PER_MILLE);
            let reply = script.try_ask(from, &request);
            assert!(reply.is_none(), "server 0 crashed at a save, and still answered {reply:?} to {what}");
            assert!(!script.is_up(), "server 0 has saved nothing, though {what} changes its term, vote or log");
            persister.set_crashes_per_mille(0);
            script.restart();
            let left = script.disk();
            script.ask(from, &request);
            let after = script.disk();
            let newer_term = Ballot { term: after.head.ballot.term, voted_for: None };
            let is_newer_term_alone = left.head == Head { ballot: newer_term, ..before.head }
                && newer_term.term > before.head.ballot.term
                && left.entries == before.entries;
            assert!(
                [before.head, after.head].contains(&left.head) || is_newer_term_alone,
                "a crash at {what} left the head {:?}; before the request it was {:?}, and after it {:?}",
                left.head,
                before.head,
                after.head
            );
            assert!(
                left.entries == before.entries || left.entries == after.entries,
                "a crash at {what} left a log of {} entries, which differs from the logs before and after the request",
                left.entries.len()
            );
            // If it has just heard from a leader, it may ignore the next candidate (§6).
            script.restart();
        }
    });
}

/// A crash while a server boots does not change its disk.
#[test]
fn a_crash_at_boot_2c() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.candidate(2).in_term(3).asks_for_vote().expect_vote("nobody has the vote of term 3 yet");
        script.leader(2).in_term(3).entries_of_terms(&[2, 3]).send();
        let before = script.disk();
        for _ in 0..BOOTS {
            let persister = script.persister();
            persister.set_crashes_per_mille(ALWAYS_PER_MILLE);
            script.restart();
            persister.set_crashes_per_mille(0);
        }
        script.restart();
        expect_eq(
            "the head on disk",
            script.disk().head,
            before.head,
            "server 0 has only booted since then, and each save crashed it",
        );
        script.expect_entries_on_disk(
            &entries(1, &[2, 3]),
            "server 0 has only booted since then, and each save crashed it",
        );
        let answer = script.candidate(1).in_term(3).with_log_through(at(2, 3)).asks_for_vote();
        answer.expect_no_vote("server 2 has the vote of term 3");
    });
}

/// A follower that hears nothing new saves nothing: heartbeats, doubled entries, denied votes.
#[test]
fn nothing_new_is_not_saved_2c() {
    LAB.rule(&SAVES, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1);
        script.candidate(1).in_term(1).asks_for_vote();
        leader.clone().entries_of_terms(&[1, 1]).send();
        let before = script.persister().saves();
        let expect_no_save = |why: &str| expect_eq("the number of saves", script.persister().saves(), before, why);
        for _ in 0..HEARTBEATS {
            leader.clone().after(at(2, 1)).commit(2).send();
            thread::sleep(Duration::from_millis(100));
        }
        expect_no_save("a heartbeat only says what is committed, and the commit index need not survive a crash");
        leader.clone().entries_of_terms(&[1, 1]).commit(2).send();
        leader.clone().entries_of_terms(&[1]).commit(2).send();
        expect_no_save("these entries are already on disk");
        script.candidate(1).in_term(1).with_log_through(at(2, 1)).asks_for_vote();
        script.candidate(2).in_term(1).with_log_through(at(2, 1)).asks_for_vote();
        expect_no_save("the vote of term 1 is granted, and does not change");
        leader.after(at(7, 1)).entries_of_terms(&[1]).commit(2).send();
        expect_no_save("refused entries change nothing");
    });
}

/// A leader saves each of its entries once, and saves nothing when its followers answer.
#[test]
fn a_leader_saves_each_entry_once_2c() {
    LAB.rule(&SAVES, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (_, heartbeats) = script.elect();
        heartbeats.into_iter().for_each(ReceivedRequest::agree);
        script.agree_to_everything();
        thread::sleep(Duration::from_millis(10));
        let saves = || script.persister().saves();
        let before = saves();
        thread::sleep(Duration::from_secs(2));
        expect_eq("the number of saves", saves(), before, "the leader has heard nothing new, and has nothing to save");
        for n in 1..=COMMANDS {
            script.take(number(n));
            thread::sleep(Duration::from_millis(10));
        }
        script.expect_applied_indices(1..=COMMANDS, "both followers have agreed to everything");
        let why = "each command is saved once, and no reply changes the log";
        expect_eq("the number of saves", saves(), before + COMMANDS, why);
    });
}
