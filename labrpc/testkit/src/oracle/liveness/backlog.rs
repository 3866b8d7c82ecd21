//! How much work is still owed, and how long that may take.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use labrpc::{APPEND_BYTES_MAX, Bytes, Index, LogPosition, PeerId, Term};

use super::TRAVEL_MAX;
use crate::event::EventId;

/// A leader may send no more than this at a time, and wait for the reply.
const REQUEST_BYTES: u64 = APPEND_BYTES_MAX as u64;
/// Two requests in a row carry more than [`REQUEST_BYTES`], so there may be two for as many bytes, each with a reply.
const TIME_EACH: Duration = Duration::from_nanos(4 * TRAVEL_MAX.as_nanos() as u64);

/// What the servers still have to replicate and to apply.
#[derive(Default)]
pub(super) struct Backlog {
    /// How far each server has applied since it booted.
    applied: BTreeMap<PeerId, Index>,
    /// The size of all entries through each index, from index 1 on, as far as any server has applied them.
    bytes_through: Vec<u64>,
    /// For each term, the commands that its leader took and that no server has applied, by index.
    taken: BTreeMap<Term, VecDeque<TakenCommand>>,
    /// The size of all commands that were taken and that no server has applied, lost ones included.
    taken_bytes: u64,
}

/// A command that a leader took.
#[derive(Clone, Copy)]
pub(super) struct TakenCommand {
    pub(super) id: EventId,
    pub(super) leader: PeerId,
    pub(super) index: Index,
    bytes: u64,
    /// [`Backlog::owed_bytes`] when it was taken.
    pub(super) owed_bytes: u64,
}

impl Backlog {
    pub(super) fn booted(&mut self, server: PeerId) {
        self.applied.insert(server, 0);
    }

    /// A server has applied a command, or a snapshot (`None`), through an index.
    pub(super) fn applied(&mut self, server: PeerId, index: Index, command: Option<&Bytes>) {
        self.applied.insert(server, index);
        if let Some(command) = command.filter(|_| index as usize == self.bytes_through.len() + 1) {
            self.bytes_through.push(self.bytes_through.last().copied().unwrap_or_default() + command.len() as u64);
        }
        for commands in self.taken.values_mut() {
            // Indices grow within a term. Where they do not, `StartResults` reports it.
            while let Some(command) = commands.front().filter(|command| command.index <= index) {
                self.taken_bytes -= command.bytes;
                commands.pop_front();
            }
        }
    }

    /// A leader has taken a command.
    pub(super) fn took(&mut self, id: EventId, leader: PeerId, at: LogPosition, command: &Bytes) {
        if self.applied.values().any(|applied| *applied >= at.index) {
            return;
        }
        let bytes = command.len() as u64;
        self.taken_bytes += bytes;
        let taken = TakenCommand { id, leader, index: at.index, bytes, owed_bytes: self.owed_bytes() };
        self.taken.entry(at.term).or_default().push_back(taken);
    }

    /// A server that has not applied this entry, and how far it has applied.
    pub(super) fn behind(&self, committed: Index) -> Option<(PeerId, Index)> {
        let (server, applied) = self.applied.iter().find(|(_, applied)| **applied < committed)?;
        Some((*server, *applied))
    }

    /// The command of this term that has waited longest. Commands of earlier terms are forgotten: they may stay
    /// uncommitted, or be lost.
    pub(super) fn waits_longest(&mut self, term: Term) -> Option<TakenCommand> {
        if self.taken.first_key_value().is_some_and(|(earlier, _)| *earlier < term) {
            self.taken = self.taken.split_off(&term);
        }
        self.taken.get(&term)?.front().copied()
    }

    /// The size of everything that some server has not applied yet.
    pub(super) fn owed_bytes(&self) -> u64 {
        let least = self.applied.values().min().map_or(0, |applied| (*applied as usize).min(self.bytes_through.len()));
        let total = self.bytes_through.last().copied().unwrap_or_default();
        let held = least.checked_sub(1).map_or(0, |slot| self.bytes_through[slot]);
        total - held + self.taken_bytes
    }
}

/// How long it may take to replicate `bytes` bytes, in addition to the time that a few bytes take.
pub(super) fn time_for(bytes: u64) -> Duration {
    TIME_EACH * u32::try_from(bytes / REQUEST_BYTES).unwrap_or(u32::MAX)
}
