//! A leader's snapshot arrives (Figure 13, the receiver).

use std::time::Duration;

use labrpc::{LogPosition, thread};
use testkit::rule::election::{CANDIDATE_YIELDS, NEW_TERM, OLD_TERM, TIMER};
use testkit::rule::persistence::DURABLE;
use testkit::rule::replication::FOLLOWS;
use testkit::rule::snapshots::{BOUNDARY, DISCARDS, INSTALLS, KEEPS, OLD_SNAPSHOT};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, at, entries, expect_eq, look_at};

use super::setup::{ROUND_TRIP, SOON, command, cut, expect_received, follower_with, send_log, snapshot, state};
use crate::lab::{LAB, boot};

/// A snapshot whose last entry is after the end of the log replaces the whole log.
#[test]
fn a_snapshot_beyond_the_log_2d() {
    LAB.rule(&DISCARDS, |world| {
        for held in [1, 2, 4] {
            let script = follower_with(world, &vec![1; held], 1);
            let leader = script.leader(1).in_term(3);
            let why = format!("its log ends at {held}:1, before the snapshot's last entry, 5:2");
            leader.install_snapshot(at(5, 2), state(5)).expect_agreement(5, &why);
            script.expect_base_on_disk(at(5, 2), &why);
            script.expect_entries_on_disk(&[], &why);
            expect_eq("the snapshot on disk", script.disk().snapshot, state(5), &why);
            let answer = leader.after(at(5, 2)).entries_of_terms(&[3]).commit(6).send();
            answer.expect_agreement(6, "its log begins after 5:2");
            thread::sleep(SOON);
            expect_received(
                &script,
                &[snapshot(at(5, 2)), command(6)],
                "entry 6 is committed, and the snapshot precedes it",
            );
        }
    });
}

/// A snapshot whose last index holds another entry in the log replaces the whole log: what follows a
/// wrong entry is wrong as well.
#[test]
fn a_snapshot_that_conflicts_2d() {
    LAB.rule(&DISCARDS, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1], 1);
        let leader = script.leader(2).in_term(3);
        leader
            .install_snapshot(at(3, 2), state(3))
            .expect_agreement(3, "the snapshot is newer than what it has applied");
        script.expect_base_on_disk(at(3, 2), "its entry 3 was of term 1, but the committed one is of term 2");
        script.expect_entries_on_disk(&[], "its entries 4 and 5 followed an entry that was never committed");
        let answer = leader.after(at(3, 2)).entries_of_terms(&[2, 3]).commit(5).send();
        answer.expect_agreement(5, "its log begins after 3:2");
        thread::sleep(SOON);
        let expected = [snapshot(at(3, 2)), command(4), command(5)];
        expect_received(&script, &expected, "entries 4 and 5 are committed, and the snapshot precedes them");
    });
}

/// A snapshot whose last entry is in the log keeps the entries after it: the follower has agreed to them.
#[test]
fn a_snapshot_keeps_the_entries_after_it_2d() {
    LAB.rule(&KEEPS, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 2], 1);
        let leader = script.leader(1).in_term(2);
        leader
            .install_snapshot(at(3, 2), state(3))
            .expect_agreement(3, "the snapshot is newer than what it has applied");
        script
            .expect_entries_on_disk(&entries(4, &[2, 2]), "its log held the snapshot's last entry, 3:2, and two more");
        let answer = leader.after(at(5, 2)).commit(5).send();
        answer.expect_agreement(5, "it agreed to entries 4 and 5 before the snapshot came");
        thread::sleep(SOON);
        let expected = [snapshot(at(3, 2)), command(4), command(5)];
        expect_received(&script, &expected, "entries 4 and 5 are committed, and the snapshot precedes them");
    });
}

/// After a leader's snapshot the log begins right after it: with the snapshot's last index and that
/// entry's own term, not the leader's.
#[test]
fn the_log_begins_after_a_leaders_snapshot_2d() {
    LAB.rule(&BOUNDARY, |world| {
        look_at(&INSTALLS);
        for terms in [&[1][..], &[1, 2], &[1, 2, 2]] {
            let script = follower_with(world, terms, 1);
            let leader = script.leader(1).in_term(7);
            leader.install_snapshot(at(2, 2), state(2));
            script.expect_base_on_disk(
                at(2, 2),
                format!("its log had entries of terms {terms:?}, and the snapshot ends at 2:2"),
            );
            leader.after(at(2, 2)).commit(2).send().expect_agreement(2, "its log begins right after 2:2");
        }
    });
}

/// A snapshot that covers only committed entries changes nothing. The follower agrees to it, applies
/// nothing twice, and its service does not go back.
#[test]
fn an_old_snapshot_changes_nothing_2d() {
    LAB.rule(&OLD_SNAPSHOT, |world| {
        let script = follower_with(world, &[1; 6], 5);
        cut(&script, 2);
        for through in [5, 4, 3, 2, 1] {
            let answer = script.leader(1).in_term(1).install_snapshot(at(through, 1), state(through));
            answer.expect_agreement(through, "it knows that five entries are committed");
            let why = format!("it has applied five entries, and this snapshot covers {through}");
            script.expect_base_on_disk(at(2, 1), &why);
            expect_eq("the snapshot on disk", script.disk().snapshot, state(2), &why);
            script.expect_entries_on_disk(&entries(3, &[1; 4]), &why);
        }
        thread::sleep(SOON);
        expect_received(&script, &[], "its service has applied five entries already");
    });
}

/// A snapshot of an older term is refused, and changes nothing.
#[test]
fn a_snapshot_of_an_old_term_2d() {
    LAB.rule(&OLD_TERM, |world| {
        let script = follower_with(world, &[1, 3], 1);
        let late = script.leader(2).in_term(2).install_snapshot(at(5, 2), state(5));
        late.expect_stale(3, "server 0 is in term 3, and term 2 is over");
        script.expect_base_on_disk(LogPosition::ZERO, "the snapshot was refused");
        script.expect_entries_on_disk(&entries(1, &[1, 3]), "the snapshot was refused");
        thread::sleep(SOON);
        expect_received(&script, &[], "the snapshot was refused");
    });
}

/// A snapshot brings its leader's newer term, as every request does, even if the snapshot itself is old.
#[test]
fn a_snapshot_of_a_new_term_2d() {
    LAB.rule(&NEW_TERM, |world| {
        let script = follower_with(world, &[1, 1, 1], 2);
        let answer = script.leader(2).in_term(4).install_snapshot(at(5, 3), state(5));
        answer.expect_agreement(5, "its log ends at 3:1, before the snapshot's last entry");
        let answer = script.leader(1).in_term(6).install_snapshot(at(2, 1), state(2));
        answer.expect_agreement(2, "the snapshot is old, but its leader's term is new");
        script.expect_ballot_on_disk(6, None, "the leader of term 6 has sent a snapshot");
    });
}

/// A leader's snapshot restarts the election timer, as all its requests do.
#[test]
fn a_snapshot_restarts_the_timer_2d() {
    LAB.rule(&TIMER, |world| {
        /// Shorter than any timeout, longer than half of the longest.
        const PAUSE: Duration = Duration::from_millis(350);
        let script = follower_with(world, &[1], 1);
        for nth in 1..=5 {
            thread::sleep(PAUSE);
            script.expect_silence(Duration::ZERO, format!("its leader sends a snapshot every {PAUSE:?}"));
            script.leader(1).in_term(1).install_snapshot(at(10 * nth, 1), state(10 * nth));
        }
    });
}

/// A candidate that receives a snapshot from the leader of its term becomes a follower. Late votes do
/// not make it the leader of that term.
#[test]
fn a_snapshot_makes_a_follower_2d() {
    LAB.rule(&CANDIDATE_YIELDS, |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        let (term, requests) = script.expect_campaign();
        script.leader(1).in_term(term).install_snapshot(at(5, 0), state(5));
        requests.into_iter().skip(1).for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        script.expect_not_leading(format!("server 1 leads term {term}, and has sent a snapshot to server 0"));
    });
}

/// A snapshot is on disk before the follower agrees to it, even if the service is busy and receives it
/// later.
#[test]
fn a_snapshot_is_saved_first_2d() {
    LAB.rule(&DURABLE, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |_, _| thread::sleep(SOON));
        send_log(&script, &[1; 5], 4);
        thread::sleep(ROUND_TRIP);
        for through in [8, 12] {
            let answer = script.leader(1).in_term(1).install_snapshot(at(through, 1), state(through));
            answer.expect_agreement(through, "the snapshot is newer than its log");
            script.expect_base_on_disk(at(through, 1), "it has agreed to the snapshot");
            expect_eq("the snapshot on disk", script.disk().snapshot, state(through), "it has agreed to the snapshot");
        }
    });
}

/// The follower agrees through the snapshot's last entry, and no further: the leader may not have the
/// entries that follow in the follower's log.
#[test]
fn the_answer_names_the_snapshots_last_entry_2d() {
    LAB.rule(&FOLLOWS, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1], 1);
        let answer = script.leader(2).in_term(2).install_snapshot(at(3, 1), state(3));
        answer.expect_agreement(3, "server 2 may not have entries 4 and 5");
    });
}
