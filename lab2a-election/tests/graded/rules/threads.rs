//! The threads around an election: what holds for a server, whatever protocol runs in it.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Elect, Status, Term, sim, thread};
use testkit::rule::election::{HEARTBEATS, STATUS};
use testkit::rule::life::{BOUNDED, RESTS, SILENT, STUCK};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, prepare};

use crate::lab::{LAB, boot};

fn leader(term: Term) -> Status {
    Status { term, is_leader: true }
}

fn not_leader(term: Term) -> Status {
    Status { term, is_leader: false }
}

/// A server that waits for replies still answers other servers, and its own service.
#[test]
fn answers_while_it_waits_2a() {
    LAB.rule(&STUCK, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        script.expect_leader(term, "it was elected");
        let answer = script.leader(1).in_term(term + 1).heartbeat();
        answer.expect_same_term("nobody has answered its heartbeats, and it must answer all the same");
        let (term, _) = script.expect_campaign();
        script.expect_no_leader(term, "nobody has answered its requests for votes");
    });
}

/// The ticker wakes up as soon as something is due earlier than before: a new leader's second
/// heartbeat comes an interval after the first, not when its election timeout would have passed.
#[test]
fn ticker_is_woken_2a() {
    LAB.rule(&HEARTBEATS, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (_, mut requests) = script.expect_campaign();
        // One vote is enough. A second one might wake the ticker, too.
        requests.remove(0).grant();
        let first = script.expect_request("a first heartbeat", 4 * TRAVEL, |_| true).at;
        let is_second = |_: &ReceivedRequest| Instant::now() > first + TRAVEL;
        let patience = script.timing().election_timeout_max;
        let waited = script.expect_request("a second heartbeat", patience, is_second).at - first;
        let interval = script.timing().heartbeat_interval;
        assert!(
            waited <= interval + TRAVEL,
            "heartbeats are due every {interval:?}, and the second one came {waited:?} after the first"
        );
    });
}

/// The status is consistent, even while it changes: term and leadership belong together.
#[test]
fn status_is_consistent_2a() {
    LAB.rule(&STATUS, |world| {
        /// Enough repetitions for rare interleavings to occur.
        const ROUNDS: usize = 12;
        /// The status is read from this long before the newer term arrives.
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
            script.leader(1).in_term(term + 1).heartbeat();
            assert_eq!(look.join(), not_leader(term + 1), "it led term {term}, and never another one");
        }
    });
}

/// A service that watches its server's status learns at once that it has changed.
#[test]
fn status_is_watched_2a() {
    LAB.rule(&STATUS, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        let cluster = script.cluster().clone();
        let watch = move || cluster.visit(0, move |server| server.watch(leader(term))).flatten();
        let watcher = world.spawn("watches", watch);
        thread::sleep(TRAVEL);
        script.leader(1).in_term(term + 1).heartbeat();
        let status = watcher.join_within(TRAVEL);
        assert_eq!(status, Some(Some(not_leader(term + 1))), "`watch` returns as soon as the status has changed");
    });
}

/// A server that was shut down answers nothing and sends nothing.
#[test]
fn a_shut_down_server_is_silent_2a() {
    LAB.rule(&SILENT, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        script.cluster().shut_down(0);
        script.discard_requests();
        let request = script.candidate(1).in_term(term + 1).request();
        let reply = script.try_ask(1, &request);
        assert!(reply.is_none(), "it was shut down, and still answers {reply:?}");
        script.expect_silence(4 * script.timing().election_timeout_max, "it was shut down");
    });
}

/// While no other server answers, campaigns and heartbeats leave no threads behind.
#[test]
fn threads_are_few_2a() {
    LAB.rule(&BOUNDED, |world| {
        /// A ticker, and the test's own; and a message each way for each other server.
        const THREADS_MAX: usize = 12;
        const OUTAGE: Duration = Duration::from_secs(3);
        let script = ScriptedCluster::new(world, 5, boot);
        script.requests_within(OUTAGE);
        script.elect();
        script.requests_within(OUTAGE);
        let threads = script.threads();
        assert!(threads <= THREADS_MAX, "nobody has answered for {OUTAGE:?}, and the server has {threads} threads");
    });
}

/// A server that hears from its leader acts when it hears something, and sleeps in between.
#[test]
fn an_idle_server_sleeps_2a() {
    LAB.rule(&RESTS, |world| {
        /// A loop that wakes up every 10 ms for nothing needs a hundred times two or three.
        const OPERATIONS_MAX: u64 = 200;
        let script = ScriptedCluster::new(world, 3, boot);
        let preparing = prepare("server 0 answers");
        script.leader(1).in_term(1).heartbeat().expect_same_term("a server adopts a leader's newer term");
        preparing.done();
        let before = sim::operations();
        thread::sleep(script.timing().election_timeout_min - 4 * TRAVEL);
        let operations = sim::operations() - before;
        assert!(operations <= OPERATIONS_MAX, "nothing happened, and the server's threads did {operations} operations");
    });
}
