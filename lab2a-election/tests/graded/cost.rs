//! What lab 2A's servers spend, counted exactly: messages, bytes, operations, threads, memory.

mod growth;

use std::time::Duration;

use labrpc::thread;
use testkit::cost::{Meter, Spent};
use testkit::rule::election::{IDLE_TRAFFIC, STABLE};
use testkit::rule::life::{BOUNDED, RESTS};
use testkit::script::expect_rule_eq;
use testkit::{Cluster, World};

use crate::lab::{LAB, Server, cluster};

/// A cluster of five servers that know their leader.
#[track_caller]
fn led_cluster(world: &World) -> (Cluster<Server>, usize) {
    let cluster = cluster(world, 5);
    let leader = cluster.one_leader();
    thread::sleep(Duration::from_millis(500));
    (cluster, leader)
}

/// What these seconds cost. There must be no election meanwhile.
#[track_caller]
fn spend(cluster: &Cluster<Server>, leader: usize, seconds: u64) -> Spent {
    let before = cluster.status(leader);
    let meter = Meter::start(cluster);
    thread::sleep(Duration::from_secs(seconds));
    let spent = meter.read();
    let what = format!("server {leader} led, and nothing has failed since");
    expect_rule_eq(&STABLE, cluster.status(leader), before, what);
    spent
}

/// A healthy cluster without work.
#[test]
fn idle_2a() {
    LAB.simulated(|world| {
        const SECONDS: u64 = 10;
        /// The reference: 400. Ten heartbeats a second to each of four servers.
        const REQUESTS_MAX: u64 = 1_000;
        /// The reference: 30,400. A heartbeat and its answer have 76 bytes.
        const BYTES_MAX: u64 = 90_000;
        /// The reference: 5,000. About twelve for each message: locks, the clock, a wait.
        const OPERATIONS_MAX: u64 = 15_000;
        /// The reference: 5. A ticker each. One or two more threads for each server are allowed.
        const THREADS_MAX: u64 = 20;
        let (cluster, leader) = led_cluster(world);
        let spent = spend(&cluster, leader, SECONDS);
        spent.at_most(&IDLE_TRAFFIC, "requests of five servers in ten idle seconds", spent.requests, REQUESTS_MAX);
        spent.at_most(&IDLE_TRAFFIC, "bytes of five servers in ten idle seconds", spent.bytes, BYTES_MAX);
        spent.at_most(&RESTS, "operations of five servers in ten idle seconds", spent.operations, OPERATIONS_MAX);
        spent.at_most(&BOUNDED, "threads of five idle servers", spent.threads, THREADS_MAX);
    });
}

/// Two servers of five are down for a minute, and the others have a leader.
#[test]
fn outage_2a() {
    LAB.simulated(|world| {
        const SECONDS: u64 = 60;
        /// The reference: 2,400. The servers that are down are sent heartbeats as well.
        const REQUESTS_MAX: u64 = 6_000;
        /// The reference: 20,400.
        const OPERATIONS_MAX: u64 = 60_000;
        /// The reference: 3.
        const THREADS_MAX: u64 = 20;
        /// The reference: 101,000 bytes, nearly all of it the test kit's.
        const HEAP_BYTES_MAX: u64 = 400_000;
        let (cluster, leader) = led_cluster(world);
        [1, 2].into_iter().for_each(|steps| cluster.crash(cluster.after(leader, steps)));
        let spent = spend(&cluster, leader, SECONDS);
        spent.at_most(&IDLE_TRAFFIC, "requests in a minute of outage", spent.requests, REQUESTS_MAX);
        spent.at_most(&RESTS, "operations in a minute of outage", spent.operations, OPERATIONS_MAX);
        spent.at_most(&BOUNDED, "threads after a minute of outage", spent.threads, THREADS_MAX);
        spent.at_most(&BOUNDED, "bytes of memory in a minute of outage", spent.heap_bytes_peak, HEAP_BYTES_MAX);
    });
}
