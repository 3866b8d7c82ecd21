//! What it costs lab 3B to stay small: bytes on disk and on the network, counted exactly.
//!
//! Each budget is two to three times what the reference needs, which its comment says.

mod growth;

use std::time::Duration;

use labrpc::{PeerId, thread};
use testkit::cost::Meter;
use testkit::rule::election::STABLE;
use testkit::rule::life::{BOUNDED, RESTS};
use testkit::rule::service::{CLIENT_TRAFFIC, WORTHWHILE};
use testkit::rule::snapshots::SNAPSHOT_TRAFFIC;
use testkit::script::expect_rule_eq;

use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, store};

/// A small store that is written to again and again.
#[test]
fn snapshots_cost_3b() {
    LAB.simulated(|world| {
        const WRITES: u64 = 200;
        /// The reference sends 684: for each write one to the leader, and one to each follower; the
        /// rest are heartbeats. Snapshots cost none.
        const REQUESTS_MAX: u64 = 1_500;
        /// 633 in the reference: each server saves each entry once, and now and then a snapshot.
        const SAVES_MAX: u64 = 1_400;
        /// 55,900 in the reference: the store is far smaller than the log that it replaces.
        const SAVED_BYTES_MAX: u64 = 140_000;
        let store = store(world, 3);
        let mut clerk = store.clerk();
        clerk.put("k", "v"); // Finds the leader.
        let term = store.cluster().one_term();
        let meter = Meter::start(store.cluster());
        (0..WRITES).for_each(|nth| clerk.put("k", &nth.to_string()));
        let spent = meter.read();
        spent.at_most(&CLIENT_TRAFFIC, "requests for 200 Puts", spent.requests, REQUESTS_MAX);
        spent.at_most(&WORTHWHILE, "saves for 200 Puts", spent.saves, SAVES_MAX);
        spent.at_most(&WORTHWHILE, "bytes saved for 200 Puts", spent.saved_bytes, SAVED_BYTES_MAX);
        world.assert_covered("a snapshot", store.snapshot_bytes_max() > 0);
        expect_rule_eq(&STABLE, store.cluster().one_term(), term, "there was an election, though nothing failed");
    });
}

/// A large store: its snapshot is written only when it drops enough of the log.
#[test]
fn a_large_store_costs_3b() {
    LAB.simulated(|world| {
        const WRITES: u64 = 200;
        /// 407,000 in the reference: a dozen snapshots on each server. One for each command would be
        /// six million.
        const SAVED_BYTES_MAX: u64 = 1_000_000;
        let store = store(world, 3);
        let mut clerk = store.clerk();
        clerk.put("large", &"x".repeat(10_000));
        let meter = Meter::start(store.cluster());
        (0..WRITES).for_each(|nth| clerk.put("k", &nth.to_string()));
        let spent = meter.read();
        spent.at_most(&WORTHWHILE, "bytes saved for 200 Puts over a large store", spent.saved_bytes, SAVED_BYTES_MAX);
    });
}

/// A server that was cut off is sent one snapshot, and the entries after it.
#[test]
fn sending_a_snapshot_costs_3b() {
    LAB.simulated(|world| {
        const WRITES: u64 = 200;
        const CATCHING_UP: Duration = Duration::from_secs(2);
        /// One in the reference.
        const SNAPSHOTS_MAX: u64 = 2;
        /// 3,400 in the reference, heartbeats among them. The commands that the snapshot covers
        /// would take 20,000.
        const BYTES_MAX: u64 = 9_000;
        let store = store(world, 3);
        let cluster = store.cluster();
        let mut clerk = store.clerk();
        clerk.put("k", "v");
        let behind: PeerId = cluster.after(cluster.one_leader(), 1);
        cluster.disconnect(behind);
        (0..WRITES).for_each(|nth| clerk.put("k", &nth.to_string()));
        let meter = Meter::start(cluster);
        let sent = || cluster.observer().map_or(0, |observer| observer.tally().snapshots_sent);
        let before = sent();
        cluster.connect(behind);
        thread::sleep(CATCHING_UP);
        let spent = meter.read();
        world.assert_covered("a snapshot that a leader sends", sent() > before);
        spent.at_most(&SNAPSHOT_TRAFFIC, "snapshots sent to one server", sent() - before, SNAPSHOTS_MAX);
        spent.at_most(&SNAPSHOT_TRAFFIC, "bytes sent in two seconds", spent.bytes, BYTES_MAX);
    });
}

/// A service without requests.
#[test]
fn idleness_costs_3b() {
    LAB.simulated(|world| {
        const IDLE: Duration = Duration::from_secs(60);
        /// 16,800 in the reference: two heartbeats every 100 ms, and their answers.
        const OPERATIONS_MAX: u64 = 40_000;
        /// Two in the reference: the followers' snapshots of the write before.
        const SAVES_MAX: u64 = 6;
        /// Fifteen in the reference: ticker, applier, service, the thread that watches terms, and the
        /// harness's own, on each server.
        const THREADS_MAX: u64 = 40;
        let store = store(world, 3);
        store.clerk().put("k", &"x".repeat(2 * RAFT_STATE_BYTES_MAX));
        let meter = Meter::start(store.cluster());
        thread::sleep(IDLE);
        let spent = meter.read();
        spent.at_most(&RESTS, "operations in an idle minute", spent.operations, OPERATIONS_MAX);
        spent.at_most(&WORTHWHILE, "saves in an idle minute", spent.saves, SAVES_MAX);
        spent.at_most(&BOUNDED, "threads in an idle cluster of three", spent.threads, THREADS_MAX);
    });
}
