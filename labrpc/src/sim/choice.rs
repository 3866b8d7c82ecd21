//! Random decisions, drawn by name.
//!
//! A decision's name says *what and when*, never how many decisions came before it. So calming one
//! decision does not change the names, and therefore the values, of the others. Each decision has a
//! calm value (the smallest delay, no loss, no preemption, no crash); any other value is wild. A run
//! is its seed and the decisions that keep their wild value: all of them, or a [`Keep::Only`] set
//! that a shrinker found to be enough.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::time::instant::Instant;

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The travel time of a message.
    Delay = 1,
    /// Whether a message is lost.
    Loss,
    /// Whether a message arrives twice.
    Duplicate,
    /// Whether a task is interrupted at an operation.
    Preempt,
    /// Whether a task that becomes ready overtakes the tasks that wait for their turn.
    Order,
    /// A task's priority, under [`Preemption::Priorities`](super::Preemption::Priorities).
    Priority,
    /// Whether a server crashes at a save.
    CrashAtSave,
    /// What a test does to the cluster.
    Fault,
    /// What a test asks of the cluster.
    Workload,
    /// A source of further randomness. It has no calm value.
    Seed,
}

/// The name of a decision.
///
/// ```
/// use labrpc::sim::{Kind, Name, draw};
///
/// let name = Name::new(Kind::Fault, 7, 1_000);
/// assert_eq!(draw(1, name), draw(1, name));
/// assert_ne!(draw(1, name), draw(2, name));
/// assert_ne!(draw(1, name), draw(1, Name { when: 1_001, ..name }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// What kind of decision it is.
    pub kind: Kind,
    /// What it is about: a link, a server, a task's lineage. See [`mix`].
    pub what: u64,
    /// When it is made, on a schedule that other decisions do not move.
    pub when: u64,
}

impl Name {
    /// The decision of this kind about `what` at `when`.
    pub const fn new(kind: Kind, what: u64, when: u64) -> Name {
        Name { kind, what, when }
    }

    /// The name as one number.
    #[inline]
    pub fn id(self) -> u64 {
        mix(mix(self.kind as u64, self.what), self.when)
    }
}

/// Hashes two numbers into one.
///
/// ```
/// use labrpc::sim::mix;
///
/// assert_ne!(mix(1, 2), mix(2, 1));
/// ```
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    scramble(scramble(a.wrapping_add(GOLDEN)) ^ b.wrapping_mul(ODD))
}

/// 2^64 divided by the golden ratio: consecutive multiples are far apart.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Odd, so that multiplying by it loses nothing.
const ODD: u64 = 0xD1B5_4A32_D192_ED03;

/// SplitMix64's output function: every bit of the input moves half the bits of the output.
#[inline]
fn scramble(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// The random bits behind a decision. They depend on the seed and the name alone.
#[inline]
pub fn draw(seed: u64, name: Name) -> u64 {
    mix(seed, name.id())
}

/// A decision that took a wild value in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub name: Name,
    /// What it is about, as the caller of [`decide_about`](super::decide_about) counts: the number of a message, say.
    pub about: Option<u64>,
    /// When it was made.
    pub at: Instant,
}

/// Which decisions keep their wild value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All decisions: the run that the seed gives.
    #[default]
    All,
    /// The decisions with these [`Name::id`]s; all others are calm.
    Only(FxHashSet<u64>),
}

impl Keep {
    #[inline]
    pub(super) fn holds(&self, name: Name) -> bool {
        match self {
            Keep::All => true,
            Keep::Only(ids) => ids.contains(&name.id()),
        }
    }
}

/// Outcomes that are forced, by name. Who asks for a name says what its value means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    outcomes: FxHashMap<u64, u64>,
}

impl Forced {
    /// Forces an outcome. The last one for a name counts.
    pub fn force(&mut self, name: Name, outcome: u64) {
        self.outcomes.insert(name.id(), outcome);
    }

    #[inline]
    pub(super) fn outcome(&self, name: Name) -> Option<u64> {
        if self.outcomes.is_empty() { None } else { self.outcomes.get(&name.id()).copied() }
    }
}

/// Names events by the millisecond of virtual time, and by a count within that millisecond. Unlike a
/// running count, such a name stays the same when an earlier decision changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamp(u64);

impl Stamp {
    const COUNT_BITS: u32 = 20;
    const NANOS_PER_MILLI: u64 = 1_000_000;

    /// The name of the next event, at `now_ns`.
    #[inline]
    pub fn next(&mut self, now_ns: u64) -> u64 {
        let milli = (now_ns / Stamp::NANOS_PER_MILLI) << Stamp::COUNT_BITS;
        self.0 = if self.0 >= milli { self.0 + 1 } else { milli };
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stamp depends on the millisecond and on the events in it, not on earlier ones.
    #[test]
    fn stamps_do_not_depend_on_earlier_milliseconds() {
        let (mut busy, mut idle) = (Stamp::default(), Stamp::default());
        for _ in 0..100 {
            busy.next(1_500_000);
        }
        assert_eq!(busy.next(2_000_000), idle.next(2_999_999));
        assert_ne!(busy.next(2_000_000), busy.next(2_000_000));
    }

    /// Draws are spread evenly enough that "one in ten" is one in ten.
    #[test]
    fn draws_are_evenly_spread() {
        let hits = (0..10_000).filter(|&n| draw(1, Name::new(Kind::Loss, 3, n)).is_multiple_of(10)).count();
        assert!((900..1100).contains(&hits), "{hits} of 10,000");
    }
}
