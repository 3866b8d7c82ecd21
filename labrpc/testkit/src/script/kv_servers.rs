//! One real clerk among scripted servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::kv::{Answer, Command, Op, Refusal};
use labrpc::network::{Link, Network, Port, Service};
use labrpc::time::Instant;
use labrpc::wire::WireError;
use labrpc::{KvClient, PeerId, sim};

use super::PUNCTUAL;
use super::steps::fail;
use crate::contract::Contract;
use crate::observer::Observer;
use crate::world::{BackgroundTask, CLERK_LABEL, World};

/// Scripted servers, and a real clerk that asks them.
pub struct ScriptedServers {
    world: World,
    network: Network,
    servers: usize,
    asked: Receiver<ClerkRequest>,
    observer: Observer,
    /// The end of the network of the clerk whose links were taken last.
    latest_end: AtomicUsize,
}

/// A clerk whose operations are told in the story of the run.
pub struct ToldClerk<C> {
    clerk: C,
    end: PeerId,
    observer: Observer,
}

impl<C: KvClient> ToldClerk<C> {
    fn tell<T>(&mut self, op: impl FnOnce() -> Op, ask: impl FnOnce(&mut C) -> T, value: impl FnOnce(&T) -> &str) -> T {
        self.observer.tell_called(self.end, op);
        let result = ask(&mut self.clerk);
        self.observer.tell_returned(self.end, value(&result));
        result
    }
}

impl<C: KvClient> KvClient for ToldClerk<C> {
    fn get(&mut self, key: &str) -> String {
        self.tell(|| Op::Get { key: key.into() }, |clerk| clerk.get(key), |value| value)
    }

    fn put(&mut self, key: &str, value: &str) {
        let op = || Op::Put { key: key.into(), value: value.into() };
        self.tell(op, |clerk| clerk.put(key, value), |()| "");
    }

    fn append(&mut self, key: &str, value: &str) {
        let op = || Op::Append { key: key.into(), value: value.into() };
        self.tell(op, |clerk| clerk.append(key, value), |()| "");
    }
}

/// A clerk's request to a scripted server. The script answers it at any time; if it drops the
/// request, there never is an answer.
pub struct ClerkRequest {
    /// When it arrived.
    pub at: Instant,
    /// The server that was asked.
    pub server: PeerId,
    /// The request.
    pub request: Command,
    contract: &'static Contract,
    answer: Sender<Vec<u8>>,
}

impl ClerkRequest {
    /// Says that the operation is done, with this result.
    pub fn done(self, value: &str) {
        self.answer(Ok(value.into()));
    }

    /// Says that this server does not lead.
    pub fn refuse(self) {
        self.answer(Err(Refusal::NotLeader));
    }

    fn answer(self, answer: Answer) {
        let _ = self.answer.send(self.contract.write_answer(&answer));
    }
}

struct ScriptedServer {
    me: PeerId,
    contract: &'static Contract,
    asked: Sender<ClerkRequest>,
}

impl Service for ScriptedServer {
    fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let (answer, answered) = channel::bounded(1);
        let request = self.contract.codec().read_command(request)?;
        let _ = self.asked.send(ClerkRequest {
            at: Instant::now(),
            server: self.me,
            request,
            contract: self.contract,
            answer,
        });
        Ok(answered.recv().ok())
    }
}

impl ScriptedServers {
    /// Sets up `servers` scripted servers.
    ///
    /// # Panics
    ///
    /// When the lab has no clerks.
    pub fn new(world: &World, servers: usize) -> ScriptedServers {
        /// Room for clerks.
        const CLERKS_MAX: usize = 8;
        let contract = world.contract().filter(|contract| contract.has_clerks).expect("this lab has clerks");
        let network = world.network(servers + CLERKS_MAX);
        network.set_conditions(PUNCTUAL);
        let observer = Observer::new(world.reporter(), contract, servers, |_| false);
        observer.record();
        network.set_tap(Arc::new(observer.clone()));
        let (asks, asked) = channel::unbounded();
        for me in 0..servers {
            network.plug(me, Some(sim::new_node(format!("scripted server {me}"))));
            network.add_service(me, Port::Kv, Arc::new(ScriptedServer { me, contract, asked: asks.clone() }));
        }
        let latest_end = AtomicUsize::new(servers);
        ScriptedServers { world: world.clone(), network, servers, asked, observer, latest_end }
    }

    /// The number of servers.
    pub(crate) fn size(&self) -> usize {
        self.servers
    }

    /// The world that they live in.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The links of one clerk to all servers.
    pub fn links(&self, clerk: usize) -> Vec<Link> {
        let end = self.servers + clerk;
        self.latest_end.store(end, Ordering::Relaxed);
        (0..self.servers).map(|server| self.network.link(end, server, Port::Kv)).collect()
    }

    /// The clerk whose links were taken last, with what its caller asks for and is told.
    pub(crate) fn told<C: KvClient>(&self, clerk: C) -> ToldClerk<C> {
        ToldClerk { clerk, end: self.latest_end.load(Ordering::Relaxed), observer: self.observer.clone() }
    }

    /// Runs `work` with a clerk, the one whose links were taken last, while the script goes on.
    pub fn run_clerk<C: KvClient, T: Send + 'static>(
        &self,
        clerk: C,
        work: impl FnOnce(&mut ToldClerk<C>) -> T + Send + 'static,
    ) -> BackgroundTask<T> {
        let mut clerk = self.told(clerk);
        self.world.spawn(CLERK_LABEL, move || work(&mut clerk))
    }

    /// The next request of a clerk, if it comes within `patience`.
    pub fn next_request(&self, patience: Duration) -> Option<ClerkRequest> {
        self.asked.recv_timeout(patience).ok()
    }

    /// The next request of a clerk, which must come within `patience`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn expect_request(&self, patience: Duration, why: impl std::fmt::Display) -> ClerkRequest {
        match self.next_request(patience) {
            Some(received) => received,
            None => fail(
                "the clerk asks no server",
                &[("expected", &format!("a request within {patience:?}")), ("because", &why), ("got", &"nothing")],
            ),
        }
    }
}

impl Drop for ScriptedServers {
    fn drop(&mut self) {
        self.network.close();
    }
}
