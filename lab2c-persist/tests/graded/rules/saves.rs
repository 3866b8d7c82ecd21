//! Each save by itself: what a crash right after it would leave, and whether it was needed.

use std::time::Duration;

use labrpc::RaftRequest;
use labrpc::{AppendEntries, Ballot, LogPosition, PeerId, RequestVote, Term, thread};
use testkit::rule::persistence::{CRASH_IMAGE, SAVES};
use testkit::script::{ScriptedCluster, agrees, at, entries};
use testkit::{EventKind, number};

use crate::lab::{LAB, Server, boot};

/// A crash strikes at every save.
const ALWAYS_PER_MILLE: u64 = 1000;
/// How often a server that boots may crash at once. Each crash comes before a save or after it, by chance.
const BOOTS: u64 = 4;
/// Two seconds of them.
const HEARTBEATS: u64 = 20;
/// Enough to see one save that is too many.
const COMMANDS: u64 = 10;

/// Checks each head that was on disk since recording began: in each of these terms the vote was for that server or
/// for nobody. And no entry was there before its term.
fn check_images(script: &ScriptedCluster<Server>, votes: &[(Term, Option<PeerId>)]) {
    let events = script.cluster().observer().expect("a stage is watched").events();
    let saves = events
        .iter()
        .filter_map(|event| if let EventKind::Saved(_, change) = &event.kind { Some(change) } else { None });
    for change in saves {
        let Ballot { term, voted_for } = change.head.ballot;
        let given = votes.iter().find(|(voted_in, _)| *voted_in == term).and_then(|(_, vote)| *vote);
        assert!(
            voted_for.is_none() || voted_for == given,
            "a crash after one save would leave term {term} with a vote for {voted_for:?}, but in that term it was for {given:?}"
        );
        if let Some(later) = change.appended.iter().find(|entry| entry.term > term) {
            panic!("a crash after one save would leave term {term} with an entry of term {}", later.term);
        }
    }
}

/// Term, vote and entries reach the disk together: whatever save a crash follows, the vote on disk
/// is of the term on disk, and no entry is of a later one.
#[test]
fn each_image_is_of_one_moment_2c() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.cluster().observer().expect("a stage is watched").record();
        script.request_vote(2, 1, LogPosition::ZERO);
        script.heartbeat(1, 2);
        script.request_vote(1, 3, LogPosition::ZERO);
        script.append(1, 4, LogPosition::ZERO, entries(1, &[2, 4]), 0);
        script.append(2, 5, at(1, 2), entries(2, &[5, 5]), 0);
        let (term, _unanswered) = script.await_campaign();
        assert_eq!(term, 6, "server 0 knew term 5");
        assert_eq!(script.disk().head.ballot.term, term, "server 0 campaigns in term 6, and has saved that");
        check_images(&script, &[(1, Some(2)), (2, None), (3, Some(1)), (4, None), (5, None), (6, Some(0))]);
    });
}

/// Requests that change term, vote, log, or several of them at once.
fn requests() -> Vec<(PeerId, RaftRequest)> {
    let vote = |term, candidate, last_log| RaftRequest::RequestVote(RequestVote { term, candidate, last_log });
    let append = |term, leader, prev: LogPosition, terms: &[Term]| {
        RaftRequest::AppendEntries(AppendEntries {
            term,
            leader,
            prev,
            entries: entries(prev.index + 1, terms),
            leader_commit: 0,
        })
    };
    vec![
        (1, vote(1, 1, LogPosition::ZERO)),
        (2, vote(2, 2, LogPosition::ZERO)),
        (2, append(2, 2, LogPosition::ZERO, &[2, 2, 2])),
        (1, append(4, 1, at(1, 2), &[4])),
        (2, vote(5, 2, at(2, 4))),
        (2, append(5, 2, at(2, 4), &[5])),
    ]
}

/// A crash right before or right after a save, at whichever save: the server comes back as it was
/// before the request or as it is after it, and the request can be repeated.
#[test]
fn a_crash_at_any_save_2c() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for (from, request) in requests() {
            let before = script.disk();
            let persister = script.cluster().persister(0);
            persister.set_crashes_per_mille(ALWAYS_PER_MILLE);
            let reply = script.try_ask(from, request.clone());
            assert!(reply.is_none(), "server 0 crashed at a save, and yet answered {reply:?} to {request:?}");
            assert!(!script.is_up(), "server 0 has saved nothing, though {request:?} changes its term, vote or log");
            persister.set_crashes_per_mille(0);
            script.restart();
            let left = script.disk();
            script.ask(from, request.clone());
            let after = script.disk();
            assert!(
                [before.head, after.head].contains(&left.head),
                "a crash at {request:?} left {:?}; before it there was {:?}, after it is {:?}",
                left.head,
                before.head,
                after.head
            );
            assert!(
                left.entries == before.entries || left.entries == after.entries,
                "a crash at {request:?} left a log of {} entries that is neither that of before nor that of after",
                left.entries.len()
            );
        }
    });
}

/// A crash while a server boots takes nothing from its disk.
#[test]
fn a_crash_at_boot_2c() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.append(1, 3, LogPosition::ZERO, entries(1, &[2, 3]), 0);
        script.request_vote(2, 4, at(2, 3));
        let before = script.disk();
        for _ in 0..BOOTS {
            let persister = script.cluster().persister(0);
            persister.set_crashes_per_mille(ALWAYS_PER_MILLE);
            script.restart();
            persister.set_crashes_per_mille(0);
        }
        script.restart();
        assert_eq!(script.disk().head, before.head, "server 0 has crashed while it booted");
        assert_eq!(script.disk().entries, before.entries, "server 0 has crashed while it booted");
        assert_eq!(script.request_vote(1, 4, at(2, 3)), (4, false), "the vote of term 4 is server 2's");
    });
}

/// How often the real server has saved.
fn saves(script: &ScriptedCluster<Server>) -> u64 {
    script.cluster().persister(0).saves()
}

/// A follower that hears nothing new saves nothing: heartbeats, doubled entries, refused votes.
#[test]
fn nothing_new_is_not_saved_2c() {
    LAB.rule(&SAVES, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.request_vote(1, 1, LogPosition::ZERO);
        script.append(1, 1, LogPosition::ZERO, entries(1, &[1, 1]), 0);
        let before = saves(&script);
        for _ in 0..HEARTBEATS {
            script.append(1, 1, at(2, 1), vec![], 2);
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(saves(&script), before, "heartbeats, and what they say is committed, need not survive");
        script.append(1, 1, LogPosition::ZERO, entries(1, &[1, 1]), 2);
        script.append(1, 1, LogPosition::ZERO, entries(1, &[1]), 2);
        assert_eq!(saves(&script), before, "these entries are on disk already");
        script.request_vote(1, 1, at(2, 1));
        script.request_vote(2, 1, at(2, 1));
        assert_eq!(saves(&script), before, "the vote of term 1 is given, and stays where it is");
        script.append(1, 1, at(7, 1), entries(8, &[1]), 2);
        assert_eq!(saves(&script), before, "entries that were refused change nothing");
    });
}

/// A leader saves its own entries, each once, and nothing when its followers answer.
#[test]
fn a_leader_saves_each_entry_once_2c() {
    LAB.rule(&SAVES, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, greeting) = script.elect();
        greeting.into_iter().for_each(|received| received.reply(agrees(term, 0)));
        script.play_along();
        thread::sleep(Duration::from_millis(10));
        let before = saves(&script);
        thread::sleep(Duration::from_secs(2));
        assert_eq!(saves(&script), before, "a leader to whom nobody says anything new has nothing to save");
        for n in 1..=COMMANDS {
            script.start(number(n)).expect("server 0 leads");
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(script.applied_indices().len() as u64, COMMANDS, "both followers have agreed to all");
        assert_eq!(saves(&script), before + COMMANDS, "each command was saved once, and no answer changes the log");
    });
}
