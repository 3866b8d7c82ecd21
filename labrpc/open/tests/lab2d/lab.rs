//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use labrpc::SnapshotServer;
use open::lab2d::CODEC;
use open::lab2d::TIMING;
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

static SERVERS: Contract = Contract::new(TIMING).with_disk().open(CODEC);

pub static LAB: Lab = Lab {
    package: env!("CARGO_PKG_NAME"),
    points: include_str!("../../../../lab2d-snapshot/tests/points.txt"),
    contract: Some(&SERVERS),
};

pub type Server = Arc<dyn SnapshotServer>;

pub fn boot(boot: Boot) -> Booted<Server> {
    Booted::raft(open::lab2d::boot(boot.me, boot.links, boot.election_seed, boot.apply_ch, boot.persister))
}

#[track_caller]
pub fn cluster(world: &World, size: usize) -> Cluster<Server> {
    Cluster::compacting(world, size, boot)
}
