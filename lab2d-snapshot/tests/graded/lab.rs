//! What all of this lab's graded tests share: how its servers boot, and how their bytes are read.

use lab2a_election::{Election, Timing};
use lab2b_log::{Entry, Reply};
use lab2c_persist::Head;
use lab2d_snapshot::{Raft, Request};
use testkit::{Boot, Booted, Cluster, Eyes, Lab, World};

const EYES: Eyes = Eyes::of::<Request, Reply>().with_disk::<Head, Entry>().with_pace(|| Timing::default().into());

pub static LAB: Lab = Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), eyes: Some(EYES) };

pub fn boot(boot: Boot) -> Booted<Raft> {
    let election = Election::new(boot.me, boot.cluster_size(), Timing::default(), boot.election_seed, boot.now);
    Booted::raft(Raft::boot(election, boot.persister, boot.links, boot.applied))
}

pub fn cluster(world: &World, size: usize) -> Cluster<Raft> {
    Cluster::compacting(world, size, boot)
}
