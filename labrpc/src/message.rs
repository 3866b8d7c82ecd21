//! The messages between servers (Figures 2 and 13).
//!
//! All labs of the guided track use these messages as they are. In the open track a server may have messages of its own, which
//! a [`Codec`](crate::Codec) translates into these.
//!
//! In lab 2A every log is empty, so a leader's [`AppendEntries`] carries no entries: it is a heartbeat.

use serde::{Deserialize, Serialize};

use crate::Bytes;
use crate::api::{Index, LogPosition, PeerId, Term};

/// The most bytes of entries in one [`AppendEntries`]: 64 KiB. A single larger entry is sent nevertheless, by itself.
///
/// The tests hold servers of any design to it. It is enough for thousands of small commands in one round trip, and little
/// enough that a lost request is cheap to send again.
pub const APPEND_BYTES_MAX: usize = 64 << 10;

/// A command in the log, with the term of the leader that put it there. Its index is its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// The service's own bytes.
    pub command: Bytes,
}

impl Entry {
    /// The entry's size in a message, in bytes: term, length and command.
    pub fn bytes_len(&self) -> usize {
        size_of::<Term>() + size_of::<u64>() + self.command.len()
    }
}

/// A candidate asks for a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// The server that asks.
    pub candidate: PeerId,
    /// Where the candidate's log ends (§5.4.1).
    pub last_log: LogPosition,
}

/// Answers [`RequestVote`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term. If the vote is granted this is the candidate's term too, so the reply
    /// itself says which election it belongs to.
    pub term: Term,
    /// Whether the candidate has the vote.
    pub granted: bool,
}

/// A leader shows that it is alive, and sends a part of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// The server that leads.
    pub leader: PeerId,
    /// The position right before `entries`. The follower must hold it.
    pub prev: LogPosition,
    /// The entries that follow `prev`. Without any, the message is a heartbeat.
    pub entries: Vec<Entry>,
    /// How far the leader knows its log to be committed.
    pub leader_commit: Index,
}

/// Answers [`AppendEntries`] and [`InstallSnapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term. If it is newer than the leader's, that leader must step down.
    pub term: Term,
    /// What became of the entries.
    pub outcome: AppendOutcome,
}

/// What became of a leader's entries or of its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendOutcome {
    /// The follower's log agrees with the leader's through this index, the last one of the
    /// request. The request says nothing about entries beyond it.
    Through(Index),
    /// The follower does not hold `prev`. The leader should send the entries from this index on.
    RetryFrom(Index),
    /// The request is of an older term than the follower's.
    StaleTerm,
}

/// A leader sends its snapshot, in one piece (lab 2D).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// The server that leads.
    pub leader: PeerId,
    /// The last entry that the snapshot covers. The follower's log begins right after it, and the
    /// next AppendEntries is checked against both its index and its term.
    pub last_included: LogPosition,
    /// The service's own bytes.
    pub snapshot: Bytes,
}

/// What one server asks another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RaftRequest {
    /// From a candidate.
    RequestVote(RequestVote),
    /// From a leader.
    AppendEntries(AppendEntries),
    /// From a leader whose log no longer holds what the follower needs.
    InstallSnapshot(InstallSnapshot),
}

impl RaftRequest {
    /// The sender's term.
    pub fn term(&self) -> Term {
        match self {
            RaftRequest::RequestVote(request) => request.term,
            RaftRequest::AppendEntries(request) => request.term,
            RaftRequest::InstallSnapshot(request) => request.term,
        }
    }

    /// The last position of the request: a follower that agrees holds the leader's log through it.
    /// [`LogPosition::ZERO`] for a RequestVote.
    pub fn through(&self) -> LogPosition {
        match self {
            RaftRequest::RequestVote(_) => LogPosition::ZERO,
            RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => LogPosition {
                term: entries.last().map_or(prev.term, |entry| entry.term),
                index: prev.index + entries.len() as Index,
            },
            RaftRequest::InstallSnapshot(request) => request.last_included,
        }
    }
}

/// How a server answers a [`RaftRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RaftReply {
    /// To a candidate.
    RequestVote(RequestVoteReply),
    /// To a leader that sent entries, a heartbeat or a snapshot.
    AppendEntries(AppendEntriesReply),
}

impl RaftReply {
    /// The sender's term.
    pub fn term(&self) -> Term {
        match self {
            RaftReply::RequestVote(reply) => reply.term,
            RaftReply::AppendEntries(reply) => reply.term,
        }
    }
}
