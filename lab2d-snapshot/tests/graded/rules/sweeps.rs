//! Two things at almost the same moment, at every distance: the doors that lead to one log and one snapshot.

use std::time::Duration;

use labrpc::{InstallSnapshot, RaftRequest, thread};
use testkit::number;
use testkit::rule::replication::COMMIT_AT_ONCE;
use testkit::rule::snapshots::{BOOTS, BOUNDARY, DELIVERED, SENT};
use testkit::script::{TRAVEL, agreement, at, expect_eq, look_at, refuses};
use testkit::sweep::Sweep;

use super::setup::{ROUND_TRIP, SOON, command, cut, expect_received, follower_with, leader, received, snapshot, state};
use crate::lab::LAB;

/// Enough for both events, and for what follows from them.
const REACH: Duration = Duration::from_micros(8);

fn install(through: u64) -> RaftRequest {
    let last_included = at(through, 1);
    RaftRequest::InstallSnapshot(InstallSnapshot { term: 1, leader: 1, last_included, snapshot: state(through) })
}

/// While a leader's snapshot arrives, commands are applied: each comes before the snapshot or not at all.
#[test]
fn a_snapshot_meets_committed_commands_2d() {
    LAB.rule(&DELIVERED, |world| {
        let sweep = Sweep::of(world, "two commands are committed", "a snapshot that covers them arrives");
        sweep.within(REACH).each(|offset| {
            let script = follower_with(world, &[1; 4], 1);
            let committed = script.leader(1).in_term(1).after(at(4, 1)).commit(3).request();
            offset.meet(script.arrives(1, committed), script.arrives(1, install(4)));
            thread::sleep(TRAVEL);
            let received = received(&script);
            assert_eq!(received.last(), Some(&snapshot(at(4, 1))), "the snapshot comes last in {received:?}");
            script.crash();
        });
    });
}

/// A leader says that entries are committed at the moment when the server has booted, before or between the first
/// turns of its threads: the service receives the snapshot on disk first, if there is one, and then the entries.
#[test]
fn a_commitment_meets_a_boot_2d() {
    LAB.rule(&DELIVERED, |world| {
        look_at(&BOOTS);
        for through in [3, 0] {
            Sweep::of(world, "the server has booted", "a leader says that entries are committed").within(REACH).each(
                |offset| {
                    let Some(after) = offset.later() else { return };
                    let script = follower_with(world, &[1; 5], 4);
                    if through > 0 {
                        cut(&script, through);
                    }
                    let committed = script.leader(1).in_term(1).after(at(5, 1)).commit(5).request();
                    script.restart_into(after, 1, &committed);
                    thread::sleep(SOON);
                    let first = (through > 0).then(|| snapshot(at(through, 1)));
                    let expected: Vec<String> = first.into_iter().chain((through + 1..=5).map(command)).collect();
                    expect_received(&script, &expected, "the log on disk ends at entry 5, and all of it is committed");
                    script.crash();
                },
            );
        }
    });
}

/// While a leader's snapshot arrives, the service gives its server an older one: the newer stays, on disk
/// as well.
#[test]
fn a_snapshot_meets_a_cut_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let sweep = Sweep::of(
            world,
            "the service takes a snapshot through entry 3",
            "a leader's snapshot through entry 5 arrives",
        );
        sweep.within(REACH).each(|offset| {
            let script = follower_with(world, &[1; 4], 3);
            offset.meet(script.is_cut(3, state(3)), script.arrives(1, install(5)));
            let why = "the leader's snapshot is the newer one";
            script.expect_base_on_disk(at(5, 1), why);
            expect_eq("the snapshot on disk", script.disk().snapshot, state(5), why);
            thread::sleep(TRAVEL);
            expect_received(&script, &[snapshot(at(5, 1))], why);
            script.restart();
            thread::sleep(TRAVEL);
            expect_received(&script, &[snapshot(at(5, 1))], "it is on disk, and the service has nothing after a crash");
            script.crash();
        });
    });
}

/// Entries that follow a snapshot arrive with it: whatever comes first, the service receives all in order.
#[test]
fn a_snapshot_meets_entries_2d() {
    LAB.rule(&DELIVERED, |world| {
        Sweep::of(world, "entries 5 and 6 arrive", "a snapshot through entry 5 arrives").within(REACH).each(|offset| {
            let script = follower_with(world, &[1; 4], 2);
            let leader = script.leader(1).in_term(1);
            let entries = leader.clone().after(at(4, 1)).entries_of_terms(&[1, 1]).commit(6);
            offset.meet(script.arrives(1, entries.request()), script.arrives(1, install(5)));
            entries.send().expect_agreement(6, "its log or its snapshot holds entry 4");
            thread::sleep(TRAVEL);
            let received = received(&script);
            assert_eq!(received.last(), Some(&command(6)), "entry 6 comes last in {received:?}");
            script.crash();
        });
    });
}

/// Two snapshots arrive at the same moment: the newer one stays.
#[test]
fn two_snapshots_meet_2d() {
    LAB.rule(&BOUNDARY, |world| {
        let sweep = Sweep::of(world, "a snapshot through entry 5 arrives", "a snapshot through entry 7 arrives");
        sweep.within(REACH).each(|offset| {
            let script = follower_with(world, &[1; 4], 2);
            offset.meet(script.arrives(1, install(5)), script.arrives(1, install(7)));
            let why = "a snapshot through entry 7 has arrived";
            script.expect_base_on_disk(at(7, 1), why);
            expect_eq("the snapshot on disk", script.disk().snapshot, state(7), why);
            thread::sleep(TRAVEL);
            let received = received(&script);
            assert_eq!(received.last(), Some(&snapshot(at(7, 1))), "the newer snapshot comes last in {received:?}");
            script.crash();
        });
    });
}

/// A leader takes a command while it cuts its log: the command is committed at once.
#[test]
fn a_command_meets_a_cut_2d() {
    LAB.rule(&COMMIT_AT_ONCE, |world| {
        Sweep::of(world, "the service takes a snapshot", "a command is offered").within(REACH).each(|offset| {
            let (script, term) = leader(world, 6);
            offset.meet(script.is_cut(6, state(6)), script.is_offered(number(7)));
            thread::sleep(ROUND_TRIP);
            script.expect_base_on_disk(at(6, term), "the snapshot covers six entries");
            script.expect_applied_indices([7], "server 1 agrees to everything");
            script.crash();
        });
    });
}

/// A follower asks for entries while its leader cuts them off: it is sent the entries, or the snapshot.
#[test]
fn a_refusal_meets_a_cut_2d() {
    LAB.rule(&SENT, |world| {
        Sweep::of(world, "the service takes a snapshot", "a follower asks for removed entries").within(REACH).each(
            |offset| {
                let (script, term) = leader(world, 6);
                script.discard_requests();
                let waiting = script.expect_append_to(2, "a heartbeat to server 2");
                script.discard_requests();
                // A leader may go back step by step.
                script.answer_with(move |peer, request| match request {
                    _ if peer == 1 => Some(agreement(request)),
                    RaftRequest::AppendEntries(append) if append.prev.index > 0 => Some(refuses(term, 1)),
                    _ => None,
                });
                offset.meet(script.is_cut(5, state(5)), script.reply_arrives(waiting, refuses(term, 1)));
                let is_help = |sent: &RaftRequest| match sent {
                    RaftRequest::InstallSnapshot(install) => install.last_included == at(5, term),
                    RaftRequest::AppendEntries(append) => append.prev == at(0, 0) && !append.entries.is_empty(),
                    RaftRequest::RequestVote(_) => false,
                };
                let sent = script.requests_within(4 * ROUND_TRIP);
                let is_helped = sent.iter().any(|sent| sent.to == 2 && is_help(&sent.request));
                let sent: Vec<String> = sent.iter().map(ToString::to_string).collect();
                assert!(
                    is_helped,
                    "server 2 asks for entries from index 1 on, and is sent no such entries and no snapshot: {sent:?}"
                );
                script.crash();
            },
        );
    });
}
