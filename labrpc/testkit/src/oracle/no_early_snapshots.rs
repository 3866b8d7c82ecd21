//! A leader sends its snapshot only to a follower that may need it (§5.3, §7).
//!
//! A new leader begins with the entry after its log's end for every follower (Figure 2, nextIndex), and goes back only
//! if the follower refuses. So a follower that has refused nothing needs a snapshot only if the snapshot reaches
//! beyond the log with which the leader campaigned.

use labrpc::{AppendEntriesReply, AppendOutcome, InstallSnapshot, LogPosition, PeerId, RaftReply, RaftRequest};
use labrpc::{RequestVote, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::snapshots::{SENDS_TO, SNAPSHOT_TRAFFIC};
use crate::violation::Violation;

/// Remembers each leader's campaign, and who has refused something since.
#[derive(Default)]
pub(super) struct NoEarlySnapshots {
    /// The latest campaign of each server: its term, and where its log ended.
    campaigns: FxHashMap<PeerId, (Term, LogPosition, EventId)>,
    /// By leader and follower: the term in which the latest refusal has reached the leader.
    refused: FxHashMap<(PeerId, PeerId), Term>,
}

impl NoEarlySnapshots {
    fn sends(&mut self, envelope: &Envelope, event: &Event) -> Result<(), Violation> {
        let (leader, follower) = (envelope.from, envelope.to);
        match envelope.request() {
            Some(&RaftRequest::RequestVote(RequestVote { term, last_log, .. })) => {
                self.campaigns.insert(leader, (term, last_log, event.id));
            }
            Some(&RaftRequest::InstallSnapshot(InstallSnapshot { term, last_included, .. })) => {
                let has_refused = self.refused.get(&(leader, follower)).is_some_and(|&refused| refused >= term);
                if let Some((campaign, last_log, id)) = self.campaigns.get(&leader)
                    && *campaign == term
                    && last_included.index <= last_log.index
                    && !has_refused
                {
                    let what = format!(
                        "server {leader} sent server {follower} a snapshot through index {}, although server {follower} \
                         has refused nothing in term {term}",
                        last_included.index
                    );
                    let began = format!(
                        "server {leader} campaigns in term {term}; its log ends at {}:{}, so the next entry of every \
                         follower is {} until one refuses",
                        last_log.index,
                        last_log.term,
                        last_log.index + 1
                    );
                    let sent = format!("it sends a snapshot through index {}", last_included.index);
                    return Err(Violation::new(&SNAPSHOT_TRAFFIC, what)
                        .look_at(&SENDS_TO)
                        .with(*id, began)
                        .with(event.id, sent));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A refusal counts as soon as it arrives.
    fn receives(&mut self, envelope: &Envelope) {
        let Some((_, &RaftReply::AppendEntries(AppendEntriesReply { term, outcome }))) = envelope.reply() else {
            return;
        };
        if matches!(outcome, AppendOutcome::RetryFrom(_)) {
            let refused = self.refused.entry((envelope.to, envelope.from)).or_default();
            *refused = term.max(*refused);
        }
    }
}

impl Oracle for NoEarlySnapshots {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Arrived(envelope, _) if observed.is_real(envelope.to) => self.receives(envelope),
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => self.sends(envelope, event)?,
            _ => {}
        }
        Ok(())
    }
}
