//! Commands that go out (Figure 2, All Servers rule 1; §5.3).

use std::time::Duration;

use lab2a_election::Election;
use labrpc::channel;
use labrpc::{Elect, Index, LogPosition, Replicate, sim, thread};
use testkit::rule::life::{RESTS, RUNS, STUCK};
use testkit::rule::replication::{APPLY_AT_ONCE, APPLY_ORDER};
use testkit::script::{ScriptedCluster, TRAVEL, at, entries};
use testkit::{Boot, Booted, number};

use super::{assert_applies, follower_with, pace};
use crate::lab::{LAB, Server, boot};

/// Every entry is handed over once, in order, and without gaps, while more of them are committed.
#[test]
fn apply_in_order_2b() {
    LAB.rule(&APPLY_ORDER, "apply_in_order_2b", |world| {
        const COMMANDS: u64 = 200;
        let script = ScriptedCluster::replicating(world, 1, boot);
        thread::sleep(pace().election_timeout_max + TRAVEL);
        // Alone, it commits each at once, while it hands over those before.
        let offer = |server: &Server| (1..=COMMANDS).all(|n| server.start(number(n)).is_ok());
        assert_eq!(script.cluster().visit(0, offer), Some(true), "it leads, and takes every command");
        thread::sleep(TRAVEL);
        assert_eq!(
            script.applied_indices(),
            Vec::from_iter(1..=COMMANDS),
            "left is what the service was handed, in order"
        );
    });
}

/// What is committed together is handed over in order, too.
#[test]
fn batch_in_order_2b() {
    LAB.rule(&APPLY_ORDER, "batch_in_order_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for batch in 0..5 {
            let (prev, terms) = (20 * batch, [1; 20]);
            let after = if prev == 0 { LogPosition::ZERO } else { at(prev, 1) };
            let batch = entries(prev + 1, &terms);
            script.append(1, 1, after, batch.clone(), prev + 20);
            assert_applies(&script, prev + 1, &batch);
        }
    });
}

/// All that is committed is handed over at once: a follower that was away is soon up to date.
#[test]
fn apply_at_once_2b() {
    LAB.rule(&APPLY_AT_ONCE, "apply_at_once_2b", |world| {
        /// Time for a few operations for each entry, and for no sleep.
        const AT_ONCE: Duration = Duration::from_micros(500);
        const ENTRIES: usize = 100;
        let script = follower_with(world, &[1; ENTRIES]);
        for committed in [10, 20, ENTRIES as Index] {
            thread::sleep(ODD_PAUSE);
            script.append(1, 1, at(ENTRIES as Index, 1), vec![], committed);
            thread::sleep(AT_ONCE);
            let applied = script.applied_indices().last().copied();
            assert_eq!(
                applied,
                Some(committed),
                "entry {committed} is committed, and the service has nothing to wait for"
            );
        }
    });
}

/// Not a multiple of anything that a server might wait for.
const ODD_PAUSE: Duration = Duration::from_micros(13_370);

/// A service may be slow to take what it is handed, and call its own server before it does: nothing
/// in the server waits for it with the lock held.
#[test]
fn slow_service_2b() {
    LAB.rule(&STUCK, "slow_service_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, |start: Boot| {
            let Boot { me, links, apply_ch, election_seed, now, .. } = start;
            let election = Election::new(me, links.len(), pace(), election_seed, now);
            // The server can go on only when its service takes the next one.
            let (hand, handed) = channel::bounded(0);
            let raft = lab2b_log::boot(election, links, hand);
            let service = raft.clone();
            thread::spawn(move || {
                for message in handed.iter() {
                    service.status();
                    let _ = service.start(number(0));
                    let _ = apply_ch.send(message);
                }
            });
            Booted::raft(raft)
        });
        let given = entries(1, &[1; 5]);
        script.append(1, 1, LogPosition::ZERO, given.clone(), 5);
        assert_applies(&script, 1, &given);
        assert_eq!(script.status().term, 1, "the server answers, whatever its service does");
    });
}

/// When its service is gone, the server goes on: it answers, and takes part in elections.
#[test]
fn service_is_gone_2b() {
    LAB.rule(&RUNS, "service_is_gone_2b", |world| {
        let script = ScriptedCluster::new(world, 3, |start: Boot| {
            let Boot { me, links, election_seed, now, .. } = start;
            let election = Election::new(me, links.len(), pace(), election_seed, now);
            let (hand, handed) = channel::unbounded();
            drop(handed);
            Booted::raft(lab2b_log::boot(election, links, hand))
        });
        script.append(1, 1, LogPosition::ZERO, entries(1, &[1; 3]), 3);
        let (term, _) = script.elect();
        assert_eq!(script.status().term, term, "the server answers, though nobody takes what it hands over");
    });
}

/// A server with nothing to hand over, and nothing due, does nothing.
#[test]
fn rests_2b() {
    LAB.rule(&RESTS, "rests_2b", |world| {
        /// An applier that looks up every few milliseconds does a multiple of this.
        const OPERATIONS_MAX: u64 = 100;
        let script = follower_with(world, &[1, 1]);
        let before = sim::operations();
        thread::sleep(pace().election_timeout_min - 4 * TRAVEL);
        let operations = sim::operations() - before;
        assert!(operations <= OPERATIONS_MAX, "nothing happened, and the server's threads did {operations} things");
        assert!(script.is_up());
    });
}
