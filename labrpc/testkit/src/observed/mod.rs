//! What is known of the servers at one moment, from the events so far.
//!
//! A reply proves that its request was handled at some moment between arrival and reply, and no
//! more: the scheduler may let other threads go first at any point. So a reply's claims are
//! compared with everything that the disk held in that time ([`PendingRequest`]), and what must be
//! prompt is given [`SLACK`].

mod campaigns;
mod disk;
mod pending;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use labrpc::sim::{self, NodeId};
use labrpc::time::Instant;
use labrpc::{Image, PeerId, RaftRequest, Save, Term, Timing};

pub use campaigns::Campaign;
use campaigns::Campaigns;
pub(crate) use disk::DecodedSave;
pub use disk::DiskState;
pub use pending::PendingRequest;

use crate::contract::Contract;
use crate::event::{DiskChange, Envelope, Event, EventId, EventKind, Payload};

/// How late a message may leave after the step that made it, or a reply be handled after it has
/// arrived: the scheduler may let other threads go first. Slow saves [add to it](ObservedState::slack).
pub const SLACK: Duration = Duration::from_millis(50);
/// No oracle asks about older saves.
const SLOW_SAVES_AGE_MAX: Duration = Duration::from_secs(2);

/// Everything that is known of a cluster at one moment.
pub struct ObservedState {
    /// Each server.
    pub servers: Vec<ServerState>,
    /// Whether servers have disks (from lab 2C on).
    pub has_disks: bool,
    /// The timing that the servers promise to keep.
    pub timing: Timing,
    /// Whether every server is a real one. If not, the logs of the scripted ones are unknown.
    pub is_whole: bool,
    campaigns: Campaigns,
}

/// What is known of one server.
#[derive(Default)]
pub struct ServerState {
    /// Whether it is under test. If not, a script sends its messages, and may send anything.
    pub is_real: bool,
    /// How often it has booted.
    pub incarnation: u64,
    /// When it last booted.
    pub booted: Option<EventId>,
    /// When it was last paused or resumed.
    pub resumed_at: Option<Instant>,
    /// When it last answered the leader of its own term.
    heard_leader_at: Option<Instant>,
    node: Option<NodeId>,
    is_paused: bool,
    /// The latest saves that took time: when each ended, and how long it took.
    slow_saves: VecDeque<(Instant, Duration)>,
    /// The contents of its disk.
    pub disk: DiskState,
    /// Whether `disk` is what was read and saved since, so that the next boot need not read it again.
    is_disk_known: bool,
    /// Requests of other servers that have arrived and are not answered.
    pub pending: Vec<PendingRequest>,
    /// Requests of clerks that have arrived and are not answered: each one's arrival, by its
    /// number and, since the network doubles messages, the event.
    clerk_requests: BTreeMap<(u64, usize), EventId>,
    /// The calls of its `start` that have not returned.
    offers: Vec<Offer>,
}

/// A call of `start`.
struct Offer {
    number: u64,
    /// The first event after the call began. (To ask for the time of the call itself would take a turn.)
    since: Option<EventId>,
}

impl ObservedState {
    pub(crate) fn new(contract: &Contract, size: usize, is_real: impl Fn(PeerId) -> bool) -> ObservedState {
        let server = |server| ServerState { is_real: is_real(server), ..ServerState::default() };
        let servers: Vec<ServerState> = (0..size).map(server).collect();
        ObservedState {
            has_disks: contract.has_disk,
            timing: contract.timing,
            is_whole: servers.iter().all(|server| server.is_real),
            campaigns: Campaigns::default(),
            servers,
        }
    }

    /// More than half of all servers.
    pub fn majority(&self) -> usize {
        self.servers.len() / 2 + 1
    }

    /// Whether this end of the network is a server under test, and not a clerk or a scripted server.
    pub fn is_real(&self, end: PeerId) -> bool {
        self.servers.get(end).is_some_and(|server| server.is_real)
    }

    /// How late a server may be with something that it could do from `since` on: steps wait for one
    /// another while the disk is slow.
    pub fn slack(&self, server: PeerId, since: Instant) -> Duration {
        let saves = self.servers[server].slow_saves.iter().rev().take_while(|(end, _)| *end > since);
        SLACK + saves.map(|(_, took)| *took).sum()
    }

    /// Whether a server has run without a crash or a pause from `since` on.
    pub fn ran_since(&self, server: PeerId, since: Instant) -> bool {
        let server = &self.servers[server];
        server.is_running()
            && server.booted.is_some_and(|booted| booted.at <= since)
            && server.resumed_at.is_none_or(|resumed| resumed <= since)
    }

    /// Whether a server in `term` has heard from that term's leader within the shortest election timeout before `at`, or may
    /// have: the leader's request has arrived, and is not answered yet.
    pub fn hears_leader(&self, server: PeerId, term: Term, at: Instant) -> bool {
        let server = &self.servers[server];
        server.heard_leader_at.is_some_and(|heard_at| at <= heard_at + self.timing.election_timeout_min + SLACK)
            || server.pending.iter().any(|pending| pending.envelope.request().is_some_and(|it| is_of_leader(it, term)))
    }

    /// A server's campaign in a term, in its present incarnation.
    pub fn campaign(&self, server: PeerId, term: Term) -> Option<&Campaign> {
        self.campaigns.get(server, term)
    }

    /// The terms that a server has campaigned in, in its present incarnation.
    pub fn campaigns_of(&self, server: PeerId) -> impl Iterator<Item = Term> {
        self.campaigns.terms_of(server)
    }

    /// Whether the votes that have arrived at a server are enough to lead a term.
    pub fn may_lead(&self, server: PeerId, term: Term) -> bool {
        self.majority() == 1 || self.campaign(server, term).is_some_and(|campaign| campaign.won.is_some())
    }

    /// A server boots in a node, from what its disk holds.
    pub(crate) fn boot(
        &mut self,
        server: PeerId,
        node: NodeId,
        id: EventId,
        image: Option<&Image>,
        contract: &Contract,
    ) {
        let state = &mut self.servers[server];
        state.incarnation += 1;
        (state.booted, state.node, state.is_paused, state.resumed_at) = (Some(id), Some(node), false, None);
        state.heard_leader_at = None;
        state.pending.clear();
        state.clerk_requests.clear();
        state.offers.clear();
        if std::mem::replace(&mut state.is_disk_known, true) {
            return;
        }
        state.disk = DiskState::default();
        let Some(image) = image.filter(|_| contract.has_disk) else { return };
        let whole = Save {
            head: image.head.clone(),
            append: image.entries.iter().cloned().collect(),
            snapshot: Some(image.snapshot.clone()),
            ..Save::default()
        };
        // An image that cannot be decoded is a disk that was never written to, or that a test has damaged: saves are
        // decoded when they are made.
        if let Ok(decoded) = DecodedSave::read(&whole, contract) {
            state.disk.apply(&whole, decoded);
        }
    }

    /// A server gets another disk.
    pub(crate) fn replace_disk(&mut self, server: PeerId) {
        self.servers[server].is_disk_known = false;
    }

    /// `start` is called on a server.
    pub(crate) fn offer(&mut self, server: PeerId, number: u64) {
        self.servers[server].offers.push(Offer { number, since: None });
    }

    /// The call of a server's `start` with this number returns.
    pub(crate) fn end_offer(&mut self, server: PeerId, number: u64) {
        self.servers[server].offers.retain(|offer| offer.number != number);
    }

    /// A server's threads are stopped, or go on.
    pub(crate) fn set_paused(&mut self, server: PeerId, is_paused: bool, at: Instant) {
        let state = &mut self.servers[server];
        (state.is_paused, state.resumed_at) = (is_paused, Some(at));
    }

    /// A server has saved.
    pub(crate) fn save(
        &mut self,
        server: PeerId,
        at: Instant,
        took: Duration,
        save: &Save,
        decoded: DecodedSave,
    ) -> DiskChange {
        let state = &mut self.servers[server];
        let change = state.disk.apply(save, decoded);
        state.note_save(at, took);
        state.pending.iter_mut().for_each(|pending| pending.look_at(&state.disk));
        change
    }

    /// A message arrives. A request is pending from now on.
    pub(crate) fn arrive(&mut self, envelope: &Arc<Envelope>, id: EventId) {
        let Some(server) = self.servers.get_mut(envelope.to) else { return };
        if server.is_real && envelope.answers.is_none() {
            match envelope.payload {
                Payload::ClerkRequest(_) => {
                    server.clerk_requests.insert((envelope.number, id.event), id);
                }
                _ => server.pending.push(PendingRequest::new(envelope.clone(), id, &server.disk)),
            }
        }
    }

    /// Takes in an event before the oracles check it.
    pub(crate) fn before_check(&mut self, event: &Event) {
        let majority = self.majority();
        self.campaigns.take_in(event, majority);
        for offer in self.servers.iter_mut().flat_map(|server| &mut server.offers) {
            offer.since.get_or_insert(event.id);
        }
    }

    /// Takes in an event after the oracles have checked it: an answered request is no longer pending.
    pub(crate) fn after_check(&mut self, event: &Event) {
        let EventKind::Sent(envelope) = &event.kind else { return };
        let (Some(answered), Some(server)) = (&envelope.answers, self.servers.get_mut(envelope.from)) else { return };
        if envelope.reply().is_some_and(|(request, reply)| is_of_leader(request, reply.term())) {
            server.heard_leader_at = Some(event.at());
        }
        // One of the copies, if the request arrived several times.
        if let Payload::ClerkRequest(_) = answered.payload {
            let copies = server.clerk_requests.range((answered.number, 0)..=(answered.number, usize::MAX));
            if let Some(copy) = copies.map(|(copy, _)| *copy).next() {
                server.clerk_requests.remove(&copy);
            }
        } else if let Some(place) = server.pending.iter().position(|pending| pending.envelope.number == answered.number)
        {
            server.pending.remove(place);
        }
    }
}

/// Whether the leader of this term sends such a request.
fn is_of_leader(request: &RaftRequest, term: Term) -> bool {
    !matches!(request, RaftRequest::RequestVote(_)) && request.term() == term
}

impl ServerState {
    fn note_save(&mut self, at: Instant, took: Duration) {
        if took.is_zero() {
            return;
        }
        self.slow_saves.retain(|(end, _)| at - *end < SLOW_SAVES_AGE_MAX);
        self.slow_saves.push_back((at, took));
    }

    /// Whether it is up and not paused.
    pub fn is_running(&self) -> bool {
        self.node.is_some_and(sim::is_alive) && !self.is_paused
    }

    /// The node that it runs in.
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// How many requests have arrived and are not answered.
    pub fn pending_count(&self) -> usize {
        self.pending.len() + self.clerk_requests.len()
    }

    /// The first event since each call of its `start` that has not returned.
    pub(crate) fn offers(&self) -> impl Iterator<Item = EventId> {
        self.offers.iter().filter_map(|offer| offer.since)
    }

    /// When the clerks' requests arrived that are not answered.
    pub fn clerk_requests(&self) -> impl Iterator<Item = EventId> {
        self.clerk_requests.values().copied()
    }

    /// The pending request of a server with this number.
    pub fn pending(&self, number: u64) -> Option<&PendingRequest> {
        self.pending.iter().find(|pending| pending.envelope.number == number)
    }
}
