//! How the tests read what these servers send: Figure 2's arguments and results, to and from `labrpc`'s messages.

use labrpc::wire::{self, WireError};
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Codec, InstallSnapshot, LogPosition, RaftReply, RaftRequest,
    RequestVote, RequestVoteReply,
};

use crate::raft::messages::{
    AppendEntriesArgs, AppendEntriesResults, InstallSnapshotArgs, InstallSnapshotResults, Reply, Request,
    RequestVoteArgs, RequestVoteResults,
};

/// How the tests read this lab's servers.
pub static CODEC: &dyn Codec = &FigureMessages;

/// The messages of Figures 2 and 13. What is on the disk are `labrpc`'s own types.
struct FigureMessages;

impl Codec for FigureMessages {
    fn read_request(&self, bytes: &[u8]) -> Result<RaftRequest, WireError> {
        Ok(match wire::decode(bytes)? {
            Request::Vote(args) => RaftRequest::RequestVote(RequestVote {
                term: args.term,
                candidate: args.candidate_id,
                last_log: LogPosition { term: args.last_log_term, index: args.last_log_index },
            }),
            Request::Append(args) => RaftRequest::AppendEntries(AppendEntries {
                term: args.term,
                leader: args.leader_id,
                prev: LogPosition { term: args.prev_log_term, index: args.prev_log_index },
                entries: args.entries,
                leader_commit: args.leader_commit,
            }),
            Request::Install(args) => RaftRequest::InstallSnapshot(InstallSnapshot {
                term: args.term,
                leader: args.leader_id,
                last_included: LogPosition { term: args.last_included_term, index: args.last_included_index },
                snapshot: args.data,
            }),
        })
    }

    fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        wire::encode(&match request.clone() {
            RaftRequest::RequestVote(request) => Request::Vote(RequestVoteArgs {
                term: request.term,
                candidate_id: request.candidate,
                last_log_index: request.last_log.index,
                last_log_term: request.last_log.term,
            }),
            RaftRequest::AppendEntries(request) => Request::Append(AppendEntriesArgs {
                term: request.term,
                leader_id: request.leader,
                prev_log_index: request.prev.index,
                prev_log_term: request.prev.term,
                entries: request.entries,
                leader_commit: request.leader_commit,
            }),
            RaftRequest::InstallSnapshot(request) => Request::Install(InstallSnapshotArgs {
                term: request.term,
                leader_id: request.leader,
                last_included_index: request.last_included.index,
                last_included_term: request.last_included.term,
                data: request.snapshot,
            }),
        })
    }

    fn read_reply(&self, request: &RaftRequest, bytes: &[u8]) -> Result<RaftReply, WireError> {
        let through = AppendOutcome::Through(request.through().index);
        Ok(match wire::decode(bytes)? {
            Reply::Vote(RequestVoteResults { term, vote_granted: granted }) => {
                RaftReply::RequestVote(RequestVoteReply { term, granted })
            }
            Reply::Append(AppendEntriesResults { term, success, conflict_index, .. }) => {
                let outcome = match success {
                    true => through,
                    false if term > request.term() => AppendOutcome::StaleTerm,
                    false => AppendOutcome::RetryFrom(conflict_index),
                };
                RaftReply::AppendEntries(AppendEntriesReply { term, outcome })
            }
            Reply::Install(InstallSnapshotResults { term }) => {
                let outcome = if term > request.term() { AppendOutcome::StaleTerm } else { through };
                RaftReply::AppendEntries(AppendEntriesReply { term, outcome })
            }
        })
    }

    fn write_reply(&self, request: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
        wire::encode(&match (request, reply) {
            (RaftRequest::InstallSnapshot(_), reply) => Reply::Install(InstallSnapshotResults { term: reply.term() }),
            (_, RaftReply::RequestVote(RequestVoteReply { term, granted: vote_granted })) => {
                Reply::Vote(RequestVoteResults { term: *term, vote_granted: *vote_granted })
            }
            (_, RaftReply::AppendEntries(AppendEntriesReply { term, outcome })) => {
                let conflict_index = if let AppendOutcome::RetryFrom(index) = outcome { *index } else { 0 };
                let success = matches!(outcome, AppendOutcome::Through(_));
                Reply::Append(AppendEntriesResults { term: *term, success, conflict_term: None, conflict_index })
            }
        })
    }
}
