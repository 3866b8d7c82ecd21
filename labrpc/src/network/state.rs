//! The network's state: links, ends and counts. Its lock is never held across a turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::about::Aspect;
use super::conditions::Conditions;
use super::link::{Port, Service};
use super::tap::Tap;
use crate::api::PeerId;
use crate::sim::{NodeId, Stamp, mix};
use crate::time::Instant;

/// What a network has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent, lost ones included.
    pub requests: u64,
    /// Requests that clerks sent.
    pub requests_of_clerks: u64,
    /// Replies that arrived, copies included.
    pub replies_delivered: u64,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Messages of which a second copy was sent.
    pub doubled: u64,
    /// The size of all requests and replies that were sent.
    pub bytes: u64,
}

/// One direction of a link, for requests or for replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction {
    pub(super) from: PeerId,
    pub(super) to: PeerId,
    pub(super) is_reply: bool,
}

impl Direction {
    /// Names one aspect of the decisions about messages in this direction.
    pub(super) fn name(self, aspect: Aspect) -> u64 {
        self.numbered(aspect as u64)
    }

    /// Names an arrival of a message in this direction.
    pub(super) fn arrival(self, copy: u32) -> u64 {
        /// Distinguishes arrivals from decisions.
        const ARRIVAL: u64 = 3;
        self.numbered(ARRIVAL + u64::from(copy))
    }

    fn numbered(self, aspect: u64) -> u64 {
        let ends = (self.from as u64) << 32 | (self.to as u64) << 1 | u64::from(self.is_reply);
        mix(ends, aspect)
    }
}

#[derive(Clone, Copy, Default)]
struct LinkState {
    is_cut: bool,
    conditions: Option<Conditions>,
    /// For requests, and for replies.
    stamps: [Stamp; 2],
}

/// One life of a server at an end of the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incarnation {
    /// Its node, in a simulation.
    pub(super) node: Option<NodeId>,
    pub(super) number: u64,
}

/// A server's services, by port. Drop them only after the state's lock is released: their destructors
/// may use the network.
pub(super) type Services = [Option<Arc<dyn Service>>; 2];

struct PluggedServer {
    incarnation: Incarnation,
    services: Services,
}

pub(super) struct State {
    size: usize,
    conditions: Conditions,
    /// Links that were used or configured.
    links: FxHashMap<(PeerId, PeerId), LinkState>,
    plugs: Vec<Option<PluggedServer>>,
    plugged: u64,
    sent: u64,
    pub(super) counts: Counts,
    served: BTreeMap<PeerId, u64>,
    pub(super) tap: Option<Arc<dyn Tap>>,
}

impl State {
    pub(super) fn new(size: usize) -> State {
        State {
            size,
            conditions: Conditions::RELIABLE,
            links: FxHashMap::default(),
            plugs: (0..size).map(|_| None).collect(),
            plugged: 0,
            sent: 0,
            counts: Counts::default(),
            served: BTreeMap::new(),
            tap: None,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn add_ends(&mut self, ends: usize) {
        self.size = self.size.max(ends);
        self.plugs.resize_with(self.size, || None);
    }

    fn link(&mut self, from: PeerId, to: PeerId) -> &mut LinkState {
        assert!(from < self.size && to < self.size, "there is no link from {from} to {to}");
        self.links.entry((from, to)).or_default()
    }

    pub(super) fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    pub(super) fn set_link_conditions(&mut self, from: PeerId, to: PeerId, conditions: Option<Conditions>) {
        self.link(from, to).conditions = conditions;
    }

    pub(super) fn conditions(&mut self, from: PeerId, to: PeerId) -> Conditions {
        self.link(from, to).conditions.unwrap_or(self.conditions)
    }

    pub(super) fn set_cut(&mut self, from: PeerId, to: PeerId, is_cut: bool) {
        self.link(from, to).is_cut = is_cut;
    }

    pub(super) fn is_cut(&mut self, from: PeerId, to: PeerId) -> bool {
        self.link(from, to).is_cut
    }

    /// For a message that leaves now: its conditions, its stamp, and whether the link is cut.
    pub(super) fn departure(&mut self, direction: Direction, now: Instant) -> (Conditions, u64, bool) {
        let conditions = self.conditions(direction.from, direction.to);
        let link = self.link(direction.from, direction.to);
        let stamp = link.stamps[usize::from(direction.is_reply)].next(now.as_nanos());
        (conditions, stamp, link.is_cut)
    }

    /// Counts a message, and returns its number.
    pub(super) fn count_sent(&mut self, is_reply: bool, from: PeerId, to: PeerId, port: Port, bytes_len: usize) -> u64 {
        assert!(from < self.size && to < self.size, "there is no link from {from} to {to}");
        let counts = &mut self.counts;
        counts.bytes += bytes_len as u64;
        if !is_reply {
            counts.requests += 1;
            counts.requests_of_clerks += u64::from(port == Port::Kv);
        }
        self.sent += 1;
        self.sent - 1
    }

    pub(super) fn count_served(&mut self, at: PeerId) {
        *self.served.entry(at).or_default() += 1;
    }

    pub(super) fn served(&self, at: PeerId) -> u64 {
        self.served.get(&at).copied().unwrap_or_default()
    }

    /// Starts a new incarnation at an end. Returns the services of the previous one.
    pub(super) fn plug(&mut self, at: PeerId, node: Option<NodeId>) -> Option<Services> {
        self.plugged += 1;
        let incarnation = Incarnation { node, number: self.plugged };
        self.plugs[at].replace(PluggedServer { incarnation, services: [None, None] }).map(|plug| plug.services)
    }

    pub(super) fn unplug(&mut self, at: PeerId) -> Option<Services> {
        self.plugs[at].take().map(|plug| plug.services)
    }

    /// Adds a service. Returns the previous service at this port, to be dropped without the lock.
    pub(super) fn add_service(
        &mut self,
        at: PeerId,
        port: Port,
        service: Arc<dyn Service>,
    ) -> Option<Arc<dyn Service>> {
        let plug = self.plugs[at].as_mut().expect("a server is plugged in before its services");
        plug.services[port as usize].replace(service)
    }

    pub(super) fn incarnation(&self, at: PeerId) -> Option<u64> {
        self.plugs[at].as_ref().map(|plug| plug.incarnation.number)
    }

    /// Whether a message that left now could arrive.
    pub(super) fn is_reachable(&mut self, direction: Direction) -> bool {
        !self.is_cut(direction.from, direction.to) && self.plugs[direction.to].is_some()
    }

    pub(super) fn find_service(&self, at: PeerId, port: Port) -> Option<(Incarnation, Arc<dyn Service>)> {
        let plug = self.plugs[at].as_ref()?;
        Some((plug.incarnation, plug.services[port as usize].clone()?))
    }

    /// The Raft service of the incarnation that sent a request, if it is still plugged in.
    pub(super) fn find_reply_service(&self, at: PeerId, incarnation: u64) -> Option<(Incarnation, Arc<dyn Service>)> {
        self.find_service(at, Port::Raft).filter(|(found, _)| found.number == incarnation)
    }
}
