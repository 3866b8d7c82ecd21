//! All that can be seen of a run, in one shape: what oracles judge, and what a story is told from.

use std::sync::Arc;

use labrpc::face::{DiskHead, KvReply, KvRequest, LogEntry, RaftReply, RaftRequest};
use labrpc::network::Lost;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, Term};

use crate::verdict::Moment;

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place among all events, and the virtual time.
    pub moment: Moment,
    /// What it was.
    pub what: What,
}

impl Event {
    /// In virtual time.
    pub fn at(&self) -> Instant {
        self.moment.at
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// A message leaves.
    Sent(Arc<Letter>),
    /// A message arrives, the first time (copy 0) or again.
    Arrived(Arc<Letter>, u32),
    /// A message does not arrive.
    Lost(Arc<Letter>, Lost),
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
pub struct Letter {
    /// Its number in the network, in order of sending.
    pub number: u64,
    /// For a reply, what it answers.
    pub answers: Option<Arc<Letter>>,
    /// Who sends it.
    pub from: PeerId,
    /// Who is to receive it.
    pub to: PeerId,
    /// When it left.
    pub sent: Moment,
    /// How long it is.
    pub bytes_len: usize,
    /// What it says.
    pub said: Said,
}

impl Letter {
    /// What it asks, if it is a server's request.
    pub fn request(&self) -> Option<&RaftRequest> {
        if let Said::Request(request) = &self.said { Some(request) } else { None }
    }

    /// What it answers to which request, if it is a server's reply.
    pub fn reply(&self) -> Option<(&RaftRequest, &RaftReply)> {
        let Said::Reply(reply) = &self.said else { return None };
        Some((self.answers.as_ref()?.request()?, reply))
    }
}

/// What a message says.
#[derive(Debug)]
pub enum Said {
    /// A server asks another.
    Request(RaftRequest),
    /// And is answered.
    Reply(RaftReply),
    /// A clerk asks a server.
    Ask(KvRequest),
    /// And is told.
    Tell(KvReply),
    /// Nothing that can be read: the network reports that by itself.
    Noise,
}

/// What a save changed on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskChange {
    /// The head as it was.
    pub old_head: DiskHead,
    /// The head as it is now.
    pub head: DiskHead,
    /// The entries that were cut off at the end, from index `cut_from` on.
    pub cut: Vec<LogEntry>,
    /// Where the log ended that was kept: the next index is the first of `cut` and of `appended`.
    pub kept_through: Index,
    /// How many entries at the front were forgotten.
    pub forgotten: usize,
    /// The term that the log held before at the index where its base now is.
    pub old_term_at_base: Option<Term>,
    /// The entries that were appended.
    pub appended: Vec<LogEntry>,
    /// A new snapshot.
    pub snapshot: Option<Bytes>,
}
