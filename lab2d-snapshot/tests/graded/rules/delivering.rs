//! What the service receives, and in which order, however busy it is (Figure 13, rule 8).

use std::time::Duration;

use labrpc::{ApplyMsg, Compact, thread};
use testkit::World;
use testkit::rule::replication::APPLY_AT_ONCE;
use testkit::rule::snapshots::{DELIVERED, OLD_SNAPSHOT, OPAQUE};
use testkit::script::{ScriptedCluster, at, expect_eq, expect_rule};

use super::setup::{ROUND_TRIP, SOON, command, expect_received, follower_with, received, send_log, snapshot, state};
use crate::lab::{LAB, Server, boot};

/// The time that a busy service takes for each message.
const BUSY: Duration = Duration::from_millis(10);

/// A follower in term 1 whose service is busy with the first of six commands. Some of the others have
/// been taken out of the log already, and wait for the service.
#[track_caller]
fn follower_with_a_busy_service(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::with_service(world, 3, boot, |_, _| thread::sleep(BUSY));
    send_log(&script, &[1; 6], 6);
    thread::sleep(ROUND_TRIP);
    script
}

/// The service receives a leader's snapshot at once, even if no command follows.
#[test]
fn a_snapshot_is_delivered_at_once_2d() {
    LAB.rule(&DELIVERED, |world| {
        let script = follower_with(world, &[1, 1], 1);
        let leader = script.leader(1).in_term(1);
        leader.install_snapshot(at(5, 1), state(5));
        thread::sleep(SOON);
        expect_received(
            &script,
            &[snapshot(at(5, 1))],
            "the service has applied one entry, and the snapshot covers five",
        );
        leader.install_snapshot(at(5, 1), state(5));
        leader.after(at(5, 1)).entries_of_terms(&[1]).commit(6).send();
        thread::sleep(SOON);
        expect_received(&script, &[command(6)], "the service has already received that snapshot");
    });
}

/// The commands that follow a snapshot come after it, even if both wait for the service.
#[test]
fn commands_follow_the_snapshot_2d() {
    LAB.rule(&DELIVERED, |world| {
        let script = follower_with_a_busy_service(world);
        let leader = script.leader(1).in_term(1);
        leader.install_snapshot(at(9, 1), state(9));
        let answer = leader.after(at(9, 1)).entries_of_terms(&[1, 1]).commit(11).send();
        answer.expect_agreement(11, "its log begins after 9:1");
        thread::sleep(20 * BUSY);
        let received = received(&script);
        let place = received.iter().position(|message| *message == snapshot(at(9, 1)));
        let place =
            place.unwrap_or_else(|| panic!("the service did not receive the snapshot; it received {received:?}"));
        expect_eq(
            "what the service receives after the snapshot",
            &received[place + 1..],
            [command(10), command(11)],
            "these follow the snapshot, and are committed",
        );
    });
}

/// If two snapshots wait for the service, it receives the newer one, whole.
#[test]
fn the_newer_of_two_snapshots_2d() {
    LAB.rule(&OPAQUE, |world| {
        let script = follower_with_a_busy_service(world);
        let leader = script.leader(1).in_term(1);
        leader.install_snapshot(at(9, 1), state(9));
        leader.install_snapshot(at(12, 1), state(12)).expect_agreement(12, "the snapshot is newer than its own");
        expect_eq("the snapshot on disk", script.disk().snapshot, state(12), "it has agreed to a snapshot through 12");
        thread::sleep(20 * BUSY);
        let received = received(&script);
        expect_eq(
            "the last that the service receives",
            received.last(),
            Some(&snapshot(at(12, 1))),
            "the newer snapshot comes last",
        );
    });
}

/// A snapshot that arrives while commands are applied does not stop what follows, and nothing is
/// applied twice.
#[test]
fn the_applier_goes_on_2d() {
    LAB.rule(&APPLY_AT_ONCE, |world| {
        let script = follower_with_a_busy_service(world);
        let leader = script.leader(1).in_term(1);
        leader.install_snapshot(at(9, 1), state(9));
        thread::sleep(20 * BUSY);
        let received = received(&script);
        expect_eq(
            "the last that the service receives",
            received.last(),
            Some(&snapshot(at(9, 1))),
            "the snapshot comes last",
        );
        leader.after(at(9, 1)).entries_of_terms(&[1, 1]).commit(11).send();
        thread::sleep(20 * BUSY);
        expect_received(&script, &[command(10), command(11)], "the service is free, and these are committed");
    });
}

/// A service that is late takes a snapshot when its server already has a newer one from the leader.
/// The newer one stays.
#[test]
fn a_late_snapshot_does_not_replace_a_newer_one_2d() {
    LAB.rule(&OLD_SNAPSHOT, |world| {
        let script = ScriptedCluster::with_service(world, 3, boot, |raft: &Server, message| {
            thread::sleep(BUSY);
            if let ApplyMsg::Command { at, .. } = message {
                raft.snapshot(at.index, state(at.index));
            }
        });
        send_log(&script, &[1; 6], 6);
        thread::sleep(ROUND_TRIP);
        script.leader(1).in_term(1).install_snapshot(at(9, 1), state(9));
        thread::sleep(20 * BUSY);
        let why = "the leader's snapshot goes through 9, and the service has applied no more than 6 entries";
        script.expect_base_on_disk(at(9, 1), why);
        expect_eq("the snapshot on disk", script.disk().snapshot, state(9), why);
        let received = received(&script);
        let what = format!("the leader's snapshot through 9 is the last that the service should receive: {received:?}");
        expect_rule(&DELIVERED, received.last() == Some(&snapshot(at(9, 1))), what);
    });
}
