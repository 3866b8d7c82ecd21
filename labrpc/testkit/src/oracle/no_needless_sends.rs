//! Nothing is sent that is known to be there (§5.3, §7).

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, InstallSnapshot, RaftReply, RaftRequest};
use labrpc::{Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::replication::{BACK_UP, NOT_AGAIN};
use crate::rule::snapshots::SNAPSHOT_TRAFFIC;
use crate::violation::Violation;

/// What each leader was told by each follower, in its present term.
#[derive(Default)]
pub(super) struct NoNeedlessSends {
    told: FxHashMap<(PeerId, PeerId), Told>,
}

#[derive(Default)]
struct Told {
    term: Term,
    /// Agreements as they came in; the greatest counts once it has had time to be taken in.
    agreed: Option<(Index, EventId)>,
    /// The position that the follower last said it does not hold.
    refused: Option<(LogPosition, EventId)>,
}

impl NoNeedlessSends {
    fn hears(&mut self, envelope: &Envelope, event: &Event, observed: &ObservedState) {
        let Some((request, &RaftReply::AppendEntries(AppendEntriesReply { term, outcome }))) = envelope.reply() else {
            return;
        };
        // A late word from before the follower booted: what else it said then is forgotten here, but
        // not by the leader, which may know better than to heed it.
        if observed.servers[envelope.from].booted.is_some_and(|booted| envelope.sent.event < booted.event) {
            return;
        }
        let told = self.told.entry((envelope.to, envelope.from)).or_default();
        if term > told.term {
            *told = Told { term, ..Told::default() };
        }
        if request.term() != term || told.term != term {
            return;
        }
        match outcome {
            AppendOutcome::Through(index) if told.agreed.is_none_or(|(agreed, _)| index > agreed) => {
                told.agreed = Some((index, event.id));
                told.refused = None;
            }
            AppendOutcome::RetryFrom(_) => {
                if let RaftRequest::AppendEntries(AppendEntries { prev, .. }) = request {
                    told.refused = Some((*prev, event.id));
                }
            }
            _ => {}
        }
    }

    fn speaks(&self, envelope: &Envelope, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        let (leader, follower) = (envelope.from, envelope.to);
        let Some(request) = envelope.request() else { return Ok(()) };
        let Some(told) = self.told.get(&(leader, follower)).filter(|told| told.term == request.term()) else {
            return Ok(());
        };
        let is_taken_in = |id: &EventId| event.at() - id.at > observed.slack(leader, id.at);
        let agreed = told.agreed.filter(|(_, id)| is_taken_in(id));
        match request {
            RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => {
                if let Some((index, id)) = agreed
                    && let Some(first) = entries.first()
                    && prev.index < index
                {
                    let what = format!(
                        "server {leader} sent server {follower} entry {} again, which it had agreed to",
                        prev.index + 1
                    );
                    return Err(Violation::new(&NOT_AGAIN, what)
                        .with(id, format!("server {leader} hears that server {follower} agrees through {index}"))
                        .with(
                            event.id,
                            format!(
                                "it sends entries from index {} on, the first of term {}",
                                prev.index + 1,
                                first.term
                            ),
                        ));
                }
                if let Some((refused, id)) = told.refused.filter(|(_, id)| is_taken_in(id))
                    && *prev == refused
                    // While a snapshot is on its way, the follower hears heartbeats at the log's base.
                    && *prev != observed.servers[leader].disk.head.base
                    && agreed.is_none_or(|(index, _)| index < prev.index)
                {
                    let what = format!(
                        "server {leader} asked server {follower} again whether it holds index {} of term {}",
                        prev.index, prev.term
                    );
                    return Err(Violation::new(&BACK_UP, what)
                        .with(id, format!("server {leader} hears that server {follower} does not hold it"))
                        .with(event.id, "it sends entries that follow the same position"));
                }
                Ok(())
            }
            RaftRequest::InstallSnapshot(InstallSnapshot { last_included: through, .. }) => match agreed {
                Some((index, id)) if index >= through.index => {
                    let what = format!(
                        "server {leader} sent server {follower} a snapshot through {}, which it does not need",
                        through.index
                    );
                    Err(Violation::new(&SNAPSHOT_TRAFFIC, what)
                        .with(id, format!("server {leader} hears that server {follower} agrees through {index}"))
                        .with(event.id, format!("it sends a snapshot through {}", through.index)))
                }
                _ => Ok(()),
            },
            RaftRequest::RequestVote(_) => Ok(()),
        }
    }

    /// Once entries up to a refused position are on their way, it may be asked for again.
    fn offers(&mut self, envelope: &Envelope) {
        let Some(request @ RaftRequest::AppendEntries(AppendEntries { prev, .. })) = envelope.request() else { return };
        let Some(told) = self.told.get_mut(&(envelope.from, envelope.to)) else { return };
        let sent = prev.index + 1..=request.through().index;
        told.refused.take_if(|(refused, _)| sent.contains(&refused.index));
    }
}

impl Oracle for NoNeedlessSends {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Arrived(envelope, _) if observed.is_real(envelope.to) => self.hears(envelope, event, observed),
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                self.speaks(envelope, event, observed)?;
                self.offers(envelope);
            }
            // Who boots knows nothing of what it was told; and of whom it was told, all may be lost.
            EventKind::Booted(server) => {
                self.told.retain(|(leader, follower), _| leader != server && follower != server)
            }
            EventKind::Paused(server, _) => self.told.retain(|(leader, _), _| leader != server),
            _ => {}
        }
        Ok(())
    }
}
