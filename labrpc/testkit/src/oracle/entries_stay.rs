//! Nothing is taken back: what a log holds goes only for a newer leader's conflict (§5.3).

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, RaftReply, RaftRequest};
use labrpc::{Index, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{DiskChange, Event, EventId, EventKind};
use crate::observed::{ObservedState, PendingRequest};
use crate::rule::replication::{ACKNOWLEDGED, APPEND_ONLY, REFUSAL, START};
use crate::rule::snapshots::KEEPS;
use crate::violation::Violation;

/// How far each server has agreed to its present leader's log.
#[derive(Default)]
pub(super) struct EntriesStay {
    agreed: FxHashMap<PeerId, Agreement>,
}

#[derive(Clone, Copy)]
struct Agreement {
    term: Term,
    through: Index,
    id: EventId,
}

/// Whether a request in a server's hands gives it the right to cut its log at `index`, where it
/// held an entry of another term.
fn is_reason_to_cut(pending: &PendingRequest, term: Term, index: Index, cut: &Entry) -> bool {
    match pending.envelope.request() {
        // If the newer term itself is not on disk, another oracle says so.
        Some(RaftRequest::AppendEntries(AppendEntries { term: asked, prev, entries, .. })) if *asked >= term => {
            let slot = index.checked_sub(prev.index + 1);
            let theirs = slot.and_then(|slot| entries.get(slot as usize));
            theirs.is_some_and(|theirs| theirs.term != cut.term)
        }
        _ => false,
    }
}

impl EntriesStay {
    fn cut(&self, server: PeerId, change: &DiskChange, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let Some(first) = change.cut.first() else { return Ok(()) };
        let term = change.head.ballot.term;
        let index = change.kept_through + 1;
        if change.appended.first() == Some(first) {
            return Ok(()); // Written anew, for no use: another oracle says so.
        }
        let lost = format!("server {server} drops entries from index {index} on, the first of term {}", first.term);
        if observed.may_lead(server, term) && change.old_head.ballot.term == term {
            return Err(Violation::new(
                &APPEND_ONLY,
                format!("server {server} leads term {term}, and cut its own log at {index}"),
            )
            .with(id, lost));
        }
        let hands = &observed.servers[server].pending;
        if hands.iter().any(|pending| is_reason_to_cut(pending, term, index, first)) {
            return Ok(());
        }
        let snapshot = |pending: &&PendingRequest| match pending.envelope.request() {
            Some(RaftRequest::InstallSnapshot(InstallSnapshot { term: asked, last_included: through, .. }))
                if *asked == term =>
            {
                Some(*through)
            }
            _ => None,
        };
        if let Some((pending, through)) = hands.iter().find_map(|pending| Some((pending, snapshot(&pending)?))) {
            // It may replace the log only if the log did not hold its last entry.
            let is_new_beginning = change.head.base == through;
            let was_held = change.old_term_at_base == Some(through.term);
            if is_new_beginning && !was_held {
                return Ok(());
            }
            return Err(Violation::new(
                &KEEPS,
                format!("server {server} lost entries that follow a snapshot which its log agreed with"),
            )
            .with(pending.arrived, format!("a snapshot through {} of term {} reaches it", through.index, through.term))
            .with(id, lost));
        }
        let refused =
            hands.iter().find(|pending| pending.envelope.request().is_some_and(|request| request.term() < term));
        if let Some(pending) = refused {
            return Err(Violation::new(
                &REFUSAL,
                format!("server {server} cut its log upon a request that it has to refuse"),
            )
            .with(pending.arrived, "the request arrives")
            .with(id, lost));
        }
        let violation = Violation::new(
            &ACKNOWLEDGED,
            format!("server {server} dropped entry {index} though nothing conflicts with it"),
        )
        .with(id, lost);
        Err(match self.agreed.get(&server).filter(|agreed| agreed.term == term && agreed.through >= index) {
            Some(agreed) => violation.with(agreed.id, format!("server {server} agrees through {}", agreed.through)),
            None => violation,
        })
    }

    fn grown(
        &self,
        server: PeerId,
        change: &DiskChange,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let term = change.head.ballot.term;
        if change.appended.is_empty() || observed.may_lead(server, term) {
            return Ok(());
        }
        if change.cut.first() == change.appended.first() {
            return Ok(()); // Written anew, for no use: another oracle says so.
        }
        let is_given = |pending: &PendingRequest| match pending.envelope.request() {
            // If the newer term itself is not on disk, another oracle says so.
            Some(RaftRequest::AppendEntries(AppendEntries { term: asked, entries, .. })) => {
                *asked >= term && !entries.is_empty()
            }
            Some(RaftRequest::InstallSnapshot(_)) => true,
            _ => false,
        };
        if observed.servers[server].pending.iter().any(is_given) {
            return Ok(());
        }
        let index = change.kept_through + 1;
        Err(Violation::new(
            &START,
            format!("server {server} put entry {index} into its log, though it does not lead term {term}"),
        )
        .with(id, format!("server {server} saves entry {index}; no leader has sent it any")))
    }
}

impl Oracle for EntriesStay {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                if let Some((
                    _,
                    &RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(through) }),
                )) = envelope.reply()
                {
                    let agreed = self.agreed.entry(envelope.from).or_insert(Agreement { term, through, id: event.id });
                    if term > agreed.term || term == agreed.term && through > agreed.through {
                        *agreed = Agreement { term, through, id: event.id };
                    }
                }
                Ok(())
            }
            EventKind::Saved(server, change) => {
                self.cut(*server, change, event.id, observed)?;
                self.grown(*server, change, event.id, observed)
            }
            _ => Ok(()),
        }
    }
}
