//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;
use std::time::Duration;

use kvkit::KvCluster;
use lab2a_election::{Election, Raft, TIMING};
use lab2d_snapshot::Compacting;
use lab3a_kv::{Clerk, KvServer};
use labrpc::Link;
use labrpc::kv::ClientId;
use testkit::script::{ScriptedRaft, ScriptedService};
use testkit::{Boot, Booted, Contract, Lab, TapedClerk, World};

/// This lab's servers use `labrpc`'s messages as they are.
pub static SERVERS: Contract = Contract::new(TIMING).with_disk().with_clerks();

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
    KvCluster::new(world, servers, boot, |number, links| clerk(ClientId(number), links))
}

/// How long a clerk waits for one server.
pub const PATIENCE: Duration = Clerk::PATIENCE;

/// A clerk with a link to each server.
pub fn clerk(client: ClientId, servers: Vec<Link>) -> TapedClerk {
    TapedClerk::new(servers, |servers| Clerk::new(client, servers))
}

/// The service alone, over a Raft that the script plays.
pub type Service = ScriptedService<KvServer<ScriptedRaft>>;

/// A service over this Raft.
pub fn serve(raft: ScriptedRaft) -> Service {
    ScriptedService::new(raft, KvServer::serve)
}
