//! What this lab's graded tests have in common: how its servers boot, and how their bytes are read.

use std::sync::Arc;
use std::time::Duration;

use lab2a_election::{Election, Raft, TIMING};
use lab2d_snapshot::Compacting;
use lab3a_kv::{Clerk, KvServer, Store};
use lab3b_kvsnap::snapshot;
use labrpc::kv::ClientId;
use labrpc::{Bytes, Link, Persister, ServiceState, wire};
use testkit::script::{ScriptedRaft, ScriptedService};
use testkit::{Boot, Booted, Contract, Lab, TapedClerk, TapedState, World};

/// This lab's servers use `labrpc`'s messages as they are.
pub static SERVERS: Contract =
    Contract::new(TIMING).with_disk().with_clerks().with_snapshots(|snapshot| state(Some(snapshot)));

pub static LAB: Lab =
    Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), contract: Some(&SERVERS) };

/// The size near which the saved Raft state should stay, in bytes, as in MIT's tests.
pub const RAFT_STATE_BYTES_MAX: usize = 1000;

pub type Server = KvServer<Raft<Compacting>>;

/// A store without a server.
struct State(Store);

impl ServiceState for State {
    fn apply(&mut self, command: &[u8]) -> String {
        self.0.apply(wire::decode(command).expect("a clerk's command")).to_string()
    }

    fn snapshot(&self) -> Bytes {
        snapshot::encode(&self.0)
    }
}

/// The state of a service without a server: an empty one, or the one that a snapshot holds.
pub fn state(snapshot: Option<&[u8]>) -> Box<dyn ServiceState> {
    TapedState::boxed(|| Box::new(State(snapshot.map_or_else(Store::default, snapshot::decode))))
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
    kvkit::KvCluster::new(world, servers, boot, |number, links| clerk(ClientId(number), links))
}

/// How long a clerk waits for one server.
pub const PATIENCE: Duration = Clerk::PATIENCE;

/// A clerk with a link to each server.
pub fn clerk(client: ClientId, servers: Vec<Link>) -> TapedClerk {
    TapedClerk::new(servers, |servers| Clerk::new(client, servers))
}

/// The service alone, over a Raft that the script plays.
pub type Service = ScriptedService<KvServer<ScriptedRaft>>;

/// A service over this Raft, which writes to `persister`.
pub fn serve(raft: ScriptedRaft, persister: Arc<Persister>) -> Service {
    ScriptedService::new(raft, |raft, apply_rx| lab3b_kvsnap::serve(raft, apply_rx, persister, RAFT_STATE_BYTES_MAX))
}
