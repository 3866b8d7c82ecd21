//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use lab2a_election::{Election, Raft, TIMING};
use lab2d_snapshot::Compacting;
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

/// This lab's servers use `labrpc`'s messages as they are.
static SERVERS: Contract = Contract::new(TIMING).with_disk();

pub static LAB: Lab =
    Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), contract: Some(&SERVERS) };

pub type Server = Raft<Compacting>;

pub fn boot(boot: Boot) -> Booted<Server> {
    let election = Election::new(boot.me, boot.cluster_size(), TIMING, boot.election_seed, boot.now);
    Booted::raft(lab2d_snapshot::boot(election, boot.persister, boot.links, boot.apply_ch))
}

#[track_caller]
pub fn cluster(world: &World, size: usize) -> Cluster<Server> {
    Cluster::compacting(world, size, boot)
}
