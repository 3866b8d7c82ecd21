//! Lab 2B's log with a later beginning.

use lab2b_log::VecLog;
use labrpc::{Compacted, Conflict, Entry, Index, LogPosition, RaftLog, Suffix};

/// A log without the entries that a snapshot covers.
///
/// `tail` is a log of lab 2B with indices of its own: index 1 of the tail is index `base.index + 1`
/// of this log. There is no dummy entry in place of the removed ones. The base is only a position,
/// so there is no false entry that could be sent, applied or compared by mistake.
///
/// # Invariants
///
/// - The base is the true position, term and index, of the last entry that was removed.
/// - `tail` holds the entries after the base, and may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactLog {
    base: LogPosition,
    tail: VecLog,
}

impl CompactLog {
    /// Drops the entries through `through`.
    ///
    /// # Panics
    ///
    /// When `through` is not in the log.
    pub fn compact(&mut self, through: Index) {
        // BEGIN 2D §7
        // HINT The base is a position, index and term: where do you find the term, and when must you look?
        // HINT The entries after it are a suffix, which may be empty. A new tail is made of them.
        // HINT First the position at `through`, or a panic; then the suffix after it; only then change both fields.
        // Index and term are read together, before anything moves: afterwards the same index
        // would refer to another entry.
        let base = self.position(through).unwrap_or_else(|| {
            panic!(
                "the log cannot be cut at index {through}: it holds the entries after {:?} through {:?}",
                self.base,
                self.last()
            );
        });
        // Empty if `through` is the last entry.
        let left = self.suffix(through + 1).expect("the log holds the entries after one that it holds");
        self.tail = left.entries.iter().cloned().collect();
        self.base = base;
        // END
    }

    /// Begins after `through`, the last entry that a leader's snapshot covers. Entries after it stay if they follow
    /// that very entry; no others can be trusted.
    pub fn install(&mut self, through: LogPosition) {
        // BEGIN 2D Figure 13, rules 6 and 7
        // HINT "Same index and term": what does this log hold at that index, and what if it holds nothing there?
        // HINT One case is `compact`, the other is a log that starts after `through`.
        if self.position(through.index) == Some(through) {
            self.compact(through.index); // rule 6
        } else {
            *self = CompactLog::starting_after(through); // rule 7
        }
        // END
    }

    /// Translates a position of the tail, or the one before it, to the same position of this log.
    fn lift(&self, position: LogPosition) -> LogPosition {
        // BEGIN 2D §7
        // HINT What is position zero of the tail, seen from this log? Its term is not zero.
        // HINT All other positions keep their term; index 1 of the tail is `base.index + 1`.
        if position == LogPosition::ZERO {
            return self.base;
        }
        LogPosition { index: self.base.index + position.index, ..position }
        // END
    }

    /// Translates a position of this log to the same one of the tail, as `lift` does the other way.
    /// `position` is not before the base.
    fn lower(&self, position: LogPosition) -> LogPosition {
        // BEGIN 2D §7
        // HINT What is the base, seen from the tail?
        // HINT All other positions keep their term, and lose `base.index`. Compare whole positions.
        if position == self.base {
            return LogPosition::ZERO;
        }
        LogPosition { index: position.index - self.base.index, ..position }
        // END
    }
}

impl RaftLog for CompactLog {
    fn starting_after(base: LogPosition) -> Self {
        CompactLog { base, tail: VecLog::default() }
    }

    fn base(&self) -> LogPosition {
        self.base
    }

    fn last(&self) -> LogPosition {
        self.lift(self.tail.last())
    }

    fn get(&self, index: Index) -> Option<&Entry> {
        // BEGIN 2D §7
        // HINT Which index of the tail is it, and what if there is none?
        // HINT An index before the base has no entry: subtract with a check. At the base the tail says so itself.
        self.tail.get(index.checked_sub(self.base.index)?)
        // END
    }

    fn suffix(&self, from: Index) -> Result<Suffix<'_>, Compacted> {
        // BEGIN 2D §7
        // HINT Which entries are gone, and does the position before the first one that is left still exist?
        // HINT The tail refuses a suffix from its own index 0 already. Its `prev` is a position of the tail.
        let from = from.checked_sub(self.base.index).ok_or(Compacted)?;
        let Suffix { prev, entries } = self.tail.suffix(from)?;
        Ok(Suffix { prev: self.lift(prev), entries })
        // END
    }

    fn push(&mut self, entry: Entry) -> LogPosition {
        let at = self.tail.push(entry);
        self.lift(at)
    }

    /// As without a base, and indices are this log's. A request may contain entries that the snapshot already
    /// covers. They are committed, so they are the same as the leader's, whatever `prev` is then.
    fn splice(&mut self, prev: LogPosition, mut entries: Vec<Entry>) -> Result<(), Conflict> {
        // BEGIN 2D Figure 2, AppendEntries RPC rules 2 to 4; §7
        // HINT How many of the entries are at or before the base? It may be all of them.
        // HINT If any is covered, what is left follows the base, and `prev` says nothing more.
        // HINT Splice the tail at the lowered position. An index in its conflict is the tail's, too.
        let covered = self.base.index.saturating_sub(prev.index) as usize;
        let prev = if covered > 0 { self.base } else { prev };
        entries.drain(..covered.min(entries.len()));
        self.tail
            .splice(self.lower(prev), entries)
            .map_err(|conflict| Conflict { retry_from: self.base.index + conflict.retry_from })
        // END
    }
}
