//! The contents of a server's disk, as its saves write them.

use std::collections::VecDeque;

use labrpc::wire::WireError;
use labrpc::{Bytes, Entry, Head, Index, LogPosition, Save, Term};

use crate::contract::Contract;
use crate::event::DiskChange;

/// The contents of a disk.
#[derive(Clone, Debug, Default)]
pub struct DiskState {
    /// Term, vote and log base.
    pub head: Head,
    /// The entries after the base.
    pub entries: VecDeque<Entry>,
    /// The latest snapshot.
    pub snapshot: Bytes,
}

/// What a save writes, decoded.
pub(crate) struct DecodedSave {
    pub(crate) head: Head,
    pub(crate) entries: Vec<Entry>,
}

impl DecodedSave {
    pub(crate) fn read(save: &Save, contract: &Contract) -> Result<DecodedSave, WireError> {
        let entries = save.append.iter().map(|entry| contract.codec().read_entry(entry));
        Ok(DecodedSave { head: contract.codec().read_head(&save.head)?, entries: entries.collect::<Result<_, _>>()? })
    }
}

impl DiskState {
    /// Carries out a save, and returns what it changed.
    ///
    /// A save may write entries again that were there. So the disk before the save and the one after it are compared:
    /// an entry that both hold at the same index was not cut, and not appended.
    pub(crate) fn apply(&mut self, save: &Save, decoded: DecodedSave) -> DiskChange {
        let DecodedSave { head, entries: appended } = decoded;
        let (old_head, old_term_at_base) = (self.head, self.term_at(head.base.index));
        let advance = (head.base.index.saturating_sub(old_head.base.index) as usize).min(self.entries.len());
        // Equal entries may be kept at other indices than those at which they were: then the log was not shifted
        // as far as its base was, and only a copy of it shows what has changed.
        let is_shifted = save.forget != advance;
        let shifted = is_shifted.then(|| self.entries.clone());
        self.entries.drain(..save.forget.min(self.entries.len()));
        let cut = self.entries.split_off(save.keep.min(self.entries.len())).into();
        self.head = head;
        let kept_through = self.last().index;
        self.entries.extend(appended.iter().cloned());
        // A copy that shares no bytes with the server, so that its memory is its own.
        let snapshot = save.snapshot.as_ref().map(|snapshot| Bytes::from(snapshot.to_vec()));
        if let Some(snapshot) = &snapshot {
            self.snapshot = snapshot.clone();
        }
        let (cut, appended, kept_through, forgotten) = match shifted {
            None => (cut, appended, kept_through, save.forget),
            Some(mut old) => {
                let old: Vec<Entry> = old.drain(advance..).collect();
                (old, self.entries.iter().cloned().collect(), head.base.index, advance)
            }
        };
        let mut change = DiskChange {
            old_head,
            head,
            cut,
            kept_through,
            forgotten,
            old_term_at_base,
            appended,
            rewritten: 0,
            snapshot,
        };
        let rewritten = change.cut.iter().zip(&change.appended).take_while(|(old, new)| old == new).count();
        change.cut.drain(..rewritten);
        change.appended.drain(..rewritten);
        change.kept_through += rewritten as Index;
        change.rewritten = if is_shifted { 0 } else { rewritten };
        change
    }

    /// The position of the last entry, or the base if there is none.
    pub fn last(&self) -> LogPosition {
        let index = self.head.base.index + self.entries.len() as Index;
        self.entries.back().map_or(self.head.base, |entry| LogPosition { term: entry.term, index })
    }

    /// The entry at an index.
    pub fn get(&self, index: Index) -> Option<&Entry> {
        let slot = index.checked_sub(self.head.base.index + 1)?;
        self.entries.get(slot as usize)
    }

    /// The term at an index: of the entry there, or of the base.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.head.base.index {
            return Some(self.head.base.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Whether the log holds a position, or its snapshot covers it.
    pub fn covers(&self, position: LogPosition) -> bool {
        position.index < self.head.base.index || self.term_at(position.index) == Some(position.term)
    }

    /// Whether the log holds all these entries, the first of them at index `first`, or its snapshot covers them.
    pub(super) fn holds_all(&self, first: Index, entries: &[Entry]) -> bool {
        entries
            .iter()
            .zip(first..)
            .all(|(entry, index)| index <= self.head.base.index || self.get(index) == Some(entry))
    }
}
