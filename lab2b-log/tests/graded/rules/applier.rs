//! Commands that go out (Figure 2, All Servers rule 1; §5.3).

use std::time::Duration;

use labrpc::channel;
use labrpc::{ApplyMsg, Elect, Entry, Index, LogPosition, Replicate, sim, thread};
use testkit::rule::life::{ANSWERS, RESTS, STUCK};
use testkit::rule::replication::{APPLY_AT_ONCE, APPLY_ORDER};
use testkit::script::{ScriptedCluster, TRAVEL, at};
use testkit::{Boot, number};

use super::follower_with;
use crate::lab::{LAB, TIMING, boot};

/// Every entry is applied once, in order and without gaps, while more entries are committed.
#[test]
fn apply_in_order_2b() {
    LAB.rule(&APPLY_ORDER, |world| {
        const COMMANDS: u64 = 200;
        let script = ScriptedCluster::replicating(world, 1, boot);
        thread::sleep(TIMING.election_timeout_max + TRAVEL);
        // A cluster of one commits each command at once, while it applies the earlier ones.
        let taken = script.cluster().visit(0, |server| (1..=COMMANDS).all(|n| server.start(number(n)).is_ok()));
        assert_eq!(taken, Some(true), "it leads, and takes every command");
        thread::sleep(TRAVEL);
        script.expect_applied_indices(1..=COMMANDS, "each entry was committed as soon as it was taken");
    });
}

/// Entries that are committed together are applied in order, too.
#[test]
fn a_batch_is_applied_in_order_2b() {
    LAB.rule(&APPLY_ORDER, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for batch in 0..5 {
            let (prev, terms) = (20 * batch, [1; 20]);
            let after = if prev == 0 { LogPosition::ZERO } else { at(prev, 1) };
            script.leader(1).in_term(1).after(after).entries_of_terms(&terms).commit(prev + 20).send();
            script.expect_applied(prev + 1, &terms, "the leader has committed all twenty at once");
        }
    });
}

/// As many entries as one request can hold are committed at once: all are applied, in order.
#[test]
fn a_long_batch_is_applied_in_order_2b() {
    LAB.rule(&APPLY_ORDER, |world| {
        const ENTRIES: usize = 3_800;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.leader(1).in_term(1).entries_of_terms(&[1; ENTRIES]).commit(ENTRIES as Index).send();
        thread::sleep(10 * TRAVEL);
        script.expect_applied_indices(1..=ENTRIES as Index, "the leader has committed all of them");
    });
}

/// A service that is slow to receive finds everything behind it, in order, and nothing is lost.
#[test]
fn a_slow_service_misses_nothing_2b() {
    LAB.rule(&APPLY_ORDER, |world| {
        const COMMANDS: u64 = 5_000;
        let script = ScriptedCluster::replicating(world, 1, |mut start: Boot| {
            let (to_service, from_server) = channel::bounded(0);
            let apply_ch = std::mem::replace(&mut start.apply_ch, to_service);
            thread::spawn(move || {
                for message in from_server.iter() {
                    if matches!(&message, ApplyMsg::Command { at, .. } if at.index == 1) {
                        thread::sleep(TRAVEL);
                    }
                    let _ = apply_ch.send(message);
                }
            });
            boot(start)
        });
        thread::sleep(TIMING.election_timeout_max + TRAVEL);
        let taken = script.cluster().visit(0, |server| (1..=COMMANDS).all(|n| server.start(number(n)).is_ok()));
        assert_eq!(taken, Some(true), "it leads, and takes every command");
        thread::sleep(100 * TRAVEL);
        script.expect_applied_indices(1..=COMMANDS, "it is a majority by itself");
    });
}

/// A command may be anything: empty, or the same as the one before. Each is an entry of its own, and is applied.
#[test]
fn any_command_is_applied_2b() {
    LAB.rule(&APPLY_ORDER, |world| {
        let commands = [&b""[..], b"x", b"x", b"", b""];
        let last = commands.len() as Index;
        let follower = ScriptedCluster::replicating(world, 3, boot);
        let entries: Vec<Entry> = commands.map(|command| Entry { term: 1, command: command.into() }).into();
        follower.leader(1).in_term(1).with_entries(entries).commit(last).send();
        thread::sleep(TRAVEL);
        follower.expect_applied_indices(1..=last, "they are committed, whatever they are");

        let leader = ScriptedCluster::replicating(world, 3, boot);
        leader.agree_to_everything();
        let (term, _) = leader.elect();
        for (index, command) in (1..).zip(commands) {
            leader.expect_taken(command, at(index, term), "it leads, and takes any command");
        }
        leader.requests_within(10 * TRAVEL);
        leader.expect_applied_indices(1..=last, "they are committed, whatever they are");
    });
}

/// All committed entries are applied at once: a follower that was away is soon up to date.
#[test]
fn apply_at_once_2b() {
    LAB.rule(&APPLY_AT_ONCE, |world| {
        /// Time for a few operations for each entry, and for no sleep.
        const AT_ONCE: Duration = Duration::from_micros(500);
        const ENTRIES: usize = 100;
        let script = follower_with(world, &[1; ENTRIES]);
        for committed in [10, 20, ENTRIES as Index] {
            thread::sleep(ODD_PAUSE);
            script.leader(1).in_term(1).after(at(ENTRIES as Index, 1)).commit(committed).send();
            thread::sleep(AT_ONCE);
            let applied = script.applied_indices().last().copied();
            assert_eq!(
                applied,
                Some(committed),
                "entry {committed} is committed, and {AT_ONCE:?} are enough to apply everything through it"
            );
        }
    });
}

/// Not a multiple of anything that a server might wait for.
const ODD_PAUSE: Duration = Duration::from_micros(13_370);

/// A service may be slow to receive, and may call its own server before it receives the next message.
/// So the server must hold no lock while it waits for its service.
#[test]
fn slow_service_2b() {
    LAB.rule(&STUCK, |world| {
        let script = ScriptedCluster::replicating(world, 3, |mut start: Boot| {
            // Without a buffer: the server goes on only when its service receives the next message.
            let (to_service, from_server) = channel::bounded(0);
            let apply_ch = std::mem::replace(&mut start.apply_ch, to_service);
            let booted = boot(start);
            let server = booted.server.clone();
            thread::spawn(move || {
                for message in from_server.iter() {
                    server.status();
                    let _ = server.start(number(0));
                    let _ = apply_ch.send(message);
                }
            });
            booted
        });
        script.leader(1).in_term(1).entries_of_terms(&[1; 5]).commit(5).send();
        script.expect_applied(1, &[1; 5], "all five entries are committed");
        script.expect_no_leader(1, "the server answers, whatever its service does");
    });
}

/// A server whose service is gone goes on: it answers, and takes part in elections.
#[test]
fn a_server_outlives_its_service_2b() {
    LAB.rule(&ANSWERS, |world| {
        let script = ScriptedCluster::new(world, 3, |mut start: Boot| {
            let (to_service, from_server) = channel::unbounded();
            drop(from_server);
            start.apply_ch = to_service;
            boot(start)
        });
        script.leader(1).in_term(1).entries_of_terms(&[1; 3]).commit(3).send();
        let (term, _) = script.elect();
        script.expect_leader(term, "the server was elected, though nobody receives what it applies");
    });
}

/// A server with nothing to apply, and no timeout due, does nothing.
#[test]
fn an_idle_server_sleeps_2b() {
    LAB.rule(&RESTS, |world| {
        /// An applier that wakes every few milliseconds needs several times as many.
        const OPERATIONS_MAX: u64 = 100;
        let script = follower_with(world, &[1, 1]);
        let before = sim::operations();
        thread::sleep(TIMING.election_timeout_min - 4 * TRAVEL);
        let operations = sim::operations() - before;
        assert!(operations <= OPERATIONS_MAX, "nothing happened, and the server's threads did {operations} operations");
        assert!(script.is_up());
    });
}
