//! What was saved is known again after a crash, and no more than that.

use std::time::Duration;

use labrpc::{AppendOutcome, Ballot, Head, Index, LogPosition, Term, thread};
use testkit::rule::persistence::{COMMIT_FORGOTTEN, REMEMBERS};
use testkit::script::{ScriptedCluster, at, entries, refused};
use testkit::{DiskState, World};

use crate::lab::{LAB, Server, boot};

/// The log of most scripts here: what stands at index i is of the i-th term.
const TERMS: [Term; 4] = [1, 1, 2, 3];

/// A server that knows term 3 and holds entries of [`TERMS`]; nothing of it is known to be committed.
fn server_with_a_log(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, 3, boot);
    let outcome = script.append(1, 3, LogPosition::ZERO, entries(1, &TERMS), 0);
    assert_eq!(outcome, (3, AppendOutcome::Through(4)), "an empty log takes what it is sent");
    script
}

/// A restarted server knows its term: it refuses older ones, and campaigns in the next.
#[test]
fn the_term_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.heartbeat(1, 7);
        script.restart();
        assert_eq!(script.status().term, 7, "server 0 knew term 7 before its crash");
        assert_eq!(script.heartbeat(2, 6), (7, AppendOutcome::StaleTerm), "server 0 knew term 7 before its crash");
        let (term, _unanswered) = script.await_campaign();
        assert_eq!(term, 8, "server 0 knew term 7 before its crash, and campaigns in the next");
    });
}

/// A restarted server knows whom it voted for, another or itself, and votes for nobody else in that term.
#[test]
fn the_vote_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        assert_eq!(script.request_vote(2, 3, LogPosition::ZERO), (3, true), "the vote of term 3 was free");
        script.restart();
        assert_eq!(script.request_vote(1, 3, LogPosition::ZERO), (3, false), "the vote of term 3 is server 2's");
        assert_eq!(script.request_vote(2, 3, LogPosition::ZERO), (3, true), "server 2 asks for its own vote again");

        let (term, _unanswered) = script.await_campaign();
        script.restart();
        let outcome = script.request_vote(1, term, LogPosition::ZERO);
        assert_eq!(outcome, (term, false), "server 0 has voted for itself in term {term}");
    });
}

/// A restarted server has its log: every entry, at its index, of its term, with its command.
#[test]
fn the_log_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = server_with_a_log(world);
        script.restart();
        for (index, term) in (1..).zip(TERMS) {
            let outcome = script.append(1, 3, at(index, term), vec![], 0);
            assert_eq!(outcome, (3, AppendOutcome::Through(index)), "entry {index} of term {term} was saved");
            let (_, outcome) = script.append(1, 3, at(index, 9), vec![], 0);
            assert!(matches!(outcome, AppendOutcome::RetryFrom(_)), "entry {index} is of term {term}, and not of 9");
        }
        let outcome = script.append(1, 3, at(5, 3), vec![], 0);
        assert_eq!(outcome, (3, AppendOutcome::RetryFrom(5)), "the log ended at index 4 before the crash");

        script.append(1, 3, at(4, 3), entries(5, &[3]), 5);
        thread::sleep(Duration::from_millis(1));
        let commands: Vec<_> = script.applied().into_iter().map(|message| format!("{message:?}")).collect();
        assert_eq!(commands.len(), 5, "all five are committed");
        for (index, (command, entry)) in (1..).zip(commands.iter().zip(entries(1, &[1, 1, 2, 3, 3]))) {
            let expected = format!("{:?}", entry.command);
            assert!(command.contains(&expected), "entry {index} holds {expected}; what was handed over is {command}");
        }
    });
}

/// A restarted server's vote and campaign stand on the log that it had.
#[test]
fn the_logs_end_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = server_with_a_log(world);
        script.restart();
        assert_eq!(script.request_vote(1, 4, at(9, 2)), (4, false), "the voter's log ends in term 3");
        assert_eq!(script.request_vote(1, 5, at(3, 3)), (5, false), "the voter's log ends at index 4");
        assert_eq!(script.request_vote(1, 6, at(4, 3)), (6, true), "an equal log is good enough");
        let (term, round) = script.await_campaign();
        assert_eq!(term, 7, "server 0 knew term 6");
        round.into_iter().for_each(|received| received.reply(refused(term)));
    });
}

/// Nothing is handed over after a restart until a leader says that it is committed, and then just
/// that: an entry on disk may be lost yet.
#[test]
fn commitment_is_relearned_2c() {
    LAB.rule(&COMMIT_FORGOTTEN, |world| {
        let script = server_with_a_log(world);
        script.append(1, 3, at(4, 3), vec![], 2);
        thread::sleep(Duration::from_millis(1));
        assert_eq!(script.applied_indices(), [1, 2], "the leader has said that two entries are committed");
        script.restart();
        thread::sleep(Duration::from_millis(100));
        assert_eq!(script.applied_indices(), [0; 0], "no leader has spoken since the crash");
        script.append(1, 3, at(4, 3), vec![], 0);
        thread::sleep(Duration::from_millis(1));
        assert_eq!(script.applied_indices(), [0; 0], "the leader did not say that anything is committed");
        script.append(1, 3, at(4, 3), vec![], 3);
        thread::sleep(Duration::from_millis(1));
        assert_eq!(script.applied_indices(), [1, 2, 3], "a service begins with nothing, and is handed all from 1 on");
    });
}

/// A server boots from whatever disk it is given, and the second boot finds what the first has found.
#[test]
fn boots_change_nothing_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for voted_for in [None, Some(0), Some(1), Some(2)] {
            let head = Head { ballot: Ballot { term: 4, voted_for }, base: LogPosition::ZERO };
            script.restart_from(&DiskState { head, entries: entries(1, &TERMS).into(), ..DiskState::default() });
            for life in 1..=3 {
                script.restart();
                let disk = script.disk();
                assert_eq!(disk.head, head, "life {life}: nothing has happened but boots");
                assert_eq!(disk.entries, entries(1, &TERMS), "life {life}: nothing has happened but boots");
            }
            let expected: Index = 4;
            let (_, outcome) = script.append(1, 4, at(expected, 3), vec![], 0);
            assert_eq!(outcome, AppendOutcome::Through(expected), "the log on disk ends at index 4 of term 3");
        }
    });
}
