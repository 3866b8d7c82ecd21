//! What all of this lab's graded tests share: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use lab2a_election::{Election, Timing};
use lab2b_log::{Entry, Reply};
use lab2c_persist::Head;
use lab2d_snapshot::{Raft, Request};
use lab3a_kv::face::Told;
use lab3a_kv::{Clerk, ClientId, Command, KvServer};
use testkit::kv::Store;
use testkit::{Boot, Booted, Eyes, Lab, Replica, World};

const EYES: Eyes = Eyes::of::<Request, Reply>()
    .with_disk::<Head, Entry>()
    .with_clerks::<Command, Told>()
    .with_snapshots(|bytes| Box::new(Restored(lab3b_kvsnap::snapshot::decode(bytes))))
    .with_pace(|| Timing::default().into());

pub static LAB: Lab = Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), eyes: Some(EYES) };

/// The size that the saved Raft state is to be kept near, as MIT has it.
pub const RAFT_STATE_BYTES_MAX: usize = 1000;

pub type Server = KvServer<Arc<Raft>>;

/// The service's state, as a snapshot has brought it back.
struct Restored(lab3a_kv::Store);

impl Replica for Restored {
    fn apply(&mut self, command: &[u8]) -> String {
        let command = labrpc::wire::decode(command).expect("a clerk's command");
        self.0.apply(command).to_string()
    }
}

/// Boots a server that keeps its saved Raft state near so many bytes.
pub fn boot_with_limit(boot: Boot, raft_state_bytes_max: usize) -> Booted<Server> {
    let election = Election::new(boot.me, boot.cluster_size(), Timing::default(), boot.election_seed, boot.now);
    let raft = Arc::new(Raft::boot(election, boot.persister.clone(), boot.links, boot.applied));
    let server = lab3b_kvsnap::serve(raft.clone(), boot.to_apply, boot.persister, raft_state_bytes_max);
    Booted { kv: Some(server.clone()), raft, server }
}

pub fn boot(boot: Boot) -> Booted<Server> {
    boot_with_limit(boot, RAFT_STATE_BYTES_MAX)
}

pub fn store(world: &World, servers: usize) -> Store<Server> {
    Store::new(world, servers, boot, |number, links| Clerk::new(ClientId(number), links))
}
