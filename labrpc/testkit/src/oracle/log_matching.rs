//! What a follower agrees to is in its log, and equal positions mean equal logs (§5.3).

use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, RaftReply, RaftRequest, RequestVote,
};
use labrpc::{Bytes, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::event_line::At;
use crate::observed::{DiskState, ObservedState};
use crate::rule::persistence::{DISK_DIFFERS, DURABLE, SAVED_LOG};
use crate::rule::replication::{CONSISTENCY, FOLLOWS, LOG_MATCHING};
use crate::rule::snapshots::BOUNDARY;
use crate::violation::Violation;

/// Remembers every entry that any server ever sent or saved.
#[derive(Default)]
pub(super) struct LogMatching {
    /// For each index, from 1 on, the entry that was seen first, with its term.
    first: Vec<(Term, Seen)>,
    /// All others.
    others: FxHashMap<LogPosition, Seen>,
}

struct Seen {
    /// The position right before it.
    prev: LogPosition,
    command: Bytes,
    by: PeerId,
    /// Whether a disk had it, and not a message.
    is_saved: bool,
    id: EventId,
}

impl LogMatching {
    fn seen_mut(&mut self, position: LogPosition) -> Option<&mut Seen> {
        let slot = position.index.checked_sub(1)?;
        match self.first.get_mut(slot as usize) {
            Some((term, seen)) if *term == position.term => Some(seen),
            _ => self.others.get_mut(&position),
        }
    }

    fn remember(&mut self, position: LogPosition, seen: Seen) {
        if position.index == self.first.len() as Index + 1 {
            self.first.push((position.term, seen));
        } else {
            self.others.insert(position, seen);
        }
    }

    /// Compares a part of a server's log with the entries seen before, and remembers it.
    fn note(
        &mut self,
        by: PeerId,
        mut prev: LogPosition,
        entries: &[Entry],
        is_saved: bool,
        id: EventId,
    ) -> Result<(), Violation> {
        for entry in entries {
            let position = LogPosition { term: entry.term, index: prev.index + 1 };
            let Some(seen) = self.seen_mut(position) else {
                self.remember(position, Seen { prev, command: entry.command.clone(), by, is_saved, id });
                prev = position;
                continue;
            };
            let is_disk_wrong = seen.is_saved != is_saved && (is_saved || seen.by == by);
            if seen.prev == prev && seen.command != entry.command && is_disk_wrong {
                let note = |by, is_saved, command: &Bytes| {
                    format!("server {by} {} the command {command:?}", if is_saved { "saves" } else { "sends" })
                };
                let what = format!("server {by} saved entry {} with another command than was sent", At(position));
                return Err(Violation::new(&SAVED_LOG, what)
                    .look_at(&DISK_DIFFERS)
                    .with(seen.id, note(seen.by, seen.is_saved, &seen.command))
                    .with(id, note(by, is_saved, &entry.command)));
            }
            if seen.prev != prev || seen.command != entry.command {
                let note = |by, prev: LogPosition, command: &Bytes| {
                    format!("server {by} has {command:?} there, after an entry of term {}", prev.term)
                };
                let LogPosition { term, index } = position;
                return Err(Violation::new(
                    &LOG_MATCHING,
                    format!("two different entries have index {index} and term {term}"),
                )
                .with(seen.id, note(seen.by, seen.prev, &seen.command))
                .with(id, note(by, prev, &entry.command)));
            }
            if seen.is_saved && !is_saved {
                // Its sender's own word is what disks are compared with.
                (seen.by, seen.is_saved, seen.id) = (by, false, id);
            }
            prev = position;
        }
        Ok(())
    }

    fn agreed(envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let Some((
            request,
            RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(through) }),
        )) = envelope.reply()
        else {
            return Ok(());
        };
        if *term != request.term() {
            return Ok(()); // The request must be refused: `TermsOnlyGrow` reports that.
        }
        let server = envelope.from;
        let pending = envelope.answers.as_ref().and_then(|request| observed.servers[server].pending(request.number));
        let arrived = pending.map_or(id, |pending| pending.arrived);
        let violation = |rule, what: String| {
            Err(Violation::new(rule, what)
                .with(arrived, describe(envelope.to, server, request))
                .with(id, format!("server {server} agrees through index {through}")))
        };
        if let RaftRequest::RequestVote(_) = request {
            return Ok(());
        }
        let request_last = request.through().index;
        if *through > request_last {
            return violation(
                &FOLLOWS,
                format!(
                    "server {server} agreed through index {through} to a request that ends at index {request_last}"
                ),
            );
        }
        let Some(pending) = pending.filter(|pending| observed.has_disks && !pending.is_held) else { return Ok(()) };
        match request {
            RaftRequest::AppendEntries(AppendEntries { prev, .. }) if !pending.is_prev_held => {
                let own = observed.servers[server].disk.term_at(prev.index);
                let own = own.map_or("no entry there".into(), |term| format!("an entry of term {term} there"));
                let LogPosition { term, index } = prev;
                violation(
                    &CONSISTENCY,
                    format!(
                        "server {server} took entries that follow index {index} of term {term}, but its disk has {own}"
                    ),
                )
            }
            // The log ends where it did before: nothing of the request is on disk.
            RaftRequest::AppendEntries(_) if pending.tail_min == pending.tail_max => violation(
                &DURABLE,
                format!(
                    "server {server} agreed through index {through} before that was on disk: its log there still \
                         ends at {}",
                    At(pending.tail_min)
                ),
            ),
            RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => {
                let agreed = format!("server {server} agreed through index {through}, but its");
                match other_command(&observed.servers[server].disk, prev.index, entries) {
                    None => violation(&FOLLOWS, format!("{agreed} log on disk differs from what it was sent")),
                    Some(index) => {
                        let what = format!("{agreed} disk holds another command at index {index} than it was sent");
                        violation(&SAVED_LOG, what)
                    }
                }
                .map_err(|violation| violation.look_at(&DISK_DIFFERS))
            }
            _ => violation(
                &BOUNDARY,
                format!(
                    "server {server} agreed to a snapshot through index {through}, but its log on disk does not begin there and does not hold that entry"
                ),
            ),
        }
    }
}

/// The first index at which a disk holds another command than was sent, if its log is otherwise the one that was sent.
fn other_command(disk: &DiskState, prev: Index, entries: &[Entry]) -> Option<Index> {
    let is_same_term = |(index, entry): &(Index, &Entry)| disk.term_at(*index) == Some(entry.term);
    let sent = || (prev + 1..).zip(entries);
    let is_other =
        |(index, entry): &(Index, &Entry)| disk.get(*index).is_some_and(|held| held.command != entry.command);
    sent().all(|sent| is_same_term(&sent)).then(|| sent().find(is_other))?.map(|(index, _)| index)
}

/// A request in words, for a violation's note.
fn describe(from: PeerId, to: PeerId, request: &RaftRequest) -> String {
    match request {
        RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => {
            let (what, arrive) = match entries.len() {
                0 => ("a request without entries".to_string(), "arrives"),
                1 => ("an entry".to_string(), "arrives"),
                count => (format!("{count} entries"), "arrive"),
            };
            let place = match *prev {
                LogPosition::ZERO => "for the beginning of the log".to_string(),
                prev => format!("after index {} of term {}", prev.index, prev.term),
            };
            format!("{what} {place} {arrive} at server {to}, from server {from}")
        }
        RaftRequest::InstallSnapshot(InstallSnapshot { last_included: through, .. }) => {
            format!(
                "a snapshot through index {} of term {} arrives at server {to}, from server {from}",
                through.index, through.term
            )
        }
        RaftRequest::RequestVote(RequestVote { term, .. }) => {
            format!("server {from} asks server {to} for its vote in term {term}")
        }
    }
}

impl Oracle for LogMatching {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                if let Some(RaftRequest::AppendEntries(AppendEntries { prev, entries, .. })) = envelope.request() {
                    self.note(envelope.from, *prev, entries, false, event.id)?;
                }
                LogMatching::agreed(envelope, event.id, observed)
            }
            EventKind::Saved(server, change) if !change.appended.is_empty() => {
                let disk = &observed.servers[*server].disk;
                let Some(term) = disk.term_at(change.kept_through) else { return Ok(()) };
                let prev = LogPosition { term, index: change.kept_through };
                self.note(*server, prev, &change.appended, true, event.id)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::entries;

    /// A note counts entries as one would say it.
    #[test]
    fn entries_are_counted_in_words() {
        let note = |prev, terms: &[Term]| {
            let append = AppendEntries { term: 3, leader: 1, prev, entries: entries(1, terms), leader_commit: 0 };
            describe(1, 0, &RaftRequest::AppendEntries(append))
        };
        let prev = LogPosition { index: 4, term: 2 };
        assert_eq!(
            note(LogPosition::ZERO, &[1]),
            "an entry for the beginning of the log arrives at server 0, from server 1"
        );
        assert_eq!(note(prev, &[3, 3]), "2 entries after index 4 of term 2 arrive at server 0, from server 1");
        let nothing = "a request without entries after index 4 of term 2 arrives at server 0, from server 1";
        assert_eq!(note(prev, &[]), nothing);
    }
}
