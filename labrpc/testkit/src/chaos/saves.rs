//! Crashes at saves, and nothing else.

use std::time::Duration;

use labrpc::{PeerId, Replicate, thread};

use crate::cluster::{Cluster, number};

/// Nothing fails but servers, and they fail at their saves: right before, or right after. Some stay
/// down for a while, so that others decide meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct CrashesAtSaves {
    /// A crash strikes at so many of a thousand saves.
    pub per_mille: u64,
    /// How often a command is offered.
    pub rounds: u64,
    /// The time from one offer to the next. Unless it is a whole number of milliseconds, offers and
    /// messages meet in many ways.
    pub round: Duration,
    /// Who is down stays so for this many rounds or thereabouts.
    pub rounds_down: u64,
}

impl CrashesAtSaves {
    /// Lets them happen, and then has the whole cluster agree once more.
    pub fn run<R: Replicate>(self, cluster: &Cluster<R>) {
        let returns = cluster.world().rng("who comes back");
        set_per_mille(cluster, self.per_mille);
        for round in 0..self.rounds {
            cluster.start_everywhere(&number(round));
            thread::sleep(self.round);
            let down: Vec<PeerId> = cluster.servers().filter(|&server| !cluster.is_up(server)).collect();
            let is_back = |_: &PeerId| returns.random_range(0..self.rounds_down) == 0;
            down.into_iter().filter(is_back).for_each(|server| cluster.start(server));
        }
        set_per_mille(cluster, 0);
        cluster.servers().filter(|&server| !cluster.is_up(server)).for_each(|server| cluster.start(server));
        cluster.one(&number(self.rounds), cluster.size());
    }
}

fn set_per_mille<R: Replicate>(cluster: &Cluster<R>, per_mille: u64) {
    cluster.servers().for_each(|server| cluster.persister(server).set_crashes_per_mille(per_mille));
}
