//! What servers ask each other and answer: Figures 2 and 13, argument by argument.
//!
//! A result says what the figures' results say, and no more. The thread that sent the request still has it when the result comes,
//! and so knows what the result is about.

use labrpc::{Bytes, Entry, Index, PeerId, Term};
use serde::{Deserialize, Serialize};

/// Figure 2, RequestVote: arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteArgs {
    /// The candidate's term.
    pub term: Term,
    /// The candidate.
    pub candidate_id: PeerId,
    /// The index of its last entry.
    pub last_log_index: Index,
    /// The term of its last entry.
    pub last_log_term: Term,
}

/// Figure 2, RequestVote: results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteResults {
    /// The voter's term.
    pub term: Term,
    /// Whether the candidate has its vote.
    pub vote_granted: bool,
}

/// Figure 2, AppendEntries: arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesArgs {
    /// The leader's term.
    pub term: Term,
    /// The leader.
    pub leader_id: PeerId,
    /// The index right before `entries`.
    pub prev_log_index: Index,
    /// The term of the entry there.
    pub prev_log_term: Term,
    /// The entries to store; none in a heartbeat.
    pub entries: Vec<Entry>,
    /// The leader's commit index.
    pub leader_commit: Index,
}

/// Figure 2, AppendEntries: results, and where the leader should go back to (§5.3, at its end).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesResults {
    /// The follower's term.
    pub term: Term,
    /// Whether the follower holds the entry at `prev_log_index`, and now the entries as well.
    pub success: bool,
    /// If not: the term of the entry that it has there; `None` if its log is too short.
    pub conflict_term: Option<Term>,
    /// The first index of that term, or the index after the log's end.
    pub conflict_index: Index,
}

/// Figure 13, InstallSnapshot: arguments, of a snapshot in one piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotArgs {
    /// The leader's term.
    pub term: Term,
    /// The leader.
    pub leader_id: PeerId,
    /// The index of the last entry that the snapshot replaces.
    pub last_included_index: Index,
    /// The term of that entry.
    pub last_included_term: Term,
    /// The service's own bytes.
    pub data: Bytes,
}

/// Figure 13, InstallSnapshot: results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotResults {
    /// The follower's term.
    pub term: Term,
}

/// A request, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// From a candidate.
    Vote(RequestVoteArgs),
    /// From a leader.
    Append(AppendEntriesArgs),
    /// From a leader whose log no longer has what the follower needs.
    Install(InstallSnapshotArgs),
}

/// The result of a request, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To a [`Request::Vote`].
    Vote(RequestVoteResults),
    /// To a [`Request::Append`].
    Append(AppendEntriesResults),
    /// To a [`Request::Install`].
    Install(InstallSnapshotResults),
}

impl Reply {
    /// The term of the server that answers.
    pub fn term(&self) -> Term {
        match self {
            Reply::Vote(results) => results.term,
            Reply::Append(results) => results.term,
            Reply::Install(results) => results.term,
        }
    }
}
