//! The scripted servers: each receives what the real server sends it, and answers as the script says.

use std::fmt;
use std::sync::Arc;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::network::Service;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::wire::WireError;
use labrpc::{AppendEntries, Entry, InstallSnapshot, LogPosition, RaftReply, RaftRequest};
use labrpc::{AppendEntriesReply, AppendOutcome, Index, PeerId, RequestVoteReply, Term};

use super::cluster::REAL;
use super::steps::expect_eq;
use crate::contract::Contract;
use crate::event_line::{Direction, Request};

/// A request that the real server has sent to a scripted one. The script answers it at any time; if
/// it drops the request, there never is an answer.
pub struct ReceivedRequest {
    /// When it arrived.
    pub at: Instant,
    /// The scripted server that received it.
    pub to: PeerId,
    /// The request.
    pub request: RaftRequest,
    contract: &'static Contract,
    answer: Option<Sender<Vec<u8>>>,
}

/// Displays the request in one line.
impl fmt::Display for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Direction(REAL, self.to), Request(&self.request))
    }
}

impl ReceivedRequest {
    /// The sender's term.
    pub fn term(&self) -> Term {
        self.request.term()
    }

    /// The AppendEntries.
    ///
    /// # Panics
    ///
    /// When it is another request.
    #[track_caller]
    pub fn append(&self) -> &AppendEntries {
        match &self.request {
            RaftRequest::AppendEntries(append) => append,
            _ => panic!("server {} should have been sent AppendEntries, not {self}", self.to),
        }
    }

    /// The InstallSnapshot.
    ///
    /// # Panics
    ///
    /// When it is another request.
    #[track_caller]
    pub fn snapshot(&self) -> &InstallSnapshot {
        match &self.request {
            RaftRequest::InstallSnapshot(install) => install,
            _ => panic!("server {} should have been sent a snapshot, not {self}", self.to),
        }
    }

    /// Whether the request is an AppendEntries.
    pub fn is_append(&self) -> bool {
        matches!(self.request, RaftRequest::AppendEntries(_))
    }

    /// Whether the request is an InstallSnapshot.
    pub fn is_snapshot(&self) -> bool {
        matches!(self.request, RaftRequest::InstallSnapshot(_))
    }

    /// The AppendEntries follows this position.
    ///
    /// # Panics
    ///
    /// When it does not. So do all checks of a request.
    #[track_caller]
    pub fn expect_prev(&self, expected: LogPosition, why: impl fmt::Display) {
        expect_eq("the position before the entries", self.append().prev, expected, why);
    }

    /// The AppendEntries carries exactly these entries.
    #[track_caller]
    pub fn expect_entries(&self, expected: impl Into<Vec<Entry>>, why: impl fmt::Display) {
        expect_eq("the entries that are sent", self.append().entries.clone(), expected.into(), why);
    }

    /// The AppendEntries says that the entries through this index are committed.
    #[track_caller]
    pub fn expect_commit(&self, expected: Index, why: impl fmt::Display) {
        expect_eq("the leader's commit index", self.append().leader_commit, expected, why);
    }

    /// The RequestVote says that the candidate's log ends here.
    #[track_caller]
    pub fn expect_last_log(&self, expected: LogPosition, why: impl fmt::Display) {
        match &self.request {
            RaftRequest::RequestVote(request) => {
                expect_eq("the end of the candidate's log", request.last_log, expected, why)
            }
            _ => panic!("server {} should have been asked for its vote, not {self}", self.to),
        }
    }

    /// Answers it. A second answer is ignored.
    pub fn reply(mut self, reply: RaftReply) {
        let Some(answer) = self.answer.take() else { return };
        let _ = answer.send(self.contract.write_reply(&self.request, &reply));
    }

    /// Grants the candidate the vote.
    pub fn grant(self) {
        let term = self.term();
        self.reply(super::votes(term));
    }

    /// Denies the candidate the vote, in the candidate's own term.
    pub fn deny(self) {
        let term = self.term();
        self.deny_in_term(term);
    }

    /// Denies the candidate the vote, and names `term`.
    pub fn deny_in_term(self, term: Term) {
        self.reply(RaftReply::RequestVote(RequestVoteReply { term, granted: false }));
    }

    /// Agrees with the leader, through the last entry of the request.
    pub fn agree(self) {
        let reply = super::agreement(&self.request);
        self.reply(reply);
    }

    /// Refuses the entries: asks the leader for those from index `from` on.
    pub fn retry_from(self, from: Index) {
        let term = self.term();
        self.reply(super::refuses(term, from));
    }

    /// Tells the leader that its term is over, and that `newer` has begun.
    pub fn stale(self, newer: Term) {
        self.reply(RaftReply::AppendEntries(AppendEntriesReply { term: newer, outcome: AppendOutcome::StaleTerm }));
    }
}

/// What the scripted servers answer by themselves: `None` leaves the request to the script.
pub(super) type AutomaticReply = Arc<Mutex<Option<Box<dyn FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send>>>>;

/// Receives requests at a scripted server's end of the network.
pub(super) struct ScriptedPeer {
    pub(super) me: PeerId,
    pub(super) contract: &'static Contract,
    pub(super) received: Sender<ReceivedRequest>,
    pub(super) automatic: AutomaticReply,
}

impl Service for ScriptedPeer {
    fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let at = Instant::now();
        let request = self.contract.codec().read_request(request)?;
        let (answer, answered): (_, Receiver<Vec<u8>>) = channel::bounded(1);
        let automatic = self.automatic.lock().as_mut().and_then(|reply_to| reply_to(self.me, &request));
        let received = ReceivedRequest { at, to: self.me, request, contract: self.contract, answer: Some(answer) };
        match automatic {
            Some(reply) => {
                let (request, to, contract) = (received.request.clone(), received.to, received.contract);
                received.reply(reply);
                let _ = self.received.send(ReceivedRequest { at, to, request, contract, answer: None });
            }
            None => {
                let _ = self.received.send(received);
            }
        }
        Ok(answered.recv().ok())
    }
}
