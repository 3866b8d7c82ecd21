//! What is on disk, in outline.

use std::collections::VecDeque;

use lab2a_election::Ballot;
use lab2b_log::{Entry, RaftLog};
use labrpc::{Index, LogPosition, Term};

/// Differs whenever the state that must survive differs.
///
/// Two positions stand for a whole log. An index and a term name one entry and all before it:
/// where two logs agree on both, they agree up to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Term and vote.
    pub ballot: Ballot,
    /// Where the log begins.
    pub base: LogPosition,
    /// Where the log ends.
    pub last: LogPosition,
}

/// How the log on disk becomes another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// How many entries at the front are forgotten (lab 2D).
    pub forget: usize,
    /// How many of those that are left then stay.
    pub keep: usize,
    /// The entries that then follow.
    pub append: &'a [Entry],
}

/// All that one needs to know of a disk in order to write only what changed.
///
/// The default is that of an empty disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    mark: Mark,
    /// The term of each entry on disk, from the one right after the mark's base on.
    terms: VecDeque<Term>,
}

impl Outline {
    /// What the disk holds.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Says how the log on disk becomes `log`, and from then on takes it as written, together
    /// with `ballot`.
    ///
    /// The log may have a later base; then the entries up to there are forgotten. Of the others,
    /// those stay that both logs agree on, and it is enough to find the last of them: they agree
    /// on all before it. All that `log` holds after it is appended.
    pub fn catch_up<'a, L: RaftLog>(&mut self, ballot: Ballot, log: &'a L) -> Edit<'a> {
        // BEGIN 2C §5.3 Log Matching: forget up to the base, keep what agrees, append the rest
        let base = log.base();
        let forget = self.terms.len().min((base.index - self.mark.base.index) as usize);
        self.terms.drain(..forget);

        let is_kept =
            |slot: usize, term: Term| log.get(base.index + 1 + slot as Index).is_some_and(|own| own.term == term);
        let last_kept = self.terms.iter().enumerate().rposition(|(slot, &term)| is_kept(slot, term));
        let keep = last_kept.map_or(0, |slot| slot + 1);
        self.terms.truncate(keep);

        let fresh = log.suffix(base.index + 1 + keep as Index).expect("what follows the base is held");
        self.terms.extend(fresh.entries.iter().map(|entry| entry.term));
        self.mark = Mark { ballot, base, last: log.last() };
        Edit { forget, keep, append: fresh.entries }
        // END
    }
}
