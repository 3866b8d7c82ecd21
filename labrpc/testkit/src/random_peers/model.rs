//! Figures 2 and 13 as a program: a server without threads, timers or disk.
//!
//! The scripted peers are such servers. A second use is to say what the real server may do: it is
//! compared with a model that has seen the same messages.

use std::collections::BTreeSet;

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, Ballot, Bytes, Entry, Head, Index, InstallSnapshot};
use labrpc::{LogPosition, PeerId, RaftReply, RaftRequest, RequestVote, RequestVoteReply, Term};

use crate::DiskState;

/// A server's role in its term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModelRole {
    Follower,
    /// With the servers that have voted for it.
    Candidate(BTreeSet<PeerId>),
    /// With the index through which each server is known to hold the leader's log.
    Leader(Vec<Index>),
}

/// Whether a server has heard from a leader within the shortest election timeout. It may then ignore candidates (§6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Led {
    No,
    Perhaps,
    Surely,
}

/// A server that follows Figures 2 and 13, and acts only when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelServer {
    pub(super) me: PeerId,
    pub(super) cluster_size: usize,
    pub(super) ballot: Ballot,
    pub(super) led: Led,
    /// Whether it ignores candidates while it is led (§6); `None` while that is not known.
    pub(super) is_sticky: Option<bool>,
    /// The leader of its term, if it has heard from one.
    pub(super) leader: Option<PeerId>,
    pub(super) role: ModelRole,
    /// The position right before the first entry.
    pub(super) base: LogPosition,
    pub(super) entries: Vec<Entry>,
    /// The service's state at `base`.
    pub(super) snapshot: Bytes,
    pub(super) commit: Index,
    /// The service has received everything through this index.
    pub(super) applied: Index,
}

impl ModelServer {
    pub(super) fn new(me: PeerId, cluster_size: usize) -> ModelServer {
        ModelServer {
            me,
            cluster_size,
            ballot: Ballot::default(),
            led: Led::No,
            is_sticky: None,
            leader: None,
            role: ModelRole::Follower,
            base: LogPosition::ZERO,
            entries: Vec::new(),
            snapshot: Bytes::default(),
            commit: 0,
            applied: 0,
        }
    }

    pub(super) fn term(&self) -> Term {
        self.ballot.term
    }

    pub(super) fn is_leader(&self) -> bool {
        matches!(self.role, ModelRole::Leader(_))
    }

    pub(super) fn majority(&self) -> usize {
        self.cluster_size / 2 + 1
    }

    pub(super) fn last(&self) -> LogPosition {
        let index = self.base.index + self.entries.len() as Index;
        self.entries.last().map_or(self.base, |entry| LogPosition { term: entry.term, index })
    }

    pub(super) fn get(&self, index: Index) -> Option<&Entry> {
        let slot = index.checked_sub(self.base.index + 1)?;
        self.entries.get(slot as usize)
    }

    /// The position at an index: of the base or of an entry.
    pub(super) fn position(&self, index: Index) -> Option<LogPosition> {
        if index == self.base.index {
            return Some(self.base);
        }
        self.get(index).map(|entry| LogPosition { term: entry.term, index })
    }

    /// Whether the log holds a position, or its snapshot covers it.
    pub(super) fn holds(&self, position: LogPosition) -> bool {
        position.index < self.base.index || self.position(position.index) == Some(position)
    }

    /// What must be on disk.
    pub(super) fn disk(&self) -> DiskState {
        DiskState {
            head: Head { ballot: self.ballot, base: self.base },
            entries: self.entries.iter().cloned().collect(),
            snapshot: self.snapshot.clone(),
        }
    }

    /// Crashes and boots: only what is on disk is left.
    pub(super) fn restart(&mut self) {
        self.role = ModelRole::Follower;
        self.led = Led::No;
        self.leader = None;
        self.commit = self.base.index;
        self.applied = 0;
    }

    /// All Servers: a newer term makes a follower that has not voted.
    pub(super) fn observe_term(&mut self, term: Term) {
        if term > self.ballot.term {
            self.ballot = Ballot { term, voted_for: None };
            self.role = ModelRole::Follower;
            self.leader = None;
        }
    }

    /// Starts an election in `term`.
    pub(super) fn campaign(&mut self, term: Term) -> RequestVote {
        self.ballot = Ballot { term, voted_for: Some(self.me) };
        self.leader = None;
        self.role = ModelRole::Candidate(BTreeSet::from([self.me]));
        self.lead_if_elected();
        RequestVote { term, candidate: self.me, last_log: self.last() }
    }

    fn lead_if_elected(&mut self) {
        if let ModelRole::Candidate(votes) = &self.role
            && votes.len() >= self.majority()
        {
            self.role = ModelRole::Leader(vec![0; self.cluster_size]);
            self.advance_commit();
        }
    }

    /// Appends a command, if this server leads.
    pub(super) fn propose(&mut self, command: Bytes) -> Option<LogPosition> {
        if !self.is_leader() {
            return None;
        }
        self.entries.push(Entry { term: self.ballot.term, command });
        self.advance_commit();
        Some(self.last())
    }

    /// Drops the entries through `through`, which the service has applied.
    pub(super) fn compact(&mut self, through: Index, snapshot: Bytes) {
        if through <= self.base.index {
            return;
        }
        let base = self.position(through).expect("an entry that was applied is in the log");
        self.entries.drain(..(through - self.base.index) as usize);
        (self.base, self.snapshot) = (base, snapshot);
    }

    /// Handles a request. `hint` chooses among the conflict hints that are allowed.
    pub(super) fn handle_request(&mut self, request: &RaftRequest, hint: u64) -> RaftReply {
        match request {
            RaftRequest::RequestVote(request) => RaftReply::RequestVote(self.request_vote(request)),
            RaftRequest::AppendEntries(request) => {
                let outcome = self.append_entries(request, hint);
                RaftReply::AppendEntries(AppendEntriesReply { term: self.ballot.term, outcome })
            }
            RaftRequest::InstallSnapshot(request) => {
                let outcome = self.install_snapshot(request);
                RaftReply::AppendEntries(AppendEntriesReply { term: self.ballot.term, outcome })
            }
        }
    }

    /// RequestVote, receiver (§5.2, §5.4.1).
    pub(super) fn request_vote(&mut self, request: &RequestVote) -> RequestVoteReply {
        self.observe_term(request.term);
        let is_free = self.ballot.voted_for.is_none_or(|candidate| candidate == request.candidate);
        let granted = request.term == self.ballot.term && is_free && request.last_log >= self.last();
        if granted {
            self.ballot.voted_for = Some(request.candidate);
        }
        RequestVoteReply { term: self.ballot.term, granted }
    }

    /// Follows `leader` in `term`; false if the term is over.
    pub(super) fn follow(&mut self, term: Term, leader: PeerId) -> bool {
        self.observe_term(term);
        if term < self.ballot.term {
            return false;
        }
        self.role = ModelRole::Follower;
        self.leader = Some(leader);
        self.led = Led::Surely;
        true
    }

    /// AppendEntries, receiver (Figure 2, rules 1 to 5).
    fn append_entries(&mut self, request: &AppendEntries, hint: u64) -> AppendOutcome {
        let AppendEntries { term, leader, prev, entries, leader_commit } = request;
        if !self.follow(*term, *leader) {
            return AppendOutcome::StaleTerm;
        }
        if !self.holds(*prev) {
            // What is committed is equal everywhere, so the conflict is after it.
            let earliest = (self.commit.max(self.base.index) + 1).min(prev.index);
            return AppendOutcome::RetryFrom(earliest + hint % (prev.index + 1 - earliest));
        }
        for (entry, index) in entries.iter().zip(prev.index + 1..) {
            match self.get(index) {
                Some(own) if own.term == entry.term => continue,
                Some(_) => self.entries.truncate((index - self.base.index - 1) as usize),
                None if index <= self.base.index => continue,
                None => {}
            }
            self.entries.push(entry.clone());
        }
        let last_new = prev.index + entries.len() as Index;
        self.commit = self.commit.max(last_new.min(*leader_commit));
        AppendOutcome::Through(last_new)
    }

    /// InstallSnapshot, receiver (Figure 13). A snapshot of what is committed already changes nothing.
    fn install_snapshot(&mut self, request: &InstallSnapshot) -> AppendOutcome {
        if !self.follow(request.term, request.leader) {
            return AppendOutcome::StaleTerm;
        }
        if request.last_included.index > self.commit {
            self.install(request);
        }
        AppendOutcome::Through(request.last_included.index)
    }

    /// Replaces the log through the snapshot's last entry (rules 6 and 7).
    pub(super) fn install(&mut self, request: &InstallSnapshot) {
        let through = request.last_included;
        if self.position(through.index) == Some(through) {
            self.entries.drain(..(through.index - self.base.index) as usize);
        } else {
            self.entries.clear();
        }
        (self.base, self.snapshot) = (through, request.snapshot.clone());
        self.commit = self.commit.max(through.index);
    }

    /// Handles the reply of `from` to an earlier request of this server.
    pub(super) fn handle_reply(&mut self, from: PeerId, reply: &RaftReply) {
        self.observe_term(reply.term());
        if reply.term() < self.ballot.term {
            return;
        }
        match (&mut self.role, reply) {
            (ModelRole::Candidate(votes), RaftReply::RequestVote(RequestVoteReply { granted: true, .. })) => {
                votes.insert(from);
                self.lead_if_elected();
            }
            (
                ModelRole::Leader(matched),
                RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::Through(through), .. }),
            ) => {
                matched[from] = matched[from].max(*through);
                self.advance_commit();
            }
            _ => {}
        }
    }

    /// Leaders, rule 4: the highest entry of the leader's own term that a majority holds (§5.4.2).
    fn advance_commit(&mut self) {
        let last = self.last().index;
        let ModelRole::Leader(matched) = &self.role else { return };
        let mut held = matched.clone();
        held[self.me] = last;
        held.sort_unstable_by(|a, b| b.cmp(a));
        let index = held[self.majority() - 1];
        if self.get(index).is_some_and(|entry| entry.term == self.ballot.term) {
            self.commit = self.commit.max(index);
        }
    }

    /// The AppendEntries of a leader with these entries: `count` of them at most, after `after`. `commit` is
    /// the index that it names.
    pub(super) fn append_request(&self, after: LogPosition, count: usize, commit: Index) -> RaftRequest {
        let first = (after.index - self.base.index) as usize;
        let entries = self.entries[first..].iter().take(count).cloned().collect();
        let (term, leader) = (self.ballot.term, self.me);
        RaftRequest::AppendEntries(AppendEntries { term, leader, prev: after, entries, leader_commit: commit })
    }
}
