//! Terms, votes and timeouts, without threads and without a log.

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Ballot, LogPosition, PeerId, RequestVote, RequestVoteReply, Term, Timing};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::timing;

#[derive(Clone, Debug)]
enum Role {
    Follower,
    /// The servers that voted for this one. A set, because a vote may arrive twice.
    Candidate {
        votes: BTreeSet<PeerId>,
    },
    Leader,
}

/// What the layer around the election has to do after a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TickOutcome {
    /// Nothing: it is too early.
    NotDue,
    /// Ask every other server for its vote.
    Campaign(RequestVote),
    /// Send the first heartbeat: this server alone is a majority, and leads now.
    Elected,
    /// Send a heartbeat to every other server.
    Heartbeat,
}

/// One server's part in elections.
///
/// # Invariants
///
/// - The term never falls, and within one term the vote never changes once it is cast.
/// - A candidate or leader has voted for itself in its term.
/// - A candidate has fewer votes than a majority: with the last one it leads.
#[derive(Clone, Debug)]
pub struct Election {
    me: PeerId,
    cluster_size: usize,
    timing: Timing,
    rng: SmallRng,
    ballot: Ballot,
    role: Role,
    /// When the election timer was last restarted. On a leader: when it sent its latest heartbeat.
    timer_started: Instant,
    /// This long after `timer_started`, a server that does not lead campaigns.
    election_timeout: Duration,
}

impl Election {
    /// A follower in term 0 whose election timer starts at `now`.
    ///
    /// `seed` decides all of its timeouts, so that a run can be repeated. Servers must not share
    /// a seed, or they would all campaign at the same moments.
    ///
    /// # Panics
    ///
    /// When `me` is not a server of the cluster, or when `timing` is not sound: the heartbeat
    /// interval must be shorter than every election timeout, and the two bounds in order.
    pub fn new(me: PeerId, cluster_size: usize, timing: Timing, seed: u64, now: Instant) -> Election {
        assert!(
            me < cluster_size,
            "server {me} is not in a cluster of {cluster_size} servers, which are counted from 0"
        );
        timing::assert_sound(&timing);
        let mut election = Election {
            me,
            cluster_size,
            timing,
            rng: SmallRng::seed_from_u64(seed),
            ballot: Ballot::default(),
            role: Role::Follower,
            timer_started: now,
            election_timeout: timing.election_timeout_max,
        };
        election.restart_timer(now);
        election
    }

    /// Continues as a follower with the term and vote from before a crash (lab 2C).
    pub fn resume(&mut self, ballot: Ballot) {
        self.ballot = ballot;
        self.role = Role::Follower;
    }

    /// The current term and vote, which must survive a crash.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// This server's number.
    pub fn me(&self) -> PeerId {
        self.me
    }

    /// The number of servers, this one included.
    pub fn cluster_size(&self) -> usize {
        self.cluster_size
    }

    /// Every other server.
    pub fn others(&self) -> impl Iterator<Item = PeerId> + use<> {
        let me = self.me;
        (0..self.cluster_size).filter(move |&server| server != me)
    }

    /// Whether this server believes that it leads its term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader)
    }

    /// The size of a majority: more than half of all servers, so that any two majorities share a server.
    pub fn majority(&self) -> usize {
        // BEGIN 2A §5.2 majority: clusters of one and of an even size count as well
        self.cluster_size / 2 + 1
        // END
    }

    /// When [`tick`](Election::tick) next has something to do.
    ///
    /// A leader that stepped down campaigns one election timeout after its own last heartbeat.
    pub fn due(&self) -> Instant {
        let pause = if self.is_leader() { self.timing.heartbeat_interval } else { self.election_timeout };
        self.timer_started + pause
    }

    /// Acts on the clock, if anything is due: a leader sends heartbeats, any other server campaigns.
    /// `last_log` is where the caller's log ends.
    ///
    /// Checks [`due`](Election::due) again, because the timer may have been restarted while the caller
    /// was waking up.
    pub fn tick(&mut self, last_log: LogPosition, now: Instant) -> TickOutcome {
        // BEGIN 2A Figure 2, Rules for Servers: assert_invariants, look at due() again, then act by role
        self.assert_invariants();
        if now < self.due() {
            return TickOutcome::NotDue; // Something moved the deadline while the ticker was waking.
        }
        if self.is_leader() {
            self.timer_started = now;
            return TickOutcome::Heartbeat;
        }
        self.campaign(last_log, now)
        // END
    }

    /// Starts an election: in a new term, with its own vote, and with a new timeout in case
    /// nobody wins. A server that is alone in its cluster wins at once.
    fn campaign(&mut self, last_log: LogPosition, now: Instant) -> TickOutcome {
        // BEGIN 2A Figure 2, Candidates: the next term, your own vote, a new timer, a RequestVote; alone, lead at once
        self.ballot = Ballot { term: self.ballot.term + 1, voted_for: Some(self.me) };
        self.role = Role::Candidate { votes: BTreeSet::from([self.me]) };
        self.restart_timer(now);
        if self.majority() == 1 {
            self.lead(now);
            return TickOutcome::Elected;
        }
        TickOutcome::Campaign(RequestVote { term: self.ballot.term, candidate: self.me, last_log })
        // END
    }

    /// Becomes the leader. The caller sends the first heartbeat at once, so the next one is due
    /// after a whole interval.
    fn lead(&mut self, now: Instant) {
        // BEGIN 2A §5.2: change the role, and count the interval from now
        self.role = Role::Leader;
        self.timer_started = now;
        // END
    }

    /// Restarts the election timer with a new random timeout, so that servers whose timeouts
    /// collided once do not collide again.
    fn restart_timer(&mut self, now: Instant) {
        // BEGIN 2A §5.2 randomized timeouts: draw from self.rng, between the bounds of self.timing; count from now
        let Timing { election_timeout_min, election_timeout_max, .. } = self.timing;
        self.election_timeout = self.rng.random_range(election_timeout_min..=election_timeout_max);
        self.timer_started = now;
        // END
    }

    /// Takes over a newer term, from a request or a reply: the server becomes a follower that has
    /// not voted.
    ///
    /// An equal or older term changes nothing. In particular, the server may not vote again.
    pub fn observe_term(&mut self, term: Term) {
        // BEGIN 2A Figure 2, All Servers: a newer term makes a follower that has voted for nobody
        if term > self.ballot.term {
            self.ballot = Ballot { term, voted_for: None };
            self.role = Role::Follower;
        }
        // END
    }

    /// A candidate asks for this server's vote. It gets the vote if its term is current, if
    /// the vote is still free or already the candidate's, and if its log is at least as up to
    /// date as ours, which ends at `last_log`.
    ///
    /// Only a granted vote restarts the timer. Otherwise a candidate that cannot win would keep
    /// the others from campaigning.
    pub fn request_vote(&mut self, request: &RequestVote, last_log: LogPosition, now: Instant) -> RequestVoteReply {
        // BEGIN 2A Figure 2, RequestVote rules 1 and 2: observe the term; three conditions; a vote restarts the timer
        self.observe_term(request.term);
        let is_current = request.term == self.ballot.term;
        let is_free = self.ballot.voted_for.is_none_or(|candidate| candidate == request.candidate);
        let is_up_to_date = request.last_log >= last_log; // §5.4.1
        let granted = is_current && is_free && is_up_to_date;
        if granted {
            self.ballot.voted_for = Some(request.candidate);
            self.restart_timer(now);
        }
        RequestVoteReply { term: self.ballot.term, granted }
        // END
    }

    /// Handles the answer to a [`RequestVote`]. True if this vote wins the election: the caller
    /// then sends the first heartbeat at once.
    ///
    /// The answer may belong to an earlier campaign, may come twice, or may come after the election
    /// is won.
    pub fn count_vote(&mut self, from: PeerId, reply: &RequestVoteReply, now: Instant) -> bool {
        // BEGIN 2A Figure 2, Candidates: observe the term; count distinct voters, of this term only, as a candidate
        self.observe_term(reply.term);
        if !reply.granted || reply.term < self.ballot.term {
            return false;
        }
        let majority = self.majority();
        let Role::Candidate { votes } = &mut self.role else {
            return false; // Won or lost already.
        };
        votes.insert(from);
        if votes.len() < majority {
            return false;
        }
        self.lead(now);
        true
        // END
    }

    /// Handles the arrival of a message from the leader of `term`. False if this server knows a newer
    /// term: the caller then refuses the message.
    ///
    /// Otherwise the server follows that leader, even if it was a candidate, and restarts its
    /// timer, no matter whether the message's entries fit.
    ///
    /// # Panics
    ///
    /// When this server leads the same term: Election Safety (§5.2) is broken.
    pub fn hear_leader(&mut self, term: Term, now: Instant) -> bool {
        // BEGIN 2A Figure 2, AppendEntries rule 1: observe the term; refuse an older one; follow, and restart the timer
        self.observe_term(term);
        if term < self.ballot.term {
            return false;
        }
        assert!(!self.is_leader(), "server {} leads term {term}, and so does another server", self.me);
        self.role = Role::Follower;
        self.restart_timer(now);
        true
        // END
    }

    fn assert_invariants(&self) {
        let Election { me, ballot, role, .. } = self;
        if let Role::Candidate { votes } = role {
            assert!(votes.len() < self.majority(), "server {me} has won but does not lead: {votes:?}, {ballot:?}");
        }
        let is_follower = matches!(role, Role::Follower);
        assert!(
            is_follower || ballot.voted_for == Some(*me),
            "server {me} is {role:?} without its own vote: {ballot:?}"
        );
    }
}
