//! Commands that come in (Figure 2, Leaders rule 2; §5.3).

use std::sync::Arc;
use std::time::Duration;

use lab2a_election::Election;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::{Entry, Index, NotLeader, sim, thread};
use testkit::rule::life::BOUNDED;
use testkit::rule::replication::{START, START_AT_ONCE};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, at};
use testkit::{Boot, Booted, World, number};

use super::{ROUND_TRIP, append_of, give, pace};
use crate::lab::{LAB, Server, boot};

/// Only a leader takes a command; it puts it at the end of its log, and says where and in which term.
#[test]
fn start_2b() {
    LAB.rule(&START, "start_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        assert_eq!(script.start(number(1)), Err(NotLeader), "it has just booted, and leads nobody");
        give(&script, &[1, 1]);
        assert_eq!(script.start(number(1)), Err(NotLeader), "server 1 leads");
        script.await_campaign();
        assert_eq!(script.start(number(1)), Err(NotLeader), "it asks for votes, and has none yet");
        let (term, _) = script.elect();
        assert_eq!(script.start(number(1)), Ok(at(3, term)), "its log ended at index 2, and it leads term {term}");
        assert_eq!(script.start(number(2)), Ok(at(4, term)), "its log ended at index 3, and it leads term {term}");
        let received = script.hear_all(2 * pace().heartbeat_interval);
        for (index, command) in [(3, number(1)), (4, number(2))] {
            let mut sent = received.iter().filter_map(|received| entry_at(received, index));
            assert!(
                sent.all(|entry| *entry == Entry { term, command: command.clone() }),
                "its entry {index} is {command:?}"
            );
            assert!(
                received.iter().any(|received| entry_at(received, index).is_some()),
                "its entry {index} was never sent"
            );
        }
    });
}

/// The entry at an index, if a request carries it.
fn entry_at(received: &ReceivedRequest, index: Index) -> Option<&Entry> {
    let (prev, entries, _) = append_of(received);
    entries.get(index.checked_sub(prev.index + 1)? as usize)
}

/// The first command of all is entry 1.
#[test]
fn first_index_2b() {
    LAB.rule(&START, "first_index_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.play_along();
        let (term, _) = script.elect();
        assert_eq!(script.start(number(1)), Ok(at(1, term)), "no command was ever taken before");
        script.hear_all(2 * ROUND_TRIP);
        assert_eq!(script.applied_indices(), [1], "the service is handed that command, and nothing else");
    });
}

/// `start` returns at once, though no other server answers.
#[test]
fn start_returns_at_once_2b() {
    LAB.rule(&START_AT_ONCE, "start_returns_at_once_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (term, _) = script.elect();
        let cluster = script.cluster().clone();
        let offer = world.spawn("offers a command", move || cluster.start_command(0, number(1)));
        let answer = offer.join_within(TRAVEL);
        assert_eq!(answer, Some(Some(at(1, term))), "no other server need answer before `start` returns");
    });
}

/// A command that comes in while the leader loses its office is refused, or is an entry of the term
/// that it led.
#[test]
fn start_while_deposed_2b() {
    LAB.rule(&START, "start_while_deposed_2b", |world| {
        /// So often does it happen: rare accidents then happen, too.
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
            script.heartbeat(1, term + 1);
            offers.join();
        }
    });
}

/// A command that comes in while the leader is elected is refused, or is an entry of its new term.
#[test]
fn start_while_elected_2b() {
    LAB.rule(&START, "start_while_elected_2b", |world| {
        /// So often is a server elected while somebody offers it a command.
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

/// Looking begins so long before something happens.
const AHEAD: Duration = Duration::from_micros(10);

/// A server that is alone, and when it will elect itself.
fn alone(world: &World) -> (ScriptedCluster<Server>, Instant) {
    let due: Arc<Mutex<Instant>> = Arc::default();
    let noted = due.clone();
    let boot = move |boot: Boot| {
        let election = Election::new(boot.me, boot.cluster_size(), pace(), boot.election_seed, boot.now);
        *noted.lock() = election.due();
        Booted::raft(lab2b_log::boot(election, boot.links, boot.apply_ch))
    };
    let script = ScriptedCluster::replicating(world, 1, boot);
    let due = *due.lock();
    (script, due)
}

/// A hundred commands that nobody answers leave no threads behind.
#[test]
fn threads_are_few_2b() {
    LAB.rule(&BOUNDED, "threads_are_few_2b", |world| {
        /// A ticker, an applier, a service, and whoever looks; a message in each direction to each other server.
        const THREADS_MAX: usize = 12;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.elect();
        for n in 0..100 {
            script.start(number(n)).expect("it leads");
        }
        script.hear_all(Duration::from_secs(1));
        let threads = script.cluster().visit(0, |_: &Server| sim::tasks_in(sim::node())).expect("the server is up");
        assert!(threads <= THREADS_MAX, "after a hundred commands the server has {threads} threads");
    });
}
