//! `start` returns the truth (§5.3).

use labrpc::{Bytes, LogPosition, PeerId};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::persistence::DURABLE;
use crate::rule::replication::START;
use crate::violation::Violation;

/// Remembers the position of every command that was taken.
#[derive(Default)]
pub(super) struct StartResults {
    taken: FxHashMap<LogPosition, (PeerId, Bytes, EventId)>,
}

impl StartResults {
    fn took(
        &mut self,
        server: PeerId,
        at: LogPosition,
        command: &Bytes,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let LogPosition { term, index } = at;
        let took = |server| format!("server {server} takes a command for index {index} of term {term}");
        if !observed.may_lead(server, term) {
            let what = format!("server {server} took a command in term {term}, which it does not lead");
            return Err(Violation::new(&START, what).with(id, took(server)));
        }
        if let Some((first, _, earlier)) = self.taken.get(&at) {
            let what = format!("two commands were given index {index} of term {term}");
            return Err(Violation::new(&START, what).with(*earlier, took(*first)).with(id, took(server)));
        }
        self.taken.insert(at, (server, command.clone(), id));
        let disk = &observed.servers[server].disk;
        if !observed.has_disks || disk.head.ballot.term != term || disk.head.base.index >= index {
            return Ok(()); // It no longer leads that term, so a newer leader may have changed its log.
        }
        match disk.get(index) {
            Some(entry) if entry.term == term && entry.command == *command => Ok(()),
            None => {
                let what = format!("server {server} took a command for index {index} before it was on disk");
                Err(Violation::new(&DURABLE, what)
                    .with(id, format!("{}; its log on disk ends at index {}", took(server), disk.last().index)))
            }
            Some(entry) => {
                let what = format!(
                    "server {server} returned index {index} of term {term} for a command, but another entry is there"
                );
                let there =
                    format!("{}; its disk holds {:?} of term {} there", took(server), entry.command, entry.term);
                Err(Violation::new(&START, what).with(id, there))
            }
        }
    }
}

impl Oracle for StartResults {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Booted(server) if !observed.has_disks => {
                self.taken.retain(|_, (by, _, _)| by != server);
                Ok(())
            }
            EventKind::Started(server, command, Ok(at)) => self.took(*server, *at, command, event.id, observed),
            _ => Ok(()),
        }
    }
}
