//! The log, which begins after a snapshot.

use labrpc::{Entry, Index, LogPosition, Term};

/// The entries after `base`, the position of the last entry that a snapshot has replaced.
#[derive(Clone, Debug, Default)]
pub struct Log {
    base: LogPosition,
    entries: Vec<Entry>,
}

impl Log {
    /// A log that begins after `base`.
    pub fn new(base: LogPosition, entries: Vec<Entry>) -> Log {
        Log { base, entries }
    }

    /// The last position that a snapshot has replaced.
    pub fn base(&self) -> LogPosition {
        self.base
    }

    /// The entries after the base.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The position of the last entry; the base if there is none.
    pub fn last(&self) -> LogPosition {
        let index = self.base.index + self.entries.len() as Index;
        self.entries.last().map_or(self.base, |entry| LogPosition { term: entry.term, index })
    }

    /// The term at an index: of the entry there, or of the base. `None` before the base and after the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// The entry at an index, if the log has it.
    pub fn get(&self, index: Index) -> Option<&Entry> {
        self.entries.get(self.slot(index)?)
    }

    /// The entries from `first` on, which is after the base, as many as have `bytes_max` together, and at least one.
    pub fn from(&self, first: Index, bytes_max: usize) -> Vec<Entry> {
        let entries = self.slot(first).and_then(|slot| self.entries.get(slot..)).unwrap_or_default();
        let mut bytes = 0;
        let fitting = entries.iter().take_while(|entry| {
            let is_first = bytes == 0;
            bytes += entry.bytes_len();
            is_first || bytes <= bytes_max
        });
        fitting.cloned().collect()
    }

    /// Adds an entry at the end, and returns its position.
    pub fn push(&mut self, entry: Entry) -> LogPosition {
        self.entries.push(entry);
        self.last()
    }

    /// Removes the entries from `first` on, which is after the base.
    pub fn truncate(&mut self, first: Index) {
        if let Some(slot) = self.slot(first) {
            self.entries.truncate(slot);
        }
    }

    /// The first index of the run of entries with this term that ends at `index`.
    pub fn first_of_term(&self, term: Term, index: Index) -> Index {
        let indices = (self.base.index + 1..=index).rev();
        indices.take_while(|&index| self.term_at(index) == Some(term)).last().unwrap_or(index)
    }

    /// The last index whose entry is of this term.
    pub fn last_of_term(&self, term: Term) -> Option<Index> {
        let slot = self.entries.iter().rposition(|entry| entry.term == term)?;
        Some(self.base.index + 1 + slot as Index)
    }

    /// A snapshot replaces everything through `base`. What follows stays if the log holds the entry there (Figure 13,
    /// rules 6 and 7).
    pub fn begin_after(&mut self, base: LogPosition) {
        match self.term_at(base.index) == Some(base.term) {
            true => drop(self.entries.drain(..(base.index - self.base.index) as usize)),
            false => self.entries.clear(),
        }
        self.base = base;
    }

    fn slot(&self, index: Index) -> Option<usize> {
        Some(index.checked_sub(self.base.index + 1)? as usize)
    }
}
