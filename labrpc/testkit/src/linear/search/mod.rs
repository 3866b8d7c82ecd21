//! Trying orders until one fits: for any history, as long as the budget lasts.
//!
//! Wing and Gong's search, with Lowe's memory of where it has been. It builds an order from the
//! front: the next operation may be any that was called before the first return that is still to
//! be passed. How far it has come is a [`Configuration`]. Four things keep their number small:
//!
//! - **A frontier instead of a set.** Everything that returned before the frontier is in the
//!   order, and nothing that is called after it is. So the operations in the order are told by
//!   one number and one bit for each operation that is open there, whatever came before.
//! - **Legal reads at once.** A Get changes nothing. If it is legal now, an order that takes it
//!   later can be changed into one that takes it now, so the other choice is never tried.
//! - **Unread values are one.** A value that is no beginning of anything a Get returned only
//!   waits for the next Put. See [`observed`].
//! - **Dead ends are seen from afar.** With an unread value, and no Put to come before the next
//!   Get returns, that Get will not be explained.
//!
//! If no order fits, the return that no order got past is the first moment at which an observer
//! could have known. It is a Get's, since a write is always legal.

mod observed;
mod timeline;

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use self::observed::{Observed, Value};
use self::timeline::Timeline;
use super::history::OperationId;
use super::register::{Action, Register};

/// The most operations on one key that may be open at once; each is a bit of a configuration.
/// Operations that never return stay open, so this is generous.
pub(super) const OPEN_OPERATIONS_MAX: usize = 16 * BITS_PER_WORD;

const BITS_PER_WORD: usize = u64::BITS as usize;

/// What the search found.
pub(super) enum Outcome {
    /// There is an order that explains everything.
    Legal,
    /// There is no such order.
    Stuck(Stuck),
    /// More configurations than the budget allows.
    OutOfBudget,
    /// More than [`OPEN_OPERATIONS_MAX`] operations are open at once.
    TooManyOpen,
}

/// Why there is no order.
pub(super) struct Stuck {
    /// The Get that no order explains.
    pub(super) get: OperationId,
    /// Every value that the key can have had when the Get had to be answered.
    pub(super) possible: Vec<String>,
    /// Whether it can also have had a value that no Get returned.
    pub(super) possibly_unread: bool,
}

/// Looks for an order of one key's operations, and subtracts what that takes from a budget in configurations.
pub(super) fn search(register: &Register, budget: &mut usize) -> Outcome {
    let search = Search::new(register);
    match search.timeline.slots.div_ceil(BITS_PER_WORD) {
        0..=1 => search.explore::<1>(budget),
        2..=4 => search.explore::<4>(budget),
        5..=16 => search.explore::<16>(budget),
        _ => Outcome::TooManyOpen,
    }
}

/// How far an order has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Configuration<const WORDS: usize> {
    /// The first return whose operation is not in the order yet.
    frontier: usize,
    /// Which of the operations that are open at the frontier are in the order, by slot.
    taken: [u64; WORDS],
    /// What the key holds after the operations of the order.
    value: Value,
}

impl<const WORDS: usize> Configuration<WORDS> {
    fn has(&self, slot: usize) -> bool {
        self.taken[slot / BITS_PER_WORD] >> (slot % BITS_PER_WORD) & 1 == 1
    }

    fn take(&mut self, slot: usize) {
        self.taken[slot / BITS_PER_WORD] |= 1 << (slot % BITS_PER_WORD);
    }

    fn forget(&mut self, slot: usize) {
        self.taken[slot / BITS_PER_WORD] &= !(1 << (slot % BITS_PER_WORD));
    }
}

/// What an operation does to a value.
enum Effect<'h> {
    Reads(Value),
    Becomes(Value),
    Extends(&'h str),
}

/// The furthest return that any order has come to, and the values there.
#[derive(Default)]
struct Furthest {
    frontier: usize,
    values: BTreeSet<Value>,
}

impl Furthest {
    fn note(&mut self, frontier: usize, value: Value) {
        if frontier > self.frontier {
            *self = Furthest { frontier, values: BTreeSet::new() };
        }
        if frontier == self.frontier {
            self.values.insert(value);
        }
    }
}

struct Search<'s, 'h> {
    register: &'s Register<'h>,
    timeline: Timeline,
    observed: Observed<'h>,
    effects: Vec<Effect<'h>>,
}

impl<'s, 'h> Search<'s, 'h> {
    fn new(register: &'s Register<'h>) -> Search<'s, 'h> {
        let observed = Observed::new(register);
        let effect = |action| match action {
            Action::Get(value) => Effect::Reads(observed.extend(observed.empty(), value)),
            Action::Put(value) => Effect::Becomes(observed.extend(observed.empty(), value)),
            Action::Append(value) => Effect::Extends(value),
        };
        let effects = register.spans.iter().map(|span| effect(span.action)).collect();
        Search { register, timeline: Timeline::new(register), observed, effects }
    }

    /// Depth first: an order that fits is usually found by going straight on.
    fn explore<const WORDS: usize>(&self, budget: &mut usize) -> Outcome {
        let mut start = Configuration { frontier: 0, taken: [0; WORDS], value: self.observed.empty() };
        self.settle(&mut start);
        let mut furthest = Furthest::default();
        let mut seen = FxHashSet::default();
        let mut unexplored = vec![start];
        while let Some(configuration) = unexplored.pop() {
            if configuration.frontier == self.timeline.returns.len() {
                return Outcome::Legal;
            }
            if !seen.insert(configuration) {
                continue;
            }
            if *budget == 0 {
                return Outcome::OutOfBudget;
            }
            *budget -= 1;
            if let Some(end) = self.dead_end(&configuration) {
                furthest.note(end, configuration.value);
                continue;
            }
            furthest.note(configuration.frontier, configuration.value);
            unexplored.extend(self.successors(&configuration));
        }
        Outcome::Stuck(self.stuck(furthest))
    }

    /// All that one more write can make of a configuration; the earliest called comes last, to be explored first.
    fn successors<const WORDS: usize>(
        &self,
        configuration: &Configuration<WORDS>,
    ) -> impl Iterator<Item = Configuration<WORDS>> {
        self.timeline.open(configuration.frontier).iter().rev().filter_map(|&operation| {
            let slot = self.timeline.slot(operation);
            if configuration.has(slot) {
                return None;
            }
            let value = match self.effects[operation] {
                // Had it been legal, it would have been taken at once.
                Effect::Reads(_) => return None,
                Effect::Becomes(value) => value,
                Effect::Extends(suffix) => self.observed.extend(configuration.value, suffix),
            };
            let mut next = Configuration { value, ..*configuration };
            next.take(slot);
            self.settle(&mut next);
            Some(next)
        })
    }

    /// Takes all legal reads, and moves the frontier to the first return that is still to be explained.
    fn settle<const WORDS: usize>(&self, configuration: &mut Configuration<WORDS>) {
        while let Some(next) = self.timeline.returns.get(configuration.frontier) {
            let slot = self.timeline.slot(next.operation);
            if configuration.has(slot) {
                configuration.forget(slot);
                configuration.frontier += 1;
                continue;
            }
            let mut has_read = false;
            for &operation in self.timeline.open(configuration.frontier) {
                let Effect::Reads(value) = self.effects[operation] else { continue };
                let slot = self.timeline.slot(operation);
                if value == configuration.value && !configuration.has(slot) {
                    configuration.take(slot);
                    has_read = true;
                }
            }
            if !has_read {
                return;
            }
        }
    }

    /// The return that a configuration with an unread value will not get past, whatever is taken next.
    fn dead_end<const WORDS: usize>(&self, configuration: &Configuration<WORDS>) -> Option<usize> {
        if configuration.value != Value::Unread {
            return None;
        }
        let Timeline { returns, get_returns, .. } = &self.timeline;
        let here = &returns[configuration.frontier];
        let now = self.register.spans[here.operation].returned;
        let is_taken = |operation: usize| {
            self.register.spans[operation].called <= now && configuration.has(self.timeline.slot(operation))
        };

        let first = get_returns.partition_point(|&at| at < configuration.frontier);
        let next_get = get_returns[first..].iter().copied().find(|&at| !is_taken(returns[at].operation))?;
        let is_put = |operation: usize| matches!(self.effects[operation], Effect::Becomes(_));
        let can_put_now =
            self.timeline.open(configuration.frontier).iter().any(|&open| is_put(open) && !is_taken(open));
        let can_put_later = returns[next_get].puts_called > here.puts_called;
        (!can_put_now && !can_put_later).then_some(next_get)
    }

    fn stuck(&self, furthest: Furthest) -> Stuck {
        let returning = self.timeline.returns[furthest.frontier].operation;
        Stuck {
            get: self.register.spans[returning].id,
            possible: furthest.values.iter().filter_map(|&value| self.observed.text(value)).collect(),
            possibly_unread: furthest.values.contains(&Value::Unread),
        }
    }
}
