//! Lab 2C under random faults: every oracle on, and everything applied everywhere soon after they end.

use std::time::Duration;

use labrpc::thread;
use testkit::chaos::{self, CrashesAtSaves, Faults};
use testkit::number;

use crate::lab::{LAB, cluster};

/// Clusters of one to seven servers are offered commands while faults come and go.
#[test]
fn random_faults_2c() {
    LAB.simulated(|world| {
        chaos::replication(&cluster(world, chaos::any_size(world)), Faults::ALL);
    });
}

/// Servers crash at their saves, and nothing else fails.
#[test]
fn crashes_at_saves_2c() {
    LAB.simulated(|world| {
        let cluster = cluster(world, chaos::odd_size(world));
        let round = Duration::from_micros(20_300); // a little longer than a command takes
        CrashesAtSaves { per_mille: 50, rounds: 200, round, rounds_down: 10 }.run(&cluster);
        let tally = cluster.observer().expect("a simulation has an observer").tally();
        world.assert_covered("crashes at saves", tally.reboots > 0);
    });
}

/// All servers crash at the same moment, again and again, while commands are on their way: only the
/// disks survive.
#[test]
fn all_servers_crash_at_once_2c() {
    LAB.simulated(|world| {
        /// Each crash costs an election.
        const CRASHES: u64 = 6;
        let cluster = cluster(world, chaos::odd_size(world));
        let rng = world.rng("moments");
        for crash in 0..CRASHES {
            cluster.one(&number(100 * crash), 1);
            for nth in 1..=rng.random_range(0..10) {
                cluster.start_everywhere(&number(100 * crash + nth));
            }
            thread::sleep(Duration::from_micros(rng.random_range(0..30_000)));
            cluster.servers().for_each(|server| cluster.crash(server));
            cluster.servers().for_each(|server| cluster.start(server));
        }
        cluster.one(&number(100 * CRASHES), cluster.size());
    });
}
