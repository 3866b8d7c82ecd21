//! How do the labs' finished servers behave in runs that no graded test makes?
//!
//! The labs' finished servers, for benches and for tests of the kit. Both need servers that keep every promise, and
//! `testkit` must not know where these come from. So this crate boots them as the labs' graded tests do, and its users
//! name no lab: they take a cluster ([`logs`], [`store`]) and the contract of its servers ([`LOGS`], [`STORES`]).
//!
//! In a handout these servers are no more finished than the labs are.
//!
//! **Invariant.** No lab depends on this crate, and `testkit` only for its bench and its tests.

use std::sync::Arc;
use std::time::Duration;

use kvkit::KvCluster;
use lab2a_election::{Election, Raft, TIMING};
use lab2b_log::{Replica, VecLog};
use lab2d_snapshot::Compacting;
use lab3a_kv::{Clerk, KvServer, Store};
use labrpc::kv::ClientId;
use labrpc::{Bytes, ServiceState, thread, wire};
use testkit::{Boot, Booted, Cluster, Contract, TapedClerk, World};

/// A server of lab 2C: a log on a disk.
pub type LogServer = Raft<Replica<VecLog>>;

/// A server of lab 3B: a store over a Raft that compacts its log.
pub type StoreServer = KvServer<Raft<Compacting>>;

/// How large the saved state of a [`StoreServer`] may grow before it takes a snapshot. As in MIT's tests.
pub const RAFT_STATE_BYTES_MAX: usize = 1000;

/// The first server of [`stalling_logs`] takes this many apply messages.
const APPLIED_BEFORE_STALLING: usize = 1;

/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(3600);

/// What each [`LogServer`] promises.
pub static LOGS: Contract = Contract::new(TIMING).with_disk();

/// What each [`StoreServer`] promises.
pub static STORES: Contract = Contract::new(TIMING)
    .with_disk()
    .with_clerks()
    .with_snapshots(|snapshot| Box::new(Restored(lab3b_kvsnap::snapshot::decode(snapshot))));

struct Restored(Store);

impl ServiceState for Restored {
    fn apply(&mut self, command: &[u8]) -> String {
        self.0.apply(wire::decode(command).expect("a clerk's command")).to_string()
    }

    fn snapshot(&self) -> Bytes {
        lab3b_kvsnap::snapshot::encode(&self.0)
    }
}

fn election(boot: &Boot) -> Election {
    Election::new(boot.me, boot.cluster_size(), TIMING, boot.election_seed, boot.now)
}

/// Starts `size` servers of lab 2C, whose service takes every apply message.
pub fn logs(world: &World, size: usize) -> Cluster<LogServer> {
    Cluster::replicating(world, size, |boot| {
        Booted::raft(lab2c_persist::boot(election(&boot), boot.persister, boot.links, boot.apply_ch))
    })
}

/// The same, but the first server's service takes one apply message and then no more.
pub fn stalling_logs(world: &World, size: usize) -> Cluster<LogServer> {
    Cluster::new(world, size, |boot| {
        let (me, apply_rx) = (boot.me, boot.apply_rx.clone());
        let raft = lab2c_persist::boot(election(&boot), boot.persister, boot.links, boot.apply_ch);
        thread::spawn(move || {
            let taken = if me == 0 { APPLIED_BEFORE_STALLING } else { usize::MAX };
            apply_rx.iter().take(taken).for_each(drop);
            thread::sleep(FOREVER); // The channel must stay open.
            drop(apply_rx);
        });
        Booted::raft(raft)
    })
}

/// Starts a store of `size` servers of lab 3B, whose clerks are lab 3A's.
pub fn store(world: &World, size: usize) -> KvCluster<StoreServer> {
    let boot = |boot: Boot| {
        let raft = lab2d_snapshot::boot(election(&boot), boot.persister.clone(), boot.links, boot.apply_ch);
        let server = lab3b_kvsnap::serve(raft.clone(), boot.apply_rx, boot.persister, RAFT_STATE_BYTES_MAX);
        Booted { kv: Some(server.clone()), raft: Arc::new(raft), server }
    };
    KvCluster::new(world, size, boot, |number, links| {
        TapedClerk::new(links, |links| Clerk::new(ClientId(number), links))
    })
}
