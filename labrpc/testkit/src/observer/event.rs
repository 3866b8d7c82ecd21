//! All that can be seen of a run, in one shape: what oracles judge, and what a story is told from.

use std::sync::Arc;

use labrpc::kv::{Answer, Command};
use labrpc::network::Lost;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, Term};
use labrpc::{Entry, Head, RaftReply, RaftRequest};

use crate::violation::EventId;

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place among all events, and the virtual time.
    pub id: EventId,
    /// What it was.
    pub kind: EventKind,
}

impl Event {
    /// In virtual time.
    pub fn at(&self) -> Instant {
        self.id.at
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A message leaves.
    Sent(Arc<Envelope>),
    /// A message arrives, the first time (copy 0) or again.
    Arrived(Arc<Envelope>, u32),
    /// A message does not arrive.
    Lost(Arc<Envelope>, Lost),
    /// A server's disk changes.
    Saved(PeerId, Arc<DiskChange>),
    /// A server hands something over to its service.
    Applied(PeerId, ApplyMsg),
    /// A server was asked to take a command, and said whether it did.
    Started(PeerId, Bytes, Result<LogPosition, NotLeader>),
    /// A service gave its server a snapshot, which the server has taken.
    Compacted(PeerId, Index),
    /// A server boots, from its disk if there is anything on it.
    Booted(PeerId),
    /// A server crashes.
    Crashed(PeerId),
    /// A server's threads stop where they stand, or go on.
    Paused(PeerId, bool),
    /// One direction of a link is cut, or mended.
    Cut(PeerId, PeerId, bool),
}

/// A message.
#[derive(Debug)]
pub struct Envelope {
    /// Its number in the network, in order of sending.
    pub number: u64,
    /// For a reply, what it answers.
    pub answers: Option<Arc<Envelope>>,
    /// Who sends it.
    pub from: PeerId,
    /// Who is to receive it.
    pub to: PeerId,
    /// When it left.
    pub sent: EventId,
    /// How long it is.
    pub bytes_len: usize,
    /// What it says.
    pub payload: Payload,
}

impl Envelope {
    /// What it asks, if it is a server's request.
    pub fn request(&self) -> Option<&RaftRequest> {
        if let Payload::Request(request) = &self.payload { Some(request) } else { None }
    }

    /// What it answers to which request, if it is a server's reply.
    pub fn reply(&self) -> Option<(&RaftRequest, &RaftReply)> {
        let Payload::Reply(reply) = &self.payload else { return None };
        Some((self.answers.as_ref()?.request()?, reply))
    }
}

/// What a message says.
#[derive(Debug)]
pub enum Payload {
    /// A server asks another.
    Request(RaftRequest),
    /// And is answered.
    Reply(RaftReply),
    /// A clerk asks a server.
    ClerkRequest(Command),
    /// And is told.
    ClerkAnswer(Answer),
    /// Nothing that can be read: the network reports that by itself.
    Unreadable,
}

/// What a save changed on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskChange {
    /// The head as it was.
    pub old_head: Head,
    /// The head as it is now.
    pub head: Head,
    /// The entries that were cut off at the end, from index `cut_from` on.
    pub cut: Vec<Entry>,
    /// Where the log ended that was kept: the next index is the first of `cut` and of `appended`.
    pub kept_through: Index,
    /// How many entries at the front were forgotten.
    pub forgotten: usize,
    /// The term that the log held before at the index where its base now is.
    pub old_term_at_base: Option<Term>,
    /// The entries that were appended.
    pub appended: Vec<Entry>,
    /// A new snapshot.
    pub snapshot: Option<Bytes>,
}
