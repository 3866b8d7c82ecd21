//! Who may lead which term, worked out from campaigns and from the votes that arrived.

use std::collections::{BTreeMap, BTreeSet};

use labrpc::{PeerId, Term};
use labrpc::{RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use rustc_hash::FxHashMap;

use crate::event::{Event, EventId, EventKind};

/// The campaigns of all servers, each in its present incarnation.
#[derive(Default)]
pub(super) struct Campaigns {
    campaigns: FxHashMap<PeerId, BTreeMap<Term, Campaign>>,
}

/// One server's campaign in one term.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// When the server first asked for a vote.
    pub began: EventId,
    /// The servers whose votes have arrived, and the candidate itself.
    pub voters: BTreeSet<PeerId>,
    /// When the last vote that it needed arrived.
    pub won: Option<EventId>,
}

impl Campaigns {
    pub(super) fn take_in(&mut self, event: &Event, majority: usize) {
        match &event.kind {
            EventKind::Sent(envelope) => {
                if let Some(&RaftRequest::RequestVote(RequestVote { term, .. })) = envelope.request() {
                    let voters = BTreeSet::from([envelope.from]);
                    let campaign = Campaign { began: event.id, voters, won: None };
                    self.campaigns.entry(envelope.from).or_default().entry(term).or_insert(campaign);
                }
            }
            EventKind::Arrived(envelope, _) => {
                if let Some((_, &RaftReply::RequestVote(RequestVoteReply { term, granted: true }))) = envelope.reply()
                    && let Some(campaign) =
                        self.campaigns.get_mut(&envelope.to).and_then(|campaigns| campaigns.get_mut(&term))
                {
                    campaign.voters.insert(envelope.from);
                    if campaign.voters.len() >= majority {
                        campaign.won.get_or_insert(event.id);
                    }
                }
            }
            EventKind::Booted(server) => drop(self.campaigns.remove(server)),
            _ => {}
        }
    }

    pub(super) fn get(&self, server: PeerId, term: Term) -> Option<&Campaign> {
        self.campaigns.get(&server)?.get(&term)
    }

    /// The terms that a server has campaigned in, the latest first.
    pub(super) fn terms_of(&self, server: PeerId) -> impl Iterator<Item = Term> {
        self.campaigns.get(&server).into_iter().flat_map(|campaigns| campaigns.keys().rev().copied())
    }
}
