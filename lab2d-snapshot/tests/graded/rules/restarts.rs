//! What is on disk after each save, and what a boot makes of it.

use std::time::Duration;

use labrpc::AppendOutcome::{RetryFrom, Through};
use labrpc::RaftRequest;
use labrpc::{ApplyMsg, Bytes, Compact, Index, InstallSnapshot, thread};
use testkit::rule::persistence::{CRASH_IMAGE, REMEMBERS};
use testkit::rule::snapshots::{DELIVERED, OPAQUE};
use testkit::script::{ScriptedCluster, TRAVEL, at, entries};
use testkit::{EventKind, number};

use super::prelude::{SOON, follow, follower_with, snapshot_of, state, taken};
use crate::lab::{LAB, Server, boot};

/// A crash strikes at every save.
const ALWAYS_PER_MILLE: u64 = 1000;
/// By how much later each command is offered than the one before it.
const STEP: Duration = Duration::from_nanos(100);
/// As many as bring each moment of a cut about: from the answers' arrival to its end it takes a few
/// microseconds, each operation a tenth of one.
const STEPS: u32 = 200;

/// A restarted server's service has nothing, and is handed the snapshot first, once, and then the
/// commands that follow, as soon as a leader says that they are committed.
#[test]
fn a_boot_delivers_the_snapshot_2d() {
    LAB.rule(&DELIVERED, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 2], 5);
        script.snapshot(3, state(3));
        for life in 2..=3 {
            script.restart();
            thread::sleep(SOON);
            assert_eq!(taken(&script), [snapshot_of(at(3, 2))], "life {life} begins with the snapshot on disk");
            script.append(1, 2, at(5, 2), vec![], 5);
            thread::sleep(SOON);
            assert_eq!(taken(&script), ["command 4", "command 5"], "these follow the snapshot, and are committed");
        }
    });
}

/// A restarted server's log begins where it did: the base's index and term, and every entry behind it.
#[test]
fn a_cut_log_survives_2d() {
    LAB.rule(&REMEMBERS, |world| {
        let script = follower_with(world, &[1, 1, 2, 2, 3], 4);
        script.snapshot(3, state(3));
        script.restart();
        for (index, term) in [(3, 2), (4, 2), (5, 3)] {
            let outcome = script.append(1, 3, at(index, term), vec![], 0);
            assert_eq!(outcome, (3, Through(index)), "index {index} of term {term} was on disk before the crash");
        }
        assert_eq!(script.append(1, 3, at(6, 3), vec![], 0), (3, RetryFrom(6)), "the log ended at index 5");
        assert_eq!(script.disk().entries, entries(4, &[2, 3]), "nothing new was said");
        assert_eq!(script.append(1, 3, at(5, 3), entries(6, &[3]), 6), (3, Through(6)));
        thread::sleep(SOON);
        assert_eq!(taken(&script), [snapshot_of(at(3, 2)), "command 4".into(), "command 5".into(), "command 6".into()]);
    });
}

/// A log that was empty behind its snapshot ends there after a restart, too.
#[test]
fn an_empty_log_survives_2d() {
    LAB.rule(&REMEMBERS, |world| {
        let script = follower_with(world, &[1, 3], 2);
        script.snapshot(2, state(2));
        script.restart();
        assert_eq!(
            script.request_vote(2, 4, at(9, 2)),
            (4, false),
            "the voter's last entry is of term 3, if in a snapshot"
        );
        assert_eq!(script.append(1, 4, at(2, 3), entries(3, &[4]), 3), (4, Through(3)), "the log ends at 2, in term 3");
        script.install(1, 4, at(8, 4), state(8));
        script.restart();
        assert_eq!(script.append(1, 4, at(8, 4), entries(9, &[4]), 9), (4, Through(9)), "the log ends at 8, in term 4");
        thread::sleep(SOON);
        assert_eq!(taken(&script).last().map(String::as_str), Some("command 9"));
    });
}

/// Whatever is saved after a snapshot leaves it on the disk.
#[test]
fn later_saves_keep_the_snapshot_2d() {
    LAB.rule(&OPAQUE, |world| {
        let script = follower_with(world, &[1, 1, 1], 3);
        script.snapshot(2, state(2));
        script.append(1, 1, at(3, 1), entries(4, &[1]), 3);
        script.request_vote(2, 2, at(4, 1));
        assert_eq!(script.disk().snapshot, state(2), "an entry and a vote were saved after the snapshot");
        script.restart();
        thread::sleep(SOON);
        assert_eq!(taken(&script).last(), Some(&snapshot_of(at(2, 1))));
    });
}

/// Crashes the server at its next save while `change` happens, and boots it.
fn crash_at_a_save(script: &ScriptedCluster<Server>, change: impl Fn(&ScriptedCluster<Server>)) {
    let persister = script.cluster().persister(0);
    persister.set_crashes_per_mille(ALWAYS_PER_MILLE);
    change(script);
    assert!(!script.is_up(), "a new snapshot is saved before anything else happens");
    persister.set_crashes_per_mille(0);
    script.restart();
}

/// The log's beginning on disk, and the snapshot.
fn image(script: &ScriptedCluster<Server>) -> (Index, Vec<u8>, usize) {
    let disk = script.disk();
    (disk.head.base.index, disk.snapshot.to_vec(), disk.entries.len())
}

/// A crash right before or right after the save of a cut: the disk holds the old log with the old
/// snapshot, or the new with the new.
#[test]
fn a_crash_while_the_log_is_cut_2d() {
    LAB.rule(&CRASH_IMAGE, |world| {
        for _ in 0..4 {
            let script = ScriptedCluster::replicating(world, 3, boot);
            follow(&script, &[1; 6], 6);
            thread::sleep(SOON);
            script.snapshot(2, state(2));
            let before = image(&script);
            crash_at_a_save(&script, |script| script.snapshot(5, state(5)));
            let (left, after) = (image(&script), (5, state(5).to_vec(), 1));
            assert!(left == before || left == after, "a crash left {left:?}: neither {before:?} nor {after:?}");
        }
    });
}

/// The same for a leader's snapshot.
#[test]
fn a_crash_while_a_snapshot_comes_in_2d() {
    LAB.rule(&CRASH_IMAGE, |world| {
        for _ in 0..4 {
            let script = follower_with(world, &[1; 6], 4);
            script.snapshot(2, state(2));
            let before = image(&script);
            let install = RaftRequest::InstallSnapshot(InstallSnapshot {
                term: 1,
                leader: 1,
                last_included: at(9, 1),
                snapshot: state(9),
            });
            crash_at_a_save(&script, |script| {
                script.try_ask(1, install.clone());
            });
            let (left, after) = (image(&script), (9, state(9).to_vec(), 0));
            assert!(left == before || left == after, "a crash left {left:?}: neither {before:?} nor {after:?}");
        }
    });
}

/// While the service takes a snapshot at each command, the server is offered further ones at every
/// moment: whatever is saved meanwhile, the log on disk begins where the snapshot on disk ends.
#[test]
fn cuts_amid_traffic_2d() {
    LAB.rule(&CRASH_IMAGE, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            if let ApplyMsg::Command { at, .. } = message {
                raft.snapshot(at.index, state(at.index));
            }
        });
        let watch = script.cluster().observer().expect("a stage is watched");
        watch.record();
        script.elect();
        script.play_along();
        for step in 0..STEPS {
            // The answers to the command before arrive just now, or a little earlier.
            script.start(number(u64::from(step))).expect("server 0 leads");
            thread::sleep(2 * TRAVEL + step * STEP);
        }
        let mut snapshot = Bytes::default();
        for event in watch.events() {
            let EventKind::Saved(_, change) = event.kind else { continue };
            snapshot = change.snapshot.clone().unwrap_or(snapshot);
            let base = change.head.base.index;
            assert!(
                base == 0 || snapshot == state(base),
                "a crash after one save would leave a log that begins after {base}, and as its snapshot {snapshot:?}"
            );
        }
        assert!(script.disk().head.base.index > u64::from(STEPS) / 2, "a snapshot was taken at each command");
    });
}
