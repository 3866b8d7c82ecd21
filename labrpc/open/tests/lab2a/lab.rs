//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use labrpc::ElectionServer;
use open::lab2a::CODEC;
pub use open::lab2a::TIMING;
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

static SERVERS: Contract = Contract::new(TIMING).open(CODEC);

pub static LAB: Lab = Lab {
    package: env!("CARGO_PKG_NAME"),
    points: include_str!("../../../../lab2a-election/tests/points.txt"),
    contract: Some(&SERVERS),
};

pub type Server = Arc<dyn ElectionServer>;

pub fn boot(boot: Boot) -> Booted<Server> {
    Booted::raft(open::lab2a::boot(boot.me, boot.links, boot.election_seed))
}

#[track_caller]
pub fn cluster(world: &World, size: usize) -> Cluster<Server> {
    Cluster::new(world, size, boot)
}
