//! Tries orders until one fits: for any history, within a budget.
//!
//! This is Wing and Gong's search with Lowe's memory of visited configurations. It builds an order
//! from the front. The next operation may be any one that was called before the *frontier*: the first
//! return whose operation is not in the order yet. The state of an order is a [`Configuration`], and
//! each is explored once. Four ideas keep their number small:
//!
//! - **A frontier instead of a set.** Everything that returned before the frontier is in the
//!   order, and nothing that is called after it is. So what is in the order takes one number and
//!   one bit for each operation that is open at the frontier, however much came before.
//! - **Reads at once.** A Get changes nothing. If it is legal now, an order that takes it later can
//!   also take it here. So it is taken, and nothing else is tried.
//! - **Only read values count.** A value that is not a beginning of anything that a Get returned is
//!   *unread*. All unread values are treated as one, and only a Put leads back to values that were
//!   read. See [`observed`].
//! - **Hidden writes cost nothing.** A write that leaves the value unread is hidden by the next Put,
//!   and its exact place before that Put makes no difference. So it is not placed when it happens:
//!   whenever a Put is taken, every open write becomes *hideable*, and a write that is still not in
//!   the order when its return is at the frontier counts as hidden. If it is not hideable then, the
//!   value becomes unread, until a Put hides that.
//!
//! If no order fits, the furthest frontier is the first moment at which that was certain. The operation
//! that returns there is a Get, since a write can always be taken.

mod configuration;
mod observed;
mod timeline;

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use self::configuration::{Configuration, SLOTS_PER_WORD, Slots};
use self::observed::{Observed, Value};
use self::timeline::Timeline;
use super::history::OperationId;
use super::register::{Action, Register};

/// The most operations on one key that may be open at once; each is a bit of a configuration. Operations
/// that never return stay open, so the limit is high.
pub(super) const OPEN_OPERATIONS_MAX: usize = 16 * SLOTS_PER_WORD;

/// What the search found.
pub(super) enum SearchResult {
    /// An order explains everything.
    Legal,
    /// No order does.
    Stuck(Stuck),
    /// The budget is used up.
    OutOfBudget,
    /// More than [`OPEN_OPERATIONS_MAX`] operations are open at once.
    TooManyOpen,
}

/// Why there is no order.
pub(super) struct Stuck {
    /// The Get that no order explains.
    pub(super) get: OperationId,
    /// The values that the key can have had when that Get returned, as far as any Get returned them.
    pub(super) possible: Vec<String>,
}

/// Looks for an order of one key's operations, and subtracts the visited configurations from the budget.
pub(super) fn search(register: &Register, budget: &mut usize) -> SearchResult {
    let search = Search::new(register);
    match search.timeline.slots.div_ceil(SLOTS_PER_WORD) {
        0..=1 => search.explore::<1>(budget),
        2..=4 => search.explore::<4>(budget),
        5..=16 => search.explore::<16>(budget),
        _ => SearchResult::TooManyOpen,
    }
}

/// What an operation does to the value.
enum Effect<'h> {
    Reads(Value),
    Becomes(Value),
    Extends(&'h str),
}

/// The furthest frontier that any order reached, and the values there.
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

    /// Depth first: an order that fits is usually found without backtracking.
    fn explore<const WORDS: usize>(&self, budget: &mut usize) -> SearchResult {
        let value = self.observed.empty();
        let mut start = Configuration::<WORDS> { frontier: 0, taken: Slots::EMPTY, hideable: Slots::EMPTY, value };
        self.advance(&mut start);
        let mut furthest = Furthest::default();
        let mut seen = FxHashSet::default();
        let mut unexplored = vec![start];
        while let Some(configuration) = unexplored.pop() {
            if configuration.frontier == self.timeline.returns.len() {
                return SearchResult::Legal;
            }
            if !seen.insert(configuration) {
                continue;
            }
            if *budget == 0 {
                return SearchResult::OutOfBudget;
            }
            *budget -= 1;
            furthest.note(configuration.frontier, configuration.value);
            // What is added last is explored first: values that Gets returned are the best guide.
            unexplored.extend(self.hide_returning(&configuration));
            unexplored.extend(self.take_open(&configuration));
        }
        SearchResult::Stuck(self.stuck(furthest))
    }

    /// Takes each open write that leads to a value that was read.
    fn take_open<const WORDS: usize>(
        &self,
        configuration: &Configuration<WORDS>,
    ) -> impl Iterator<Item = Configuration<WORDS>> {
        self.timeline.open(configuration.frontier).iter().filter_map(|&operation| {
            let slot = self.timeline.slot(operation);
            if configuration.taken.has(slot) {
                return None;
            }
            let mut next = *configuration;
            next.taken.insert(slot);
            next.value = match self.effects[operation] {
                // A legal read would have been taken at once.
                Effect::Reads(_) => return None,
                Effect::Becomes(value) => value,
                Effect::Extends(suffix) => self.observed.extend(configuration.value, suffix),
            };
            if next.value == Value::Unread {
                return None;
            }
            next.hideable.remove(slot);
            if let Effect::Becomes(_) = self.effects[operation] {
                next.hideable = self.open_writes(&next);
            }
            self.advance(&mut next);
            Some(next)
        })
    }

    /// Counts the write that returns at the frontier as hidden, or as one that a later Put will hide.
    fn hide_returning<const WORDS: usize>(&self, configuration: &Configuration<WORDS>) -> Option<Configuration<WORDS>> {
        let operation = self.timeline.returns[configuration.frontier].operation;
        if let Effect::Reads(_) = self.effects[operation] {
            return None;
        }
        let slot = self.timeline.slot(operation);
        let mut next = *configuration;
        if !configuration.hideable.has(slot) {
            (next.value, next.hideable) = (Value::Unread, Slots::EMPTY);
        }
        next.taken.insert(slot);
        self.advance(&mut next);
        Some(next)
    }

    /// The open writes that are not in the order.
    fn open_writes<const WORDS: usize>(&self, configuration: &Configuration<WORDS>) -> Slots<WORDS> {
        let mut writes = Slots::EMPTY;
        for &operation in self.timeline.open(configuration.frontier) {
            let slot = self.timeline.slot(operation);
            if !matches!(self.effects[operation], Effect::Reads(_)) && !configuration.taken.has(slot) {
                writes.insert(slot);
            }
        }
        writes
    }

    /// Takes all legal reads, and moves the frontier to the first return that is not explained yet.
    fn advance<const WORDS: usize>(&self, configuration: &mut Configuration<WORDS>) {
        while let Some(next) = self.timeline.returns.get(configuration.frontier) {
            let slot = self.timeline.slot(next.operation);
            if configuration.taken.has(slot) {
                configuration.taken.remove(slot);
                configuration.hideable.remove(slot);
                configuration.frontier += 1;
                continue;
            }
            let mut has_read = false;
            for &operation in self.timeline.open(configuration.frontier) {
                let Effect::Reads(value) = self.effects[operation] else { continue };
                let slot = self.timeline.slot(operation);
                if value == configuration.value && !configuration.taken.has(slot) {
                    configuration.taken.insert(slot);
                    has_read = true;
                }
            }
            if !has_read {
                return;
            }
        }
    }

    fn stuck(&self, furthest: Furthest) -> Stuck {
        let returning = self.timeline.returns[furthest.frontier].operation;
        Stuck {
            get: self.register.spans[returning].id,
            possible: furthest.values.iter().filter_map(|&value| self.observed.text(value)).collect(),
        }
    }
}
