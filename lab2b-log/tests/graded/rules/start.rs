//! Commands that come in (Figure 2, Leaders rule 2; §5.3).

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Elect, Entry, Index, Status, thread};
use testkit::rule::life::BOUNDED;
use testkit::rule::replication::{START, START_AT_ONCE};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, at};
use testkit::{Boot, World, number};

use super::{ROUND_TRIP, send_log};
use crate::lab::{LAB, Server, boot};

/// Only a leader takes a command. It appends the command to its log, and returns its index and term.
#[test]
fn start_2b() {
    LAB.rule(&START, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.expect_not_taken(number(1), "it has just booted, and does not lead");
        send_log(&script, &[1, 1]);
        script.expect_not_taken(number(1), "server 1 leads");
        script.expect_campaign();
        script.expect_not_taken(number(1), "it has asked for votes, and has none yet");
        let (term, _) = script.elect();
        script.expect_taken(number(1), at(3, term), format!("its log ended at index 2, and it leads term {term}"));
        script.expect_taken(number(2), at(4, term), format!("its log ended at index 3, and it leads term {term}"));
        let received = script.requests_within(2 * script.timing().heartbeat_interval);
        for (index, command) in [(3, number(1)), (4, number(2))] {
            let right = Entry { term, command: command.clone() };
            let mut sent = received.iter().filter_map(|received| entry_at(received, index)).peekable();
            assert!(sent.peek().is_some(), "its entry {index} was never sent");
            assert!(sent.all(|entry| *entry == right), "its entry {index} is {command:?}, of term {term}");
        }
    });
}

/// The entry at an index, if the request carries it.
fn entry_at(received: &ReceivedRequest, index: Index) -> Option<&Entry> {
    let append = received.append();
    append.entries.get(index.checked_sub(append.prev.index + 1)? as usize)
}

/// The first command ever is entry 1.
#[test]
fn first_index_2b() {
    LAB.rule(&START, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        let (term, _) = script.elect();
        script.expect_taken(number(1), at(1, term), "no command was ever taken before");
        script.requests_within(2 * ROUND_TRIP);
        script.expect_applied_indices([1], "that command is the only entry");
    });
}

/// `start` returns at once, even if no other server answers.
#[test]
fn start_returns_at_once_2b() {
    LAB.rule(&START_AT_ONCE, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, _) = script.elect();
        let cluster = script.cluster().clone();
        let offer = world.spawn("offers a command", move || cluster.start_command(0, number(1)));
        let answer = offer.join_within(TRAVEL);
        assert_eq!(answer, Some(Some(at(1, term))), "`start` does not wait for any other server");
    });
}

/// A command that comes in while the leader is deposed is refused, or becomes an entry of the term
/// that it led.
#[test]
fn start_while_deposed_2b() {
    LAB.rule(&START, |world| {
        /// Enough repetitions for rare interleavings to occur.
        const ROUNDS: usize = 12;
        let script = ScriptedCluster::replicating(world, 3, boot);
        for round in 0..ROUNDS {
            let (term, _) = script.elect();
            let cluster = script.cluster().clone();
            let offers = world.spawn(&format!("offers {round}"), move || {
                thread::sleep(TRAVEL - AHEAD);
                while let Some(taken) = cluster.start_command(0, number(0)) {
                    assert_eq!(taken.term, term, "it took a command for term {}, but it led term {term}", taken.term);
                }
            });
            script.leader(1).in_term(term + 1).heartbeat();
            offers.join();
        }
    });
}

/// A command that comes in while the leader is elected is refused, or becomes an entry of its new term.
#[test]
fn start_while_elected_2b() {
    LAB.rule(&START, |world| {
        /// Enough repetitions for rare interleavings to occur.
        const ELECTIONS: u64 = 30;
        for round in 0..ELECTIONS {
            let (script, due) = alone(world);
            thread::sleep(due - Instant::now() - AHEAD);
            let taken = loop {
                if let Ok(taken) = script.start(number(round)) {
                    break taken;
                }
            };
            assert_eq!(taken, at(1, 1), "it won term 1 by its own vote, and this is its first command");
        }
    });
}

/// Commands are offered from this long before the change on.
const AHEAD: Duration = Duration::from_micros(10);

/// The only server of a cluster, and when it will elect itself: servers with the same seed draw the same timeout, and
/// another one has shown how long it is.
#[track_caller]
fn alone(world: &World) -> (ScriptedCluster<Server>, Instant) {
    let seed = world.rng("timeout").random_range(0..u64::MAX);
    let with_seed = move |mut start: Boot| {
        start.election_seed = seed;
        boot(start)
    };
    let probe = ScriptedCluster::replicating(world, 1, with_seed);
    let booted = Instant::now();
    let elected = probe.cluster().visit(0, |server| server.watch(Status { term: 0, is_leader: false }));
    assert!(elected.is_some(), "the server is up");
    let timeout = booted.elapsed();
    probe.crash();
    let script = ScriptedCluster::replicating(world, 1, with_seed);
    let due = Instant::now() + timeout;
    (script, due)
}

/// A hundred commands that nobody answers leave no threads behind.
#[test]
fn threads_are_few_2b() {
    LAB.rule(&BOUNDED, |world| {
        /// A ticker, an applier, a service, and the test's own; and a message each way for each other server.
        const THREADS_MAX: usize = 12;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.elect();
        for n in 0..100 {
            script.take(number(n));
        }
        script.requests_within(Duration::from_secs(1));
        let threads = script.threads();
        assert!(threads <= THREADS_MAX, "after a hundred commands the server has {threads} threads");
    });
}
