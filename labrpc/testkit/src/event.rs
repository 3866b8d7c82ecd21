//! Everything that can be seen of a run, in one shape: the oracles check it, and a story can be told from it.

use std::sync::Arc;

use labrpc::kv::{Answer, Command, Op};
use labrpc::network::Lost;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, Status, Term};
use labrpc::{Entry, Head, RaftReply, RaftRequest};

/// Identifies an event of a run: its number, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The event's number, counted from 0.
    pub event: usize,
    /// The virtual time.
    pub at: Instant,
}

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// The event's number and time.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// The virtual time of the event.
    pub fn at(&self) -> Instant {
        self.id.at
    }
}

/// What can happen. What is rare and large is boxed: a story keeps all events of a run.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A message is sent.
    Sent(Arc<Envelope>),
    /// A message arrives: copy 0 is the first arrival, higher numbers are duplicates.
    Arrived(Arc<Envelope>, u32),
    /// A message does not arrive.
    Lost(Arc<Envelope>, Lost),
    /// A server's disk changes.
    Saved(PeerId, Arc<DiskChange>),
    /// A server applies an entry or a snapshot: its service receives the message.
    Applied(PeerId, ApplyMsg),
    /// A command was offered to a server, and `start` returned this.
    Started(PeerId, Bytes, Result<LogPosition, NotLeader>),
    /// A service gave its server a snapshot through this index, and the server's `snapshot` returned.
    Compacted(PeerId, Index),
    /// A server boots, from its disk if anything is on it.
    Booted(PeerId),
    /// A server crashes.
    Crashed(PeerId),
    /// A server's threads are stopped (`true`) or go on (`false`).
    Paused(PeerId, bool),
    /// A test shuts a server down. It owes nothing from now on.
    ShutDown(PeerId),
    /// One direction of a link is cut (`true`) or restored (`false`).
    Cut(PeerId, PeerId, bool),
    /// A caller asks the clerk at this end of the network for an operation.
    Called(PeerId, Box<Op>),
    /// The clerk at this end of the network returns from the operation, with this result.
    Returned(PeerId, String),
    /// Something happens to a service over a scripted Raft. It is only told, and never checked.
    Service(PeerId, Box<ServiceStep>),
    /// Nothing happened for a while: the harness has waited for something, and says so, so that what is overdue
    /// is noticed.
    Waited,
}

/// What happens to a service over a scripted Raft. No network is between the service and its clients.
#[derive(Clone, Debug)]
pub enum ServiceStep {
    /// A client's request reaches the service. It has this number.
    Asked(u64, Command),
    /// The service has done with a request: its answer, or `None` if it gives none.
    Answered(u64, Option<Answer>),
    /// The service has called `start` with this command. This is what its Raft decides.
    Proposed {
        /// The command.
        command: Bytes,
        /// What `start` is going to return.
        outcome: Result<LogPosition, NotLeader>,
        /// The size of Raft's state now, if it has a disk.
        raft_state_bytes: Option<usize>,
    },
    /// `start` returns, and something has happened since its Raft took the command.
    StartReturned(LogPosition),
    /// Its Raft has another status.
    Status(Status),
    /// Its Raft has taken a command of a client of another server as this entry.
    Took(LogPosition, Bytes),
    /// Its Raft has dropped the entries after this index.
    Dropped(Index),
    /// Its Raft has replaced its log by a leader's snapshot through this position.
    Replaced(LogPosition),
    /// The service gives a snapshot to its Raft, which has not cut its log yet.
    Snapshot {
        /// The last index that it covers.
        through: Index,
        /// Its size.
        bytes: usize,
        /// The size of Raft's state, if it has a disk.
        raft_state_bytes: Option<usize>,
    },
}

/// A message with its sender, its receiver and its contents.
#[derive(Debug)]
pub struct Envelope {
    /// The message's number in the network, in order of sending.
    pub number: u64,
    /// For a reply, the request that it answers.
    pub answers: Option<Arc<Envelope>>,
    /// The sender.
    pub from: PeerId,
    /// The receiver.
    pub to: PeerId,
    /// When it was sent.
    pub sent: EventId,
    /// Its contents.
    pub payload: Payload,
}

impl Envelope {
    /// The request, if one server sends it to another.
    pub fn request(&self) -> Option<&RaftRequest> {
        if let Payload::Request(request) = &self.payload { Some(request) } else { None }
    }

    /// The request that this message answers, and the reply, if one server sends it to another.
    pub fn reply(&self) -> Option<(&RaftRequest, &RaftReply)> {
        let Payload::Reply(reply) = &self.payload else { return None };
        Some((self.answers.as_ref()?.request()?, reply))
    }

    /// The term that the sender names, if it is a server.
    pub(crate) fn term(&self) -> Option<Term> {
        self.request().map(RaftRequest::term).or(self.reply().map(|(_, reply)| reply.term()))
    }
}

/// The contents of a message.
#[derive(Debug)]
pub enum Payload {
    /// A server's request to another server.
    Request(RaftRequest),
    /// The reply to it.
    Reply(RaftReply),
    /// A clerk's request to a server.
    ClerkRequest(Command),
    /// The answer to it.
    ClerkAnswer(Answer),
    /// Bytes that cannot be decoded. The network reports that by itself.
    Unreadable,
}

/// What a save changed on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskChange {
    /// The head before the save.
    pub old_head: Head,
    /// The head after the save.
    pub head: Head,
    /// The entries that were cut off at the end of the log.
    pub cut: Vec<Entry>,
    /// The last index of the log that was kept: `cut` and `appended` begin at the next index.
    pub kept_through: Index,
    /// How many entries were removed at the front of the log.
    pub forgotten: usize,
    /// The term that the log held before the save at the index of its new base.
    pub old_term_at_base: Option<Term>,
    /// How many entries before those were written again, although they were on disk.
    pub rewritten: usize,
    /// The entries that were appended.
    pub appended: Vec<Entry>,
    /// The new snapshot, if one was saved.
    pub snapshot: Option<Bytes>,
}
