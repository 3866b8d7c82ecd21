//! The threads around an election: what holds for the node, whatever the protocol in it.

use std::time::Duration;

use labrpc::RaftRequest;
use labrpc::time::Instant;
use labrpc::{Elect, LogPosition, RequestVote, sim, thread};
use testkit::rule::election::{HEARTBEATS, STATUS};
use testkit::rule::life::{BOUNDED, RESTS, SILENT, STUCK};
use testkit::script::{ScriptedCluster, TRAVEL, granted};

use super::{leader, not_leader, timing};
use crate::lab::{LAB, boot};

/// A server that waits for the others' answers still answers them, and whoever asks who leads.
#[test]
fn answers_while_it_waits_2a() {
    LAB.rule(&STUCK, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        assert_eq!(script.status(), leader(term), "it was elected");
        assert_eq!(script.heartbeat(1, term + 1).0, term + 1, "nobody answers it, but it answers");
        let (term, _) = script.await_campaign();
        assert_eq!(script.status(), not_leader(term), "nobody answers it, but it says where it stands");
    });
}

/// The ticker wakes as soon as something is due sooner than it was: a new leader's second heartbeat
/// comes an interval after the first, not when its election timer would have run out.
#[test]
fn ticker_is_woken_2a() {
    LAB.rule(&HEARTBEATS, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, mut round) = script.await_campaign();
        // One vote is enough; a second one would be another occasion to wake the ticker.
        round.remove(0).reply(granted(term));
        let first = script.await_request("a first heartbeat", 4 * TRAVEL, |_| true).at;
        let is_second = |_: &RaftRequest| Instant::now() > first + TRAVEL;
        let second = script.await_request("a second heartbeat", timing().election_timeout_max, is_second);
        let waited = second.at - first;
        let interval = timing().heartbeat_interval;
        assert!(
            waited <= interval + TRAVEL,
            "heartbeats are due every {interval:?}, and this one came after {waited:?}"
        );
    });
}

/// Term and leadership are told as they were at one moment, even at the moment when they change.
#[test]
fn status_is_one_moments_2a() {
    LAB.rule(&STATUS, |world| {
        /// So often is a leader deposed while somebody looks: rare accidents then happen, too.
        const ROUNDS: usize = 12;
        /// Looking begins so long before the newer term arrives.
        const AHEAD: Duration = Duration::from_micros(10);
        let script = ScriptedCluster::new(world, 3, boot);
        for round in 0..ROUNDS {
            let (term, _) = script.elect();
            let cluster = script.cluster().clone();
            let look = world.spawn(&format!("looks {round}"), move || {
                thread::sleep(TRAVEL - AHEAD);
                loop {
                    let status = cluster.status(0).expect("the server is up");
                    if status != leader(term) {
                        return status;
                    }
                }
            });
            script.heartbeat(1, term + 1);
            assert_eq!(look.join(), not_leader(term + 1), "it led term {term}, and never any other");
        }
    });
}

/// Whoever watches a server's status learns at once that it has changed.
#[test]
fn status_is_watched_2a() {
    LAB.rule(&STATUS, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        let cluster = script.cluster().clone();
        let watch = move || cluster.visit(0, move |server| server.watch(leader(term))).flatten();
        let watcher = world.spawn("watches", watch);
        thread::sleep(TRAVEL);
        script.heartbeat(1, term + 1);
        let told = watcher.join_within(TRAVEL);
        assert_eq!(told, Some(Some(not_leader(term + 1))), "`watch` returns as soon as anything else is true");
    });
}

/// A server that was shut down answers nothing and sends nothing.
#[test]
fn dead_is_silent_2a() {
    LAB.rule(&SILENT, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        script.cluster().visit(0, |server| server.shutdown());
        script.forget_heard();
        let request =
            RaftRequest::RequestVote(RequestVote { term: term + 1, candidate: 1, last_log: LogPosition::ZERO });
        let reply = script.try_ask(1, request);
        assert!(reply.is_none(), "it was shut down, and still answers {reply:?}");
        let received = script.hear(4 * timing().election_timeout_max);
        assert!(
            received.is_none(),
            "it was shut down, and still sends {:?}",
            received.map(|received| received.request)
        );
    });
}

/// While no other server answers, neither campaigns nor heartbeats leave threads behind.
#[test]
fn threads_are_few_2a() {
    LAB.rule(&BOUNDED, |world| {
        /// A ticker, and whoever looks; a message in each direction to each other server.
        const THREADS_MAX: usize = 12;
        const OUTAGE: Duration = Duration::from_secs(3);
        let script = ScriptedCluster::new(world, 5, boot);
        script.hear_all(OUTAGE);
        script.elect();
        script.hear_all(OUTAGE);
        let threads = script.cluster().visit(0, |_| sim::tasks_in(sim::node())).expect("the server is up");
        assert!(threads <= THREADS_MAX, "after {OUTAGE:?} in which nobody answered, the server has {threads} threads");
    });
}

/// A server that hears from its leader does something when it hears, and sleeps in between.
#[test]
fn rests_2a() {
    LAB.rule(&RESTS, |world| {
        /// Looking up every 10 ms, and at nothing, costs a hundred times two or three.
        const OPERATIONS_MAX: u64 = 200;
        let script = ScriptedCluster::new(world, 3, boot);
        script.heartbeat(1, 1);
        let before = sim::operations();
        thread::sleep(timing().election_timeout_min - 4 * TRAVEL);
        let operations = sim::operations() - before;
        assert!(operations <= OPERATIONS_MAX, "nothing happened, and the server's threads did {operations} things");
    });
}
