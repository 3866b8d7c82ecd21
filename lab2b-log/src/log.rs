//! The log: commands in their order, each with the term that it was proposed in.

use labrpc::{Compacted, Conflict, Entry, Index, LogPosition, RaftLog, Suffix};

/// Returns as many of the suffix's first entries as fit into `bytes_max`, but at least one if there
/// is one: otherwise an entry larger than `bytes_max` would never be sent.
pub fn fit(suffix: Suffix<'_>, bytes_max: usize) -> Suffix<'_> {
    // BEGIN 2B §5.3: add up bytes_len; keep an entry that is too large by itself; the suffix may be empty
    let mut bytes_len = 0;
    let fitting = suffix.entries.iter().take_while(|entry| {
        bytes_len += entry.bytes_len();
        bytes_len <= bytes_max
    });
    let count = fitting.count().max(1).min(suffix.entries.len());
    Suffix { entries: &suffix.entries[..count], ..suffix }
    // END
}

/// A log that keeps everything: index `i` is slot `i - 1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VecLog {
    entries: Vec<Entry>,
}

impl RaftLog for VecLog {
    fn starting_after(base: LogPosition) -> Self {
        assert_eq!(base, LogPosition::ZERO, "a log that keeps everything starts at the first index");
        VecLog::default()
    }

    fn base(&self) -> LogPosition {
        LogPosition::ZERO
    }

    fn last(&self) -> LogPosition {
        let index = self.entries.len() as Index;
        self.entries.last().map_or(LogPosition::ZERO, |entry| LogPosition { term: entry.term, index })
    }

    fn get(&self, index: Index) -> Option<&Entry> {
        let slot = index.checked_sub(1)?;
        self.entries.get(slot as usize)
    }

    fn suffix(&self, from: Index) -> Result<Suffix<'_>, Compacted> {
        // BEGIN 2B §5.3: the position right before from, and the entries after it; from 0 is Compacted
        let before = from.checked_sub(1).ok_or(Compacted)?;
        let prev = self.position(before).unwrap_or_else(|| {
            panic!("the entries from index {from} on were requested, but the log ends at {:?}", self.last());
        });
        Ok(Suffix { prev, entries: &self.entries[before as usize..] })
        // END
    }

    fn push(&mut self, entry: Entry) -> LogPosition {
        // BEGIN 2B §5.3: append the entry, and return its position
        let last = self.last();
        assert!(entry.term >= last.term, "an entry of term {} cannot follow {last:?}", entry.term);
        self.entries.push(entry);
        self.last()
        // END
    }

    /// First checks that both logs agree up to `prev`. If they do not, nothing changes, and the
    /// conflict says from where to try again: one past our last index if our log is too short,
    /// else the first index of the term that our log holds at `prev`, since that whole term may
    /// differ.
    ///
    /// Then compares entry by entry. An entry that is already there stays, with everything after
    /// it: the request may be an old one, and may know less than the log does. The log is cut
    /// only at an index where the terms differ, from there to its end.
    fn splice(&mut self, prev: LogPosition, entries: Vec<Entry>) -> Result<(), Conflict> {
        // BEGIN 2B Figure 2, AppendEntries rules 2 to 4: check prev, skip what is there, cut at a conflict, append
        let Some(own) = self.position(prev.index) else {
            return Err(Conflict { retry_from: self.last().index + 1 }); // rule 2, the log is too short
        };
        if own.term != prev.term {
            let before_term = self.entries.partition_point(|entry| entry.term < own.term) as Index;
            return Err(Conflict { retry_from: before_term + 1 }); // rule 2, the log holds another entry there
        }
        for (entry, index) in entries.into_iter().zip(prev.index + 1..) {
            match self.position(index) {
                // A late or doubled request must not cut off what came after it.
                Some(own) if own.term == entry.term => continue,
                Some(_) => self.entries.truncate(index as usize - 1), // rule 3
                None => {}
            }
            self.push(entry); // rule 4
        }
        Ok(())
        // END
    }
}

impl FromIterator<Entry> for VecLog {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut log = VecLog::default();
        for entry in entries {
            log.push(entry);
        }
        log
    }
}
