//! What all of this lab's graded tests share: how its servers boot, and how their bytes are read.

use std::sync::Arc;

use lab2a_election::{Election, Timing};
use lab2b_log::{Entry, Reply};
use lab2c_persist::Head;
use lab2d_snapshot::{Raft, Request};
use lab3a_kv::face::Told;
use lab3a_kv::{Clerk, ClientId, Command, KvServer};
use testkit::kv::Store;
use testkit::{Boot, Booted, Eyes, Lab, World};

const EYES: Eyes = Eyes::of::<Request, Reply>()
    .with_disk::<Head, Entry>()
    .with_clerks::<Command, Told>()
    .with_pace(|| Timing::default().into());

pub static LAB: Lab = Lab { package: env!("CARGO_PKG_NAME"), points: include_str!("../points.txt"), eyes: Some(EYES) };

pub type Server = KvServer<Arc<Raft>>;

pub fn boot(boot: Boot) -> Booted<Server> {
    let election = Election::new(boot.me, boot.cluster_size(), Timing::default(), boot.election_seed, boot.now);
    let raft = Arc::new(Raft::boot(election, boot.persister, boot.links, boot.applied));
    let server = KvServer::serve(raft.clone(), boot.to_apply);
    Booted { kv: Some(server.clone()), raft, server }
}

pub fn store(world: &World, servers: usize) -> Store<Server> {
    Store::new(world, servers, boot, |number, links| Clerk::new(ClientId(number), links))
}
