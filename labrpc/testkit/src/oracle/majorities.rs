//! Which entries a majority of the servers has held.

use labrpc::{Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use crate::observed::{ObservedState, ServerState};

/// Counts the servers that hold each entry.
#[derive(Default)]
pub(super) struct Majorities {
    /// For each term, the last entry of that term that a majority has held at some moment.
    by_majority: FxHashMap<Term, Index>,
    /// Without disks: how far each follower has agreed with the leader of a term.
    agreed: FxHashMap<Term, FxHashMap<PeerId, LogPosition>>,
}

impl Majorities {
    /// For each term, the last entry of that term that a majority has held at some moment.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Term, Index)> {
        self.by_majority.iter().map(|(term, index)| (*term, *index))
    }

    /// The last entry of a term that a majority has held at some moment.
    pub(super) fn last_of(&self, term: Term) -> Option<Index> {
        self.by_majority.get(&term).copied()
    }

    /// How many servers hold an entry on disk.
    pub(super) fn holders(position: LogPosition, observed: &ObservedState) -> usize {
        observed.servers.iter().filter(|server| server.disk.covers(position)).count()
    }

    /// Counts again after `server` has saved entries.
    pub(super) fn count(&mut self, server: PeerId, observed: &ObservedState) {
        let disk = &observed.servers[server].disk;
        let tail = disk.last();
        let held = |other: &ServerState| other.disk.covers(tail);
        // The server that completes a majority is the one that has just saved, so its tail is the first candidate.
        if observed.servers.iter().filter(|other| held(other)).count() >= observed.majority() {
            let index = self.by_majority.entry(tail.term).or_default();
            *index = (*index).max(tail.index);
            return;
        }
        // A majority may hold an entry before the tail.
        let mut tails: Vec<LogPosition> = observed.servers.iter().map(|other| other.disk.last()).collect();
        tails.sort_unstable_by_key(|tail| std::cmp::Reverse(tail.index));
        let index = tails[observed.majority() - 1].index.min(tail.index);
        for index in (disk.head.base.index + 1..=index).rev() {
            let Some(term) = disk.term_at(index) else { return };
            let position = LogPosition { term, index };
            if self.by_majority.get(&term).is_some_and(|counted| *counted >= index) {
                return;
            }
            if Majorities::holders(position, observed) >= observed.majority() {
                self.by_majority.insert(term, index);
                return;
            }
        }
    }

    /// Counts again after a follower has agreed, for servers without disks. The follower holds
    /// the entries that it agrees to, and the leader holds all entries that it sends.
    pub(super) fn count_agreement(
        &mut self,
        term: Term,
        follower: PeerId,
        through: LogPosition,
        observed: &ObservedState,
    ) {
        let agreed = self.agreed.entry(term).or_default();
        let position = agreed.entry(follower).or_default();
        *position = (*position).max(through);
        let mut positions: Vec<LogPosition> = agreed.values().copied().collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        let others = observed.majority() - 1;
        // Only an entry of the leader's own term counts.
        let by_others = others.checked_sub(1).and_then(|place| positions.get(place));
        if let Some(held) = by_others.filter(|held| held.term == term) {
            let counted = self.by_majority.entry(term).or_default();
            *counted = (*counted).max(held.index);
        }
    }

    /// Whether a majority holds a leader's entry that is of an older term, `own` if that is known: then
    /// counting copies is what has committed it (§5.4.2, Figure 8).
    pub(super) fn is_old_but_held(
        &self,
        server: PeerId,
        term: Term,
        index: Index,
        own: Option<Term>,
        observed: &ObservedState,
    ) -> bool {
        if own.is_some_and(|own| own >= term) {
            return false;
        }
        if observed.has_disks {
            return own
                .is_some_and(|term| Majorities::holders(LogPosition { term, index }, observed) >= observed.majority());
        }
        // Had an entry of the leader's own term been agreed to at or after that index, it would be committed.
        let agreed = self.agreed.get(&term).into_iter().flatten();
        let followers = agreed.filter(|(follower, through)| **follower != server && through.index >= index).count();
        followers + 1 >= observed.majority()
    }
}
