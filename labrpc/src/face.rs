//! The observable face of what servers say and save: the paper's words, whatever a lab's types are.
//!
//! Each lab converts its own messages into these and back (`face.rs` in each lab that has any).
//! Whoever watches a cluster reads them here; whoever plays a server speaks through them. Servers
//! themselves never do.

use std::time::Duration;

use crate::Bytes;
use crate::api::{Index, LogPosition, PeerId, Term};

/// A command in the log, and the term that it was made in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The term of the leader that made it.
    pub term: Term,
    /// The service's own bytes.
    pub command: Bytes,
}

/// What one server asks another (Figures 2 and 13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RaftRequest {
    /// A candidate asks for a vote.
    RequestVote {
        /// The candidate's term.
        term: Term,
        /// Who asks.
        candidate: PeerId,
        /// Where its log ends.
        last_log: LogPosition,
    },
    /// A leader speaks, with entries or without.
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// Who leads.
        leader: PeerId,
        /// The position right before the entries.
        prev: LogPosition,
        /// A stretch of the leader's log.
        entries: Vec<LogEntry>,
        /// How far the leader knows it to be committed.
        leader_commit: Index,
    },
    /// A leader sends its snapshot.
    InstallSnapshot {
        /// The leader's term.
        term: Term,
        /// Who leads.
        leader: PeerId,
        /// The last entry that the snapshot covers.
        through: LogPosition,
        /// The service's own bytes.
        snapshot: Bytes,
    },
}

impl RaftRequest {
    /// The sender's term.
    pub fn term(&self) -> Term {
        match *self {
            RaftRequest::RequestVote { term, .. }
            | RaftRequest::AppendEntries { term, .. }
            | RaftRequest::InstallSnapshot { term, .. } => term,
        }
    }

    /// The last position that it speaks of: a follower that agrees holds the leader's log through here.
    /// A request for a vote asks for nothing to be held.
    pub fn through(&self) -> LogPosition {
        match self {
            RaftRequest::RequestVote { .. } => LogPosition::ZERO,
            RaftRequest::AppendEntries { prev, entries, .. } => LogPosition {
                term: entries.last().map_or(prev.term, |entry| entry.term),
                index: prev.index + entries.len() as Index,
            },
            RaftRequest::InstallSnapshot { through, .. } => *through,
        }
    }
}

/// How a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RaftReply {
    /// To a candidate.
    RequestVote {
        /// The voter's term.
        term: Term,
        /// Whether the candidate has the vote.
        granted: bool,
    },
    /// To a leader of lab 2A, which only wants to know whether its time is over.
    Heartbeat {
        /// The follower's term.
        term: Term,
    },
    /// To a leader that sent entries or a snapshot.
    AppendEntries {
        /// The follower's term.
        term: Term,
        /// What became of them.
        outcome: AppendOutcome,
    },
}

impl RaftReply {
    /// The sender's term.
    pub fn term(&self) -> Term {
        match *self {
            RaftReply::RequestVote { term, .. }
            | RaftReply::Heartbeat { term }
            | RaftReply::AppendEntries { term, .. } => term,
        }
    }
}

/// What became of entries or of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// The follower's log agrees with the leader's through this index.
    Through(Index),
    /// The follower does not hold what they were to follow; it asks for the entries from here on.
    RetryFrom(Index),
    /// The leader's term is over.
    StaleTerm,
}

/// What a server keeps on disk beside its entries and its snapshot (lab 2C).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskHead {
    /// The latest term that it knows of.
    pub term: Term,
    /// Whom it voted for in that term.
    pub voted_for: Option<PeerId>,
    /// The position right before the first entry on disk.
    pub base: LogPosition,
}

/// What a client wants done (lab 3A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvOp {
    /// Reads a key.
    Get {
        /// The key.
        key: String,
    },
    /// Replaces what a key holds.
    Put {
        /// The key.
        key: String,
        /// What it holds from now on.
        value: String,
    },
    /// Extends what a key holds.
    Append {
        /// The key.
        key: String,
        /// What is added at its end.
        value: String,
    },
}

/// A client's operation, as it is asked for and as it stands in the log (lab 3A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvRequest {
    /// Who asks.
    pub client: u64,
    /// Which of the client's operations this is.
    pub sequence: u64,
    /// What is asked for.
    pub op: KvOp,
}

/// What a client is told (lab 3A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvReply {
    /// It is done; what a Get has read, and nothing for a write.
    Done(String),
    /// Ask again, or ask another server.
    Refused,
}

/// A client of the service, as tests ask it (lab 3A).
pub trait KvClient: Send + 'static {
    /// The key's value; empty if it was never written.
    fn get(&mut self, key: &str) -> String;

    /// Replaces the key's value.
    fn put(&mut self, key: &str, value: &str);

    /// Adds to the end of the key's value.
    fn append(&mut self, key: &str, value: &str);
}

/// How long servers wait for one another (§5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A leader's pause between two heartbeats.
    pub heartbeat_interval: Duration,
    /// The shortest silence that may start an election.
    pub election_timeout_min: Duration,
    /// The longest silence that may pass without one.
    pub election_timeout_max: Duration,
}

/// A message that this lab's servers have no words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unspoken;

impl std::fmt::Display for Unspoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this lab's servers have no words for that message: an earlier lab has fewer than a later one")
    }
}

impl std::error::Error for Unspoken {}
