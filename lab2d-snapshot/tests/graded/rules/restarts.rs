//! What is on disk after each save, and what a boot makes of it.

use std::time::Duration;

use labrpc::{ApplyMsg, Ballot, Bytes, Compact, Head, Index, InstallSnapshot, RaftRequest, thread};
use testkit::rule::persistence::{CRASH_IMAGE, REFUSES_TO_BOOT, REMEMBERS};
use testkit::rule::snapshots::{BOOTS, DELIVERED, OPAQUE};
use testkit::script::{ScriptedCluster, TRAVEL, at, cut_short, entries, expect_eq, lengthen, look_at};
use testkit::{DiskState, EventKind, number};

use super::setup::{SOON, command, cut, expect_received, follower_with, received, send_log, snapshot, state};
use crate::lab::{LAB, Server, boot};

/// Every save crashes the server.
const ALWAYS_PER_MILLE: u64 = 1000;
/// Each command is offered later than the one before by this much more.
const STEP: Duration = Duration::from_nanos(100);
/// Enough to offer a command at every moment of a cut: from the replies' arrival on, a cut takes a few
/// microseconds, and each operation a tenth of one.
const STEPS: u32 = 200;

/// The service of a restarted server has nothing. It receives the snapshot first, once, and then the
/// commands that follow, as soon as a leader says that they are committed.
#[test]
fn a_boot_delivers_the_snapshot_2d() {
    LAB.rule(&DELIVERED, |world| {
        look_at(&BOOTS);
        let script = follower_with(world, &[1, 1, 2, 2, 2], 5);
        cut(&script, 3);
        for _ in 0..2 {
            script.restart();
            thread::sleep(SOON);
            expect_received(&script, &[snapshot(at(3, 2))], "the server has restarted with this snapshot on its disk");
            script.leader(1).in_term(2).after(at(5, 2)).commit(5).send();
            thread::sleep(SOON);
            expect_received(&script, &[command(4), command(5)], "these follow the snapshot, and are committed");
        }
    });
}

/// The log of a restarted server begins where it did: with the base's index and term, and every entry
/// after it.
#[test]
fn a_cut_log_survives_2d() {
    LAB.rule(&REMEMBERS, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 3], 4);
        let leader = script.leader(1).in_term(3);
        cut(&script, 3);
        script.restart();
        for position in [at(3, 2), at(4, 2), at(5, 3)] {
            let answer = leader.clone().after(position).send();
            answer.expect_agreement(position.index, "this position was on disk before the crash");
        }
        leader.clone().after(at(6, 3)).send().expect_retry_from(6, "its log ended at index 5");
        script.expect_entries_on_disk(&entries(4, &[2, 3]), "none of these requests had entries");
        let answer = leader.after(at(5, 3)).entries_of_terms(&[3]).commit(6).send();
        answer.expect_agreement(6, "its log ended at 5:3");
        thread::sleep(SOON);
        let expected = [snapshot(at(3, 2)), command(4), command(5), command(6)];
        expect_received(&script, &expected, "the server has restarted, and all six entries are committed");
    });
}

/// A log that was empty after its snapshot still ends there after a restart.
#[test]
fn an_empty_log_survives_2d() {
    LAB.rule(&REMEMBERS, |world| {
        let script = follower_with(world, &[1, 3], 2);
        cut(&script, 2);
        script.restart();
        let answer = script.candidate(2).in_term(4).with_log_through(at(9, 2)).asks_for_vote();
        answer.expect_no_vote("the voter's log ends at 2:3, in its snapshot");
        let leader = script.leader(1).in_term(4);
        let answer = leader.clone().after(at(2, 3)).entries_of_terms(&[4]).commit(3).send();
        answer.expect_agreement(3, "its log ended at 2:3, in its snapshot");
        leader.install_snapshot(at(8, 4), state(8));
        script.restart();
        let answer = leader.after(at(8, 4)).entries_of_terms(&[4]).commit(9).send();
        answer.expect_agreement(9, "its log ended at 8:4, in its snapshot");
        thread::sleep(SOON);
        let received = received(&script);
        expect_eq("the last that the service receives", received.last(), Some(&command(9)), "entry 9 is committed");
    });
}

/// A server whose log was cut cannot know where it begins without its head, and refuses to boot if it cannot read
/// that, or an entry.
#[test]
fn a_damaged_disk_is_refused_2d() {
    LAB.rule(&REMEMBERS, |world| {
        look_at(&REFUSES_TO_BOOT);
        let script = ScriptedCluster::replicating(world, 3, boot);
        let head = Head { ballot: Ballot { term: 3, voted_for: Some(1) }, base: at(3, 2) };
        let disk = DiskState { head, entries: entries(4, &[2, 3]).into(), snapshot: state(3) };
        script.expect_no_boot(&disk, |image| cut_short(&mut image.head), "the last byte of the head is missing");
        script.expect_no_boot(&disk, |image| lengthen(&mut image.head), "there is a byte after the head");
        for (slot, index) in [4, 5].into_iter().enumerate() {
            let missing = format!("the last byte of entry {index} is missing");
            script.expect_no_boot(&disk, |image| cut_short(&mut image.entries[slot]), missing);
            let more = format!("there is a byte after entry {index}");
            script.expect_no_boot(&disk, |image| lengthen(&mut image.entries[slot]), more);
        }
        script.restart_from(&disk);
        thread::sleep(SOON);
        expect_received(&script, &[snapshot(at(3, 2))], "this disk is whole");
        let answer = script.leader(1).in_term(3).after(at(5, 3)).send();
        answer.expect_agreement(5, "this disk is whole, and its log ends at 5:3");
    });
}

/// A save after a snapshot leaves the snapshot on the disk.
#[test]
fn later_saves_keep_the_snapshot_2d() {
    LAB.rule(&OPAQUE, |world| {
        let script = follower_with(world, &[1, 1, 1], 3);
        cut(&script, 2);
        script.leader(1).in_term(1).after(at(3, 1)).entries_of_terms(&[1]).commit(3).send();
        script.candidate(2).in_term(2).with_log_through(at(4, 1)).asks_for_vote();
        let why = "after the snapshot, only an entry and a vote were saved";
        expect_eq("the snapshot on disk", script.disk().snapshot, state(2), why);
        script.restart();
        thread::sleep(SOON);
        let received = received(&script);
        let why = "the service has restarted";
        expect_eq("the last that the service receives", received.last(), Some(&snapshot(at(2, 1))), why);
    });
}

/// Crashes the server at its next save while `change` happens, and boots it.
#[track_caller]
fn crash_at_a_save(script: &ScriptedCluster<Server>, change: impl Fn(&ScriptedCluster<Server>)) {
    let persister = script.persister();
    persister.set_crashes_per_mille(ALWAYS_PER_MILLE);
    change(script);
    assert!(!script.is_up(), "a new snapshot must be saved at once");
    persister.set_crashes_per_mille(0);
    script.restart();
}

/// What is on disk: the index after which the log begins, the snapshot, and the number of entries.
#[track_caller]
fn image(script: &ScriptedCluster<Server>) -> (Index, Vec<u8>, usize) {
    let disk = script.disk();
    (disk.head.base.index, disk.snapshot.to_vec(), disk.entries.len())
}

/// After a crash right before or right after the save of a cut, the disk holds the old log with the
/// old snapshot, or the new log with the new one.
#[test]
fn a_crash_while_the_log_is_cut_2d() {
    LAB.rule(&CRASH_IMAGE, |world| {
        for _ in 0..4 {
            let script = ScriptedCluster::replicating(world, 3, boot);
            send_log(&script, &[1; 6], 6);
            thread::sleep(SOON);
            cut(&script, 2);
            let before = image(&script);
            crash_at_a_save(&script, |script| script.snapshot(5, state(5)));
            let (left, after) = (image(&script), (5, state(5).to_vec(), 1));
            assert!(
                left == before || left == after,
                "a crash left {left:?}; before the save it was {before:?}, and after it {after:?}"
            );
        }
    });
}

/// After a crash right before or right after the save of a leader's snapshot, the disk holds the old
/// log with the old snapshot, or the new log with the new one.
#[test]
fn a_crash_while_a_snapshot_comes_in_2d() {
    LAB.rule(&CRASH_IMAGE, |world| {
        for _ in 0..4 {
            let script = follower_with(world, &[1; 6], 4);
            cut(&script, 2);
            let before = image(&script);
            let install = RaftRequest::InstallSnapshot(InstallSnapshot {
                term: 1,
                leader: 1,
                last_included: at(9, 1),
                snapshot: state(9),
            });
            crash_at_a_save(&script, |script| {
                script.try_ask(1, &install);
            });
            let (left, after) = (image(&script), (9, state(9).to_vec(), 0));
            assert!(
                left == before || left == after,
                "a crash left {left:?}; before the save it was {before:?}, and after it {after:?}"
            );
        }
    });
}

/// The service takes a snapshot at each command, and commands are offered at every moment of a cut.
/// After every save, the log on disk begins where the snapshot on disk ends.
#[test]
fn cuts_during_traffic_2d() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            if let ApplyMsg::Command { at, .. } = message {
                raft.snapshot(at.index, state(at.index));
            }
        });
        script.elect();
        script.agree_to_everything();
        for step in 0..STEPS {
            // The replies to the command before arrive just now, or a little earlier.
            script.take(number(u64::from(step)));
            thread::sleep(2 * TRAVEL + step * STEP);
        }
        let mut snapshot = Bytes::default();
        for event in script.events() {
            let EventKind::Saved(_, change) = event.kind else { continue };
            snapshot = change.snapshot.clone().unwrap_or(snapshot);
            let base = change.head.base.index;
            assert!(
                base == 0 || snapshot == state(base),
                "a crash after one save would leave a log that begins after index {base}, and the snapshot {snapshot:?}"
            );
        }
        assert!(script.disk().head.base.index > u64::from(STEPS) / 2, "the service takes a snapshot at each command");
    });
}
