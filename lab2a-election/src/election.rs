//! Terms, votes and timeouts, without threads and without a log.

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{LogPosition, PeerId, Term};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::message::{Heartbeat, RequestVote, RequestVoteReply};
use crate::timing::Timing;

/// All that an election must remember over a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// The latest term that this server knows of.
    pub term: Term,
    /// Whom it voted for in that term.
    pub voted_for: Option<PeerId>,
}

#[derive(Clone, Debug)]
enum Role {
    Follower,
    /// A set, because a vote may arrive twice.
    Candidate {
        votes: BTreeSet<PeerId>,
    },
    Leader,
}

/// What a tick asks of the layer around the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nothing is due.
    Sleep,
    /// Ask every other server for its vote.
    Campaign(RequestVote),
    /// This server alone is a majority, and leads.
    Elected,
    /// Let every other server hear from its leader.
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
    /// Since when nothing has spoken against the next campaign; a leader's latest heartbeat.
    quiet_since: Instant,
    /// How much quiet starts a campaign, this time.
    election_timeout: Duration,
}

impl Election {
    /// A follower in term 0 that hears silence from `now` on.
    ///
    /// `seed` decides all of its timeouts, so that a run can be repeated. Servers must not share
    /// one, or they would all campaign at the same moments.
    ///
    /// # Panics
    ///
    /// When `me` is not a server of the cluster, or `timing` lets no heartbeat come in time.
    pub fn new(me: PeerId, cluster_size: usize, timing: Timing, seed: u64, now: Instant) -> Election {
        assert!(me < cluster_size, "there is no server {me} among {cluster_size}, which are counted from 0");
        timing.assert_sound();
        let mut election = Election {
            me,
            cluster_size,
            timing,
            rng: SmallRng::seed_from_u64(seed),
            ballot: Ballot::default(),
            role: Role::Follower,
            quiet_since: now,
            election_timeout: timing.election_timeout_max,
        };
        election.restart_timer(now);
        election
    }

    /// Takes up, as a follower, where a crash left off (lab 2C).
    pub fn resume(&mut self, ballot: Ballot) {
        self.ballot = ballot;
        self.role = Role::Follower;
    }

    /// What must be remembered over a crash.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// This server.
    pub fn me(&self) -> PeerId {
        self.me
    }

    /// How many servers there are, this one included.
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

    /// The header of every message that this server sends as a leader.
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat { term: self.ballot.term, leader: self.me }
    }

    /// How many servers decide: more than half of all, so that any two majorities share one.
    pub fn majority(&self) -> usize {
        // BEGIN 2A §5.2 majority: clusters of one and of an even size count as well
        self.cluster_size / 2 + 1
        // END
    }

    /// When [`tick`](Election::tick) next has something to do.
    ///
    /// A deposed leader waits like everyone else: its last heartbeat was the last word it heard
    /// from a leader.
    pub fn due(&self) -> Instant {
        let pause = if self.is_leader() { self.timing.heartbeat_interval } else { self.election_timeout };
        self.quiet_since + pause
    }

    /// Acts on the clock: a leader is to send heartbeats, any other server to campaign, if that
    /// is due. `last_log` is where the caller's log ends.
    ///
    /// What was due when the caller woke up may no longer be due now.
    pub fn tick(&mut self, last_log: LogPosition, now: Instant) -> Wake {
        // BEGIN 2A Figure 2, Rules for Servers: assert_invariants, look at due() again, then act by role
        self.assert_invariants();
        if now < self.due() {
            return Wake::Sleep; // Something moved the deadline while the ticker was waking.
        }
        if self.is_leader() {
            self.quiet_since = now;
            return Wake::Heartbeat;
        }
        self.campaign(last_log, now)
        // END
    }

    /// Stands for election: in a term of its own, with its own vote, and with a new timeout in
    /// case that nobody wins. A cluster of one is won at once.
    fn campaign(&mut self, last_log: LogPosition, now: Instant) -> Wake {
        // BEGIN 2A Figure 2, Candidates: the next term, a vote for yourself, a new timer, a question to all others
        self.ballot = Ballot { term: self.ballot.term + 1, voted_for: Some(self.me) };
        self.role = Role::Candidate { votes: BTreeSet::from([self.me]) };
        self.restart_timer(now);
        log::debug!("server {} campaigns in term {}", self.me, self.ballot.term);
        if self.majority() == 1 {
            self.lead(now);
            return Wake::Elected;
        }
        Wake::Campaign(RequestVote { term: self.ballot.term, candidate: self.me, last_log })
        // END
    }

    /// Becomes the leader. The caller lets every other server know at once, so the next
    /// heartbeat is a whole interval away.
    fn lead(&mut self, now: Instant) {
        // BEGIN 2A §5.2: change the role, and count the interval from now
        self.role = Role::Leader;
        self.quiet_since = now;
        log::debug!("server {} leads term {}", self.me, self.ballot.term);
        // END
    }

    /// Begins a new wait for a leader's word, of a new length: servers whose timeouts once
    /// collided should not collide for ever.
    fn restart_timer(&mut self, now: Instant) {
        // BEGIN 2A §5.2 randomized timeouts: draw from self.rng, between the two bounds of self.timing
        let Timing { election_timeout_min, election_timeout_max, .. } = self.timing;
        self.election_timeout = self.rng.random_range(election_timeout_min..=election_timeout_max);
        self.quiet_since = now;
        // END
    }

    /// Every message names its sender's term. A newer one than ours, in a request or in a reply,
    /// ends whatever this server was doing in its older term, and the vote that it cast there.
    ///
    /// An equal or older term changes nothing: above all it gives nobody a second vote.
    pub fn observe_term(&mut self, term: Term) {
        // BEGIN 2A Figure 2, All Servers: a newer term makes a follower that has voted for nobody
        if term > self.ballot.term {
            self.ballot = Ballot { term, voted_for: None };
            self.role = Role::Follower;
        }
        // END
    }

    /// A candidate asks for this server's vote. It gets it if its term is the present one, if
    /// the vote is still free or already the candidate's, and if its log is at least as up to
    /// date as ours, which ends at `last_log`.
    ///
    /// Only a vote that is granted restarts the timer: a candidate that cannot win must not keep
    /// those quiet who can.
    pub fn request_vote(&mut self, request: &RequestVote, last_log: LogPosition, now: Instant) -> RequestVoteReply {
        // BEGIN 2A Figure 2, RequestVote rules 1 and 2: observe the term, then three conditions
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

    /// Takes in the answer to a [`RequestVote`]. True if it is the vote that wins: the caller
    /// then lets every other server know at once.
    ///
    /// The answer may be to an earlier campaign, may come twice, or after the election is won.
    pub fn count_vote(&mut self, from: PeerId, reply: &RequestVoteReply, now: Instant) -> bool {
        // BEGIN 2A Figure 2, Candidates: count distinct voters, of this term only, while a candidate
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

    /// A leader speaks. False if its term is over: its message is then to be refused.
    ///
    /// Any other leader is obeyed, by a candidate too, and restarts the timer, whatever else
    /// comes of its message.
    ///
    /// # Panics
    ///
    /// When this server leads the same term: the promise of all elections is then broken.
    pub fn hear_leader(&mut self, heartbeat: &Heartbeat, now: Instant) -> bool {
        // BEGIN 2A Figure 2, AppendEntries rule 1 and Candidates: refuse an older term, follow any other
        self.observe_term(heartbeat.term);
        if heartbeat.term < self.ballot.term {
            return false;
        }
        assert!(!self.is_leader(), "server {} leads too, and now hears {heartbeat:?}", self.me);
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
        assert!(is_follower || ballot.voted_for == Some(*me), "server {me} votes against itself: {role:?}, {ballot:?}");
    }
}
