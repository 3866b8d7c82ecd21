//! Lab 3B under random faults: every oracle on, and every client answered soon after they end.

use labrpc::kv::ClientId;
use std::time::Duration;

use kvkit::KvCluster;
use kvkit::load::{self, Plan};
use labrpc::thread;
use testkit::chaos::{self, Faults};

use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, boot_with_limit, clerk, store};

/// Clients share their keys while faults come and go, so that only the whole history shows a mistake.
#[test]
fn random_faults_3b() {
    LAB.simulated(|world| {
        let plan = Plan::calm(4).sharing_keys().with_random_faults(Faults::ALL).compacting(RAFT_STATE_BYTES_MAX);
        load::run(&store(world, chaos::any_size(world)), plan);
    });
}

/// The limit is so low that the log is cut every few commands: a server that falls behind a little is
/// sent a snapshot.
#[test]
fn random_faults_with_many_snapshots_3b() {
    LAB.simulated(|world| {
        /// Three or four commands.
        const LOW_BYTES_MAX: usize = 200;
        /// Several times as many.
        const MISSED: u64 = 20;
        /// Time for an election, if the server that comes back causes one, and for some heartbeats.
        const CATCH_UP: Duration = Duration::from_secs(3);
        let boot = |start| boot_with_limit(start, LOW_BYTES_MAX);
        let store = KvCluster::new(world, 3, boot, |number, links| clerk(ClientId(number), links));
        load::run(&store, Plan::calm(6).with_random_faults(Faults::ALL).compacting(RAFT_STATE_BYTES_MAX));
        // Even if few faults occurred, one server now misses more entries than a log holds.
        let cluster = store.cluster();
        let away = cluster.after(cluster.one_leader(), 1);
        cluster.disconnect(away);
        let mut clerk = store.clerk();
        (0..MISSED).for_each(|nth| clerk.append("missed", &format!("x {nth} y")));
        cluster.connect(away);
        thread::sleep(CATCH_UP);
        let tally = cluster.observer().map(|observer| observer.tally()).unwrap_or_default();
        world.assert_covered("a snapshot that a leader sends", tally.snapshots_sent > 0);
        world.assert_covered("a snapshot that a service receives", tally.snapshots_delivered > 0);
    });
}
