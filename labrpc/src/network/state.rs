//! What the network remembers: links, ends and counts. Its lock is never held over a turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::conditions::Conditions;
use super::link::{Port, Service};
use super::tap::Tap;
use crate::api::PeerId;
use crate::sim::{NodeId, Stamp, mix};
use crate::time::Instant;

/// What a network counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent, lost ones included.
    pub requests: u64,
    /// Those of them that clerks sent.
    pub requests_of_clerks: u64,
    /// Replies that arrived, copies included.
    pub replies_delivered: u64,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Messages that were sent on their way twice.
    pub doubled: u64,
    /// Bytes of all requests and replies that were sent.
    pub bytes: u64,
}

/// A direction of a link, requests and replies apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) from: PeerId,
    pub(super) to: PeerId,
    pub(super) is_reply: bool,
}

impl Way {
    /// A name for one of several things that are decided about a message on this way.
    pub(super) fn name(self, aspect: u64) -> u64 {
        let ends = (self.from as u64) << 32 | (self.to as u64) << 1 | u64::from(self.is_reply);
        mix(ends, aspect)
    }
}

#[derive(Clone, Copy, Default)]
struct LinkState {
    is_cut: bool,
    conditions: Option<Conditions>,
    /// Requests and replies have stamps of their own.
    stamps: [Stamp; 2],
}

/// Which incarnation of a server stands at an end, and in which node of a simulation.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) node: Option<NodeId>,
    pub(super) incarnation: u64,
}

/// A server's services, by port. Whoever takes them out of the state drops them after its lock is
/// let go: their destructors may use the network.
pub(super) type Services = [Option<Arc<dyn Service>>; 2];

struct Plug {
    end: End,
    services: Services,
}

pub(super) struct State {
    size: usize,
    conditions: Conditions,
    /// Links that were used, or that something was decided about.
    links: FxHashMap<(PeerId, PeerId), LinkState>,
    plugs: Vec<Option<Plug>>,
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

    /// What is decided about a message that leaves now.
    pub(super) fn departure(&mut self, way: Way, now: Instant) -> (Conditions, u64, bool) {
        let conditions = self.conditions(way.from, way.to);
        let link = self.link(way.from, way.to);
        let stamp = link.stamps[usize::from(way.is_reply)].next(now.as_nanos());
        (conditions, stamp, link.is_cut)
    }

    /// Counts a message, and gives it its number.
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

    /// Whoever stood there before is gone, and does not come back.
    pub(super) fn plug(&mut self, at: PeerId, node: Option<NodeId>) -> Option<Services> {
        self.plugged += 1;
        let end = End { node, incarnation: self.plugged };
        self.plugs[at].replace(Plug { end, services: [None, None] }).map(|plug| plug.services)
    }

    pub(super) fn unplug(&mut self, at: PeerId) -> Option<Services> {
        self.plugs[at].take().map(|plug| plug.services)
    }

    /// Gives the service that was there before, for the same reason as `unplug` does.
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
        self.plugs[at].as_ref().map(|plug| plug.end.incarnation)
    }

    /// Whether a message that leaves now has a chance to arrive.
    pub(super) fn is_reachable(&mut self, way: Way) -> bool {
        !self.is_cut(way.from, way.to) && self.plugs[way.to].is_some()
    }

    pub(super) fn find_service(&self, at: PeerId, port: Port) -> Option<(End, Arc<dyn Service>)> {
        let plug = self.plugs[at].as_ref()?;
        Some((plug.end, plug.services[port as usize].clone()?))
    }

    /// The Raft service of an incarnation that asked something, if it still stands.
    pub(super) fn find_door(&self, at: PeerId, incarnation: u64) -> Option<(End, Arc<dyn Service>)> {
        self.find_service(at, Port::Raft).filter(|(end, _)| end.incarnation == incarnation)
    }
}
