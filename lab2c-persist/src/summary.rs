//! What is on disk, in short: enough to write only what changed.

use std::collections::VecDeque;

use lab2b_log::Replica;
use labrpc::{Ballot, Entry, Index, LogPosition, RaftLog, Term};

/// Differs whenever the state that must survive differs.
///
/// Two positions stand for a whole log. An index and a term identify one entry and all entries
/// before it: if two logs agree on both, they agree up to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Term and vote.
    pub ballot: Ballot,
    /// Where the log begins.
    pub base: LogPosition,
    /// Where the log ends.
    pub last: LogPosition,
}

impl Fingerprint {
    /// The fingerprint of a replica's persistent state. It is cheap, because each step needs it.
    pub fn of<L: RaftLog>(replica: &Replica<L>) -> Fingerprint {
        // BEGIN 2C Figure 2, persistent state: currentTerm, votedFor and log[], in short
        let (base, last) = (replica.log().base(), replica.log().last());
        Fingerprint { ballot: replica.election().ballot(), base, last }
        // END
    }
}

/// How the log on disk becomes another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// How many entries at the front to forget (lab 2D).
    pub forget: usize,
    /// How many of the remaining entries to keep.
    pub keep: usize,
    /// The entries that then follow.
    pub append: &'a [Entry],
}

/// What a server needs to know about its disk in order to write only what changed.
///
/// The default describes an empty disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskSummary {
    fingerprint: Fingerprint,
    /// The term of each entry on disk, from the one right after the base on.
    terms: VecDeque<Term>,
}

impl DiskSummary {
    /// The fingerprint of the state on disk.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns how the log on disk becomes `log`, and from then on takes it as written, together
    /// with `ballot`.
    ///
    /// If the log has a later base, the entries up to there are forgotten. Of the others, those
    /// stay that both logs agree on. It is enough to find the last of them, since they agree on
    /// everything before it. All entries of `log` after it are appended.
    pub fn catch_up<'a, L: RaftLog>(&mut self, ballot: Ballot, log: &'a L) -> Edit<'a> {
        // BEGIN 2C §5.3 Log Matching: forget up to the base, keep what agrees, append the rest
        let base = log.base();
        let forget = self.terms.len().min((base.index - self.fingerprint.base.index) as usize);
        self.terms.drain(..forget);

        let is_kept =
            |slot: usize, term: Term| log.get(base.index + 1 + slot as Index).is_some_and(|own| own.term == term);
        let last_kept = self.terms.iter().enumerate().rposition(|(slot, &term)| is_kept(slot, term));
        let keep = last_kept.map_or(0, |slot| slot + 1);
        self.terms.truncate(keep);

        let fresh = log.suffix(base.index + 1 + keep as Index).expect("the log holds what follows its base");
        self.terms.extend(fresh.entries.iter().map(|entry| entry.term));
        self.fingerprint = Fingerprint { ballot, base, last: log.last() };
        Edit { forget, keep, append: fresh.entries }
        // END
    }
}
