//! What scripted servers send: as leaders, and as candidates; and the checks on the real server's reply.

use std::fmt::Display;

use labrpc::kv::Command;
use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, Elect, Entry, InstallSnapshot, RequestVoteReply};
use labrpc::{Bytes, Index, LogPosition, PeerId, RaftReply, RaftRequest, RequestVote, Term};

use super::ScriptedCluster;
use super::cluster::REAL;
use super::steps::fail;
use crate::event_line::{Direction, Reply, Request};

impl<R: Elect> ScriptedCluster<R> {
    /// Server `peer` as a leader: say its term, then what it sends.
    pub fn leader(&self, peer: PeerId) -> ScriptedLeader<'_, R> {
        ScriptedLeader {
            script: self,
            peer,
            term: None,
            prev: LogPosition::ZERO,
            entries: Vec::new(),
            leader_commit: 0,
        }
    }

    /// Server `peer` as a candidate: say its term and where its log ends, then let it ask.
    pub fn candidate(&self, peer: PeerId) -> ScriptedCandidate<'_, R> {
        ScriptedCandidate { script: self, peer, term: None, last_log: LogPosition::ZERO }
    }

    #[track_caller]
    fn exchange(&self, from: PeerId, request: RaftRequest) -> Answered {
        let reply = self.ask(from, &request);
        Answered { from, request, reply }
    }
}

/// A scripted leader that is about to send something. Without more, it sends no entries, after the
/// beginning of the log, and has committed nothing.
pub struct ScriptedLeader<'a, R: Elect> {
    script: &'a ScriptedCluster<R>,
    peer: PeerId,
    term: Option<Term>,
    prev: LogPosition,
    entries: Vec<Entry>,
    leader_commit: Index,
}

impl<R: Elect> Clone for ScriptedLeader<'_, R> {
    fn clone(&self) -> Self {
        ScriptedLeader { entries: self.entries.clone(), ..*self }
    }
}

impl<R: Elect> ScriptedLeader<'_, R> {
    /// The term that it leads.
    pub fn in_term(mut self, term: Term) -> Self {
        self.term = Some(term);
        self
    }

    /// The position right before its entries.
    pub fn after(mut self, prev: LogPosition) -> Self {
        assert!(self.entries.is_empty(), "say first after which position, then the entries");
        self.prev = prev;
        self
    }

    /// Entries of these terms, right after the position said before; see [`entries`](super::entries).
    pub fn entries_of_terms(mut self, terms: &[Term]) -> Self {
        self.entries = super::entries(self.prev.index + 1, terms);
        self
    }

    /// These entries, right after the position said before.
    pub fn with_entries(mut self, entries: impl Into<Vec<Entry>>) -> Self {
        self.entries = entries.into();
        self
    }

    /// Entries of the leader's own term that hold clients' commands.
    pub fn commands(mut self, commands: impl IntoIterator<Item = Command>) -> Self {
        let (contract, term) = (self.script.contract(), self.term());
        self.entries = commands
            .into_iter()
            .map(|command| Entry { term, command: contract.write_logged(&command).into() })
            .collect();
        self
    }

    /// The index through which it says that its log is committed.
    pub fn commit(mut self, index: Index) -> Self {
        self.leader_commit = index;
        self
    }

    fn term(&self) -> Term {
        self.term.expect("say in which term it leads")
    }

    /// The AppendEntries as it would be sent.
    pub fn request(&self) -> RaftRequest {
        RaftRequest::AppendEntries(AppendEntries {
            term: self.term(),
            leader: self.peer,
            prev: self.prev,
            entries: self.entries.clone(),
            leader_commit: self.leader_commit,
        })
    }

    /// Sends the AppendEntries.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    #[track_caller]
    pub fn send(&self) -> Answered {
        self.script.exchange(self.peer, self.request())
    }

    /// Sends the AppendEntries without waiting for the reply.
    pub fn post(&self) {
        self.script.post(self.peer, &self.request());
    }

    /// Sends a heartbeat that says nothing about the log.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    #[track_caller]
    pub fn heartbeat(&self) -> Answered {
        let plain = self.script.leader(self.peer).in_term(self.term());
        self.script.exchange(self.peer, plain.request())
    }

    /// Sends a snapshot that covers the entries through `through`.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    #[track_caller]
    pub fn install_snapshot(&self, through: LogPosition, snapshot: Bytes) -> Answered {
        self.script.exchange(self.peer, self.snapshot_request(through, snapshot))
    }

    /// Sends a snapshot that covers the entries through `through`, without waiting for the reply.
    pub fn post_snapshot(&self, through: LogPosition, snapshot: Bytes) {
        self.script.post(self.peer, &self.snapshot_request(through, snapshot));
    }

    fn snapshot_request(&self, through: LogPosition, snapshot: Bytes) -> RaftRequest {
        let (term, leader) = (self.term(), self.peer);
        RaftRequest::InstallSnapshot(InstallSnapshot { term, leader, last_included: through, snapshot })
    }
}

/// A scripted candidate that is about to ask for a vote. Without more, its log is empty.
pub struct ScriptedCandidate<'a, R: Elect> {
    script: &'a ScriptedCluster<R>,
    peer: PeerId,
    term: Option<Term>,
    last_log: LogPosition,
}

impl<R: Elect> ScriptedCandidate<'_, R> {
    /// The term that it campaigns in.
    pub fn in_term(mut self, term: Term) -> Self {
        self.term = Some(term);
        self
    }

    /// The last entry of its log.
    pub fn with_log_through(mut self, last: LogPosition) -> Self {
        self.last_log = last;
        self
    }

    /// The RequestVote as it would be sent.
    pub fn request(&self) -> RaftRequest {
        let term = self.term.expect("say in which term it campaigns");
        RaftRequest::RequestVote(RequestVote { term, candidate: self.peer, last_log: self.last_log })
    }

    /// Sends the RequestVote without waiting for the reply.
    pub fn post(&self) {
        self.script.post(self.peer, &self.request());
    }

    /// Sends the RequestVote.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    #[track_caller]
    pub fn asks_for_vote(&self) -> Answered {
        self.script.exchange(self.peer, self.request())
    }
}

/// A request of a scripted server, and the real server's reply.
pub struct Answered {
    from: PeerId,
    request: RaftRequest,
    reply: RaftReply,
}

impl Answered {
    /// The index from which the follower wants the entries, if it refused them.
    pub fn retry_from(&self) -> Option<Index> {
        match self.reply {
            RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::RetryFrom(from), .. }) => Some(from),
            _ => None,
        }
    }

    /// The follower agrees through index `through`, in the leader's term.
    ///
    /// # Panics
    ///
    /// When it does not. So do all checks of a reply.
    #[track_caller]
    pub fn expect_agreement(&self, through: Index, why: impl Display) {
        self.expect(super::agrees(self.request.term(), through), why);
    }

    /// The follower refuses the entries, in the leader's term, and asks for earlier ones.
    #[track_caller]
    pub fn expect_refusal(&self, why: impl Display) {
        let is_right = self.reply.term() == self.request.term() && self.retry_from().is_some();
        self.check(
            is_right,
            &format!("refuses          term {}  retry from an earlier index", self.request.term()),
            &why,
        );
    }

    /// The follower refuses the entries, in the leader's term, and asks for those from index `from` on.
    #[track_caller]
    pub fn expect_retry_from(&self, from: Index, why: impl Display) {
        self.expect(super::refuses(self.request.term(), from), why);
    }

    /// The sender's term is over: its request is refused, and the reply names the newer term.
    #[track_caller]
    pub fn expect_stale(&self, term: Term, why: impl Display) {
        self.expect(
            match self.request {
                RaftRequest::RequestVote(_) => RaftReply::RequestVote(RequestVoteReply { term, granted: false }),
                _ => RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::StaleTerm }),
            },
            why,
        );
    }

    /// The candidate has the vote, in its own term.
    #[track_caller]
    pub fn expect_vote(&self, why: impl Display) {
        self.expect(super::votes(self.request.term()), why);
    }

    /// The candidate does not have the vote, though the voter is in the candidate's term now.
    #[track_caller]
    pub fn expect_no_vote(&self, why: impl Display) {
        self.expect(RaftReply::RequestVote(RequestVoteReply { term: self.request.term(), granted: false }), why);
    }

    /// The candidate does not have the vote, whatever the voter's term.
    #[track_caller]
    pub fn expect_no_vote_in_any_term(&self, why: impl Display) {
        let is_denied = matches!(self.reply, RaftReply::RequestVote(RequestVoteReply { granted: false, .. }));
        self.check(is_denied, &"vote denied      in any term", &why);
    }

    /// The leader's term is over, whatever the follower's term.
    #[track_caller]
    pub fn expect_stale_in_any_term(&self, why: impl Display) {
        let is_stale = matches!(
            self.reply,
            RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::StaleTerm, .. })
        );
        self.check(is_stale, &"stale term       in any newer term", &why);
    }

    /// The reply names the sender's term, whatever else it says.
    #[track_caller]
    pub fn expect_same_term(&self, why: impl Display) {
        let term = self.request.term();
        self.check(self.reply.term() == term, &format!("any reply in term {term}"), &why);
    }

    #[track_caller]
    fn expect(&self, expected: RaftReply, why: impl Display) {
        self.check(self.reply == expected, &Reply(&expected), &why);
    }

    #[track_caller]
    fn check(&self, is_right: bool, expected: &dyn Display, why: &dyn Display) {
        if !is_right {
            let sent = format!("{}{}", Direction(self.from, REAL), Request(&self.request));
            let expected = format!("{}{expected}", Direction(REAL, self.from));
            let got = format!("{}{}", Direction(REAL, self.from), Reply(&self.reply));
            fail("the reply is wrong", &[("sent", &sent), ("expected", &expected), ("because", why), ("got", &got)]);
        }
    }
}
