//! The oracles are patient with servers that owe much, and report those that stand still.
//!
//! Like the benches, these tests run the labs' own solutions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kvkit::load::{self, Plan};
use labrpc::thread;
use labrpc::{Bytes, PeerId};
use solved::{LOGS, LogServer, RAFT_STATE_BYTES_MAX, STORES, logs, stalling_logs, store};
use testkit::{Cluster, World, measure};

const SERVERS: usize = 3;
const COMMAND_BYTES: usize = 40_000;
const MEGABYTE: usize = 1_000_000;

/// Gives the leader commands of `bytes` bytes together, and returns the last one's index.
fn take(cluster: &Cluster<LogServer>, leader: PeerId, bytes: usize) -> u64 {
    let command = Bytes::from(vec![7; COMMAND_BYTES]);
    let mut last = 0;
    for _ in 0..bytes / COMMAND_BYTES {
        last = cluster.start_command(leader, command.clone()).expect("it leads").index;
    }
    last
}

fn wait_for(cluster: &Cluster<LogServer>, index: u64, servers: usize) {
    while cluster.applied_logs().applied_at(index).0 < servers {
        thread::sleep(Duration::from_millis(50));
    }
}

/// A follower that comes back misses 20 MB. One request carries 64 KiB, so it takes many round trips until it has them.
#[test]
fn a_follower_that_missed_much_has_time_to_catch_up() {
    measure("missed much", Some(&LOGS), |world| {
        let cluster = logs(world, SERVERS);
        let leader = cluster.one_leader();
        let away = cluster.after(leader, 1);
        cluster.disconnect(away);
        let last = take(&cluster, leader, 20 * MEGABYTE);
        wait_for(&cluster, last, SERVERS - 1);
        cluster.connect(away);
        let connected = world.elapsed();
        wait_for(&cluster, last, SERVERS);
        let took = world.elapsed() - connected;
        assert!(took > Duration::from_secs(3), "this test is about a long time, but it took {took:?}");
    });
}

/// All commands of a large burst wait for one another, and the last of them for a long time.
#[test]
fn a_large_burst_has_time_to_be_committed() {
    measure("large burst", Some(&LOGS), |world| {
        let cluster = logs(world, SERVERS);
        let last = take(&cluster, cluster.one_leader(), 20 * MEGABYTE);
        wait_for(&cluster, last, SERVERS);
    });
}

/// When a server that never applies anything is reported, if the servers have to replicate `bytes` bytes: how long after
/// the others had applied them, and the report.
fn reported_after(bytes: usize) -> (Duration, String) {
    let began_ms = AtomicUsize::new(0);
    let run = |world: &World| {
        let cluster = stalling_logs(world, SERVERS);
        let leader = cluster.one_leader();
        let last = take(&cluster, leader, bytes);
        wait_for(&cluster, last, SERVERS - 1);
        began_ms.store(world.elapsed().as_millis() as usize, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(500));
    };
    let panic = catch_unwind(AssertUnwindSafe(|| measure("stalling", Some(&LOGS), run))).expect_err("it is reported");
    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    let at = text.split("at ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|at| at.parse::<f64>().ok());
    let began = Duration::from_millis(began_ms.load(Ordering::Relaxed) as u64);
    (Duration::from_secs_f64(at.expect("a failure has a time")).saturating_sub(began), text)
}

/// A follower that does not go on is reported soon if little is owed, and later, but reported, if much is.
#[test]
fn a_follower_that_stands_still_is_reported() {
    let (after, text) = reported_after(10 * COMMAND_BYTES);
    assert!(text.contains("catch-up") && after < Duration::from_secs(6), "after {after:?}: {text}");
    let (after, text) = reported_after(4 * MEGABYTE);
    assert!(text.contains("catch-up") && after < Duration::from_secs(30), "after {after:?}: {text}");
}

/// A load with more clients than any graded test has.
#[test]
fn there_is_room_for_many_clients() {
    measure("many clients", Some(&STORES), |world| {
        load::run(&store(world, SERVERS), Plan::calm(100).compacting(RAFT_STATE_BYTES_MAX));
    });
}
