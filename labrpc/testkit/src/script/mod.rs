//! Scripted peers: one real server, and a script that sends and answers for all other servers.
//!
//! Most bugs are invisible among correct servers, because no correct server sends the message that
//! would reveal them. So a script sends messages that a correct server would not send at this
//! point, or would send only after rare faults, and checks what the real server answers, sends, saves and
//! applies.
//!
//! | under test | scripted | type |
//! |---|---|---|
//! | server 0, from Raft to key-value service | all other servers, and clients | [`ScriptedCluster`] |
//! | a clerk | all servers | [`ScriptedServers`] |
//! | a key-value service | its Raft | [`ScriptedService`] over a [`ScriptedRaft`] |
//!
//! A step of a script reads like a sentence:
//!
//! ```text
//! script.leader(2).in_term(3).after(at(3, 2)).entries_of_terms(&[3]).commit(4).send()
//!     .expect_refusal("it holds index 3 of term 1, not of term 2");
//! script.candidate(1).in_term(5).asks_for_vote().expect_vote("nobody has the vote of term 5 yet");
//! ```
//!
//! Every message takes exactly one millisecond, so a script shows when each message arrives. If a step fails,
//! the messages so far are printed, and then what was sent, expected and received.

mod cluster;
mod disks;
mod expectations;
mod kv_clients;
mod kv_servers;
mod peers;
mod pending;
mod raft;
mod requests;
mod sending;
mod service;
mod steps;
mod stimuli;
mod told;

pub use cluster::ScriptedCluster;
pub use disks::{cut_short, lengthen};
pub use kv_clients::{AT_ONCE, append, get, put};
pub use kv_servers::{ClerkRequest, ScriptedServers, ToldClerk};
pub use peers::ReceivedRequest;
pub use pending::PendingAnswer;
pub use raft::{ScriptedRaft, TakenSnapshot};
pub use sending::{Answered, ScriptedCandidate, ScriptedLeader};
pub use service::ScriptedService;
pub(crate) use steps::about;
#[cfg(test)]
pub(crate) use steps::late;
pub use steps::{Preparation, expect_eq, expect_rule, expect_rule_eq, look_at, prepare};

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::{AppendEntriesReply, AppendOutcome, Bytes, Entry, RaftReply, RaftRequest, RequestVoteReply};
use labrpc::{Index, LogPosition, Term};

use crate::event_line::Request;

/// How long every message of a script takes.
pub const TRAVEL: Duration = Duration::from_millis(1);

/// Nothing is lost, and every message takes [`TRAVEL`].
pub const PUNCTUAL: Conditions = Conditions { delay_min: TRAVEL, delay_max: TRAVEL, ..Conditions::RELIABLE };

/// The position with this index and term. Reports write it as `index:term`.
///
/// ```
/// assert_eq!(testkit::script::at(7, 2).term, 2);
/// ```
pub fn at(index: Index, term: Term) -> LogPosition {
    LogPosition { index, term }
}

/// Entries of these terms, the first of them at index `first`. The command of an entry contains
/// its index and its term, so entries at different positions have different commands.
pub fn entries(first: Index, terms: &[Term]) -> Vec<Entry> {
    let entry = |(term, index): (&Term, Index)| Entry {
        term: *term,
        command: format!("{index} of term {term}").into_bytes().into(),
    };
    terms.iter().zip(first..).map(entry).collect()
}

/// An entry with this command.
pub fn entry(term: Term, command: impl Into<Bytes>) -> Entry {
    Entry { term, command: command.into() }
}

/// A follower's agreement through `index`, in `term`.
pub fn agrees(term: Term, index: Index) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(index) })
}

/// A follower's refusal, in `term`: it asks for the entries from index `from` on.
pub fn refuses(term: Term, from: Index) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::RetryFrom(from) })
}

/// A vote, in `term`.
pub fn votes(term: Term) -> RaftReply {
    RaftReply::RequestVote(RequestVoteReply { term, granted: true })
}

/// A refused vote, in `term`.
pub fn denies(term: Term) -> RaftReply {
    RaftReply::RequestVote(RequestVoteReply { term, granted: false })
}

/// A follower's refusal of an older leader: the follower is in `term`.
pub fn stale(term: Term) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::StaleTerm })
}

/// A request in one line of text.
pub fn line(request: &RaftRequest) -> String {
    Request(request).to_string()
}

/// The reply of a server that votes for every candidate and agrees to everything a leader sends.
pub fn agreement(request: &RaftRequest) -> RaftReply {
    match request {
        RaftRequest::RequestVote(_) => votes(request.term()),
        _ => agrees(request.term(), request.through().index),
    }
}
