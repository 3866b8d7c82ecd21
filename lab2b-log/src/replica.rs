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

    /// Starts a term as leader. What this server knew about its followers from an earlier term counts for
    /// nothing, since others may have led meanwhile. Each follower hears from it at once.
    fn become_leader(&mut self, outbox: &mut Outbox) {
        // BEGIN 2B Figure 2, volatile state on leaders
        // HINT "Reinitialized after election": what does a new leader know, and what does it guess?
        // HINT One `Progress` for each server, this one included, with the end of the log; then append_to_all.
        self.progress = vec![Progress::new(self.log.last().index); self.election.cluster_size()];
        self.append_to_all(outbox);
        // END
    }

    fn append_to_all(&mut self, outbox: &mut Outbox) {
        for follower in self.election.others() {
            self.append_to(follower, outbox);
        }
    }

    /// Sends a follower the entries that it needs next, up to [`APPEND_BYTES_MAX`], and notes that the request is
    /// on its way. It may have no entries: it is a heartbeat then.
    ///
    /// If the log no longer goes back far enough (lab 2D), the request has no entries and starts at the log's
    /// base: the follower hears from its leader, and its answer says whether it holds the base.
    fn append_to(&mut self, follower: PeerId, outbox: &mut Outbox) {
        // BEGIN 2B Figure 2, Rules for Servers, Leaders rule 3
        // HINT Each field of the request is something that this server knows. Which of them depend on the follower?
        // HINT `suffix` gives entries and the position before them together; it fails only if the log begins later.
        // HINT Limit it by `log::fit`. `note_sent` gets the request's last index: that of `prev` if it has no entries.
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

    /// Handles a leader's entries, and says how that went: an older term; where to retry from; or through which
    /// index this log is now known to agree with the leader's.
    ///
    /// What is known to be committed never falls, and never covers an entry that may not be the leader's.
    fn append_entries(&mut self, request: AppendEntries, now: Instant) -> AppendOutcome {
        // BEGIN 2B Figure 2, AppendEntries RPC rules 1 to 5
        // HINT How much of this log does the request vouch for? Its end may be far behind the end of this log.
        // HINT Rule 1 is the election's `hear_leader`, rules 2 to 4 are the log's `splice`.
        // HINT Rule 5: "index of last new entry" is where the request ends, and not where this log ends.
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

    /// Handles a follower's answer, which may be late or doubled, or of an older term than this server leads now.
    ///
    /// Afterwards everything is committed that may be. If the follower lacks more entries, and no request is on
    /// its way that could bring them, the next one leaves at once.
    fn handle_append_reply(&mut self, follower: PeerId, reply: &AppendEntriesReply, outbox: &mut Outbox) {
        // BEGIN 2B Figure 2, Rules for Servers, Leaders rules 3 and 4
        // HINT To whom does the answer matter at all, and what can every server learn from it?
        // HINT Agreed: more is due if it is idle and lacks entries. Refused: the next is due if the guess moved.
        // HINT Observe the term; return unless you lead it; `agree` or `back_up`; advance_commit; then append_to.
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

    /// Raises the commit index of a leader as far as Figure 2 allows, and never lowers it: to an entry that a
    /// majority holds, this server included, and that no later leader can replace (§5.4.2).
    fn advance_commit(&mut self) {
        // BEGIN 2B Figure 2, Rules for Servers, Leaders rule 4; §5.4.2
        // HINT Look at Figure 8 (c): what does the majority hold there, and why is it not committed?
        // HINT Through which index does each server hold the log? This one holds all of its own.
        // HINT Sort them, high to low: a majority holds the log through number `majority() - 1`. Check its term.
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
        // BEGIN 2B §5.2 and §5.3
        // HINT What does each outcome ask for? None of them needs a message that this file does not send already.
        // HINT A heartbeat is an ordinary request to everybody: so it repeats what was lost.
        // HINT Assert the invariants first. The election gets the position at which this log ends.
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
    /// Puts a command into the leader's log, and returns its position without waiting for the network. Each
    /// follower without a request on its way is sent the command at once, the others with their next request.
    /// Any other server than the leader changes nothing.
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox) -> Result<LogPosition, NotLeader> {
        // BEGIN 2B Figure 2, Rules for Servers, Leaders rule 2
        // HINT Which term does the new entry have, and how do you know that a follower has no request on its way?
        // HINT What if there is no follower whose answer could ever commit the entry?
        // HINT NotLeader; push; append_to those that are idle; advance_commit; the position.
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
        // BEGIN 2B Figure 2, Rules for Servers, All Servers rule 1
        // HINT Which entries has the service not received, although they are committed?
        // HINT What is taken counts as applied from now on: the same entries are not taken twice.
        // HINT A message for each index after `last_applied` through `commit_index`, with its own index and term.
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
