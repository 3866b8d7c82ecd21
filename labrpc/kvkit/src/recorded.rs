//! Clerks whose operations are recorded in one history, and the check of that history.

use std::sync::Arc;

use labrpc::KvClient;
use labrpc::PeerId;
use labrpc::kv::Op;
use labrpc::network::Link;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use testkit::rule::service::LINEARIZABLE;
use testkit::{ClashingOperation, Observer, UntypedCluster, Violation};

use crate::linear::{self, Budget, CheckError, History, Input};

type NewClient = Arc<dyn Fn(u64, Vec<Link>) -> Box<dyn KvClient> + Send + Sync>;

/// A store with servers of any type, and its clerks. Clones are the same store.
#[derive(Clone)]
pub struct RecordedStore {
    cluster: UntypedCluster,
    new_client: NewClient,
    history: Arc<Mutex<History>>,
}

impl RecordedStore {
    pub(super) fn new(
        cluster: &UntypedCluster,
        new_client: impl Fn(u64, Vec<Link>) -> Box<dyn KvClient> + Send + Sync + 'static,
    ) -> RecordedStore {
        RecordedStore { cluster: cluster.clone(), new_client: Arc::new(new_client), history: Arc::default() }
    }

    /// The store's servers, whatever their type.
    pub(super) fn servers(&self) -> &UntypedCluster {
        &self.cluster
    }

    /// A new clerk, with links to all servers.
    pub fn clerk(&self) -> RecordedClerk {
        let (number, links) = self.cluster.clerk_links();
        self.clerk_with(number, links)
    }

    /// A new clerk that can reach some of the servers only, and a function that lets it reach all of them.
    pub fn confined_clerk(&self, servers: &[PeerId]) -> (RecordedClerk, impl FnOnce() + use<>) {
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
        let end = self.cluster.size() + number as usize;
        let observer = self.cluster.observer().cloned();
        RecordedClerk { number, end, client, observer, history: self.history.clone() }
    }

    /// The largest size of any server's saved Raft state, in bytes.
    pub fn raft_state_bytes_max(&self) -> usize {
        self.cluster.raft_state_bytes_max()
    }

    /// The largest size of any server's saved snapshot, in bytes.
    pub fn snapshot_bytes_max(&self) -> usize {
        let sizes = self.cluster.servers().map(|server| self.cluster.persister(server).snapshot_bytes());
        sizes.max().unwrap_or_default()
    }

    /// How many operations have been answered.
    pub fn answered(&self) -> usize {
        self.history.lock().operations().iter().filter(|operation| operation.response.is_some()).count()
    }

    /// Checks that one order of all operations explains all answers (§8).
    ///
    /// # Panics
    ///
    /// When the check would take too long.
    #[track_caller]
    pub fn check_linearizable(&self) {
        if let Some(violation) = self.violation() {
            self.cluster.world().report_violation(violation);
        }
    }

    /// The contradiction in the answers so far, if there is one.
    ///
    /// # Panics
    ///
    /// When the check would take too long.
    #[track_caller]
    pub fn violation(&self) -> Option<Violation> {
        let history = self.history.lock();
        match linear::check(&history, Budget::default()) {
            Ok(()) => None,
            Err(CheckError::NotLinearizable(contradiction)) => {
                let witness = contradiction.witness.iter().map(|id| &history.operations()[id.index()]);
                let operations = witness.map(|operation| ClashingOperation {
                    end: self.cluster.size() + operation.client as usize,
                    called: Instant::from_nanos(operation.called),
                    is_read: operation.input == Input::Get,
                });
                let violation = Violation::new(&LINEARIZABLE, contradiction.sentence.trim_end_matches('.'));
                Some(violation.between(operations.collect()))
            }
            Err(undecided) => panic!("{undecided}"),
        }
    }
}

/// A clerk whose operations are recorded.
pub struct RecordedClerk {
    number: u64,
    /// Its end of the network.
    end: PeerId,
    client: Box<dyn KvClient>,
    /// Compares what it is asked for and what it returns with its messages.
    observer: Option<Observer>,
    history: Arc<Mutex<History>>,
}

impl RecordedClerk {
    /// Its number among the store's clerks, counted from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Reads the key's value.
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

    /// Appends to the key's value.
    pub fn append(&mut self, key: &str, value: &str) {
        self.record(key, Input::Append(value.into()), |client| {
            client.append(key, value);
            String::new()
        });
    }

    fn record(&mut self, key: &str, input: Input, ask: impl FnOnce(&mut dyn KvClient) -> String) -> String {
        let called = Instant::now();
        if let Some(observer) = &self.observer {
            observer.called(self.end, &op_of(key, &input));
        }
        let operation = self.history.lock().call(self.number, key, input, called.as_nanos());
        let answer = ask(&mut *self.client);
        if let Some(observer) = &self.observer {
            observer.returned(self.end, &answer);
        }
        let returned = Instant::now();
        self.history.lock().returned(operation, answer.clone(), returned.as_nanos());
        answer
    }
}

/// The operation that a clerk has to ask for.
fn op_of(key: &str, input: &Input) -> Op {
    let key = key.to_string();
    match input {
        Input::Get => Op::Get { key },
        Input::Put(value) => Op::Put { key, value: value.clone() },
        Input::Append(value) => Op::Append { key, value: value.clone() },
    }
}
