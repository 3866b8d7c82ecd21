//! One real clerk among played servers.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::kv::{Answer, Command, KvClient};
use labrpc::network::{Link, Network, Port, Service};
use labrpc::time::Instant;
use labrpc::wire::WireError;
use labrpc::{PeerId, sim};

use super::PUNCTUAL;
use crate::codec::Codec;
use crate::world::World;

/// Played servers, and a real clerk that asks them.
pub struct ScriptedServers {
    network: Network,
    servers: usize,
    asked: Receiver<Asked>,
}

/// What a clerk has asked a played server. It can be answered, at any time; if it is dropped, it
/// never is.
pub struct Asked {
    /// When it arrived.
    pub at: Instant,
    /// Which server was asked.
    pub server: PeerId,
    /// What was asked.
    pub request: Command,
    codec: &'static dyn Codec,
    answer: Sender<Vec<u8>>,
}

impl Asked {
    /// Answers it.
    pub fn reply(self, answer: Answer) {
        let _ = self.answer.send(self.codec.write_answer(&answer));
    }
}

struct ScriptedPeer {
    me: PeerId,
    codec: &'static dyn Codec,
    asked: Sender<Asked>,
}

impl Service for ScriptedPeer {
    fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let (answer, answered) = channel::bounded(1);
        let request = self.codec.read_command(request)?;
        let _ = self.asked.send(Asked { at: Instant::now(), server: self.me, request, codec: self.codec, answer });
        Ok(answered.recv().ok())
    }
}

impl ScriptedServers {
    /// So many played servers.
    ///
    /// # Panics
    ///
    /// When the lab has no clerks.
    pub fn new(world: &World, servers: usize) -> ScriptedServers {
        /// Room for clerks.
        const CLERKS_MAX: usize = 8;
        let codec = world.codec().filter(|codec| codec.has_clerks()).expect("this lab has clerks");
        let network = world.network(servers + CLERKS_MAX);
        network.set_conditions(PUNCTUAL);
        let (asks, asked) = channel::unbounded();
        for me in 0..servers {
            network.plug(me, Some(sim::new_node(format!("played server {me}"))));
            network.add_service(me, Port::Kv, Arc::new(ScriptedPeer { me, codec, asked: asks.clone() }));
        }
        ScriptedServers { network, servers, asked }
    }

    /// A clerk's ways to the servers.
    pub fn links(&self, clerk: usize) -> Vec<Link> {
        (0..self.servers).map(|server| self.network.link(self.servers + clerk, server, Port::Kv)).collect()
    }

    /// Lets a clerk work while the script goes on.
    pub fn work<C: KvClient, T: Send + 'static>(
        &self,
        world: &World,
        mut clerk: C,
        work: impl FnOnce(&mut C) -> T + Send + 'static,
    ) -> crate::world::Part<T> {
        world.spawn("clerk", move || work(&mut clerk))
    }

    /// The next thing that a clerk asks, if it comes within `patience`.
    pub fn hear(&self, patience: Duration) -> Option<Asked> {
        self.asked.recv_timeout(patience).ok()
    }

    /// The network, for faults.
    pub fn network(&self) -> &Network {
        &self.network
    }
}

impl Drop for ScriptedServers {
    fn drop(&mut self) {
        self.network.close();
    }
}
