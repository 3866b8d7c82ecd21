//! Lab 2C under random faults: every oracle on, and everything applied everywhere soon after they end.

use std::time::Duration;

use lab2c_persist::Raft;
use labrpc::{PeerId, thread};
use testkit::chaos::{self, Faults};
use testkit::{Cluster, Dice, World, number};

mod lab;

use lab::{LAB, cluster};

/// Clusters of one to seven servers, even ones too, that are offered commands while faults come and go.
#[test]
fn storm_2c() {
    LAB.simulated("storm_2c", |world| {
        let size = 1 + world.dice("size").roll(0, 7) as usize;
        chaos::replication(&cluster(world, size), Faults::ALL);
    });
}

/// A crash strikes at every twentieth save or so.
const CRASHES_PER_MILLE: u64 = 50;
/// How often the harness offers a command, and boots who is down.
const ROUNDS: u64 = 200;
/// A little longer than a command takes, and not by a whole number of milliseconds.
const ROUND: Duration = Duration::from_micros(20_300);

/// Offers a command to everyone, so that whoever leads takes it.
fn offer(cluster: &Cluster<Raft>, nth: u64) {
    for server in cluster.servers() {
        cluster.start_command(server, number(nth));
    }
}

/// Three servers or five.
fn odd_cluster(world: &World) -> Cluster<Raft> {
    cluster(world, 3 + 2 * world.dice("size").roll(0, 2) as usize)
}

/// Nothing fails but servers, and they fail at their saves: right before, or right after. Some stay
/// down for a while, so that others decide meanwhile.
#[test]
fn crashes_at_saves_2c() {
    LAB.simulated("crashes_at_saves_2c", |world| {
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
        world.happened("crashes at saves", tally.reboots > 0);
    });
}

/// Who is down stays so for ten rounds or thereabouts.
fn is_back(returns: &Dice, round: u64) -> bool {
    returns.roll(round, 10) == 0
}

/// All servers crash at the same moment, again and again, while commands are on their way: nothing
/// survives but what is on the disks.
#[test]
fn all_at_once_2c() {
    LAB.simulated("all_at_once_2c", |world| {
        /// So many times; each costs an election.
        const CRASHES: u64 = 6;
        let cluster = odd_cluster(world);
        let dice = world.dice("moments");
        for crash in 0..CRASHES {
            cluster.one(&number(100 * crash), 1);
            for nth in 1..=dice.roll(2 * crash, 10) {
                offer(&cluster, 100 * crash + nth);
            }
            thread::sleep(Duration::from_micros(dice.roll(2 * crash + 1, 30_000)));
            cluster.servers().for_each(|server| cluster.crash(server));
            cluster.servers().for_each(|server| cluster.start(server));
        }
        cluster.one(&number(100 * CRASHES), cluster.size());
    });
}
