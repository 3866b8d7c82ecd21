//! What servers ask each other during an election, and how they answer.

use labrpc::{LogPosition, PeerId, Term};
use serde::{Deserialize, Serialize};

/// A candidate asks for a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// Who asks.
    pub candidate: PeerId,
    /// Where the candidate's log ends.
    pub last_log: LogPosition,
}

/// Answers [`RequestVote`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term. When the vote is granted this is the candidate's term too, so the reply
    /// itself says which election it belongs to.
    pub term: Term,
    /// Whether the candidate has the vote.
    pub granted: bool,
}

/// A leader shows that it is alive. Later labs' messages carry it as their header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The leader's term.
    pub term: Term,
    /// Who leads.
    pub leader: PeerId,
}

/// Answers [`Heartbeat`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// The follower's term. Greater than the leader's when that leader's time is over.
    pub term: Term,
}

/// What a server of lab 2A asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// See [`RequestVote`].
    RequestVote(RequestVote),
    /// See [`Heartbeat`].
    Heartbeat(Heartbeat),
}

/// What a server of lab 2A answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// See [`RequestVoteReply`].
    RequestVote(RequestVoteReply),
    /// See [`HeartbeatReply`].
    Heartbeat(HeartbeatReply),
}
