//! What is agreed to is in the log, and equal positions are equal logs (§5.3).

use std::collections::hash_map::Entry;

use labrpc::face::{AppendOutcome, LogEntry, RaftReply, RaftRequest};
use labrpc::{Bytes, LogPosition, PeerId};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::replication::{CONSISTENCY, FOLLOWS, LOG_MATCHING};
use crate::rule::snapshots::BOUNDARY;
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, What};

/// Every entry that any server ever sent or saved.
#[derive(Default)]
pub(super) struct HonestAppend {
    entries: FxHashMap<LogPosition, Seen>,
}

struct Seen {
    /// The position right before it.
    prev: LogPosition,
    command: Bytes,
    by: PeerId,
    moment: Moment,
}

impl HonestAppend {
    /// Notes a stretch of a server's log, if all of it agrees with what was seen before.
    fn note(&mut self, by: PeerId, mut prev: LogPosition, entries: &[LogEntry], moment: Moment) -> Result<(), Verdict> {
        for entry in entries {
            let position = LogPosition { term: entry.term, index: prev.index + 1 };
            match self.entries.entry(position) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Seen { prev, command: entry.command.clone(), by, moment });
                }
                Entry::Occupied(seen) => {
                    let seen = seen.get();
                    if seen.prev != prev || seen.command != entry.command {
                        let note = |by, prev: LogPosition, command: &Bytes| {
                            format!("server {by} has {command:?} there, after an entry of term {}", prev.term)
                        };
                        let LogPosition { term, index } = position;
                        return Err(Verdict::new(
                            &LOG_MATCHING,
                            format!("two entries have index {index} and term {term}"),
                        )
                        .with(seen.moment, note(seen.by, seen.prev, &seen.command))
                        .with(moment, note(by, prev, &entry.command)));
                    }
                }
            }
            prev = position;
        }
        Ok(())
    }

    fn agreed(letter: &Letter, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let Some((request, RaftReply::AppendEntries { term, outcome: AppendOutcome::Through(through) })) =
            letter.reply()
        else {
            return Ok(());
        };
        if *term != request.term() {
            return Ok(()); // A request that has to be refused: another oracle says so.
        }
        let server = letter.from;
        let pending = letter.answers.as_ref().and_then(|request| known.servers[server].pending(request.number));
        let arrived = pending.map_or(moment, |pending| pending.arrived);
        let verdict = |rule, what: String| {
            Err(Verdict::new(rule, what)
                .with(arrived, describe(letter.to, server, request))
                .with(moment, format!("server {server} agrees through {through}")))
        };
        if let RaftRequest::RequestVote { .. } = request {
            return Ok(());
        }
        let vouched = request.through().index;
        if *through > vouched {
            return verdict(
                &FOLLOWS,
                format!("server {server} agreed through {through} to a request that ends at {vouched}"),
            );
        }
        let Some(pending) = pending.filter(|pending| known.has_disks && !pending.is_held) else { return Ok(()) };
        match request {
            RaftRequest::AppendEntries { prev, .. } if !pending.is_prev_held => {
                let own = known.servers[server].disk.term_at(prev.index);
                let own = own.map_or("nothing there".into(), |term| format!("an entry of term {term} there"));
                let LogPosition { term, index } = prev;
                verdict(
                    &CONSISTENCY,
                    format!("server {server} took entries that follow index {index} of term {term}, but has {own}"),
                )
            }
            RaftRequest::AppendEntries { .. } => verdict(
                &FOLLOWS,
                format!("server {server} agreed through {through}, but its log differs from what it was sent"),
            ),
            _ => verdict(
                &BOUNDARY,
                format!(
                    "server {server} agreed to a snapshot through {through}, but its log neither begins there nor holds that entry"
                ),
            ),
        }
    }
}

/// For a clash: `entries 4–7 reach server 2, from server 1`.
fn describe(from: PeerId, to: PeerId, request: &RaftRequest) -> String {
    match request {
        RaftRequest::AppendEntries { prev, entries, .. } => format!(
            "{} entries after index {} of term {} reach server {to}, from server {from}",
            entries.len(),
            prev.index,
            prev.term
        ),
        RaftRequest::InstallSnapshot { through, .. } => {
            format!(
                "a snapshot through index {} of term {} reaches server {to}, from server {from}",
                through.index, through.term
            )
        }
        RaftRequest::RequestVote { term, .. } => format!("server {from} asks server {to} for its vote in term {term}"),
    }
}

impl Oracle for HonestAppend {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        match &event.what {
            What::Sent(letter) if known.is_real(letter.from) => {
                if let Some(RaftRequest::AppendEntries { prev, entries, .. }) = letter.request() {
                    self.note(letter.from, *prev, entries, event.moment)?;
                }
                HonestAppend::agreed(letter, event.moment, known)
            }
            What::Saved(server, change) if !change.appended.is_empty() => {
                let disk = &known.servers[*server].disk;
                let Some(term) = disk.term_at(change.kept_through) else { return Ok(()) };
                let prev = LogPosition { term, index: change.kept_through };
                self.note(*server, prev, &change.appended, event.moment)
            }
            _ => Ok(()),
        }
    }
}
