//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use labrpc::LogServer;
use open::lab2b::CODEC;
pub use open::lab2b::TIMING;
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

static SERVERS: Contract = Contract::new(TIMING).open(CODEC);

pub static LAB: Lab = Lab {
    package: env!("CARGO_PKG_NAME"),
    points: include_str!("../../../../lab2b-log/tests/points.txt"),
    contract: Some(&SERVERS),
};

pub type Server = Arc<dyn LogServer>;

pub fn boot(boot: Boot) -> Booted<Server> {
    Booted::raft(open::lab2b::boot(boot.me, boot.links, boot.election_seed, boot.apply_ch))
}

#[track_caller]
pub fn cluster(world: &World, size: usize) -> Cluster<Server> {
    Cluster::replicating(world, size, boot)
}
