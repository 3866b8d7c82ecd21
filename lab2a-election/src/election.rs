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
        // BEGIN 2A §5.2, majority
        // HINT What is more than half of three servers? Of four? Of one?
        // HINT Round down before you add, and never round up.
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

    /// Acts on the clock: whenever [`due`](Election::due) has come, a leader sends heartbeats, and any other
    /// server campaigns. `last_log` is where the caller's log ends. The invariants hold at its beginning.
    ///
    /// The caller may come too early: the timer may have been restarted while it was waking up. Then nothing
    /// happens.
    pub fn tick(&mut self, last_log: LogPosition, now: Instant) -> TickOutcome {
        // BEGIN 2A Figure 2, Rules for Servers
        // HINT What may have happened between the moment for which the ticker was set and the moment in which it runs?
        // HINT Assert the invariants; do nothing before `due`; what is due depends on the role.
        // HINT A heartbeat counts from now: note it in `timer_started`, or the next tick is due at once.
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

    /// Starts an election, and says what is to be sent: the server is a candidate in the next term, or, if it is
    /// alone in its cluster, the leader of it. If nobody wins, it campaigns again after a timeout.
    fn campaign(&mut self, last_log: LogPosition, now: Instant) -> TickOutcome {
        // BEGIN 2A Figure 2, Candidates
        // HINT Four things happen when an election starts: Figure 2 lists them. What is written down of each?
        // HINT A candidate is the first to vote for itself: in its ballot, and among the votes that it has.
        // HINT When is one vote a majority? Then nobody is asked.
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

    /// Becomes the leader. The caller sends the first heartbeat at once: the next one is due a heartbeat interval
    /// after `now`.
    fn lead(&mut self, now: Instant) {
        // BEGIN 2A §5.2
        // HINT Two fields of the election say everything about it. Which?
        // HINT `due` counts a leader's interval from `timer_started`.
        self.role = Role::Leader;
        self.timer_started = now;
        // END
    }

    /// Restarts the election timer at `now`. Servers whose timeouts collided once do not collide again: each
    /// timeout is a new random one, within the bounds of `timing`.
    fn restart_timer(&mut self, now: Instant) {
        // BEGIN 2A §5.2, randomized timeouts
        // HINT How long does the next wait take, and when did it begin?
        // HINT Draw from `self.rng` and no other source: a run must be repeatable. Both bounds belong to the range.
        let Timing { election_timeout_min, election_timeout_max, .. } = self.timing;
        self.election_timeout = self.rng.random_range(election_timeout_min..=election_timeout_max);
        self.timer_started = now;
        // END
    }

    /// Learns of a term, from a request or a reply. After it, this server's term is at least as new. In a term
    /// that is new to it, it has no role yet but that of a follower, and nobody has its vote.
    ///
    /// A term that is not newer changes nothing.
    pub fn observe_term(&mut self, term: Term) {
        // BEGIN 2A Figure 2, Rules for Servers, All Servers
        // HINT What does a server know of a term in which it has done nothing yet?
        // HINT What would go wrong if the vote were forgotten although the term stays the same?
        // HINT Compare first. The ballot is term and vote together; the election timer is not touched.
        if term > self.ballot.term {
            self.ballot = Ballot { term, voted_for: None };
            self.role = Role::Follower;
        }
        // END
    }

    /// A candidate asks for this server's vote, and gets an answer with this server's term. Our own log ends at
    /// `last_log`.
    ///
    /// Within a term, at most one candidate gets the vote, as often as it asks, and none whose log could lack
    /// what is committed (§5.4.1). A candidate that does not get it never keeps this server from campaigning.
    pub fn request_vote(&mut self, request: &RequestVote, last_log: LogPosition, now: Instant) -> RequestVoteReply {
        // BEGIN 2A Figure 2, RequestVote RPC, receiver implementation
        // HINT What does the request tell you before you have looked at any condition?
        // HINT Three conditions: about the term, the vote, and the two logs. A request's second copy is granted, too.
        // HINT Observe the term first. Positions compare as §5.4.1 wants: `last_log` of the request with our own.
        // HINT Only a granted vote restarts the timer.
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

    /// Handles the answer to a [`RequestVote`]. True if this vote wins the election: this server leads then, and
    /// the caller sends the first heartbeat at once.
    ///
    /// The answer may belong to an earlier campaign, may come twice, may come after the election is won or lost,
    /// or may bring a newer term.
    pub fn count_vote(&mut self, from: PeerId, reply: &RequestVoteReply, now: Instant) -> bool {
        // BEGIN 2A Figure 2, Rules for Servers, Candidates
        // HINT Whose vote is it, in which term was it given, and what is this server now? One answer may fail at each.
        // HINT A newer term comes before everything else. An answer of an older term is about an earlier campaign.
        // HINT The votes are a set of servers: the same server counts once. With a majority of them, lead.
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
    /// Otherwise this server is a follower in the leader's term, and gives it a whole election timeout from now.
    ///
    /// # Panics
    ///
    /// When this server leads the same term: Election Safety (§5.2) is broken.
    pub fn hear_leader(&mut self, term: Term, now: Instant) -> bool {
        // BEGIN 2A Figure 2, AppendEntries RPC rule 1, and Candidates
        // HINT There is at most one leader in a term. What does that mean for a candidate that hears from one?
        // HINT After the term is observed, it is either this server's own or an older one.
        // HINT Observe; refuse what is older; assert that you do not lead; follow; restart the timer.
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
