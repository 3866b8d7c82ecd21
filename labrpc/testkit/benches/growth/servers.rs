//! The labs' servers, as their graded tests boot them.

use std::sync::Arc;

use kvkit::KvCluster;
use lab2a_election::{Election, Raft, TIMING};
use lab2b_log::{Replica, VecLog};
use lab2d_snapshot::Compacting;
use lab3a_kv::{Clerk, KvServer, Store};
use labrpc::kv::ClientId;
use labrpc::{Timing, wire};
use testkit::{Boot, Booted, Cluster, Codec, ServiceState, World};

/// As in MIT's tests.
pub const RAFT_STATE_BYTES_MAX: usize = 1000;

/// Servers of lab 2C.
pub struct Logs;

impl Codec for Logs {
    fn timing(&self) -> Timing {
        TIMING
    }

    fn has_disk(&self) -> bool {
        true
    }
}

/// Servers of lab 3B.
pub struct Stores;

impl Codec for Stores {
    fn timing(&self) -> Timing {
        TIMING
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn has_clerks(&self) -> bool {
        true
    }

    fn restore(&self, snapshot: &[u8]) -> Option<Box<dyn ServiceState>> {
        Some(Box::new(Restored(lab3b_kvsnap::snapshot::decode(snapshot))))
    }
}

struct Restored(Store);

impl ServiceState for Restored {
    fn apply(&mut self, command: &[u8]) -> String {
        self.0.apply(wire::decode(command).expect("a clerk's command")).to_string()
    }
}

fn election(boot: &Boot) -> Election {
    Election::new(boot.me, boot.cluster_size(), TIMING, boot.election_seed, boot.now)
}

/// A cluster of lab 2C.
pub fn logs(world: &World, size: usize) -> Cluster<Raft<Replica<VecLog>>> {
    Cluster::replicating(world, size, |boot| {
        Booted::raft(lab2c_persist::boot(election(&boot), boot.persister, boot.links, boot.apply_ch))
    })
}

/// The same, but the first server's service takes one apply message and then no more.
#[allow(dead_code, reason = "for tests")]
pub fn stalling_logs(world: &World, size: usize) -> Cluster<Raft<Replica<VecLog>>> {
    let boot = |boot: Boot| {
        let (me, apply_rx) = (boot.me, boot.apply_rx.clone());
        let raft = lab2c_persist::boot(election(&boot), boot.persister, boot.links, boot.apply_ch);
        labrpc::thread::spawn(move || {
            apply_rx.iter().take(if me == 0 { 1 } else { usize::MAX }).for_each(drop);
            labrpc::thread::sleep(std::time::Duration::from_secs(3600)); // The channel must stay open.
            drop(apply_rx);
        });
        Booted::raft(raft)
    };
    Cluster::new(world, size, boot)
}

/// A store of lab 3B.
pub fn store(world: &World, size: usize) -> KvCluster<KvServer<Raft<Compacting>>> {
    let boot = |boot: Boot| {
        let raft = lab2d_snapshot::boot(election(&boot), boot.persister.clone(), boot.links, boot.apply_ch);
        let server = lab3b_kvsnap::serve(raft.clone(), boot.apply_rx, boot.persister, RAFT_STATE_BYTES_MAX);
        Booted { kv: Some(server.clone()), raft: Arc::new(raft), server }
    };
    KvCluster::new(world, size, boot, |number, links| Clerk::new(ClientId(number), links))
}
