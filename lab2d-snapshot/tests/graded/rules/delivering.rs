//! Figure 13, rule 8, and the applier: what the service is handed, in which order, however busy it is.

use std::time::Duration;

use labrpc::AppendOutcome::Through;
use labrpc::{ApplyMsg, Compact, thread};
use testkit::World;
use testkit::rule::life::RUNS;
use testkit::rule::replication::APPLY_AT_ONCE;
use testkit::rule::snapshots::{DELIVERED, OPAQUE};
use testkit::script::{ScriptedCluster, at, entries};

use super::prelude::{ROUND_TRIP, SOON, follow, follower_with, snapshot_of, state, taken};
use crate::lab::{LAB, Server, boot};

/// How long a busy service takes over each message.
const BUSY: Duration = Duration::from_millis(10);

/// A follower in term 1, whose service is busy with the first of six commands; some of the others
/// have been taken out of the log for it, and wait.
fn follower_with_a_busy_service(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::with_service(world, 3, boot, |_, _| thread::sleep(BUSY));
    follow(&script, &[1; 6], 6);
    thread::sleep(ROUND_TRIP);
    script
}

/// The service is handed a leader's snapshot at once, though no command follows it.
#[test]
fn a_snapshot_is_delivered_at_once_2d() {
    LAB.rule(&DELIVERED, |world| {
        let script = follower_with(world, &[1, 1], 1);
        script.install(1, 1, at(5, 1), state(5));
        thread::sleep(SOON);
        assert_eq!(taken(&script), [snapshot_of(at(5, 1))], "the service lacks all that the snapshot covers");
        script.install(1, 1, at(5, 1), state(5));
        script.append(1, 1, at(5, 1), entries(6, &[1]), 6);
        thread::sleep(SOON);
        assert_eq!(taken(&script), ["command 6"], "a doubled snapshot is not delivered a second time");
    });
}

/// The commands that follow a snapshot come after it, also if both wait for the service.
#[test]
fn commands_follow_the_snapshot_2d() {
    LAB.rule(&DELIVERED, |world| {
        let script = follower_with_a_busy_service(world);
        script.install(1, 1, at(9, 1), state(9));
        assert_eq!(script.append(1, 1, at(9, 1), entries(10, &[1, 1]), 11), (1, Through(11)));
        thread::sleep(20 * BUSY);
        let handed = taken(&script);
        let snapshot = handed.iter().position(|message| *message == snapshot_of(at(9, 1)));
        let snapshot =
            snapshot.unwrap_or_else(|| panic!("the snapshot was not among what was handed over: {handed:?}"));
        assert_eq!(handed[snapshot + 1..], ["command 10", "command 11"], "these follow the snapshot");
    });
}

/// Of two snapshots that wait for the service, the newer is handed over, whole, and not the older.
#[test]
fn the_newer_of_two_snapshots_2d() {
    LAB.rule(&OPAQUE, |world| {
        let script = follower_with_a_busy_service(world);
        script.install(1, 1, at(9, 1), state(9));
        assert_eq!(script.install(1, 1, at(12, 1), state(12)), (1, Through(12)));
        assert_eq!(script.disk().snapshot, state(12), "server 0 has agreed to a snapshot through 12");
        thread::sleep(20 * BUSY);
        let handed = taken(&script);
        assert_eq!(handed.last(), Some(&snapshot_of(at(12, 1))), "the service was handed {handed:?}");
    });
}

/// A snapshot that comes in while commands are handed over does not stop what comes later, and
/// nothing is handed over twice.
#[test]
fn the_applier_goes_on_2d() {
    LAB.rule(&APPLY_AT_ONCE, |world| {
        let script = follower_with_a_busy_service(world);
        script.install(1, 1, at(9, 1), state(9));
        thread::sleep(20 * BUSY);
        let handed = taken(&script);
        assert_eq!(handed.last(), Some(&snapshot_of(at(9, 1))), "the service was handed {handed:?}");
        script.append(1, 1, at(9, 1), entries(10, &[1, 1]), 11);
        thread::sleep(20 * BUSY);
        assert_eq!(taken(&script), ["command 10", "command 11"], "the service is free, and these are committed");
    });
}

/// A service that is late takes its snapshot, and a leader's newer one is here meanwhile: it stays.
#[test]
fn a_late_services_snapshot_2d() {
    LAB.rule(&RUNS, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            thread::sleep(BUSY);
            if let ApplyMsg::Command { at, .. } = message {
                raft.snapshot(at.index, state(at.index));
            }
        });
        follow(&script, &[1; 6], 6);
        thread::sleep(ROUND_TRIP);
        script.install(1, 1, at(9, 1), state(9));
        thread::sleep(20 * BUSY);
        assert_eq!(script.disk().head.base, at(9, 1), "a snapshot through 9 is newer than any of this service's");
        assert_eq!(script.disk().snapshot, state(9), "a snapshot through 9 is newer than any of this service's");
        assert_eq!(taken(&script).last(), Some(&snapshot_of(at(9, 1))));
    });
}
