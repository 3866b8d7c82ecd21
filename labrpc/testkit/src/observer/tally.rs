//! What has happened in a run, in numbers: a test checks with them that its subject came up.

use std::collections::BTreeSet;

use labrpc::{AppendOutcome, ApplyMsg, PeerId, RaftReply, RaftRequest, Term};

use crate::event::{Envelope, Event, EventKind};

/// Counts of events of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Terms in which a server led.
    pub leaderships: u64,
    /// Requests that were refused because the logs differ.
    pub conflicts: u64,
    /// Entries that were cut off in total.
    pub cut: u64,
    /// Messages that were lost, for any reason.
    pub lost: u64,
    /// Messages that arrived a second time.
    pub doubled: u64,
    /// Boots of a server that has run before.
    pub reboots: u64,
    /// Snapshots that a leader sent.
    pub snapshots_sent: u64,
    /// Snapshots that a service received.
    pub snapshots_delivered: u64,
}

/// Counts while a run goes on.
#[derive(Default)]
pub(super) struct Counter {
    tally: Tally,
    leaders: BTreeSet<Term>,
    booted: BTreeSet<PeerId>,
}

impl Counter {
    /// What has been counted so far.
    pub(super) fn read(&self) -> Tally {
        Tally { leaderships: self.leaders.len() as u64, ..self.tally.clone() }
    }

    pub(super) fn count(&mut self, event: &Event) {
        let tally = &mut self.tally;
        match &event.kind {
            EventKind::Sent(envelope) => self.sent(envelope),
            EventKind::Arrived(_, copy) => tally.doubled += u64::from(*copy > 0),
            EventKind::Lost(..) => tally.lost += 1,
            EventKind::Saved(_, change) => tally.cut += change.cut.len() as u64,
            EventKind::Applied(_, ApplyMsg::Snapshot { .. }) => tally.snapshots_delivered += 1,
            EventKind::Booted(server) => tally.reboots += u64::from(!self.booted.insert(*server)),
            _ => {}
        }
    }

    fn sent(&mut self, envelope: &Envelope) {
        match (envelope.request(), envelope.reply()) {
            (Some(RaftRequest::RequestVote(_)), _) => {}
            (Some(request), _) => {
                self.leaders.insert(request.term());
                let is_snapshot = matches!(request, RaftRequest::InstallSnapshot(_));
                self.tally.snapshots_sent += u64::from(is_snapshot);
            }
            (_, Some((_, RaftReply::AppendEntries(reply)))) => {
                self.tally.conflicts += u64::from(matches!(reply.outcome, AppendOutcome::RetryFrom(_)));
            }
            _ => {}
        }
    }
}
