//! What lab 2B's servers spend, counted exactly: messages, bytes, operations, threads, memory.

mod growth;

use std::time::Duration;

use labrpc::{Bytes, PeerId, thread};
use testkit::cost::{Meter, Spent};
use testkit::rule::election::{IDLE_TRAFFIC, STABLE};
use testkit::rule::life::{BOUNDED, RESTS};
use testkit::rule::replication::{APPEND_TRAFFIC, APPLY_AT_ONCE, CATCH_UP};
use testkit::script::expect_rule_eq;
use testkit::{Cluster, World};

use crate::lab::{LAB, Server, cluster};

/// A cluster whose servers know their leader.
#[track_caller]
fn led_cluster(world: &World, size: usize) -> (Cluster<Server>, PeerId) {
    let cluster = cluster(world, size);
    let leader = cluster.one_leader();
    thread::sleep(Duration::from_millis(500));
    (cluster, leader)
}

/// What `act` costs. There must be no election meanwhile.
#[track_caller]
fn spend(cluster: &Cluster<Server>, leader: PeerId, act: impl FnOnce()) -> Spent {
    let before = cluster.status(leader);
    let meter = Meter::start(cluster);
    act();
    let spent = meter.read();
    let what = format!("server {leader} led, and nothing has failed since");
    expect_rule_eq(&STABLE, cluster.status(leader), before, what);
    spent
}

/// A command of `bytes` bytes that differs for each `n`.
fn command(n: u64, bytes: usize) -> Bytes {
    let mut command = vec![0; bytes];
    command[..8].copy_from_slice(&n.to_le_bytes());
    command.into()
}

/// Offers the leader `commands` commands of a hundred bytes, all at once.
#[track_caller]
fn offer(cluster: &Cluster<Server>, leader: PeerId, commands: u64) {
    for n in 1..=commands {
        cluster.start_command(leader, command(n, 100)).expect("it leads");
    }
}

/// A hundred commands of a thousand bytes, one after another.
#[test]
fn one_by_one_2b() {
    LAB.simulated(|world| {
        /// The reference: 400, half of them heartbeats of the ten seconds that this takes.
        const REQUESTS_MAX: u64 = 1_000;
        /// The reference: 234,000. Each command travels once to each of two followers.
        const BYTES_MAX: u64 = 500_000;
        /// The reference: 10,800, a hundred for each command.
        const OPERATIONS_MAX: u64 = 30_000;
        let (cluster, leader) = led_cluster(world, 3);
        let spent = spend(&cluster, leader, || {
            for n in 1..=100 {
                cluster.start_command(leader, command(n, 1_000)).expect("it leads");
                cluster.wait_applied(n, 2, None);
            }
        });
        spent.at_most(&APPEND_TRAFFIC, "requests for a hundred commands", spent.requests, REQUESTS_MAX);
        spent.at_most(&APPEND_TRAFFIC, "bytes for a hundred commands", spent.bytes, BYTES_MAX);
        spent.at_most(&RESTS, "operations for a hundred commands", spent.operations, OPERATIONS_MAX);
    });
}

/// A thousand commands of a hundred bytes, offered all at once.
#[test]
fn burst_2b() {
    LAB.simulated(|world| {
        /// The reference: 8. A leader may also send each command by itself to each follower.
        const REQUESTS_MAX: u64 = 2_500;
        /// The reference: 233,000. Each command travels once to each of two followers.
        const BYTES_MAX: u64 = 700_000;
        /// The reference: 80. A follower learns with the next heartbeat that the last entries are committed.
        const MILLISECONDS_MAX: u64 = 1_000;
        /// The reference: 1,110,000. Three logs of a thousand commands, and what the test kit keeps.
        const HEAP_BYTES_MAX: u64 = 4_000_000;
        let (cluster, leader) = led_cluster(world, 3);
        let spent = spend(&cluster, leader, || {
            offer(&cluster, leader, 1_000);
            cluster.wait_applied(1_000, 3, None);
        });
        let time_ms = spent.time.as_millis() as u64;
        spent.at_most(&APPEND_TRAFFIC, "requests for a thousand commands at once", spent.requests, REQUESTS_MAX);
        spent.at_most(&APPEND_TRAFFIC, "bytes for a thousand commands at once", spent.bytes, BYTES_MAX);
        spent.at_most(&APPLY_AT_ONCE, "milliseconds for a thousand commands at once", time_ms, MILLISECONDS_MAX);
        spent.at_most(&BOUNDED, "bytes of memory for a thousand commands", spent.heap_bytes, HEAP_BYTES_MAX);
    });
}

/// A cluster with a log and without work.
#[test]
fn idle_2b() {
    LAB.simulated(|world| {
        const IDLE: Duration = Duration::from_secs(10);
        /// The reference: 200, ten heartbeats a second to each of two followers.
        const REQUESTS_MAX: u64 = 500;
        /// The reference: 15,200.
        const BYTES_MAX: u64 = 50_000;
        /// The reference: 2,800. An applier that wakes up every 5 ms adds tens of thousands.
        const OPERATIONS_MAX: u64 = 9_000;
        /// The reference: 12. Ticker, applier, and the harness's own two.
        const THREADS_MAX: u64 = 30;
        let (cluster, leader) = led_cluster(world, 3);
        offer(&cluster, leader, 200);
        cluster.wait_applied(200, 3, None);
        let spent = spend(&cluster, leader, || thread::sleep(IDLE));
        spent.at_most(&IDLE_TRAFFIC, "requests of three servers in ten idle seconds", spent.requests, REQUESTS_MAX);
        spent.at_most(&IDLE_TRAFFIC, "bytes of three servers in ten idle seconds", spent.bytes, BYTES_MAX);
        spent.at_most(&RESTS, "operations of three servers in ten idle seconds", spent.operations, OPERATIONS_MAX);
        spent.at_most(&BOUNDED, "threads of three idle servers", spent.threads, THREADS_MAX);
    });
}

/// A follower of three is down for a minute, while the leader takes a command each second.
#[test]
fn outage_2b() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 60;
        /// The reference: 1,260. Each heartbeat tries again to reach the server that is down.
        const REQUESTS_MAX: u64 = 3_500;
        /// The reference: 2,210,000. Each heartbeat carries the entries that it lacks, up to a bound.
        const BYTES_MAX: u64 = 7_000_000;
        /// The reference: 14,300.
        const OPERATIONS_MAX: u64 = 45_000;
        /// The reference: 8.
        const THREADS_MAX: u64 = 25;
        /// The reference: 917,000, most of it the test kit's.
        const HEAP_BYTES_MAX: u64 = 4_000_000;
        let (cluster, leader) = led_cluster(world, 3);
        cluster.crash(cluster.after(leader, 1));
        let spent = spend(&cluster, leader, || {
            for n in 1..=COMMANDS {
                cluster.start_command(leader, command(n, 100)).expect("it leads");
                thread::sleep(Duration::from_secs(1));
            }
        });
        spent.at_most(&APPEND_TRAFFIC, "requests in a minute of outage", spent.requests, REQUESTS_MAX);
        spent.at_most(&APPEND_TRAFFIC, "bytes in a minute of outage", spent.bytes, BYTES_MAX);
        spent.at_most(&RESTS, "operations in a minute of outage", spent.operations, OPERATIONS_MAX);
        spent.at_most(&BOUNDED, "threads after a minute of outage", spent.threads, THREADS_MAX);
        spent.at_most(&BOUNDED, "bytes of memory in a minute of outage", spent.heap_bytes_peak, HEAP_BYTES_MAX);
    });
}

/// A follower that missed four hundred commands comes back.
#[test]
fn catch_up_costs_2b() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 400;
        /// The reference: 120, most of it until the next heartbeat.
        const MILLISECONDS_MAX: u64 = 1_000;
        /// The reference: 2. With requests a sixteenth as large it takes 12.
        const REQUESTS_MAX: u64 = 40;
        /// The reference: 47,000. Each command travels once.
        const BYTES_MAX: u64 = 140_000;
        let (cluster, leader) = led_cluster(world, 3);
        let away = cluster.after(leader, 1);
        // It is paused as well: otherwise it would campaign, and come back with a newer term.
        cluster.set_paused(away, true);
        cluster.network().set_cut(leader, away, true);
        offer(&cluster, leader, COMMANDS);
        cluster.wait_applied(COMMANDS, 2, None);
        let spent = spend(&cluster, leader, || {
            cluster.network().set_cut(leader, away, false);
            cluster.set_paused(away, false);
            cluster.wait_applied(COMMANDS, 3, None);
        });
        let time_ms = spent.time.as_millis() as u64;
        spent.at_most(&CATCH_UP, "milliseconds to catch up with four hundred commands", time_ms, MILLISECONDS_MAX);
        spent.at_most(&APPEND_TRAFFIC, "requests to catch up with four hundred commands", spent.requests, REQUESTS_MAX);
        spent.at_most(&APPEND_TRAFFIC, "bytes to catch up with four hundred commands", spent.bytes, BYTES_MAX);
    });
}
