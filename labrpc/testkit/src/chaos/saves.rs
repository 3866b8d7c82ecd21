//! Crashes at saves, and no other faults.

use std::time::Duration;

use labrpc::{PeerId, Replicate, thread};

use crate::cluster::{Cluster, UntypedCluster, number};

/// Servers crash right before or right after some of their saves, and nothing else fails. Some stay
/// down for a while, so that the others decide meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct CrashesAtSaves {
    /// A server crashes at this many of a thousand saves.
    pub per_mille: u64,
    /// The number of rounds. In each round, one command is offered to all servers.
    pub rounds: u64,
    /// The time from one command to the next. If it is not a whole number of milliseconds, commands
    /// arrive at more different moments between messages.
    pub round: Duration,
    /// A server that crashed stays down for about this many rounds.
    pub rounds_down: u64,
}

impl CrashesAtSaves {
    /// Runs all rounds, and then lets the whole cluster agree on one more command.
    #[track_caller]
    pub fn run<R: Replicate>(self, cluster: &Cluster<R>) {
        let (returns, commands) = (cluster.world().rng("who comes back"), cluster.world().rng("commands"));
        set_per_mille(cluster, self.per_mille);
        for round in 0..self.rounds {
            if commands.does(round) {
                cluster.start_everywhere(&number(round));
            }
            thread::sleep(self.round);
            let down: Vec<PeerId> = cluster.servers().filter(|&server| !cluster.is_up(server)).collect();
            let comes_back = |_: &PeerId| returns.random_range_or(0, 0..self.rounds_down) == 0;
            down.into_iter().filter(comes_back).for_each(|server| cluster.start(server));
        }
        set_per_mille(cluster, 0);
        cluster.servers().filter(|&server| !cluster.is_up(server)).for_each(|server| cluster.start(server));
        cluster.one(&number(self.rounds), cluster.size());
    }
}

fn set_per_mille(cluster: &UntypedCluster, per_mille: u64) {
    cluster.servers().for_each(|server| cluster.persister(server).set_crashes_per_mille(per_mille));
}
