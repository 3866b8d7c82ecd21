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
        // BEGIN 2D §7: the new base is a position of the old log; the entries after it stay, if there are any
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

    /// Begins after `through`, the last entry that a leader's snapshot covers. If the log holds
    /// that very entry, the entries after it stay. If not, none of the log can be trusted.
    pub fn install(&mut self, through: LogPosition) {
        // BEGIN 2D Figure 13, rules 6 and 7: equal index and term, or all is discarded
        if self.position(through.index) == Some(through) {
            self.compact(through.index); // rule 6
        } else {
            *self = CompactLog::starting_after(through); // rule 7
        }
        // END
    }

    /// Translates a position of the tail to one of this log.
    fn lift(&self, position: LogPosition) -> LogPosition {
        // BEGIN 2D §7: the position before the tail is the base; shift any other position up
        if position == LogPosition::ZERO {
            return self.base;
        }
        LogPosition { index: self.base.index + position.index, ..position }
        // END
    }

    /// Translates a position of this log to one of the tail. `position` is not before the base.
    fn lower(&self, position: LogPosition) -> LogPosition {
        // BEGIN 2D §7: the base is the position before the tail; shift any other position down
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
        // BEGIN 2D §7: the tail's entry, if the index is after the base
        self.tail.get(index.checked_sub(self.base.index)?)
        // END
    }

    fn suffix(&self, from: Index) -> Result<Suffix<'_>, Compacted> {
        // BEGIN 2D §7: an index at or before the base is Compacted; otherwise the tail's suffix, with prev lifted
        let from = from.checked_sub(self.base.index).ok_or(Compacted)?;
        let Suffix { prev, entries } = self.tail.suffix(from)?;
        Ok(Suffix { prev: self.lift(prev), entries })
        // END
    }

    fn push(&mut self, entry: Entry) -> LogPosition {
        let at = self.tail.push(entry);
        self.lift(at)
    }

    /// A request may contain entries that the snapshot already covers. They are committed, so they are
    /// the same as the leader's: they are skipped, and the other entries follow the base.
    fn splice(&mut self, prev: LogPosition, mut entries: Vec<Entry>) -> Result<(), Conflict> {
        // BEGIN 2D Figure 2, AppendEntries rules 2 to 4, behind a base: skip what is covered, then splice the tail
        let covered = self.base.index.saturating_sub(prev.index) as usize;
        let prev = if covered > 0 { self.base } else { prev };
        entries.drain(..covered.min(entries.len()));
        self.tail
            .splice(self.lower(prev), entries)
            .map_err(|conflict| Conflict { retry_from: self.base.index + conflict.retry_from })
        // END
    }
}
