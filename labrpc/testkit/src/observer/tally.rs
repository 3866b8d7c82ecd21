//! What has happened in a run, in numbers: a test checks with them that its subject came up.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Envelope, Event, EventKind};
use labrpc::network::Lost;
use labrpc::{AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use labrpc::{ApplyMsg, PeerId, Term};

/// Counts of events of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Terms in which a server campaigned.
    pub terms: u64,
    /// Terms in which a server led.
    pub leaderships: u64,
    /// Terms in which several servers campaigned and none led.
    pub split_votes: u64,
    /// Votes that were refused.
    pub votes_refused: u64,
    /// Requests that were refused because the logs differ.
    pub conflicts: u64,
    /// The most entries that one save cut off.
    pub cut_max: u64,
    /// Entries that were cut off in total.
    pub cut: u64,
    /// Messages that were lost, for any reason.
    pub lost: u64,
    /// Messages that arrived a second time.
    pub doubled: u64,
    /// Crashes by the harness.
    pub crashes: u64,
    /// Boots of a server that has run before.
    pub reboots: u64,
    /// Snapshots that a leader sent.
    pub snapshots_sent: u64,
    /// Snapshots that a leader sent and that were lost because their receiver was down.
    pub snapshots_lost_to_crashes: u64,
    /// Snapshots that a service received.
    pub snapshots_delivered: u64,
    /// Entries that a service received.
    pub applied: u64,
}

/// Counts while a run goes on.
#[derive(Default)]
pub(super) struct Counter {
    tally: Tally,
    candidates: BTreeMap<Term, BTreeSet<PeerId>>,
    leaders: BTreeSet<Term>,
    booted: BTreeSet<PeerId>,
}

impl Counter {
    /// What has been counted so far.
    pub(super) fn read(&self) -> Tally {
        let is_split =
            |(term, campaigns): &(&Term, &BTreeSet<PeerId>)| campaigns.len() > 1 && !self.leaders.contains(term);
        Tally {
            terms: self.candidates.len() as u64,
            leaderships: self.leaders.len() as u64,
            split_votes: self.candidates.iter().filter(is_split).count() as u64,
            ..self.tally.clone()
        }
    }

    pub(super) fn count(&mut self, event: &Event) {
        let tally = &mut self.tally;
        match &event.kind {
            EventKind::Sent(envelope) => self.sent(envelope),
            EventKind::Arrived(_, copy) => tally.doubled += u64::from(*copy > 0),
            EventKind::Lost(envelope, why) => {
                tally.lost += 1;
                let is_snapshot = matches!(envelope.request(), Some(RaftRequest::InstallSnapshot(_)));
                tally.snapshots_lost_to_crashes += u64::from(is_snapshot && *why == Lost::Down);
            }
            EventKind::Saved(_, change) => {
                tally.cut += change.cut.len() as u64;
                tally.cut_max = tally.cut_max.max(change.cut.len() as u64);
            }
            EventKind::Applied(_, ApplyMsg::Command { .. }) => tally.applied += 1,
            EventKind::Applied(_, ApplyMsg::Snapshot { .. }) => tally.snapshots_delivered += 1,
            EventKind::Crashed(_) => tally.crashes += 1,
            EventKind::Booted(server) => tally.reboots += u64::from(!self.booted.insert(*server)),
            _ => {}
        }
    }

    fn sent(&mut self, envelope: &Envelope) {
        match envelope.request() {
            Some(&RaftRequest::RequestVote(RequestVote { term, candidate, .. })) => {
                self.candidates.entry(term).or_default().insert(candidate);
            }
            Some(request) => {
                self.leaders.insert(request.term());
                let is_snapshot = matches!(request, RaftRequest::InstallSnapshot(_));
                self.tally.snapshots_sent += u64::from(is_snapshot);
            }
            None => {}
        }
        match envelope.reply() {
            Some((_, RaftReply::RequestVote(RequestVoteReply { granted: false, .. }))) => self.tally.votes_refused += 1,
            Some((_, RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::RetryFrom(_), .. }))) => {
                self.tally.conflicts += 1;
            }
            _ => {}
        }
    }
}
