//! The operations that are open at each return, precomputed for the search.

use std::ops::Range;

use crate::linear::register::{NEVER, Register};

/// The return of an operation, and the operations that are open then.
pub(super) struct Return {
    /// Which operation returns, as an index into the register's spans.
    pub(super) operation: usize,
    /// The range in [`Timeline::open`] of the operations that were called by now and have not returned before.
    open: Range<usize>,
}

/// The returns of one key's operations in order of time.
///
/// Each operation has a *slot*, a number that no other operation has while it is open. The search
/// keeps one bit for each operation, at the place of its slot.
pub(super) struct Timeline {
    pub(super) returns: Vec<Return>,
    /// How many slots there are: as many as operations are ever open at once.
    pub(super) slots: usize,
    slot_of: Vec<usize>,
    open: Vec<usize>,
}

/// At equal times calls come first: an operation that returns when another is called overlaps with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Call,
    Return,
}

impl Timeline {
    pub(super) fn new(register: &Register) -> Timeline {
        let spans = &register.spans;
        let mut edges: Vec<(u64, Edge, usize)> = Vec::with_capacity(2 * spans.len());
        for (operation, span) in spans.iter().enumerate() {
            edges.push((span.called, Edge::Call, operation));
            if span.returned != NEVER {
                edges.push((span.returned, Edge::Return, operation));
            }
        }
        edges.sort_unstable();

        let mut timeline = Timeline {
            returns: Vec::with_capacity(spans.len()),
            slots: 0,
            slot_of: vec![0; spans.len()],
            open: Vec::new(),
        };
        let mut open_now: Vec<usize> = Vec::new();
        let mut free_slots: Vec<usize> = Vec::new();
        for (_, edge, operation) in edges {
            if edge == Edge::Call {
                timeline.slot_of[operation] = free_slots.pop().unwrap_or(timeline.slots);
                timeline.slots = timeline.slots.max(timeline.slot_of[operation] + 1);
                open_now.push(operation);
                continue;
            }
            let start = timeline.open.len();
            timeline.open.extend_from_slice(&open_now);
            timeline.returns.push(Return { operation, open: start..timeline.open.len() });
            open_now.retain(|&other| other != operation);
            free_slots.push(timeline.slot_of[operation]);
        }
        timeline
    }

    /// The operations that are open at a return, the returning one among them.
    pub(super) fn open(&self, at: usize) -> &[usize] {
        &self.open[self.returns[at].open.clone()]
    }

    /// The bit that stands for an operation while it is open.
    pub(super) fn slot(&self, operation: usize) -> usize {
        self.slot_of[operation]
    }
}
