//! Lab 3B's graded tests: a store whose servers drop their logs, and lose nothing (§7, §8).

use std::time::Duration;

use kvkit::load::{self, Plan};
use kvkit::{KvCluster, RecordedClerk};
use labrpc::thread;
use testkit::World;
use testkit::rule::service::{COMPACT_SNAPSHOT, LINEARIZABLE, SMALL};
use testkit::script::{expect_rule, expect_rule_eq};

use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, Server, store};

/// While entries are on their way, the saved state may exceed its limit this many times.
const RAFT_STATE_SLACK: usize = 8;

#[track_caller]
fn load(world: &World, servers: usize, plan: Plan) {
    let store = store(world, servers);
    load::run(&store, plan.compacting(RAFT_STATE_BYTES_MAX));
    let tally = store.cluster().observer().map(|observer| observer.tally()).unwrap_or_default();
    world.assert_covered("a snapshot", store.snapshot_bytes_max() > 0);
    world.assert_covered("a change of leaders", !plan.partitions || tally.leaderships > 1);
    world.assert_covered("a server that comes back with a snapshot", !plan.crashes || tally.snapshots_delivered > 0);
}

#[track_caller]
fn check_raft_state(store: &KvCluster<Server>) {
    let largest = store.raft_state_bytes_max();
    let what = format!("a server's saved Raft state has {largest} bytes, and must be kept near {RAFT_STATE_BYTES_MAX}");
    expect_rule(&SMALL, largest <= RAFT_STATE_SLACK * RAFT_STATE_BYTES_MAX, what);
}

/// Checks that a key has the value that was written to it last.
#[track_caller]
fn expect_value(clerk: &mut RecordedClerk, key: &str, expected: &str) {
    let what = format!("the value of {key:?}, which was written last");
    expect_rule_eq(&LINEARIZABLE, clerk.get(key), expected.to_string(), what);
}

/// A server that was cut off is sent a snapshot, and then needs none of the entries before it.
#[test]
fn snapshot_rpc_3b() {
    LAB.test(|world| {
        const PUTS: usize = 50;
        let store = store(world, 3);
        let cluster = store.cluster();
        store.clerk().put("a", "A");

        cluster.partition(&[0, 0, 1]);
        let (mut clerk, _) = store.confined_clerk(&[0, 1]);
        (0..PUTS).for_each(|nth| clerk.put(&nth.to_string(), &format!("value {nth}")));
        thread::sleep(Duration::from_secs(1));
        clerk.put("b", "B");
        check_raft_state(&store);

        // Now server 2 is needed for a majority: it must have what it missed.
        cluster.partition(&[0, 1, 0]);
        let (mut clerk, _) = store.confined_clerk(&[0, 2]);
        clerk.put("c", "C");
        clerk.put("d", "D");
        expect_value(&mut clerk, "a", "A");
        expect_value(&mut clerk, "b", "B");
        expect_value(&mut clerk, "1", "value 1");
        expect_value(&mut clerk, "49", "value 49");
        let tally = cluster.observer().map(|observer| observer.tally()).unwrap_or_default();
        world.assert_covered("a snapshot that a server receives", tally.snapshots_delivered > 0);

        cluster.heal();
        let mut clerk = store.clerk();
        clerk.put("e", "E");
        for (key, value) in [("c", "C"), ("e", "E"), ("49", "value 49")] {
            expect_value(&mut clerk, key, value);
        }
        store.check_linearizable();
    });
}

/// A small store has a small snapshot, however much was written to it.
#[test]
fn snapshot_size_3b() {
    LAB.test(|world| {
        const SNAPSHOT_BYTES_MAX: usize = 500;
        let store = store(world, 3);
        let mut clerk = store.clerk();
        for _ in 0..world.scaled(200, 20) {
            clerk.put("x", "0");
            expect_value(&mut clerk, "x", "0");
            clerk.put("x", "1");
            expect_value(&mut clerk, "x", "1");
        }
        check_raft_state(&store);
        let snapshot = store.snapshot_bytes_max();
        world.assert_covered("a snapshot", snapshot > 0);
        let what =
            format!("one key and one client make a snapshot of {snapshot} bytes, of {SNAPSHOT_BYTES_MAX} allowed");
        expect_rule(&COMPACT_SNAPSHOT, snapshot <= SNAPSHOT_BYTES_MAX, what);
    });
}

/// An operation takes less time than a heartbeat, with snapshots, too.
#[test]
fn speed_3b() {
    LAB.test(|world| load::speed(&store(world, 3)));
}

/// All servers crash and come back from their snapshots, with one client.
#[test]
fn snapshot_recover_3b() {
    LAB.test(|world| load(world, 5, Plan::calm(1).crashing()));
}

/// The same with twenty clients.
#[test]
fn snapshot_recover_many_clients_3b() {
    LAB.test(|world| load(world, 5, Plan::calm(20).crashing()));
}

/// Five clients over an unreliable network.
#[test]
fn snapshot_unreliable_3b() {
    LAB.test(|world| load(world, 5, Plan::calm(5).unreliable()));
}

/// An unreliable network, and crashes.
#[test]
fn snapshot_unreliable_recover_3b() {
    LAB.test(|world| load(world, 5, Plan::calm(5).unreliable().crashing()));
}

/// An unreliable network, crashes, and partitions.
#[test]
fn snapshot_unreliable_recover_concurrent_partition_3b() {
    let plan = Plan::calm(5).unreliable().crashing().partitioned();
    LAB.test(|world| load(world, 5, plan));
}

/// All of that with fifteen clients that share their keys, so that only the whole history shows a mistake.
#[test]
fn snapshot_unreliable_recover_concurrent_partition_linearizable_3b() {
    let plan = Plan::calm(15).unreliable().crashing().partitioned().sharing_keys();
    LAB.test(|world| load(world, 7, plan));
}
