//! The log: commands in their order, each with the term that it was proposed in.

use labrpc::{Compacted, Conflict, Entry, Index, LogPosition, RaftLog, Suffix};

/// Returns the first entries of a suffix: as many as fit into `bytes_max` together, counted by `bytes_len`, with
/// the same `prev`. A suffix that has entries keeps at least one: otherwise an entry larger than `bytes_max`
/// would never be sent.
pub fn fit(suffix: Suffix<'_>, bytes_max: usize) -> Suffix<'_> {
    // BEGIN 2B §5.3
    // HINT Which three cases are there: no entry, a first entry that is too large, and what else?
    // HINT Add up until the sum is over the limit. Then how many entries are left, at least, and at most?
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
        // BEGIN 2B §5.3
        // HINT What precedes the entry at index 1, and what would precede one at index 0?
        // HINT A suffix may be empty, right after the last entry; further on it is a mistake of the caller: panic.
        // HINT Index `i` is slot `i - 1`: the entries from `from` on begin at the slot of the position before them.
        let before = from.checked_sub(1).ok_or(Compacted)?;
        let prev = self.position(before).unwrap_or_else(|| {
            panic!("the entries from index {from} on were requested, but the log ends at {:?}", self.last());
        });
        Ok(Suffix { prev, entries: &self.entries[before as usize..] })
        // END
    }

    fn push(&mut self, entry: Entry) -> LogPosition {
        // BEGIN 2B §5.3
        // HINT What is true of the terms along a log, and of this entry if that is so?
        // HINT Assert it; then the position of the new entry is where the log ends.
        let last = self.last();
        assert!(entry.term >= last.term, "an entry of term {} cannot follow {last:?}", entry.term);
        self.entries.push(entry);
        self.last()
        // END
    }

    /// Makes this log agree with a leader's, which holds `entries` right after `prev`.
    ///
    /// If this log does not hold `prev`, nothing changes, and the conflict says from which index the leader should
    /// try again: not after our own end, and not within a term that may differ as a whole (§5.3).
    ///
    /// Otherwise this log holds all of `entries` afterwards. What it held and the leader may hold as well stays,
    /// also after them: the request may be an old one, and may know less than this log does.
    fn splice(&mut self, prev: LogPosition, entries: Vec<Entry>) -> Result<(), Conflict> {
        // BEGIN 2B Figure 2, AppendEntries RPC rules 2 to 4
        // HINT When exactly do two logs disagree: when one is longer, or when they hold different entries at one index?
        // HINT Too short: retry from one past the last index. Another term at `prev`: from that term's first index.
        // HINT Go entry by entry: same term there, leave it; another term, cut from there to the end; then append.
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
