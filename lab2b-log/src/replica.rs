//! Replication and commitment, around lab 2A's election.

use lab2a_election::{Election, TickOutcome};
use labrpc::time::Instant;
use labrpc::{
    APPEND_BYTES_MAX, AppendEntries, AppendEntriesReply, AppendOutcome, ApplyMsg, Ballot, Bytes, Entry, Index,
    LogPosition, NotLeader, Outbox, PeerId, Protocol, RaftLog, RaftReply, RaftRequest, Replication, Status, Suffix,
    Summary, Term,
};

use crate::log;
use crate::progress::Progress;

/// One server's copy of the log, with the rules of replication and commitment.
///
/// # Invariants
///
/// - `log.base() <= last_applied <= commit_index <= log.last()`, as indices.
/// - The first three never fall, and committed entries never change.
#[derive(Clone, Debug)]
pub struct Replica<L: RaftLog> {
    election: Election,
    log: L,
    /// The entries through this index are known to be committed.
    commit_index: Index,
    /// The entries through this index were taken for the service.
    last_applied: Index,
    /// One element for each server; the element of this server is unused. While the server does not
    /// lead, they are left over from an earlier term.
    progress: Vec<Progress>,
}

impl<L: RaftLog> Replica<L> {
    /// A replica with this election and an empty log.
    pub fn new(election: Election) -> Self {
        let log = L::starting_after(LogPosition::ZERO);
        Replica { election, log, commit_index: 0, last_applied: 0, progress: Vec::new() }
    }

    /// Continues with the state from before a crash (lab 2C). Only the log's base is known to be
    /// committed then; the next leader says how much more is committed.
    pub fn resume(&mut self, ballot: Ballot, log: L) {
        self.election.resume(ballot);
        self.edit_log(|own| *own = log);
    }

    /// The election inside.
    pub fn election(&self) -> &Election {
        &self.election
    }

    /// The log inside.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// The entries through this index are known to be committed.
    pub fn commit_index(&self) -> Index {
        self.commit_index
    }

    /// The entries through this index were taken for the service.
    pub fn last_applied(&self) -> Index {
        self.last_applied
    }

    /// Lets an outer layer change the log. Everything through its new base counts as applied.
    pub fn edit_log<R>(&mut self, edit: impl FnOnce(&mut L) -> R) -> R {
        let result = edit(&mut self.log);
        let base = self.log.base().index;
        self.commit_index = self.commit_index.max(base);
        self.last_applied = self.last_applied.max(base);
        self.assert_invariants();
        result
    }

    /// Handles the arrival of an outer layer's message from the leader of `term`. False if this server
    /// knows a newer term.
    pub fn hear_leader(&mut self, term: Term, now: Instant) -> bool {
        self.election.hear_leader(term, now)
    }

    /// The index through which `follower` is known to agree, from the last term that this server led.
    pub fn match_index(&self, follower: PeerId) -> Index {
        self.progress.get(follower).map_or(0, Progress::match_index)
    }

    /// Whether this server leads, and its log no longer holds the entries that `follower` needs next.
    pub fn needs_snapshot(&self, follower: PeerId) -> bool {
        self.election.is_leader() && self.progress[follower].next_index() <= self.log.base().index
    }

    /// Starts a term as leader. Forgets what this server knew about the followers from an earlier
    /// term, since others may have led meanwhile, and sends each follower a first request.
    fn become_leader(&mut self, outbox: &mut Outbox) {
        // BEGIN 2B Figure 2, volatile state on leaders: a fresh Progress for each server, then the first round
        self.progress = vec![Progress::new(self.log.last().index); self.election.cluster_size()];
        self.append_to_all(outbox);
        // END
    }

    fn append_to_all(&mut self, outbox: &mut Outbox) {
        for follower in self.election.others() {
            self.append_to(follower, outbox);
        }
    }

    /// Sends a follower the entries that it needs next, up to [`APPEND_BYTES_MAX`].
    ///
    /// If the log no longer goes back that far, the request has no entries and starts at the log's
    /// base: the follower hears from its leader, and its answer says whether it holds the base.
    fn append_to(&mut self, follower: PeerId, outbox: &mut Outbox) {
        // BEGIN 2B Figure 2, Leaders: the log's suffix from next_index on, limited by fit, and note_sent
        let next_index = self.progress[follower].next_index();
        let at_base = Suffix { prev: self.log.base(), entries: &[] };
        let Suffix { prev, entries } = log::fit(self.log.suffix(next_index).unwrap_or(at_base), APPEND_BYTES_MAX);
        self.progress[follower].note_sent(prev.index + entries.len() as Index);
        outbox.send(
            follower,
            RaftRequest::AppendEntries(AppendEntries {
                term: self.election.ballot().term,
                leader: self.election.me(),
                prev,
                entries: entries.to_vec(),
                leader_commit: self.commit_index,
            }),
        );
        // END
    }

    /// Handles a leader's entries. They are taken if this log holds the position before them. Only
    /// then does the request say anything about what is committed, and only as far as its own
    /// entries go: entries beyond them may come from another leader.
    fn append_entries(&mut self, request: AppendEntries, now: Instant) -> AppendOutcome {
        // BEGIN 2B Figure 2, AppendEntries rules 1 to 5: refuse an old term, splice, then learn what is committed
        if !self.election.hear_leader(request.term, now) {
            return AppendOutcome::StaleTerm; // rule 1
        }
        let last_new = request.prev.index + request.entries.len() as Index;
        if let Err(conflict) = self.log.splice(request.prev, request.entries) {
            return AppendOutcome::RetryFrom(conflict.retry_from); // rule 2
        }
        self.commit_index = self.commit_index.max(request.leader_commit.min(last_new)); // rule 5
        AppendOutcome::Through(last_new)
        // END
    }

    /// Handles a follower's answer. It matters only to the leader of the same term; any other server
    /// takes at most a newer term from it. If the follower lacks more entries, they are sent at once,
    /// unless a request is still on its way.
    fn handle_append_reply(&mut self, follower: PeerId, reply: &AppendEntriesReply, outbox: &mut Outbox) {
        // BEGIN 2B Figure 2, Leaders: observe the term, then agree and advance, or back up; and go on sending
        self.election.observe_term(reply.term);
        if !self.election.is_leader() || reply.term < self.election.ballot().term {
            return;
        }
        let last = self.log.last().index;
        let progress = &mut self.progress[follower];
        let is_next_due = match reply.outcome {
            AppendOutcome::Through(through) => {
                assert!(through <= last, "server {follower} agreed through {through} to a log that ends at {last}");
                progress.agree(through);
                progress.is_idle() && progress.next_index() <= last
            }
            AppendOutcome::RetryFrom(index) => progress.back_up(index),
            AppendOutcome::StaleTerm => false,
        };
        self.advance_commit();
        if is_next_due {
            self.append_to(follower, outbox);
        }
        // END
    }

    /// A leader's entry is committed once a majority holds it, this server included, and so are all
    /// entries before it. Copies of an older term's entry are not enough, since a later leader may
    /// still replace it: only entries of the leader's own term are counted.
    fn advance_commit(&mut self) {
        // BEGIN 2B §5.3 and §5.4.2: the highest index that a majority holds, if its entry is of this term
        let mut held: Vec<Index> =
            self.election.others().map(|follower| self.progress[follower].match_index()).collect();
        held.push(self.log.last().index);
        held.sort_unstable_by(|a, b| b.cmp(a));
        let by_majority = held[self.election.majority() - 1];
        let is_of_this_term = self.log.get(by_majority).is_some_and(|entry| entry.term == self.election.ballot().term);
        if is_of_this_term {
            self.commit_index = self.commit_index.max(by_majority);
        }
        // END
    }

    fn assert_invariants(&self) {
        let (base, last) = (self.log.base().index, self.log.last().index);
        let (applied, committed) = (self.last_applied, self.commit_index);
        assert!(
            base <= applied && applied <= committed && committed <= last,
            "server {}: base {base} <= applied {applied} <= committed {committed} <= last {last} does not hold",
            self.election.me(),
        );
    }
}

impl<L: RaftLog> Protocol for Replica<L> {
    fn tick(&mut self, now: Instant, outbox: &mut Outbox) {
        // BEGIN 2B §5.2 and §5.3: act on each TickOutcome; a heartbeat repeats what is unanswered; assert_invariants
        self.assert_invariants();
        match self.election.tick(self.log.last(), now) {
            TickOutcome::NotDue => {}
            TickOutcome::Campaign(request) => {
                for server in self.election.others() {
                    outbox.send(server, RaftRequest::RequestVote(request.clone()));
                }
            }
            TickOutcome::Elected => self.become_leader(outbox),
            TickOutcome::Heartbeat => self.append_to_all(outbox),
        }
        // END
    }

    fn handle_request(&mut self, request: RaftRequest, now: Instant) -> RaftReply {
        match request {
            RaftRequest::RequestVote(request) => {
                RaftReply::RequestVote(self.election.request_vote(&request, self.log.last(), now))
            }
            RaftRequest::AppendEntries(request) => {
                let outcome = self.append_entries(request, now);
                RaftReply::AppendEntries(AppendEntriesReply { term: self.election.ballot().term, outcome })
            }
            RaftRequest::InstallSnapshot(_) => panic!("a replica alone sends no snapshots; lab 2D adds them"),
        }
    }

    fn handle_reply(&mut self, from: PeerId, reply: RaftReply, now: Instant, outbox: &mut Outbox) {
        match reply {
            RaftReply::RequestVote(reply) => {
                if self.election.count_vote(from, &reply, now) {
                    self.become_leader(outbox);
                }
            }
            RaftReply::AppendEntries(reply) => self.handle_append_reply(from, &reply, outbox),
        }
    }

    fn due(&self) -> Instant {
        self.election.due()
    }

    fn has_committed(&self) -> bool {
        self.commit_index > self.last_applied
    }

    fn status(&self) -> Status {
        self.election.status()
    }

    fn summary(&self) -> Summary {
        let (base, last) = (self.log.base(), self.log.last());
        let (commit_index, last_applied) = (self.commit_index, self.last_applied);
        Summary { base, last, commit_index, last_applied, ..self.election.summary() }
    }
}

impl<L: RaftLog> Replication for Replica<L> {
    /// Appends the command to the leader's log without waiting for the network. Sends it at once to
    /// each follower that has no request on its way; the others get it with their next request.
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox) -> Result<LogPosition, NotLeader> {
        // BEGIN 2B Figure 2, Leaders: only as the leader: append, send to idle followers; a cluster of one commits here
        if !self.election.is_leader() {
            return Err(NotLeader);
        }
        let at = self.log.push(Entry { term: self.election.ballot().term, command });
        for follower in self.election.others() {
            if self.progress[follower].is_idle() {
                self.append_to(follower, outbox);
            }
        }
        self.advance_commit();
        Ok(at)
        // END
    }

    fn take_committed(&mut self) -> Vec<ApplyMsg> {
        // BEGIN 2B Figure 2, All Servers: each entry above last_applied through commit_index, once, with its position
        let committed = self.last_applied + 1..=self.commit_index;
        self.last_applied = self.commit_index;
        committed
            .map(|index| {
                let entry = self.log.get(index).expect("an entry that is committed and not yet applied is in the log");
                ApplyMsg::Command { at: LogPosition { term: entry.term, index }, command: entry.command.clone() }
            })
            .collect()
        // END
    }
}
