//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use labrpc::LogServer;
use open::lab2c::CODEC;
use open::lab2c::TIMING;
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

static SERVERS: Contract = Contract::new(TIMING).with_disk().open(CODEC);

pub static LAB: Lab = Lab {
    package: env!("CARGO_PKG_NAME"),
    points: include_str!("../../../../lab2c-persist/tests/points.txt"),
    contract: Some(&SERVERS),
};

pub type Server = Arc<dyn LogServer>;

pub fn boot(boot: Boot) -> Booted<Server> {
    Booted::raft(open::lab2c::boot(boot.me, boot.links, boot.election_seed, boot.apply_ch, boot.persister))
}

#[track_caller]
pub fn cluster(world: &World, size: usize) -> Cluster<Server> {
    Cluster::replicating(world, size, boot)
}
