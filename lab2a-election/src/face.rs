//! What this lab's messages say, in the paper's words: for whoever watches a server, or plays one.

use labrpc::LogPosition;
use labrpc::face::{Pace, RaftReply, RaftRequest, Unspoken};

use crate::message::{Heartbeat, HeartbeatReply, Reply, Request, RequestVote, RequestVoteReply};
use crate::timing::Timing;

impl From<RequestVote> for RaftRequest {
    fn from(RequestVote { term, candidate, last_log }: RequestVote) -> Self {
        RaftRequest::RequestVote { term, candidate, last_log }
    }
}

impl From<RequestVoteReply> for RaftReply {
    fn from(RequestVoteReply { term, granted }: RequestVoteReply) -> Self {
        RaftReply::RequestVote { term, granted }
    }
}

impl From<Request> for RaftRequest {
    fn from(request: Request) -> Self {
        match request {
            Request::RequestVote(request) => request.into(),
            Request::Heartbeat(Heartbeat { term, leader }) => RaftRequest::AppendEntries {
                term,
                leader,
                prev: LogPosition::ZERO,
                entries: Vec::new(),
                leader_commit: 0,
            },
        }
    }
}

impl TryFrom<RaftRequest> for Request {
    type Error = Unspoken;

    fn try_from(request: RaftRequest) -> Result<Self, Unspoken> {
        match request {
            RaftRequest::RequestVote { term, candidate, last_log } => {
                Ok(Request::RequestVote(RequestVote { term, candidate, last_log }))
            }
            RaftRequest::AppendEntries { term, leader, .. } => Ok(Request::Heartbeat(Heartbeat { term, leader })),
            RaftRequest::InstallSnapshot { .. } => Err(Unspoken),
        }
    }
}

impl From<Reply> for RaftReply {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::RequestVote(reply) => reply.into(),
            Reply::Heartbeat(HeartbeatReply { term }) => RaftReply::Heartbeat { term },
        }
    }
}

impl TryFrom<RaftReply> for Reply {
    type Error = Unspoken;

    fn try_from(reply: RaftReply) -> Result<Self, Unspoken> {
        match reply {
            RaftReply::RequestVote { term, granted } => Ok(Reply::RequestVote(RequestVoteReply { term, granted })),
            RaftReply::Heartbeat { term } => Ok(Reply::Heartbeat(HeartbeatReply { term })),
            RaftReply::AppendEntries { .. } => Err(Unspoken),
        }
    }
}

impl From<Timing> for Pace {
    fn from(Timing { heartbeat_interval, election_timeout_min, election_timeout_max }: Timing) -> Self {
        Pace { heartbeat_interval, election_timeout_min, election_timeout_max }
    }
}
