//! What replicas ask each other, and how they answer.

use lab2a_election::{Heartbeat, RequestVote, RequestVoteReply};
use labrpc::{Index, LogPosition, Term};
use serde::{Deserialize, Serialize};

use crate::log::Entry;

/// A heartbeat that carries a stretch of the leader's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntries {
    /// Who leads, and in which term.
    pub heartbeat: Heartbeat,
    /// The position right before `entries`. The follower must hold it.
    pub prev: LogPosition,
    /// What follows it. Often nothing: the message is then a mere heartbeat.
    pub entries: Vec<Entry>,
    /// How far the leader knows the log to be committed.
    pub leader_commit: Index,
}

/// Answers [`AppendEntries`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term.
    pub term: Term,
    /// What became of the entries.
    pub appended: Appended,
}

/// What became of an [`AppendEntries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appended {
    /// The follower's log agrees with the leader's through this index, the last that the request
    /// spoke of. What the follower holds beyond it may be anything.
    Through(Index),
    /// The follower does not hold `prev`. Send the entries from this index on.
    RetryFrom(Index),
    /// The request's term is over.
    StaleTerm,
}

/// What a replica asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Lab 2A's question.
    RequestVote(RequestVote),
    /// See [`AppendEntries`].
    AppendEntries(AppendEntries),
}

/// What a replica answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Lab 2A's answer.
    RequestVote(RequestVoteReply),
    /// See [`AppendEntriesReply`].
    AppendEntries(AppendEntriesReply),
}
