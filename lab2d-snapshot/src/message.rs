//! One request more: a snapshot in place of entries that are gone.

use lab2a_election::Heartbeat;
use labrpc::{Bytes, LogPosition};
use serde::{Deserialize, Serialize};

/// A heartbeat that carries a whole state, in one piece.
///
/// Answered like an AppendEntries: a snapshot is a log's beginning, appended at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// Who leads, and in which term.
    pub heartbeat: Heartbeat,
    /// The last entry that the snapshot covers. Its term is needed as much as its index: the
    /// follower's log begins here, and the next AppendEntries builds upon both.
    pub through: LogPosition,
    /// The service's own bytes, just as it gave them.
    pub snapshot: Bytes,
}

/// What a compacting replica asks. Its answers are lab 2B's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Lab 2B's questions.
    Replica(lab2b_log::Request),
    /// See [`InstallSnapshot`].
    InstallSnapshot(InstallSnapshot),
}
