//! A replicated key-value store under test: its servers, its clerks, and every answer they got.
//!
//! [`KvCluster`] joins a [`Cluster`] with clerks whose operations all go into one history.
//! [`load`] is MIT's generic test of labs 3A and 3B: clients, faults, and then a check
//! that one order of all operations explains what the clients saw.

pub mod load;
mod recorded;
mod values;

use std::ops::Deref;

use labrpc::Elect;
use labrpc::kv::KvClient;
use labrpc::network::Link;

pub use recorded::{RecordedClerk, RecordedStore};

use crate::cluster::{Boot, Booted, Cluster};
use crate::world::World;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use labrpc::network::Service;
    use labrpc::sim::Keep;
    use labrpc::wire::WireError;
    use labrpc::{PeerId, Status, time};

    use super::*;
    use crate::rule::Rule;
    use crate::runner::run_simulated;
    use crate::token::Token;

    const A_MOMENT: Duration = Duration::from_millis(1);

    /// A server that does nothing.
    struct Idle;

    impl Elect for Idle {
        fn status(&self) -> Status {
            Status { term: 1, is_leader: false }
        }
        fn watch(&self, _: Status) -> Option<Status> {
            None
        }
        fn shutdown(&self) {}
    }

    impl Service for Idle {
        fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
            Ok(None)
        }
    }

    /// A clerk that invents its answers: every Get returns the same value.
    struct Inventive(&'static str);

    impl KvClient for Inventive {
        fn get(&mut self, _: &str) -> String {
            time::sleep(A_MOMENT);
            self.0.to_string()
        }
        fn put(&mut self, _: &str, _: &str) {
            time::sleep(A_MOMENT);
        }
        fn append(&mut self, _: &str, _: &str) {
            time::sleep(A_MOMENT);
        }
    }

    /// The rule that is broken when one clerk writes "1" and another then reads `answer`.
    fn broken_by(answer: &'static str) -> Option<&'static Rule> {
        let token = Token { test: "answer".into(), seed: 1, kept: None };
        let body = move |world: &World| {
            let store = KvCluster::new(world, 1, |_| Booted::raft(Idle), move |_, _| Inventive(answer));
            store.clerk().put("x", "1");
            store.clerk().get("x");
            store.check_linearizable();
        };
        run_simulated(&token, Keep::All, false, None, &body).0.err().and_then(|failed| failed.rule(None))
    }

    /// An answer that no order of the operations explains is reported with the rule's name.
    #[test]
    fn an_answer_that_no_order_explains_breaks_a_rule() {
        assert_eq!(broken_by("1"), None);
        assert_eq!(broken_by("").map(|rule| rule.name), Some("linearizable"));
    }
}
