//! Who may lead which term: worked out from campaigns and from votes that arrived.

use std::collections::BTreeSet;

use labrpc::face::{RaftReply, RaftRequest};
use labrpc::{PeerId, Term};
use rustc_hash::FxHashMap;

use crate::verdict::Moment;
use crate::watch::{Event, Known, What};

/// The campaigns of all servers, each of one incarnation.
#[derive(Default)]
pub(super) struct Reigns {
    campaigns: FxHashMap<(PeerId, Term), Campaign>,
}

/// One server's campaign in one term.
#[derive(Clone)]
pub(super) struct Campaign {
    pub(super) began: Moment,
    /// Who is known to have voted for it, itself included: their votes have arrived.
    pub(super) voters: BTreeSet<PeerId>,
    /// When the last vote that it needed arrived.
    pub(super) won: Option<Moment>,
}

impl Reigns {
    pub(super) fn see(&mut self, event: &Event, known: &Known) {
        match &event.what {
            What::Sent(letter) => {
                if let Some(&RaftRequest::RequestVote { term, .. }) = letter.request() {
                    let voters = BTreeSet::from([letter.from]);
                    let campaign = Campaign { began: event.moment, voters, won: None };
                    self.campaigns.entry((letter.from, term)).or_insert(campaign);
                }
            }
            What::Arrived(letter, _) => {
                if let Some((_, &RaftReply::RequestVote { term, granted: true })) = letter.reply()
                    && let Some(campaign) = self.campaigns.get_mut(&(letter.to, term))
                {
                    campaign.voters.insert(letter.from);
                    if campaign.voters.len() >= known.majority() {
                        campaign.won.get_or_insert(event.moment);
                    }
                }
            }
            What::Booted(server) => self.campaigns.retain(|(candidate, _), _| candidate != server),
            _ => {}
        }
    }

    pub(super) fn campaign(&self, server: PeerId, term: Term) -> Option<&Campaign> {
        self.campaigns.get(&(server, term))
    }

    /// The terms that a server has campaigned in, in this incarnation.
    pub(super) fn campaigns_of(&self, server: PeerId) -> impl Iterator<Item = Term> {
        self.campaigns.keys().filter(move |(candidate, _)| *candidate == server).map(|(_, term)| *term)
    }

    /// Whether a server has, or may have, won a term.
    pub(super) fn may_lead(&self, server: PeerId, term: Term, known: &Known) -> bool {
        known.majority() == 1 || self.campaign(server, term).is_some_and(|campaign| campaign.won.is_some())
    }
}
