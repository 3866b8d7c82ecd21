//! Clients of the one real server: what they ask, and how they are answered.

use std::time::Duration;

use labrpc::Elect;
use labrpc::kv::{Answer, ClientId, Command, Op};
use labrpc::network::{Carrier, Port};

use super::ScriptedCluster;
use super::cluster::ME;
use crate::cluster::Cluster;
use crate::world::Part;

/// A request and its answer, a round of messages between servers, and a round that was on its way
/// before: six journeys. The rest is for the threads to take their turns.
pub const AT_ONCE: Duration = Duration::from_millis(10);

/// A Get, as the client's operation of that number.
pub fn get(client: u64, sequence: u64, key: &str) -> Command {
    Command { client: ClientId(client), sequence, op: Op::Get { key: key.into() } }
}

/// A Put, as the client's operation of that number.
pub fn put(client: u64, sequence: u64, key: &str, value: &str) -> Command {
    Command { client: ClientId(client), sequence, op: Op::Put { key: key.into(), value: value.into() } }
}

/// An Append, as the client's operation of that number.
pub fn append(client: u64, sequence: u64, key: &str, value: &str) -> Command {
    Command { client: ClientId(client), sequence, op: Op::Append { key: key.into(), value: value.into() } }
}

impl<R: Elect> ScriptedCluster<R> {
    /// A client asks the real server, and waits no longer than `patience` for its answer.
    pub fn ask_kv(&self, request: Command, patience: Duration) -> Option<Answer> {
        ask_kv(self.cluster(), request, patience)
    }

    /// A client asks the real server, while the script goes on.
    pub fn ask_kv_meanwhile(&self, request: Command, patience: Duration) -> Part<Option<Answer>> {
        let cluster = self.cluster().clone();
        let name = format!("client {} operation {}", request.client, request.sequence);
        self.cluster().world().spawn(&name, move || ask_kv(&cluster, request, patience))
    }

    /// Has a request done, which a leader with a majority behind it does [at once](AT_ONCE).
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn done(&self, request: Command) -> String {
        match self.ask_kv(request.clone(), AT_ONCE) {
            Some(Ok(value)) => value,
            other => panic!(
                "server {ME} leads, and its peers agree at once; within {AT_ONCE:?} it should have done {request:?}, \
                 but its answer is {other:?}"
            ),
        }
    }
}

fn ask_kv<R: Elect>(cluster: &Cluster<R>, request: Command, patience: Duration) -> Option<Answer> {
    let codec = cluster.world().codec().filter(|codec| codec.has_clerks()).expect("this lab's servers have clients");
    // Clerks stand behind the servers.
    let from = cluster.size() + request.client.0 as usize;
    let reply = cluster.network().call(from, ME, Port::Kv, codec.write_command(&request), patience)?;
    Some(codec.read_answer(&reply).unwrap_or_else(|error| panic!("{error}")))
}
