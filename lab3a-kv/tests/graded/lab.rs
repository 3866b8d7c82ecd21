//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use kvkit::KvCluster;
use lab2a_election::{Election, Raft, TIMING};
use lab2d_snapshot::Compacting;
use lab3a_kv::{Clerk, KvServer};
use labrpc::kv::ClientId;
use testkit::{Boot, Booted, Contract, Lab, World};

/// This lab's servers use `labrpc`'s messages as they are.
static SERVERS: Contract = Contract::new(TIMING).with_disk().with_clerks();

pub static LAB: Lab =
    Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), contract: Some(&SERVERS) };

pub type Server = KvServer<Raft<Compacting>>;

pub fn boot(boot: Boot) -> Booted<Server> {
    let election = Election::new(boot.me, boot.cluster_size(), TIMING, boot.election_seed, boot.now);
    let raft = lab2d_snapshot::boot(election, boot.persister, boot.links, boot.apply_ch);
    let server = KvServer::serve(raft.clone(), boot.apply_rx);
    Booted { kv: Some(server.clone()), raft: Arc::new(raft), server }
}

#[track_caller]
pub fn store(world: &World, servers: usize) -> KvCluster<Server> {
    KvCluster::new(world, servers, boot, |number, links| Clerk::new(ClientId(number), links))
}
