//! Who may lead which term: worked out from campaigns and from votes that arrived.

use std::collections::BTreeSet;

use labrpc::{PeerId, Term};
use labrpc::{RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use rustc_hash::FxHashMap;

use super::event::{Event, EventKind};
use super::observed::ObservedState;
use crate::violation::EventId;

/// The campaigns of all servers, each of one incarnation.
#[derive(Default)]
pub(super) struct Leaderships {
    campaigns: FxHashMap<(PeerId, Term), Campaign>,
}

/// One server's campaign in one term.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// When it first asked for a vote.
    pub began: EventId,
    /// Who is known to have voted for it, itself included: their votes have arrived.
    pub voters: BTreeSet<PeerId>,
    /// When the last vote that it needed arrived.
    pub won: Option<EventId>,
}

impl Leaderships {
    pub(super) fn see(&mut self, event: &Event, majority: usize) {
        match &event.kind {
            EventKind::Sent(envelope) => {
                if let Some(&RaftRequest::RequestVote(RequestVote { term, .. })) = envelope.request() {
                    let voters = BTreeSet::from([envelope.from]);
                    let campaign = Campaign { began: event.id, voters, won: None };
                    self.campaigns.entry((envelope.from, term)).or_insert(campaign);
                }
            }
            EventKind::Arrived(envelope, _) => {
                if let Some((_, &RaftReply::RequestVote(RequestVoteReply { term, granted: true }))) = envelope.reply()
                    && let Some(campaign) = self.campaigns.get_mut(&(envelope.to, term))
                {
                    campaign.voters.insert(envelope.from);
                    if campaign.voters.len() >= majority {
                        campaign.won.get_or_insert(event.id);
                    }
                }
            }
            EventKind::Booted(server) => self.campaigns.retain(|(candidate, _), _| candidate != server),
            _ => {}
        }
    }
}

impl ObservedState {
    /// A server's campaign in a term, in its present incarnation.
    pub fn campaign(&self, server: PeerId, term: Term) -> Option<&Campaign> {
        self.leaderships.campaigns.get(&(server, term))
    }

    /// The terms that a server has campaigned in, in its present incarnation.
    pub fn campaigns_of(&self, server: PeerId) -> impl Iterator<Item = Term> {
        self.leaderships.campaigns.keys().filter(move |(candidate, _)| *candidate == server).map(|(_, term)| *term)
    }

    /// Whether a server has, or may have, won a term.
    pub fn may_lead(&self, server: PeerId, term: Term) -> bool {
        self.majority() == 1 || self.campaign(server, term).is_some_and(|campaign| campaign.won.is_some())
    }
}
