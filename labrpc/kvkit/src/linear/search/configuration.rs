//! The state of an order that the search builds.

use super::observed::Value;

/// How many operations a word of a configuration has room for.
pub(super) const SLOTS_PER_WORD: usize = u64::BITS as usize;

/// One bit for each slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slots<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Slots<WORDS> {
    pub(super) const EMPTY: Slots<WORDS> = Slots([0; WORDS]);

    pub(super) fn has(&self, slot: usize) -> bool {
        self.0[slot / SLOTS_PER_WORD] >> (slot % SLOTS_PER_WORD) & 1 == 1
    }

    pub(super) fn insert(&mut self, slot: usize) {
        self.0[slot / SLOTS_PER_WORD] |= 1 << (slot % SLOTS_PER_WORD);
    }

    pub(super) fn remove(&mut self, slot: usize) {
        self.0[slot / SLOTS_PER_WORD] &= !(1 << (slot % SLOTS_PER_WORD));
    }
}

/// Everything that matters about the front part of an order: parts with equal configurations can be
/// continued in the same ways.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Configuration<const WORDS: usize> {
    /// The first return whose operation is not in the order yet. All earlier ones are, and no
    /// operation that is called later is.
    pub(super) frontier: usize,
    /// Which of the operations that are open at the frontier are in the order.
    pub(super) taken: Slots<WORDS>,
    /// Which of the other open operations can be added at an earlier place where no Get sees them. With
    /// an unread value all of them can, and this is empty.
    pub(super) hideable: Slots<WORDS>,
    /// The key's value.
    pub(super) value: Value,
}
