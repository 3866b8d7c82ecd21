//! What this lab's messages say, in the paper's words: for whoever watches a server, or plays one.

use lab2a_election::Heartbeat;
use labrpc::face::{RaftRequest, Unspoken};

use crate::message::{InstallSnapshot, Request};

impl From<Request> for RaftRequest {
    fn from(request: Request) -> Self {
        match request {
            Request::Replica(request) => request.into(),
            Request::InstallSnapshot(InstallSnapshot { heartbeat, through, snapshot }) => {
                let Heartbeat { term, leader } = heartbeat;
                RaftRequest::InstallSnapshot { term, leader, through, snapshot }
            }
        }
    }
}

impl TryFrom<RaftRequest> for Request {
    type Error = Unspoken;

    fn try_from(request: RaftRequest) -> Result<Self, Unspoken> {
        match request {
            RaftRequest::InstallSnapshot { term, leader, through, snapshot } => {
                let heartbeat = Heartbeat { term, leader };
                Ok(Request::InstallSnapshot(InstallSnapshot { heartbeat, through, snapshot }))
            }
            request => request.try_into().map(Request::Replica),
        }
    }
}
