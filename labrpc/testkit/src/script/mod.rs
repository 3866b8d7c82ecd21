//! Scripted peers: one real server, and a script that plays all the others.
//!
//! Most bugs are invisible among servers that are right: nobody sends the message that would show
//! them. So the script says what no right server would say just then, or what one says only after
//! a rare accident, and looks at what the real server answers, sends, saves and hands over.
//!
//! [`ScriptedCluster`] has a real Raft server, or a whole key-value server, among played peers;
//! [`ScriptedServers`] a real clerk among played servers. Messages take exactly one millisecond, so a
//! script reads like a timetable.

mod clerk;
mod cluster;
mod peer;
mod service;

pub use clerk::{Asked, ScriptedServers};
pub use cluster::ScriptedCluster;
pub use peer::ReceivedRequest;
pub use service::{AT_ONCE, append, get, put};

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::{AppendEntriesReply, AppendOutcome, Entry, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use labrpc::{Index, LogPosition, Term};

/// How long every message of a script travels.
pub const TRAVEL: Duration = Duration::from_millis(1);

/// Nothing is lost, and every message takes [`TRAVEL`].
pub const PUNCTUAL: Conditions = Conditions { delay_min: TRAVEL, delay_max: TRAVEL, ..Conditions::RELIABLE };

/// A position, index first, as one says it.
///
/// ```
/// assert_eq!(testkit::script::at(7, 2).term, 2);
/// ```
pub fn at(index: Index, term: Term) -> LogPosition {
    LogPosition { index, term }
}

/// Entries of these terms, each with a command that no other entry of another index or term has,
/// if the first stands at `first`.
pub fn entries(first: Index, terms: &[Term]) -> Vec<Entry> {
    let entry = |(term, index): (&Term, Index)| Entry {
        term: *term,
        command: format!("{index} of term {term}").into_bytes().into(),
    };
    terms.iter().zip(first..).map(entry).collect()
}

/// A vote, given in a term.
pub fn granted(term: Term) -> RaftReply {
    RaftReply::RequestVote(RequestVoteReply { term, granted: true })
}

/// A vote, refused in a term.
pub fn refused(term: Term) -> RaftReply {
    RaftReply::RequestVote(RequestVoteReply { term, granted: false })
}

/// An agreement through an index, in a term.
pub fn agrees(term: Term, through: Index) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(through) })
}

/// What a server that agrees to everything answers.
pub fn obedient(request: &RaftRequest) -> RaftReply {
    match request {
        RaftRequest::RequestVote(RequestVote { term, .. }) => granted(*term),
        _ => agrees(request.term(), request.through().index),
    }
}

/// A conflict: the follower asks for the entries from an index on.
pub fn retry(term: Term, from: Index) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::RetryFrom(from) })
}

/// A leader's time is over.
pub fn stale(term: Term) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::StaleTerm })
}
