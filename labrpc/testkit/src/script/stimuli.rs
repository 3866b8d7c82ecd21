//! What a script lets happen to the real server at an exact moment, for sweeps.

use labrpc::kv::{Answer, Command};
use labrpc::network::{Carrier, Port};
use labrpc::{Bytes, Compact, Elect, Index, LogPosition, NotLeader, PeerId, RaftReply, RaftRequest, Replicate};

use super::cluster::{ANSWER_PATIENCE, REAL};
use super::{ReceivedRequest, ScriptedCluster, TRAVEL};
use crate::sweep::Stimulus;
use crate::taped::Taped;

impl<R: Elect> ScriptedCluster<R> {
    /// A request of a scripted server arrives. The result is the reply; `None` if there is none.
    pub fn arrives(&self, from: PeerId, request: RaftRequest) -> Stimulus<Option<RaftReply>> {
        let (contract, network) = (self.contract(), self.network().clone());
        Stimulus::in_advance(TRAVEL, move || {
            let bytes = contract.write_request(&request);
            let reply = network.call(from, REAL, Port::Raft, bytes, ANSWER_PATIENCE)?;
            Some(contract.codec().read_reply(&request, &reply).unwrap_or_else(|error| panic!("{error}")))
        })
    }

    /// The reply to a request of the real server arrives.
    pub fn reply_arrives(&self, to: ReceivedRequest, reply: RaftReply) -> Stimulus<()> {
        Stimulus::in_advance(TRAVEL, move || to.reply(reply))
    }

    /// A client's request arrives. The result is the answer; `None` if there is none.
    pub fn client_asks(&self, request: Command) -> Stimulus<Option<Answer>> {
        let cluster = self.cluster().clone();
        Stimulus::in_advance(TRAVEL, move || super::kv_clients::ask_kv(&cluster, request, ANSWER_PATIENCE))
    }

    /// The real server is called, in a task of its node. The result is `None` if it crashes meanwhile.
    pub fn is_called<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Taped<R>) -> T + Send + 'static,
    ) -> Stimulus<Option<T>> {
        let cluster = self.cluster().clone();
        Stimulus::now(move || cluster.visit(REAL, call))
    }

    /// The real server crashes.
    pub fn crashes(&self) -> Stimulus<()> {
        let cluster = self.cluster().clone();
        Stimulus::now(move || cluster.crash(REAL))
    }

    /// The real server is shut down.
    pub fn is_shut_down(&self) -> Stimulus<()> {
        let cluster = self.cluster().clone();
        Stimulus::now(move || cluster.shut_down(REAL))
    }
}

impl<R: Replicate> ScriptedCluster<R> {
    /// The real server is offered a command.
    pub fn is_offered(&self, command: impl Into<Bytes>) -> Stimulus<Option<Result<LogPosition, NotLeader>>> {
        let (cluster, command) = (self.cluster().clone(), command.into());
        Stimulus::now(move || cluster.start_command_at(REAL, command))
    }
}

impl<R: Compact> ScriptedCluster<R> {
    /// The service gives the real server a snapshot.
    pub fn is_cut(&self, through: Index, snapshot: Bytes) -> Stimulus<Option<()>> {
        self.is_called(move |server| server.snapshot(through, snapshot))
    }
}
