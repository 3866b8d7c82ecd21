//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use kvkit::KvCluster;
use labrpc::kv::ClientId;
use labrpc::{ElectionServer, Link, Replicate};
pub use open::lab3a::PATIENCE;
use open::lab3a::{CODEC, TIMING};
use testkit::script::{ScriptedRaft, ScriptedService};
use testkit::{Boot, Booted, Contract, Lab, TapedClerk, World};

pub static SERVERS: Contract = Contract::new(TIMING).with_disk().with_clerks().open(CODEC);

pub static LAB: Lab = Lab {
    package: env!("CARGO_PKG_NAME"),
    points: include_str!("../../../../lab3a-kv/tests/points.txt"),
    contract: Some(&SERVERS),
};

pub type Server = Arc<dyn ElectionServer>;

pub fn boot(boot: Boot) -> Booted<Server> {
    let raft = open::lab3a::boot(boot.me, boot.links, boot.election_seed, boot.apply_ch, boot.persister);
    let server = open::lab3a::serve(raft.clone(), boot.apply_rx);
    Booted { kv: Some(server.clone()), raft, server: Arc::new(server) }
}

#[track_caller]
pub fn store(world: &World, servers: usize) -> KvCluster<Server> {
    KvCluster::new(world, servers, boot, |number, links| clerk(ClientId(number), links))
}

/// A clerk with a link to each server.
pub fn clerk(client: ClientId, servers: Vec<Link>) -> TapedClerk {
    TapedClerk::new(servers, |servers| open::lab3a::clerk(client, servers))
}

/// The service alone, over a Raft that the script plays.
pub type Service = ScriptedService<Server>;

/// A service over this Raft.
pub fn serve(raft: ScriptedRaft) -> Service {
    ScriptedService::new(raft, |raft, apply_rx| {
        let below: Arc<dyn Replicate> = Arc::new(raft);
        Arc::new(open::lab3a::serve(below, apply_rx))
    })
}
