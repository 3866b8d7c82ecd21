//! Lab 2D under random faults: every oracle on, and everything applied everywhere soon after they end.

use std::time::Duration;

use lab2d_snapshot::Raft;
use labrpc::{PeerId, thread};
use testkit::chaos::{self, Faults};
use testkit::cluster::SNAPSHOT_INTERVAL;
use testkit::{Cluster, Dice, World, number};

mod lab;

use lab::{LAB, cluster};

/// Clusters of one to seven servers, even ones too, that are offered commands while faults come and go.
#[test]
fn storm_2d() {
    LAB.simulated("storm_2d", |world| {
        let size = 1 + world.dice("size").roll(0, 7) as usize;
        chaos::replication(&cluster(world, size), Faults::ALL);
    });
}

/// A little longer than a command takes, and not by a whole number of milliseconds.
const ROUND: Duration = Duration::from_micros(10_300);

/// Offers a command to everyone, so that whoever leads takes it.
fn offer(cluster: &Cluster<Raft>, nth: u64) {
    for server in cluster.servers() {
        cluster.start_command(server, number(nth));
    }
}

/// The same with a client that never rests: logs are cut several times a second, and whoever misses
/// anything soon needs a snapshot.
#[test]
fn busy_storm_2d() {
    LAB.simulated("busy_storm_2d", |world| {
        /// Above all that the storm itself offers.
        const FIRST: u64 = 1_000_000;
        /// As long as the storm.
        const OFFERS: u64 = 600;
        let cluster = cluster(world, 5);
        let busy = cluster.clone();
        let client = world.spawn("a client that never rests", move || {
            for nth in FIRST..FIRST + OFFERS {
                offer(&busy, nth);
                thread::sleep(ROUND);
            }
        });
        chaos::replication(&cluster, Faults::ALL);
        client.join();
        // Also in the calmest storm somebody misses much, at least at its end.
        let away = cluster.after(cluster.one_leader(), 1);
        cluster.disconnect(away);
        for nth in 0..2 * SNAPSHOT_INTERVAL {
            cluster.one(&number(nth), cluster.size() - 1);
        }
        cluster.connect(away);
        cluster.one(&number(2 * SNAPSHOT_INTERVAL), cluster.size());
        let tally = cluster.watch().expect("virtual time is watched").tally();
        world.happened("followers who need a snapshot", tally.snapshots_sent > 0);
    });
}

/// A crash strikes at every thirtieth save or so.
const CRASHES_PER_MILLE: u64 = 30;
/// How often the harness offers a command, and boots who is down.
const ROUNDS: u64 = 400;

/// Nothing fails but servers, and they fail at their saves: right before, or right after. Many of
/// those write a snapshot. Who is down stays so until the others have cut their logs.
#[test]
fn crashes_at_saves_2d() {
    LAB.simulated("crashes_at_saves_2d", |world| {
        let cluster = odd_cluster(world);
        let returns = world.dice("who comes back");
        let set_crashes = |per_mille| {
            cluster.servers().for_each(|server| cluster.persister(server).set_crashes_per_mille(per_mille));
        };
        set_crashes(CRASHES_PER_MILLE);
        for round in 0..ROUNDS {
            offer(&cluster, round);
            thread::sleep(ROUND);
            let down: Vec<PeerId> = cluster.servers().filter(|&server| !cluster.is_up(server)).collect();
            down.into_iter().filter(|_| is_back(&returns, round)).for_each(|server| cluster.start(server));
        }
        set_crashes(0);
        cluster.servers().filter(|&server| !cluster.is_up(server)).for_each(|server| cluster.start(server));
        cluster.one(&number(ROUNDS), cluster.size());
        let tally = cluster.watch().expect("virtual time is watched").tally();
        world.happened("boots from a snapshot", tally.reboots > 0 && tally.snapshots_delivered > 0);
    });
}

/// Three servers or five.
fn odd_cluster(world: &World) -> Cluster<Raft> {
    cluster(world, 3 + 2 * world.dice("size").roll(0, 2) as usize)
}

/// Who is down stays so for twenty rounds or thereabouts.
fn is_back(returns: &Dice, round: u64) -> bool {
    returns.roll(round, 20) == 0
}
