//! Replication and commitment, around lab 2A's election.

use lab2a_election::{Ballot, Election, Heartbeat, Wake};
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, NotLeader, Outbox, PeerId, Protocol, Standing};

use crate::log::{Entry, RaftLog, Suffix};
use crate::message::{AppendEntries, AppendEntriesReply, Appended, Reply, Request};
use crate::progress::Progress;

/// One request carries no more entries than this, but always one.
///
/// Enough for thousands of small commands in one round trip; little enough that a follower far
/// behind, whose request is lost, costs no more than this to send again.
pub const APPEND_BYTES_MAX: usize = 64 << 10;

/// A protocol that agrees on commands.
pub trait Replication: Protocol {
    /// Takes a command in, and says where it will stand if it is ever committed.
    ///
    /// # Errors
    ///
    /// [`NotLeader`] when another server should be asked. Nothing has changed then.
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox<Self::Request>) -> Result<LogPosition, NotLeader>;

    /// Takes all that is newly committed, in order. Nothing is ever taken twice.
    fn take_ready(&mut self) -> Vec<ApplyMsg>;
}

/// One copy of the log.
///
/// # Invariants
///
/// - `log.base() <= last_applied <= commit_index <= log.last()`, as indices.
/// - None of the first three ever falls, and what is committed never changes.
#[derive(Clone, Debug)]
pub struct Replica<L: RaftLog> {
    election: Election,
    log: L,
    /// The log is known to be committed through here.
    commit_index: Index,
    /// The log was handed over through here.
    last_applied: Index,
    /// One for each server, this one's unused. Of this reign if the server leads, else of an old one.
    progress: Vec<Progress>,
}

impl<L: RaftLog> Replica<L> {
    /// An empty log around an election.
    pub fn new(election: Election) -> Self {
        let log = L::starting_after(LogPosition::ZERO);
        Replica { election, log, commit_index: 0, last_applied: 0, progress: Vec::new() }
    }

    /// Takes up where a crash left off (lab 2C). Nothing but the log's base is known to be
    /// committed then: how much more is, only a leader can tell.
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

    /// The log is known to be committed through here.
    pub fn commit_index(&self) -> Index {
        self.commit_index
    }

    /// The log was handed over through here.
    pub fn last_applied(&self) -> Index {
        self.last_applied
    }

    /// Lets an outer layer change the log. What lies before its new base counts as handed over.
    pub fn edit_log<R>(&mut self, edit: impl FnOnce(&mut L) -> R) -> R {
        let result = edit(&mut self.log);
        let base = self.log.base().index;
        self.commit_index = self.commit_index.max(base);
        self.last_applied = self.last_applied.max(base);
        self.assert_invariants();
        result
    }

    /// A leader speaks, in an outer layer's message. False if its term is over.
    pub fn hear_leader(&mut self, heartbeat: &Heartbeat, now: Instant) -> bool {
        self.election.hear_leader(heartbeat, now)
    }

    /// What `follower` is known to hold, as far as this server knew when it last led.
    pub fn match_index(&self, follower: PeerId) -> Index {
        self.progress.get(follower).map_or(0, Progress::match_index)
    }

    /// Whether this server leads, and no longer holds the entries that `follower` needs next.
    pub fn is_stranded(&self, follower: PeerId) -> bool {
        self.election.is_leader() && self.progress[follower].next_index() <= self.log.base().index
    }

    /// What a server does as soon as it is elected: it forgets what it knew of the followers in
    /// an earlier reign, since others have led meanwhile, and lets everyone hear from it.
    fn begin_reign(&mut self, outbox: &mut Outbox<Request>) {
        // BEGIN 2B Figure 2, volatile state on leaders: a fresh Progress for each server, then the first round
        self.progress = vec![Progress::new(self.log.last().index); self.election.cluster_size()];
        self.append_to_all(outbox);
        // END
    }

    fn append_to_all(&mut self, outbox: &mut Outbox<Request>) {
        for follower in self.election.others() {
            self.append_to(follower, outbox);
        }
    }

    /// Sends a follower what it needs next, as much as [`APPEND_BYTES_MAX`] allows.
    ///
    /// If the log no longer goes back that far, it sends no entries but the log's base: the
    /// follower hears from its leader, and its answer says whether it has got there by other means.
    fn append_to(&mut self, follower: PeerId, outbox: &mut Outbox<Request>) {
        // BEGIN 2B Figure 2, Leaders: the log's suffix from next_index on, not too much of it, and note_sent
        let next_index = self.progress[follower].next_index();
        let at_base = Suffix { prev: self.log.base(), entries: &[] };
        let Suffix { prev, entries } = self.log.suffix(next_index).unwrap_or(at_base).cut_to(APPEND_BYTES_MAX);
        self.progress[follower].note_sent(prev.index + entries.len() as Index);
        outbox.send(
            follower,
            Request::AppendEntries(AppendEntries {
                heartbeat: self.election.heartbeat(),
                prev,
                entries: entries.to_vec(),
                leader_commit: self.commit_index,
            }),
        );
        // END
    }

    /// A leader's entries come in. They are taken if this log holds the position before them;
    /// only then does the request say anything about what is committed, and only as far as its
    /// own entries go: what this log holds beyond them may be anybody's.
    fn append_entries(&mut self, request: AppendEntries, now: Instant) -> Appended {
        // BEGIN 2B Figure 2, AppendEntries rules 1 to 5: refuse an old term, splice, then learn what is committed
        if !self.election.hear_leader(&request.heartbeat, now) {
            return Appended::StaleTerm; // rule 1
        }
        let last_new = request.prev.index + request.entries.len() as Index;
        if let Err(conflict) = self.log.splice(request.prev, request.entries) {
            return Appended::RetryFrom(conflict.retry_from); // rule 2
        }
        self.commit_index = self.commit_index.max(request.leader_commit.min(last_new)); // rule 5
        Appended::Through(last_new)
        // END
    }

    /// A follower has answered. That is news only to the leader of the same term; to anyone else
    /// it says at most that its time is over. If the follower lacks more, it is sent at once,
    /// unless a request is still on its way.
    fn absorb_append(&mut self, follower: PeerId, reply: &AppendEntriesReply, outbox: &mut Outbox<Request>) {
        // BEGIN 2B Figure 2, Leaders: observe the term, then agree and advance, or back up; and go on sending
        self.election.observe_term(reply.term);
        if !self.election.is_leader() || reply.term < self.election.ballot().term {
            return;
        }
        let last = self.log.last().index;
        let progress = &mut self.progress[follower];
        let is_next_due = match reply.appended {
            Appended::Through(through) => {
                assert!(through <= last, "server {follower} agreed through {through} to a log that ends at {last}");
                progress.agree(through);
                progress.is_idle() && progress.next_index() <= last
            }
            Appended::RetryFrom(index) => progress.back_up(index),
            Appended::StaleTerm => false,
        };
        self.advance_commit();
        if is_next_due {
            self.append_to(follower, outbox);
        }
        // END
    }

    /// A leader's entry is committed once a majority holds it, this server included, and with it
    /// all before it. But copies prove nothing about an entry of an older term, which a later
    /// leader may still replace: only an entry of the leader's own term is ever counted.
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
    type Request = Request;
    type Reply = Reply;

    fn tick(&mut self, now: Instant, outbox: &mut Outbox<Request>) {
        // BEGIN 2B §5.2 and §5.3: act on the Wake; a heartbeat sends again what is unanswered
        self.assert_invariants();
        match self.election.tick(self.log.last(), now) {
            Wake::Sleep => {}
            Wake::Campaign(request) => {
                for server in self.election.others() {
                    outbox.send(server, Request::RequestVote(request.clone()));
                }
            }
            Wake::Elected => self.begin_reign(outbox),
            Wake::Heartbeat => self.append_to_all(outbox),
        }
        // END
    }

    fn handle(&mut self, request: Request, now: Instant) -> Reply {
        match request {
            Request::RequestVote(request) => {
                Reply::RequestVote(self.election.request_vote(&request, self.log.last(), now))
            }
            Request::AppendEntries(request) => {
                let appended = self.append_entries(request, now);
                Reply::AppendEntries(AppendEntriesReply { term: self.election.ballot().term, appended })
            }
        }
    }

    fn absorb(&mut self, from: PeerId, reply: Reply, now: Instant, outbox: &mut Outbox<Request>) {
        match reply {
            Reply::RequestVote(reply) => {
                if self.election.count_vote(from, &reply, now) {
                    self.begin_reign(outbox);
                }
            }
            Reply::AppendEntries(reply) => self.absorb_append(from, &reply, outbox),
        }
    }

    fn due(&self) -> Instant {
        self.election.due()
    }

    fn is_ready(&self) -> bool {
        self.commit_index > self.last_applied
    }

    fn standing(&self) -> Standing {
        self.election.standing()
    }
}

impl<L: RaftLog> Replication for Replica<L> {
    /// The leader's log takes the command at once, whatever the network does. Followers that wait
    /// for nothing are sent it at once; to the others it goes with the next request.
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox<Request>) -> Result<LogPosition, NotLeader> {
        // BEGIN 2B Figure 2, Leaders: append to the own log, send to the idle; a cluster of one commits here
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

    fn take_ready(&mut self) -> Vec<ApplyMsg> {
        // BEGIN 2B Figure 2, All Servers: every entry above last_applied through commit_index, with its position
        let ready = self.last_applied + 1..=self.commit_index;
        self.last_applied = self.commit_index;
        ready
            .map(|index| {
                let entry = self.log.get(index).expect("what is committed and not yet handed over is in the log");
                ApplyMsg::Command { at: LogPosition { term: entry.term, index }, command: entry.command.clone() }
            })
            .collect()
        // END
    }
}
