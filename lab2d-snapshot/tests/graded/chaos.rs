//! Lab 2D under random faults: every oracle on, and everything applied everywhere soon after they end.

use std::time::Duration;

use labrpc::thread;
use testkit::chaos::{self, CrashesAtSaves, Faults};
use testkit::cluster::SNAPSHOT_INTERVAL;
use testkit::number;

use crate::lab::{LAB, cluster};

/// Clusters of one to seven servers are offered commands while faults come and go.
#[test]
fn random_faults_2d() {
    LAB.simulated(|world| {
        chaos::replication(&cluster(world, chaos::any_size(world)), Faults::ALL);
    });
}

/// A little longer than a command takes, and not by a whole number of milliseconds.
const ROUND: Duration = Duration::from_micros(10_300);

/// The same with a client that never pauses: logs are cut several times a second, and a follower that
/// misses anything soon needs a snapshot.
#[test]
fn random_faults_under_load_2d() {
    LAB.simulated(|world| {
        /// Greater than all other commands of the test.
        const FIRST: u64 = 1_000_000;
        /// They take as long as the faults.
        const OFFERS: u64 = 600;
        let cluster = cluster(world, 5);
        let busy = cluster.clone();
        let client = world.spawn("a client that never rests", move || {
            for nth in FIRST..FIRST + OFFERS {
                busy.start_everywhere(&number(nth));
                thread::sleep(ROUND);
            }
        });
        chaos::replication(&cluster, Faults::ALL);
        client.join();
        // Even if few faults occurred, one follower now misses many entries.
        let away = cluster.after(cluster.one_leader(), 1);
        cluster.disconnect(away);
        for nth in 0..2 * SNAPSHOT_INTERVAL {
            cluster.one(&number(nth), cluster.size() - 1);
        }
        cluster.connect(away);
        cluster.one(&number(2 * SNAPSHOT_INTERVAL), cluster.size());
        let tally = cluster.observer().expect("a simulation has an observer").tally();
        world.assert_covered("followers that need a snapshot", tally.snapshots_sent > 0);
    });
}

/// Servers crash at their saves, many of which write a snapshot, and nothing else fails. A server stays
/// down until the others have cut their logs.
#[test]
fn crashes_at_saves_2d() {
    LAB.simulated(|world| {
        let cluster = cluster(world, chaos::odd_size(world));
        CrashesAtSaves { per_mille: 30, rounds: 400, round: ROUND, rounds_down: 20 }.run(&cluster);
        let tally = cluster.observer().expect("a simulation has an observer").tally();
        world.assert_covered("boots from a snapshot", tally.reboots > 0 && tally.snapshots_delivered > 0);
    });
}
