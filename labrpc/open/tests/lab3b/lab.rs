//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use kvkit::KvCluster;
use labrpc::kv::ClientId;
use labrpc::{Compact, ElectionServer, Link, Persister, ServiceState};
pub use open::lab3b::PATIENCE;
use open::lab3b::{CODEC, TIMING};
use testkit::script::{ScriptedRaft, ScriptedService};
use testkit::{Boot, Booted, Contract, Lab, TapedClerk, TapedState, World};

pub static SERVERS: Contract =
    Contract::new(TIMING).with_disk().with_clerks().with_snapshots(|snapshot| state(Some(snapshot))).open(CODEC);

pub static LAB: Lab = Lab {
    package: env!("CARGO_PKG_NAME"),
    points: include_str!("../../../../lab3b-kvsnap/tests/points.txt"),
    contract: Some(&SERVERS),
};

/// The size near which the saved Raft state should stay, in bytes, as in MIT's tests.
pub const RAFT_STATE_BYTES_MAX: usize = 1000;

pub type Server = Arc<dyn ElectionServer>;

/// Boots a server that keeps its saved Raft state near `raft_state_bytes_max` bytes.
pub fn boot_with_limit(boot: Boot, raft_state_bytes_max: usize) -> Booted<Server> {
    let persister = boot.persister.clone();
    let raft = open::lab3b::boot(boot.me, boot.links, boot.election_seed, boot.apply_ch, boot.persister);
    let server = open::lab3b::serve(raft.clone(), boot.apply_rx, persister, raft_state_bytes_max);
    Booted { kv: Some(server.clone()), raft, server: Arc::new(server) }
}

pub fn boot(boot: Boot) -> Booted<Server> {
    boot_with_limit(boot, RAFT_STATE_BYTES_MAX)
}

#[track_caller]
pub fn store(world: &World, servers: usize) -> KvCluster<Server> {
    KvCluster::new(world, servers, boot, |number, links| clerk(ClientId(number), links))
}

/// A clerk with a link to each server.
pub fn clerk(client: ClientId, servers: Vec<Link>) -> TapedClerk {
    TapedClerk::new(servers, |servers| open::lab3b::clerk(client, servers))
}

/// The state of a service without a server: an empty one, or the one that a snapshot holds.
pub fn state(snapshot: Option<&[u8]>) -> Box<dyn ServiceState> {
    TapedState::boxed(|| open::lab3b::state(snapshot))
}

/// The service alone, over a Raft that the script plays.
pub type Service = ScriptedService<Server>;

/// A service over this Raft, which writes to `persister`.
pub fn serve(raft: ScriptedRaft, persister: Arc<Persister>) -> Service {
    ScriptedService::new(raft, |raft, apply_rx| {
        let below: Arc<dyn Compact> = Arc::new(raft);
        Arc::new(open::lab3b::serve(below, apply_rx, persister, RAFT_STATE_BYTES_MAX))
    })
}
