//! The log: commands in their order, each with the term that it was proposed in.

use std::fmt;

use labrpc::{Bytes, Index, LogPosition, Term};
use serde::{Deserialize, Serialize};

/// A command and the term that it was proposed in. Its index is its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// The service's own bytes.
    pub command: Bytes,
}

impl Entry {
    /// How many bytes the entry takes in a message: term, length and command.
    pub fn bytes_len(&self) -> usize {
        size_of::<Term>() + size_of::<u64>() + self.command.len()
    }
}

/// The end of a log, from some index on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suffix<'a> {
    /// The position right before the first of `entries`.
    pub prev: LogPosition,
    /// All entries from there on; there may be none.
    pub entries: &'a [Entry],
}

impl<'a> Suffix<'a> {
    /// Only the first entries, as many as fit into `bytes_max`; but one in any case, or an entry
    /// larger than that would stay behind for ever.
    pub fn cut_to(self, bytes_max: usize) -> Suffix<'a> {
        // BEGIN 2B §5.3: add up bytes_len; mind the one that is too large alone, and the suffix that is empty
        let mut bytes_len = 0;
        let fitting = self.entries.iter().take_while(|entry| {
            bytes_len += entry.bytes_len();
            bytes_len <= bytes_max
        });
        let count = fitting.count().max(1).min(self.entries.len());
        Suffix { entries: &self.entries[..count], ..self }
        // END
    }
}

/// The entries that were asked for have been folded into a snapshot (lab 2D): send that instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted;

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these entries are no longer in the log; send a snapshot instead")
    }
}

impl std::error::Error for Compacted {}

/// The logs part ways at or before the position that was to be built upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first index where they may part: send the entries from here on.
    pub retry_from: Index,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the logs disagree; send the entries from index {} on", self.retry_from)
    }
}

impl std::error::Error for Conflict {}

/// All that a replica may ask of its log.
///
/// # Invariants
///
/// - The log holds every index from right after `base()` to `last()`.
/// - Terms never fall along the log.
pub trait RaftLog: Clone + fmt::Debug + Send + 'static {
    /// An empty log whose first entry will stand right after `base`.
    fn starting_after(base: LogPosition) -> Self;

    /// The position right before the first entry held. All entries through here are committed.
    fn base(&self) -> LogPosition;

    /// The position of the last entry, or the base if none is held.
    fn last(&self) -> LogPosition;

    /// The entry at `index`, if it is held.
    fn get(&self, index: Index) -> Option<&Entry>;

    /// The position at `index`, if it is the base or an entry is held there.
    fn position(&self, index: Index) -> Option<LogPosition> {
        if index == self.base().index {
            return Some(self.base());
        }
        self.get(index).map(|entry| LogPosition { term: entry.term, index })
    }

    /// The entries from index `from` on, which is at most one past the last.
    ///
    /// # Errors
    ///
    /// [`Compacted`] when `from` is not after the base.
    fn suffix(&self, from: Index) -> Result<Suffix<'_>, Compacted>;

    /// Puts a leader's new entry at the end, and says where that is.
    fn push(&mut self, entry: Entry) -> LogPosition;

    /// Makes a follower's log hold `prev` and, right after it, `entries`.
    ///
    /// # Errors
    ///
    /// [`Conflict`] when the log does not hold `prev`. It is then left as it was.
    fn splice(&mut self, prev: LogPosition, entries: Vec<Entry>) -> Result<(), Conflict>;
}

/// A log that keeps everything: index `i` is slot `i - 1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VecLog {
    entries: Vec<Entry>,
}

impl RaftLog for VecLog {
    fn starting_after(base: LogPosition) -> Self {
        assert_eq!(base, LogPosition::ZERO, "a log that keeps everything starts after nothing");
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
            panic!("entries were asked for from index {from} on, of a log that ends at {:?}", self.last());
        });
        Ok(Suffix { prev, entries: &self.entries[before as usize..] })
        // END
    }

    fn push(&mut self, entry: Entry) -> LogPosition {
        // BEGIN 2B §5.3: append, and say where
        let last = self.last();
        assert!(entry.term >= last.term, "an entry of term {} cannot follow {last:?}", entry.term);
        self.entries.push(entry);
        self.last()
        // END
    }

    /// First it must be known that both logs agree up to `prev`. If not, nothing changes; the
    /// conflict then names where to go back to: past our end if our log is too short, else to the
    /// first index of the term that stands at `prev` instead, since all of that term is suspect.
    ///
    /// Then entry after entry is laid over the log. One that is there already stays, with all
    /// that follows it: the request may be an old one, and may know less than the log does. Only
    /// at an index whose term differs is the log cut, from there to its end.
    fn splice(&mut self, prev: LogPosition, entries: Vec<Entry>) -> Result<(), Conflict> {
        // BEGIN 2B Figure 2, AppendEntries rules 2 to 4: check prev, skip what is there, cut at a conflict, append
        let Some(own) = self.position(prev.index) else {
            return Err(Conflict { retry_from: self.last().index + 1 }); // rule 2, the log is too short
        };
        if own.term != prev.term {
            let before_term = self.entries.partition_point(|entry| entry.term < own.term) as Index;
            return Err(Conflict { retry_from: before_term + 1 }); // rule 2, another entry stands there
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
