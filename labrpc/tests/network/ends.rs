//! A network of echoing servers, and what tests observe of it.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Conditions, Message, Network, Passage, Tap};
use labrpc::sim::{self, Failure, Keep, NodeId, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service};

pub const MS: Duration = Duration::from_millis(1);
/// Longer than any message is under way, under any conditions.
pub const LONG: Duration = Duration::from_secs(10);

/// No losses, and a constant delay, so that only the fault under test has an effect.
pub const IDEAL: Conditions = Conditions { delay_max: MS, ..Conditions::RELIABLE };

/// A number that arrived: its sender, the number, and the time of arrival.
pub type Arrival = (PeerId, u64, Instant);

/// A server that replies to every number with the same number.
#[derive(Default)]
pub struct Echo {
    pub requests: Mutex<Vec<Arrival>>,
    pub replies: Mutex<Vec<Arrival>>,
    /// How long it takes to serve a request.
    pub service_time: Duration,
}

impl Echo {
    pub fn taking(service_time: Duration) -> Echo {
        Echo { service_time, ..Echo::default() }
    }

    /// The numbers that it received as requests, in order of arrival.
    pub fn requested(&self) -> Vec<u64> {
        self.requests.lock().iter().map(|&(_, number, _)| number).collect()
    }

    /// The numbers that it received as replies, in order of arrival.
    pub fn replied(&self) -> Vec<u64> {
        self.replies.lock().iter().map(|&(_, number, _)| number).collect()
    }
}

impl Service for Echo {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let number = wire::decode(request).map_err(|error| error.sent_by(from))?;
        self.requests.lock().push((from, number, Instant::now()));
        if !self.service_time.is_zero() {
            thread::sleep(self.service_time);
        }
        Ok(Some(wire::encode(&number)))
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let number = wire::decode(reply).map_err(|error| error.sent_by(from))?;
        self.replies.lock().push((from, number, Instant::now()));
        Ok(())
    }
}

/// A network with echoing servers at its first ends.
pub struct Cluster {
    pub network: Network,
    pub servers: Vec<Arc<Echo>>,
    pub nodes: Vec<NodeId>,
}

impl Cluster {
    /// Starts `servers` servers, with one more end for a client, under ideal conditions.
    pub fn new(servers: usize) -> Cluster {
        let network = Network::new(servers + 1, 0);
        network.set_conditions(IDEAL);
        let mut cluster = Cluster { network, servers: Vec::new(), nodes: Vec::new() };
        for at in 0..servers {
            let (node, echo) = cluster.boot(at, Echo::default());
            cluster.nodes.push(node);
            cluster.servers.push(echo);
        }
        cluster
    }

    /// Plugs in a new incarnation of a server, in a node of its own.
    pub fn boot(&self, at: PeerId, echo: Echo) -> (NodeId, Arc<Echo>) {
        let (node, echo) = (sim::new_node(format!("server {at}")), Arc::new(echo));
        self.network.plug(at, Some(node));
        self.network.add_service(at, Port::Raft, Arc::clone(&echo) as Arc<dyn Service>);
        self.network.add_service(at, Port::Kv, Arc::clone(&echo) as Arc<dyn Service>);
        (node, echo)
    }

    /// The end of the client.
    pub fn client(&self) -> PeerId {
        self.servers.len()
    }

    pub fn send(&self, from: PeerId, to: PeerId, number: u64) {
        self.network.link(from, to, Port::Raft).send(&number);
    }

    /// Sends the numbers from 0 to `count - 1`, one every `interval`.
    pub fn send_many(&self, from: PeerId, to: PeerId, count: u64, interval: Duration) {
        for number in 0..count {
            self.send(from, to, number);
            thread::sleep(interval);
        }
    }

    pub fn call(&self, to: PeerId, number: u64, patience: Duration) -> Option<u64> {
        self.network.link(self.client(), to, Port::Kv).call(&number, patience)
    }
}

/// A tap that records everything.
#[derive(Default)]
pub struct Log(pub parking_lot::Mutex<Vec<(Instant, Message, Passage)>>);

impl Log {
    /// The passages of the messages from `from` to `to`.
    pub fn passages(&self, from: PeerId, to: PeerId) -> Vec<Passage> {
        let log = self.0.lock();
        log.iter().filter(|(_, message, _)| (message.from, message.to) == (from, to)).map(|entry| entry.2).collect()
    }
}

impl Tap for Log {
    fn message(&self, at: Instant, message: &Message, passage: Passage) {
        self.0.lock().push((at, message.clone(), passage));
    }
}

/// Runs a test in a simulation.
pub fn simulated<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    sim::run(Settings::default(), body).0.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a test in a simulation in which every decision is calm.
pub fn calmly<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let settings = Settings { keep: Keep::Only(Default::default()), ..Settings::default() };
    sim::run(settings, body).0.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a test that has to fail.
pub fn failing(body: impl FnOnce() + Send) -> Failure {
    sim::run(Settings::default(), body).0.expect_err("the run fails")
}
