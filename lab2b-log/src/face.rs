//! What this lab's messages say, in the paper's words: for whoever watches a server, or plays one.

use lab2a_election::{Heartbeat, RequestVote, RequestVoteReply};
use labrpc::face::{AppendOutcome, LogEntry, RaftReply, RaftRequest, Unspoken};

use crate::log::Entry;
use crate::message::{AppendEntries, AppendEntriesReply, Appended, Reply, Request};

impl From<Entry> for LogEntry {
    fn from(Entry { term, command }: Entry) -> Self {
        LogEntry { term, command }
    }
}

impl From<LogEntry> for Entry {
    fn from(LogEntry { term, command }: LogEntry) -> Self {
        Entry { term, command }
    }
}

impl From<Request> for RaftRequest {
    fn from(request: Request) -> Self {
        match request {
            Request::RequestVote(request) => request.into(),
            Request::AppendEntries(AppendEntries { heartbeat, prev, entries, leader_commit }) => {
                let Heartbeat { term, leader } = heartbeat;
                let entries = entries.into_iter().map(LogEntry::from).collect();
                RaftRequest::AppendEntries { term, leader, prev, entries, leader_commit }
            }
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
            RaftRequest::AppendEntries { term, leader, prev, entries, leader_commit } => {
                let heartbeat = Heartbeat { term, leader };
                let entries = entries.into_iter().map(Entry::from).collect();
                Ok(Request::AppendEntries(AppendEntries { heartbeat, prev, entries, leader_commit }))
            }
            RaftRequest::InstallSnapshot { .. } => Err(Unspoken),
        }
    }
}

impl From<Reply> for RaftReply {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::RequestVote(reply) => reply.into(),
            Reply::AppendEntries(AppendEntriesReply { term, appended }) => {
                let outcome = match appended {
                    Appended::Through(index) => AppendOutcome::Through(index),
                    Appended::RetryFrom(index) => AppendOutcome::RetryFrom(index),
                    Appended::StaleTerm => AppendOutcome::StaleTerm,
                };
                RaftReply::AppendEntries { term, outcome }
            }
        }
    }
}

impl TryFrom<RaftReply> for Reply {
    type Error = Unspoken;

    fn try_from(reply: RaftReply) -> Result<Self, Unspoken> {
        match reply {
            RaftReply::RequestVote { term, granted } => Ok(Reply::RequestVote(RequestVoteReply { term, granted })),
            RaftReply::AppendEntries { term, outcome } => {
                let appended = match outcome {
                    AppendOutcome::Through(index) => Appended::Through(index),
                    AppendOutcome::RetryFrom(index) => Appended::RetryFrom(index),
                    AppendOutcome::StaleTerm => Appended::StaleTerm,
                };
                Ok(Reply::AppendEntries(AppendEntriesReply { term, appended }))
            }
            RaftReply::Heartbeat { .. } => Err(Unspoken),
        }
    }
}
