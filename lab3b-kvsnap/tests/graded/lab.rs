//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use lab2a_election::{Election, Raft, TIMING};
use lab2d_snapshot::Compacting;
use lab3a_kv::{Clerk, KvServer, Store};
use labrpc::kv::ClientId;
use labrpc::wire;
use testkit::{Boot, Booted, Contract, Lab, ServiceState, World};

/// This lab's servers use `labrpc`'s messages as they are.
static SERVERS: Contract = Contract::new(TIMING)
    .with_disk()
    .with_clerks()
    .with_snapshots(|snapshot| Box::new(Restored(lab3b_kvsnap::snapshot::decode(snapshot))));

pub static LAB: Lab =
    Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), contract: Some(&SERVERS) };

/// The size near which the saved Raft state should stay, in bytes, as in MIT's tests.
pub const RAFT_STATE_BYTES_MAX: usize = 1000;

pub type Server = KvServer<Raft<Compacting>>;

/// The service's state, read back from a snapshot.
struct Restored(Store);

impl ServiceState for Restored {
    fn apply(&mut self, command: &[u8]) -> String {
        self.0.apply(wire::decode(command).expect("a clerk's command")).to_string()
    }
}

/// Boots a server that keeps its saved Raft state near `raft_state_bytes_max` bytes.
pub fn boot_with_limit(boot: Boot, raft_state_bytes_max: usize) -> Booted<Server> {
    let election = Election::new(boot.me, boot.cluster_size(), TIMING, boot.election_seed, boot.now);
    let raft = lab2d_snapshot::boot(election, boot.persister.clone(), boot.links, boot.apply_ch);
    let server = lab3b_kvsnap::serve(raft.clone(), boot.apply_rx, boot.persister, raft_state_bytes_max);
    Booted { kv: Some(server.clone()), raft: Arc::new(raft), server }
}

pub fn boot(boot: Boot) -> Booted<Server> {
    boot_with_limit(boot, RAFT_STATE_BYTES_MAX)
}

#[track_caller]
pub fn store(world: &World, servers: usize) -> kvkit::KvCluster<Server> {
    kvkit::KvCluster::new(world, servers, boot, |number, links| Clerk::new(ClientId(number), links))
}
