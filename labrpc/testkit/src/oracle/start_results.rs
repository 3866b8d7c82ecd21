//! `start` keeps its word (§5.3).

use labrpc::{Bytes, LogPosition, PeerId};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::persistence::DURABLE;
use crate::rule::replication::START;
use crate::violation::Violation;

/// Every command that was taken.
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
        let took = |server| format!("server {server} takes a command, at index {index} of term {term}");
        if !observed.may_lead(server, term) {
            let what = format!("server {server} took a command as the leader of term {term}, which it does not lead");
            return Err(Violation::new(&START, what).with(id, took(server)));
        }
        if let Some((first, _, earlier)) = self.taken.get(&at) {
            let what = format!("index {index} of term {term} was given to two commands");
            return Err(Violation::new(&START, what).with(*earlier, took(*first)).with(id, took(server)));
        }
        self.taken.insert(at, (server, command.clone(), id));
        let disk = &observed.servers[server].disk;
        if !observed.has_disks || disk.head.ballot.term != term || disk.head.base.index >= index {
            return Ok(()); // Its reign is over meanwhile; what became of its log is no longer its own.
        }
        match disk.get(index) {
            Some(entry) if entry.term == term && entry.command == *command => Ok(()),
            None => {
                let what = format!("server {server} took a command for index {index} before it was on disk");
                Err(Violation::new(&DURABLE, what)
                    .with(id, format!("{}; its disk ends at index {}", took(server), disk.last().index)))
            }
            Some(entry) => {
                let what = format!(
                    "server {server} said that its command is at index {index} of term {term}, but another entry is there"
                );
                let there = format!("{}; its disk has {:?} of term {} there", took(server), entry.command, entry.term);
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
