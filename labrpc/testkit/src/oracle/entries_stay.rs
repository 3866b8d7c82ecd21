//! Entries leave a log only if a newer leader's entry conflicts with them (§5.3).

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, RaftReply, RaftRequest};
use labrpc::{Index, LogPosition, PeerId, RequestVote, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{DiskChange, Envelope, Event, EventId, EventKind};
use crate::observed::{ObservedState, PendingRequest};
use crate::rule::replication::{ACKNOWLEDGED, ADDS, APPEND_ONLY, REFUSAL, START};
use crate::rule::snapshots::{BOUNDARY, KEEPS};
use crate::violation::Violation;

/// Remembers how far each server has agreed with its leader's log.
#[derive(Default)]
pub(super) struct EntriesStay {
    agreed: FxHashMap<PeerId, Agreement>,
}

#[derive(Clone, Copy)]
struct Agreement {
    term: Term,
    through: Index,
    /// The position there, if the request ended there.
    at: Option<LogPosition>,
    id: EventId,
}

/// Whether a pending request allows a server to cut its log at `index`, where it held the entry `cut`.
fn is_reason_to_cut(pending: &PendingRequest, term: Term, index: Index, cut: &Entry) -> bool {
    match pending.envelope.request() {
        // If the newer term is not on disk, `PersistBeforeVisible` reports that.
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
        let lost = format!("server {server} drops entries from index {index} on, the first of term {}", first.term);
        if observed.may_lead(server, term) && change.old_head.ballot.term == term {
            return Err(Violation::new(
                &APPEND_ONLY,
                format!("server {server} leads term {term}, but cut its own log at index {index}"),
            )
            .with(id, lost));
        }
        let requests = &observed.servers[server].pending;
        if requests.iter().any(|pending| is_reason_to_cut(pending, term, index, first)) {
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
        if let Some((pending, through)) = requests.iter().find_map(|pending| Some((pending, snapshot(&pending)?))) {
            // It may replace the log only if the log did not hold the snapshot's last entry.
            let is_new_beginning = change.head.base == through;
            let was_held = change.old_term_at_base == Some(through.term);
            if is_new_beginning && !was_held {
                return Ok(());
            }
            let (rule, what) = match was_held {
                true => (&KEEPS, "although its log held the snapshot's last entry"),
                false => (&BOUNDARY, "but its log does not begin after that snapshot"),
            };
            return Err(Violation::new(rule, format!("server {server} dropped entries for a snapshot, {what}"))
                .with(
                    pending.arrived,
                    format!("a snapshot through index {} of term {} arrives", through.index, through.term),
                )
                .with(id, lost));
        }
        let refused =
            requests.iter().find(|pending| pending.envelope.request().is_some_and(|request| request.term() < term));
        if let Some(pending) = refused {
            return Err(Violation::new(
                &REFUSAL,
                format!("server {server} cut its log because of a request that it must refuse"),
            )
            .with(pending.arrived, "the request arrives")
            .with(id, lost));
        }
        let violation = Violation::new(
            &ACKNOWLEDGED,
            format!("server {server} dropped entry {index} although no request conflicts with it"),
        )
        .with(id, lost);
        Err(match self.agreed.get(&server).filter(|agreed| agreed.term == term && agreed.through >= index) {
            Some(agreed) => {
                violation.with(agreed.id, format!("server {server} agrees through index {}", agreed.through))
            }
            None => violation,
        })
    }

    /// Without disks: does a server say that it lacks an entry which it had agreed to?
    fn forgets(&self, envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let server = envelope.from;
        let Some(agreed) = self.agreed.get(&server) else { return Ok(()) };
        let violation = |what: String, says: String| {
            Err(Violation::new(&ACKNOWLEDGED, what)
                .with(
                    agreed.id,
                    format!("server {server} agrees through index {} in term {}", agreed.through, agreed.term),
                )
                .with(id, says))
        };
        if let Some((
            RaftRequest::AppendEntries(AppendEntries { term, prev, .. }),
            RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::RetryFrom(_), .. }),
        )) = envelope.reply()
        {
            let number = envelope.answers.as_ref().map(|request| request.number);
            let pending = number.and_then(|number| observed.servers[server].pending(number));
            let is_later = pending.is_some_and(|pending| pending.arrived.event > agreed.id.event);
            if is_later && *term == agreed.term && prev.index <= agreed.through {
                let what =
                    format!("server {server} lost entries that it had agreed to, and no other leader came since");
                return violation(what, format!("it says that it lacks entry {} of term {}", prev.index, prev.term));
            }
        }
        if let Some(&RaftRequest::RequestVote(RequestVote { term, last_log, .. })) = envelope.request()
            && term > agreed.term
            && agreed.at.is_some_and(|at| last_log < at)
        {
            let what = format!("server {server} campaigns without entries that it had agreed to");
            let LogPosition { index, term } = last_log;
            return violation(what, format!("it says that its log ends at index {index} of term {term}"));
        }
        Ok(())
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
        let is_given = |pending: &PendingRequest| match pending.envelope.request() {
            // If the newer term is not on disk, `PersistBeforeVisible` reports that.
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
            format!("server {server} added entry {index} to its log although it does not lead term {term}"),
        )
        .look_at(&ADDS)
        .with(id, format!("server {server} saves entry {index}, but no leader has sent it an entry")))
    }
}

impl Oracle for EntriesStay {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                if let Some((
                    request,
                    &RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(through) }),
                )) = envelope.reply()
                {
                    let at = Some(request.through()).filter(|at| at.index == through);
                    let new = Agreement { term, through, at, id: event.id };
                    let agreed = self.agreed.entry(envelope.from).or_insert(new);
                    if term > agreed.term || term == agreed.term && through > agreed.through {
                        *agreed = new;
                    }
                }
                // On a disk a loss is seen when it happens. A script's leader may contradict itself.
                if observed.has_disks || !observed.is_whole {
                    Ok(())
                } else {
                    self.forgets(envelope, event.id, observed)
                }
            }
            EventKind::Booted(server) if !observed.has_disks => {
                self.agreed.remove(server);
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
