//! The scripted servers as models that talk to one another, and what they could send the real server.

use labrpc::{Bytes, InstallSnapshot, LogPosition, PeerId, RaftRequest, Term};

use super::model::ModelServer;
use super::plan::Bits;

/// All servers as models. The first one stands for the real server before it boots.
pub(super) struct Peers {
    pub(super) servers: Vec<ModelServer>,
    /// Whether servers take commands (from lab 2B on).
    pub(super) has_log: bool,
    /// Whether logs are cut (from lab 2D on).
    pub(super) has_snapshots: bool,
}

/// The sizes of large commands: of two of them, or of one, a request is full.
const LARGE_BYTES: [usize; 4] = [3_000, 40_000, 40_000, 65_500];
/// One of this many times a leader takes many commands at once, which look all the same.
const MANY_ONE_IN: u64 = 120;
const MANY: usize = 1_100;
/// One of this many requests carries all that follows.
const ALL_ONE_IN: u64 = 12;

const EMPTY_ONE_IN: u64 = 5;

/// Commands are any bytes.
const LETTERS: [u8; 3] = [b'a', b'\0', 0xff];

/// One of a few commands, or an empty one: the same command may be proposed again, in another term or right away.
fn command(bits: &mut Bits) -> Bytes {
    let letter = LETTERS[bits.below(3) as usize];
    let length = match bits.below(40) {
        0 => bits.pick(&LARGE_BYTES).expect("it is not empty"),
        1..4 => 0,
        _ => 1,
    };
    vec![letter; length].into()
}

/// The term of a campaign of a server in `term`, perhaps after campaigns that nobody has heard of.
fn campaign_term(term: Term, bits: &mut Bits) -> Term {
    let next = term + 1 + if bits.one_in(4) { bits.below(3) } else { 0 };
    bits.new_term(next)
}

/// How many entries a request carries at most.
fn entries_count(bits: &mut Bits) -> usize {
    let few = bits.between(0, 8) as usize;
    if bits.one_in(ALL_ONE_IN) { usize::MAX } else { few }
}

/// The state of a service that has applied the log through this position.
pub(super) fn state_at(through: LogPosition) -> Bytes {
    // A service whose state is empty has an empty snapshot.
    if (through.index + through.term).is_multiple_of(EMPTY_ONE_IN) {
        return Bytes::default();
    }
    format!("state at {}:{}", through.index, through.term).into_bytes().into()
}

impl Peers {
    pub(super) fn new(size: usize, has_log: bool, has_snapshots: bool) -> Peers {
        let servers = (0..size).map(|me| ModelServer::new(me, size)).collect();
        Peers { servers, has_log, has_snapshots }
    }

    /// Something random happens among all of these servers, without the others.
    pub(super) fn step(&mut self, among: &[PeerId], bits: &mut Bits) {
        match bits.below(100) {
            0..22 => self.campaign(among, bits),
            22..50 => self.propose(among, bits),
            50..86 => self.replicate(among, bits),
            86..94 => self.compact(among, bits),
            _ => {
                let server = bits.pick(among).expect("there are servers");
                self.servers[server].restart();
            }
        }
    }

    /// A server campaigns, perhaps after campaigns that nobody heard of. Some others hear of this one.
    fn campaign(&mut self, among: &[PeerId], bits: &mut Bits) {
        let candidate = bits.pick(among).expect("there are servers");
        if self.servers[candidate].is_leader() {
            return;
        }
        let term = campaign_term(self.servers[candidate].term(), bits);
        let request = RaftRequest::RequestVote(self.servers[candidate].campaign(term));
        for &voter in among {
            if voter != candidate && !bits.one_in(4) {
                self.ask(candidate, voter, &request, bits);
            }
        }
        self.begin_to_lead(candidate, bits);
    }

    /// A new leader mostly takes commands of its own before it sends anything.
    fn begin_to_lead(&mut self, leader: PeerId, bits: &mut Bits) {
        if self.servers[leader].is_leader() && self.has_log && !bits.one_in(4) {
            self.take_commands(leader, bits);
        }
    }

    fn take_commands(&mut self, leader: PeerId, bits: &mut Bits) {
        for _ in 0..bits.between(1, 3) {
            let command = command(bits);
            self.servers[leader].propose(command);
        }
        if bits.one_in(MANY_ONE_IN) {
            let command = Bytes::from("d");
            for _ in 0..MANY {
                self.servers[leader].propose(command.clone());
            }
        }
    }

    /// Delivers a request and its reply at once.
    pub(super) fn ask(&mut self, from: PeerId, to: PeerId, request: &RaftRequest, bits: &mut Bits) {
        let reply = self.servers[to].handle_request(request, bits.next());
        self.servers[from].handle_reply(to, &reply);
    }

    /// A leader takes a few commands.
    fn propose(&mut self, among: &[PeerId], bits: &mut Bits) {
        let Some(leader) = bits.pick(&self.leaders(among)).filter(|_| self.has_log) else { return };
        self.take_commands(leader, bits);
    }

    /// A leader sends another server what it needs next, or a part of it.
    fn replicate(&mut self, among: &[PeerId], bits: &mut Bits) {
        let Some(leader) = bits.pick(&self.leaders(among)) else { return };
        let others: Vec<PeerId> = among.iter().copied().filter(|&server| server != leader).collect();
        let Some(follower) = bits.pick(&others) else { return };
        let count = entries_count(bits);
        let request = self.next_for(leader, &self.servers[follower], count);
        self.ask(leader, follower, &request, bits);
    }

    /// What `leader` sends to a server in the state `follower` once both have found out where their logs
    /// agree: `count` entries at most.
    pub(super) fn next_for(&self, leader: PeerId, follower: &ModelServer, count: usize) -> RaftRequest {
        let leader = &self.servers[leader];
        let after = leader.agreement_with(follower);
        match after {
            Some(after) => leader.append_request(after, count, leader.commit),
            None => leader.install_request(),
        }
    }

    /// A server cuts its log after an entry that it knows to be committed.
    fn compact(&mut self, among: &[PeerId], bits: &mut Bits) {
        let server = &mut self.servers[bits.pick(among).expect("there are servers")];
        if !self.has_snapshots || server.commit == server.base.index {
            return;
        }
        let through = bits.between(server.base.index + 1, server.commit);
        let position = server.position(through).expect("what is committed after the base is in the log");
        server.compact(through, state_at(position));
    }

    /// Those that believe that they lead.
    pub(super) fn leaders(&self, among: &[PeerId]) -> Vec<PeerId> {
        among.iter().copied().filter(|&server| self.servers[server].is_leader()).collect()
    }

    /// Something that one of the leaders among `among` could send to the real server, or could have sent.
    /// `real` is the state that the real server may be in.
    pub(super) fn leaders_request(
        &self,
        among: &[PeerId],
        real: &ModelServer,
        bits: &mut Bits,
    ) -> Option<(PeerId, RaftRequest)> {
        let peer = bits.pick(&self.leaders(among))?;
        let leader = &self.servers[peer];
        if leader.base.index > 0 && bits.one_in(4) {
            return Some((peer, leader.install_request()));
        }
        if bits.one_in(3) {
            let count = entries_count(bits);
            return Some((peer, self.next_for(peer, real, count)));
        }
        // A new leader begins at the end of its log.
        let last = leader.last().index;
        let earliest = if bits.one_in(2) { leader.base.index } else { leader.base.index.max(last.saturating_sub(3)) };
        let after = leader.position(bits.between(earliest, last)).expect("it is in the log");
        // An earlier request of this leader named an earlier commit index.
        let commit = if bits.one_in(2) { leader.commit } else { bits.between(0, leader.commit) };
        Some((peer, leader.append_request(after, bits.between(0, 6) as usize, commit)))
    }

    /// A request for a vote: of a new campaign, or of the present one.
    pub(super) fn candidates_request(&mut self, among: &[PeerId], bits: &mut Bits) -> Option<(PeerId, RaftRequest)> {
        let candidate = bits.pick(among)?;
        let server = &mut self.servers[candidate];
        if server.is_leader() {
            return None;
        }
        let term = campaign_term(server.term(), bits);
        let request = RaftRequest::RequestVote(server.campaign(term));
        for &voter in among {
            if voter != candidate && !bits.one_in(3) {
                self.ask(candidate, voter, &request, bits);
            }
        }
        self.begin_to_lead(candidate, bits);
        Some((candidate, request))
    }

    /// One of the commands that clients propose.
    pub(super) fn command(&self, bits: &mut Bits) -> Bytes {
        command(bits)
    }
}

impl ModelServer {
    /// The last position of this leader's log through which `follower` agrees. `None` if that is before the
    /// log's base.
    pub(super) fn agreement_with(&self, follower: &ModelServer) -> Option<LogPosition> {
        let (first, last) = (self.base.index, self.last().index.min(follower.last().index));
        (first..=last).rev().filter_map(|index| self.position(index)).find(|&position| follower.holds(position))
    }

    /// This leader's snapshot as a message.
    pub(super) fn install_request(&self) -> RaftRequest {
        RaftRequest::InstallSnapshot(InstallSnapshot {
            term: self.term(),
            leader: self.me,
            last_included: self.base,
            snapshot: self.snapshot.clone(),
        })
    }
}
