//! Could one store, serving one operation at a time, have given its clients these answers?
//!
//! What the tests of labs 3A and 3B need beyond `testkit`. The other labs do not compile it.
//!
//! Read in this order:
//!
//! 1. [`KvCluster`] joins a [`Cluster`] with clerks whose operations all go into one history.
//! 2. [`load`] is MIT's generic test of labs 3A and 3B: clients, faults, and then a check that one
//!    order of all operations explains what the clients saw.
//! 3. [`linear`] does this check for any history, and says which answers contradict each other.
//!
//! **Invariant.** [`linear`] knows nothing of clusters, networks and Raft.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "parts of the kit run outside of any simulation"
)]

pub mod linear;
pub mod load;
mod recorded;
mod values;

use std::ops::Deref;

use labrpc::Elect;
use labrpc::KvClient;
use labrpc::network::Link;
use testkit::{Boot, Booted, Cluster, World};

pub use recorded::{RecordedClerk, RecordedStore};

/// A store with servers of type `S`, and its clerks. Clones are the same store.
pub struct KvCluster<S: Elect> {
    cluster: Cluster<S>,
    store: RecordedStore,
}

impl<S: Elect> Clone for KvCluster<S> {
    fn clone(&self) -> Self {
        KvCluster { cluster: self.cluster.clone(), store: self.store.clone() }
    }
}

impl<S: Elect> Deref for KvCluster<S> {
    type Target = RecordedStore;

    fn deref(&self) -> &RecordedStore {
        &self.store
    }
}

impl<S: Elect> KvCluster<S> {
    /// Starts `servers` servers. `new_client` makes a clerk from its number and its links.
    pub fn new<C: KvClient>(
        world: &World,
        servers: usize,
        boot: impl Fn(Boot) -> Booted<S> + Send + Sync + 'static,
        new_client: impl Fn(u64, Vec<Link>) -> C + Send + Sync + 'static,
    ) -> KvCluster<S> {
        let cluster = Cluster::new(world, servers, boot);
        let store = RecordedStore::new(&cluster, move |number, links| Box::new(new_client(number, links)));
        KvCluster { cluster, store }
    }

    /// The store's servers.
    pub fn cluster(&self) -> &Cluster<S> {
        &self.cluster
    }
}
