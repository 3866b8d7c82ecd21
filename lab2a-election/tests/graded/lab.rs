//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

pub use lab2a_election::TIMING;
use lab2a_election::{Election, Raft};
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

/// This lab's servers use `labrpc`'s messages as they are.
static SERVERS: Contract = Contract::new(TIMING);

pub static LAB: Lab =
    Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), contract: Some(&SERVERS) };

pub type Server = Raft<Election>;

pub fn boot(boot: Boot) -> Booted<Server> {
    let election = Election::new(boot.me, boot.cluster_size(), TIMING, boot.election_seed, boot.now);
    Booted::raft(lab2a_election::boot(election, boot.links))
}

#[track_caller]
pub fn cluster(world: &World, size: usize) -> Cluster<Server> {
    Cluster::new(world, size, boot)
}
