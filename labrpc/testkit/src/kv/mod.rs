//! A replicated key-value store under test: its servers, its clerks, and all they were told.
//!
//! [`Store`] joins a [`Cluster`] with clerks whose every operation goes into one history.
//! [`load`] is MIT's generic test of labs 3A and 3B: clients, faults, and then the question
//! whether any order of their operations explains what they saw.

pub mod load;

use std::sync::Arc;

use labrpc::kv::KvClient;
use labrpc::network::Link;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::{Elect, PeerId};

use crate::cluster::{Boot, Booted, Cluster};
use crate::linear::{self, Budget, CheckError, History, Input};
use crate::rule::service::LINEARIZABLE;
use crate::violation::Violation;
use crate::world::World;

type NewClient = Arc<dyn Fn(u64, Vec<Link>) -> Box<dyn KvClient> + Send + Sync>;

/// A store and its clerks. Clones are the same one.
pub struct KvCluster<S: Elect> {
    cluster: Cluster<S>,
    new_client: NewClient,
    history: Arc<Mutex<History>>,
}

impl<S: Elect> Clone for KvCluster<S> {
    fn clone(&self) -> Self {
        let KvCluster { cluster, new_client, history } = self;
        KvCluster { cluster: cluster.clone(), new_client: new_client.clone(), history: history.clone() }
    }
}

impl<S: Elect> KvCluster<S> {
    /// Boots so many servers. `new_client` makes a clerk from its number and its links.
    pub fn new<C: KvClient>(
        world: &World,
        servers: usize,
        boot: impl Fn(Boot) -> Booted<S> + Send + Sync + 'static,
        new_client: impl Fn(u64, Vec<Link>) -> C + Send + Sync + 'static,
    ) -> KvCluster<S> {
        let new_client: NewClient = Arc::new(move |number, links| Box::new(new_client(number, links)));
        KvCluster { cluster: Cluster::new(world, servers, boot), new_client, history: Arc::default() }
    }

    /// The store's servers.
    pub fn cluster(&self) -> &Cluster<S> {
        &self.cluster
    }

    /// A new clerk, with links to all servers.
    pub fn clerk(&self) -> RecordedClerk {
        let (number, links) = self.cluster.clerk_links();
        self.clerk_with(number, links)
    }

    /// A new clerk that can reach some of the servers only, and the function that lets it reach
    /// all of them.
    pub fn confined_clerk(&self, servers: &[PeerId]) -> (RecordedClerk, impl FnOnce() + use<S>) {
        let (number, links) = self.cluster.clerk_links();
        self.cluster.confine_clerk(&links, servers);
        let (cluster, everywhere) = (self.cluster.clone(), links.clone());
        let release = move || {
            let all: Vec<PeerId> = cluster.servers().collect();
            cluster.confine_clerk(&everywhere, &all);
        };
        (self.clerk_with(number, links), release)
    }

    fn clerk_with(&self, number: u64, links: Vec<Link>) -> RecordedClerk {
        let client = (self.new_client)(number, links);
        RecordedClerk { number, client, history: self.history.clone() }
    }

    /// The largest size of any server's saved Raft state.
    pub fn raft_state_bytes_max(&self) -> usize {
        let sizes = self.cluster.servers().map(|server| self.cluster.persister(server).raft_state_bytes());
        sizes.max().unwrap_or_default()
    }

    /// The largest size of any server's saved snapshot.
    pub fn snapshot_bytes_max(&self) -> usize {
        let sizes = self.cluster.servers().map(|server| self.cluster.persister(server).snapshot_bytes());
        sizes.max().unwrap_or_default()
    }

    /// How many operations have been answered.
    pub fn answered(&self) -> usize {
        self.history.lock().operations().iter().filter(|operation| operation.response.is_some()).count()
    }

    /// Checks that some order explains all answers that any clerk was given (§8).
    ///
    /// # Panics
    ///
    /// When none does, or when the check would take too long to tell.
    #[track_caller]
    pub fn check_linearizable(&self) {
        let checked = linear::check(&self.history.lock(), Budget::default());
        match checked {
            Ok(()) => {}
            Err(CheckError::NotLinearizable(contradiction)) => {
                let what = contradiction.sentence.trim_end_matches('.');
                self.cluster.world().report_violation(Violation::new(&LINEARIZABLE, what));
            }
            Err(undecided) => panic!("{undecided}"),
        }
    }
}

/// A clerk whose operations are recorded.
pub struct RecordedClerk {
    number: u64,
    client: Box<dyn KvClient>,
    history: Arc<Mutex<History>>,
}

impl RecordedClerk {
    /// Its number among the store's clerks, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The key's value.
    pub fn get(&mut self, key: &str) -> String {
        self.record(key, Input::Get, |client| client.get(key))
    }

    /// Replaces the key's value.
    pub fn put(&mut self, key: &str, value: &str) {
        self.record(key, Input::Put(value.into()), |client| {
            client.put(key, value);
            String::new()
        });
    }

    /// Adds to the end of the key's value.
    pub fn append(&mut self, key: &str, value: &str) {
        self.record(key, Input::Append(value.into()), |client| {
            client.append(key, value);
            String::new()
        });
    }

    fn record(&mut self, key: &str, input: Input, ask: impl FnOnce(&mut dyn KvClient) -> String) -> String {
        let called = Instant::now();
        let operation = self.history.lock().call(self.number, key, input, called.as_nanos());
        let answer = ask(&mut *self.client);
        let returned = Instant::now();
        self.history.lock().returned(operation, answer.clone(), returned.as_nanos());
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use labrpc::network::Service;
    use labrpc::sim::Keep;
    use labrpc::wire::WireError;
    use labrpc::{Status, time};

    use super::*;
    use crate::rule::Rule;
    use crate::runner::run_simulated;
    use crate::token::Token;

    const A_MOMENT: Duration = Duration::from_millis(1);

    /// A server that nobody asks anything.
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

    /// A clerk that makes its answers up: every key holds the same for ever.
    struct Forgetful(&'static str);

    impl KvClient for Forgetful {
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

    /// The rule that is broken when one writes "1" and another then reads `answer`.
    fn broken_by(answer: &'static str) -> Option<&'static Rule> {
        let token = Token { test: "told".into(), seed: 1, kept: None };
        let body = move |world: &World| {
            let store = KvCluster::new(world, 1, |_| Booted::raft(Idle), move |_, _| Forgetful(answer));
            store.clerk().put("x", "1");
            store.clerk().get("x");
            store.check_linearizable();
        };
        run_simulated(&token, Keep::All, false, None, &body).0.err().and_then(|broken| broken.rule(None))
    }

    /// What no order of the operations explains is held against the service, by the rule's name.
    #[test]
    fn an_answer_that_fits_nowhere_is_named() {
        assert_eq!(broken_by("1"), None);
        assert_eq!(broken_by("").map(|rule| rule.name), Some("linearizable"));
    }
}
