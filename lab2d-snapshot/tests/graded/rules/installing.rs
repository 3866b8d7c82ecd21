//! Figure 13, the receiver: a leader's snapshot comes in.

use std::time::Duration;

use labrpc::AppendOutcome::{StaleTerm, Through};
use labrpc::{LogPosition, thread};
use testkit::rule::election::{CANDIDATE_YIELDS, NEW_TERM, OLD_TERM, TIMER};
use testkit::rule::persistence::DURABLE;
use testkit::rule::replication::FOLLOWS;
use testkit::rule::snapshots::{BOUNDARY, DISCARDS, KEEPS, OLD_SNAPSHOT};
use testkit::script::{ScriptedCluster, TRAVEL, at, entries, granted};

use super::prelude::{ROUND_TRIP, SOON, follower_with, snapshot_of, state, taken};
use crate::lab::{LAB, boot};

/// A snapshot whose last entry is beyond the log's end replaces all of it.
#[test]
fn a_snapshot_beyond_the_log_2d() {
    LAB.rule(&DISCARDS, |world| {
        for held in [1, 2, 4] {
            let script = follower_with(world, &vec![1; held], 1);
            assert_eq!(script.install(1, 3, at(5, 2), state(5)), (3, Through(5)), "the snapshot is newer than the log");
            let disk = script.disk();
            assert_eq!(
                (disk.head.base, disk.entries.len()),
                (at(5, 2), 0),
                "a log of {held} entries ends before index 5"
            );
            assert_eq!(disk.snapshot, state(5), "the snapshot takes the place of the log");
            assert_eq!(script.append(1, 3, at(5, 2), entries(6, &[3]), 6), (3, Through(6)), "entry 6 follows it");
            thread::sleep(SOON);
            assert_eq!(taken(&script), [snapshot_of(at(5, 2)), "command 6".into()]);
        }
    });
}

/// A snapshot whose last index holds another entry in the log replaces all of the log: what follows a
/// wrong entry is wrong.
#[test]
fn a_snapshot_that_conflicts_2d() {
    LAB.rule(&DISCARDS, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1], 1);
        assert_eq!(script.install(2, 3, at(3, 2), state(3)), (3, Through(3)));
        let disk = script.disk();
        assert_eq!(disk.head.base, at(3, 2), "entry 3 was of term 1, but it is one of term 2 that is committed");
        assert_eq!(disk.entries.len(), 0, "entries 4 and 5 follow an entry that was never committed");
        assert_eq!(script.append(2, 3, at(3, 2), entries(4, &[2, 3]), 5), (3, Through(5)));
        thread::sleep(SOON);
        assert_eq!(taken(&script), [snapshot_of(at(3, 2)), "command 4".into(), "command 5".into()]);
    });
}

/// A snapshot whose last entry is in the log leaves what follows it: it was agreed to.
#[test]
fn a_snapshot_of_what_is_held_2d() {
    LAB.rule(&KEEPS, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 2], 1);
        assert_eq!(script.install(1, 2, at(3, 2), state(3)), (2, Through(3)));
        assert_eq!(script.disk().entries, entries(4, &[2, 2]), "entry 3 of term 2 is in the log, and so are 4 and 5");
        assert_eq!(
            script.append(1, 2, at(5, 2), vec![], 5),
            (2, Through(5)),
            "what follows the snapshot was agreed to"
        );
        thread::sleep(SOON);
        assert_eq!(taken(&script), [snapshot_of(at(3, 2)), "command 4".into(), "command 5".into()]);
    });
}

/// After a snapshot has come in, the log begins right behind it: its index and its last entry's own
/// term, not the leader's, stand before whatever follows.
#[test]
fn the_log_begins_after_a_leaders_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        for terms in [&[1][..], &[1, 2], &[1, 2, 2]] {
            let script = follower_with(world, terms, 1);
            script.install(1, 7, at(2, 2), state(2));
            assert_eq!(script.disk().head.base, at(2, 2), "a log of the terms {terms:?} is given a snapshot through 2");
            let outcome = script.append(1, 7, at(2, 2), vec![], 2);
            assert_eq!(outcome, (7, Through(2)), "index 2 of term 2 is where the log begins");
        }
    });
}

/// A snapshot that covers no more than is committed here changes nothing, and is agreed to: nothing
/// that was handed over is handed over again, and the service does not go back.
#[test]
fn an_old_snapshot_changes_nothing_2d() {
    LAB.rule(&OLD_SNAPSHOT, |world| {
        let script = follower_with(world, &[1; 6], 5);
        script.snapshot(2, state(2));
        for through in [5, 4, 3, 2, 1] {
            let outcome = script.install(1, 1, at(through, 1), state(through));
            assert_eq!(outcome, (1, Through(through)), "all through {through} is committed here");
            let disk = script.disk();
            assert_eq!(disk.head.base, at(2, 1), "five entries are committed here; that snapshot ends at {through}");
            assert_eq!(disk.snapshot, state(2), "five entries are committed here; that snapshot ends at {through}");
            assert_eq!(disk.entries, entries(3, &[1; 4]), "no entry is lost to an old snapshot");
        }
        thread::sleep(SOON);
        assert_eq!(taken(&script), [""; 0], "five entries were handed over long ago");
    });
}

/// A snapshot of an older term is refused, and changes nothing.
#[test]
fn a_snapshot_of_an_old_term_2d() {
    LAB.rule(&OLD_TERM, |world| {
        let script = follower_with(world, &[1, 3], 1);
        assert_eq!(script.install(2, 2, at(5, 2), state(5)), (3, StaleTerm), "server 0 is in term 3");
        assert_eq!(script.disk().head.base, LogPosition::ZERO, "the snapshot's leader was deposed");
        assert_eq!(script.disk().entries, entries(1, &[1, 3]), "the snapshot's leader was deposed");
        thread::sleep(SOON);
        assert_eq!(taken(&script), [""; 0]);
    });
}

/// A snapshot of a newer term brings that term, as any request does, whatever else comes of it.
#[test]
fn a_snapshot_of_a_new_term_2d() {
    LAB.rule(&NEW_TERM, |world| {
        let script = follower_with(world, &[1, 1, 1], 2);
        assert_eq!(script.install(2, 4, at(5, 3), state(5)), (4, Through(5)), "server 0 learns of term 4");
        assert_eq!(script.install(1, 6, at(2, 1), state(2)), (6, Through(2)), "an old snapshot, but of a newer term");
        assert_eq!(script.disk().head.ballot.term, 6, "server 0 has heard of term 6");
    });
}

/// A leader's snapshot is its leader's word: it restarts the election timer.
#[test]
fn a_snapshot_restarts_the_timer_2d() {
    LAB.rule(&TIMER, |world| {
        /// Shorter than any timeout, longer than half of the longest.
        const PAUSE: Duration = Duration::from_millis(350);
        let script = follower_with(world, &[1], 1);
        for nth in 1..=5 {
            thread::sleep(PAUSE);
            let campaigns = script.hear_all(Duration::ZERO).len();
            assert_eq!(campaigns, 0, "server 0 hears from its leader every {PAUSE:?}, by a snapshot");
            script.install(1, 1, at(10 * nth, 1), state(10 * nth));
        }
    });
}

/// A candidate that is sent a snapshot by the leader of its term becomes its follower, and leads that
/// term no more, though votes come in late.
#[test]
fn a_snapshot_makes_a_follower_2d() {
    LAB.rule(&CANDIDATE_YIELDS, |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        let (term, round) = script.await_campaign();
        script.install(1, term, at(5, 0), state(5));
        round.into_iter().skip(1).for_each(|received| received.reply(granted(term)));
        thread::sleep(2 * TRAVEL);
        assert!(!script.status().is_leader, "server 1 leads term {term}, and has said so to server 0");
    });
}

/// A snapshot is on disk before it is agreed to, though the service be busy and take it later.
#[test]
fn a_snapshot_is_saved_first_2d() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |_, _| thread::sleep(SOON));
        super::prelude::follow(&script, &[1; 5], 4);
        thread::sleep(ROUND_TRIP);
        for through in [8, 12] {
            assert_eq!(script.install(1, 1, at(through, 1), state(through)), (1, Through(through)));
            let disk = script.disk();
            assert_eq!((disk.head.base, disk.snapshot), (at(through, 1), state(through)), "server 0 has agreed to it");
        }
    });
}

/// What is agreed to is the snapshot's last entry: what this log holds behind it may be anybody's.
#[test]
fn the_answer_names_the_snapshots_last_entry_2d() {
    LAB.rule(&FOLLOWS, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1], 1);
        assert_eq!(script.install(2, 2, at(3, 1), state(3)), (2, Through(3)), "server 2 need not have entries 4 and 5");
    });
}
