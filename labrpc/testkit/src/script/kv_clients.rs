//! Clients of the real server: what they ask, and what they are told.

use std::fmt::Display;
use std::time::Duration;

use labrpc::Elect;
use labrpc::kv::{Answer, ClientId, Command, Op};
use labrpc::network::{Carrier, Port};

use super::ScriptedCluster;
use super::cluster::REAL;
use super::steps::{about, fail};
use crate::cluster::Cluster;
use crate::event_line::{Asked, Told};
use crate::rule::service::ANSWERED;
use crate::world::BackgroundTask;

/// A leader with a majority behind it answers a client within this time: the request and its answer,
/// a round of messages between servers, and a round that was on its way before take six
/// milliseconds. The rest is for the threads to take their turns.
pub const AT_ONCE: Duration = Duration::from_millis(10);

/// A Get, as operation `sequence` of a client.
pub fn get(client: u64, sequence: u64, key: &str) -> Command {
    Command { client: ClientId(client), sequence, op: Op::Get { key: key.into() } }
}

/// A Put, as operation `sequence` of a client.
pub fn put(client: u64, sequence: u64, key: &str, value: &str) -> Command {
    Command { client: ClientId(client), sequence, op: Op::Put { key: key.into(), value: value.into() } }
}

/// An Append, as operation `sequence` of a client.
pub fn append(client: u64, sequence: u64, key: &str, value: &str) -> Command {
    Command { client: ClientId(client), sequence, op: Op::Append { key: key.into(), value: value.into() } }
}

impl<R: Elect> ScriptedCluster<R> {
    /// A client asks the real server, and waits for its answer for at most `patience`.
    pub fn ask_kv(&self, request: Command, patience: Duration) -> Option<Answer> {
        ask_kv(self.cluster(), request, patience)
    }

    /// A client asks the real server while the script goes on.
    pub fn ask_kv_meanwhile(&self, request: Command, patience: Duration) -> BackgroundTask<Option<Answer>> {
        let cluster = self.cluster().clone();
        let name = format!("client {} operation {}", request.client, request.sequence);
        self.cluster().world().spawn(&name, move || ask_kv(&cluster, request, patience))
    }

    /// A client's request is done [at once](AT_ONCE), and its result is returned. The real server
    /// must lead, and the others must agree to everything.
    ///
    /// # Panics
    ///
    /// When it is not done.
    #[track_caller]
    pub fn do_command(&self, request: Command) -> String {
        self.expect_told(request, "any result", "it leads, and the others agree at once", |_| true)
    }

    /// As [`do_command`](ScriptedCluster::do_command), and the result is `value`.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_value(&self, request: Command, value: &str, why: impl Display) {
        self.expect_told(request, &format!("the result {value:?}"), why, |result| result == value);
    }

    #[track_caller]
    fn expect_told(
        &self,
        request: Command,
        expected: &str,
        why: impl Display,
        is_right: impl Fn(&str) -> bool,
    ) -> String {
        match self.ask_kv(request.clone(), AT_ONCE) {
            Some(Ok(result)) if is_right(&result) => result,
            answer => {
                if !matches!(answer, Some(Ok(_))) {
                    about(&ANSWERED);
                }
                let sent = format!("client {} → {REAL}  {}", request.client, Asked(&request));
                let expected = format!("{expected}, within {AT_ONCE:?}");
                let got = answer.map_or("no answer".to_string(), |answer| Told(&answer).to_string());
                fail(
                    "a client is told the wrong thing",
                    &[("sent", &sent), ("expected", &expected), ("because", &why), ("got", &got)],
                )
            }
        }
    }
}

pub(super) fn ask_kv<R: Elect>(cluster: &Cluster<R>, request: Command, patience: Duration) -> Option<Answer> {
    let contract =
        cluster.world().contract().filter(|contract| contract.has_clerks).expect("this lab's servers have clients");
    // In the network, clients come after the servers.
    let from = cluster.size() + request.client.0 as usize;
    let reply = cluster.network().call(from, REAL, Port::Kv, contract.write_command(&request), patience)?;
    Some(contract.codec().read_answer(&reply).unwrap_or_else(|error| panic!("{error}")))
}
