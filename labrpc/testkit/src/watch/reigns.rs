//! Who may lead which term: worked out from campaigns and from votes that arrived.

use std::collections::BTreeSet;

use labrpc::face::{RaftReply, RaftRequest};
use labrpc::{PeerId, Term};
use rustc_hash::FxHashMap;

use super::event::{Event, What};
use super::known::Known;
use crate::verdict::Moment;

/// The campaigns of all servers, each of one incarnation.
#[derive(Default)]
pub(super) struct Reigns {
    campaigns: FxHashMap<(PeerId, Term), Campaign>,
}

/// One server's campaign in one term.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// When it first asked for a vote.
    pub began: Moment,
    /// Who is known to have voted for it, itself included: their votes have arrived.
    pub voters: BTreeSet<PeerId>,
    /// When the last vote that it needed arrived.
    pub won: Option<Moment>,
}

impl Reigns {
    pub(super) fn see(&mut self, event: &Event, majority: usize) {
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
                    if campaign.voters.len() >= majority {
                        campaign.won.get_or_insert(event.moment);
                    }
                }
            }
            What::Booted(server) => self.campaigns.retain(|(candidate, _), _| candidate != server),
            _ => {}
        }
    }
}

impl Known {
    /// A server's campaign in a term, in its present incarnation.
    pub fn campaign(&self, server: PeerId, term: Term) -> Option<&Campaign> {
        self.reigns.campaigns.get(&(server, term))
    }

    /// The terms that a server has campaigned in, in its present incarnation.
    pub fn campaigns_of(&self, server: PeerId) -> impl Iterator<Item = Term> {
        self.reigns.campaigns.keys().filter(move |(candidate, _)| *candidate == server).map(|(_, term)| *term)
    }

    /// Whether a server has, or may have, won a term.
    pub fn may_lead(&self, server: PeerId, term: Term) -> bool {
        self.majority() == 1 || self.campaign(server, term).is_some_and(|campaign| campaign.won.is_some())
    }
}
