//! What a teller has told, and where.

use std::collections::BTreeMap;

use labrpc::PeerId;
use rustc_hash::FxHashMap;
use story::{Event, Kind, Lane, State};

use super::micros;
use crate::story::words::client_lane;
use crate::violation::ClashingOperation;

/// What a teller has told.
pub(in crate::story) struct Told {
    pub(in crate::story) servers: Vec<Lane>,
    pub(in crate::story) clients: Vec<Lane>,
    pub(in crate::story) init: BTreeMap<String, State>,
    pub(in crate::story) events: Vec<Event>,
    /// The ends of the network that the clients' lanes stand for.
    pub(super) ends: Vec<PeerId>,
    /// The event of the story for each event of the run.
    pub(in crate::story) places: FxHashMap<usize, usize>,
    /// The sending of each message, by its number in the network: its number and event in the story.
    pub(in crate::story) sent: FxHashMap<u64, (usize, usize)>,
}

impl Told {
    /// The lane of the client at an end of the network.
    pub(in crate::story) fn client_at(&self, end: PeerId) -> Option<String> {
        self.ends.iter().position(|known| *known == end).map(client_lane)
    }

    /// The call of a client's operation: its event and its number.
    pub(in crate::story) fn call_of(&self, operation: &ClashingOperation) -> Option<(usize, usize)> {
        let end = self.ends.iter().position(|end| *end == operation.end)?;
        let (lane, t) = (client_lane(end), micros(operation.called));
        // To look at the clock takes time, too.
        let is_it =
            |event: &Event| event.k == Kind::Call && event.t.abs_diff(t) <= 1 && event.at.as_ref() == Some(&lane);
        let place = self.events.iter().position(is_it)?;
        Some((place, self.events[place].op?))
    }
}
