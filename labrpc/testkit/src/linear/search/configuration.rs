//! How far an order has come.

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

/// All that matters about the front part of an order: whatever can follow one such part can
/// follow every other with an equal configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Configuration<const WORDS: usize> {
    /// The first return whose operation is not in the order yet. All earlier ones are, and no
    /// operation that is called later is.
    pub(super) frontier: usize,
    /// Which of the operations that are open at the frontier are in the order.
    pub(super) taken: Slots<WORDS>,
    /// Which of the others may be added to the order in hindsight, where nobody notices. With an
    /// unread value that is all of them, and this is empty.
    pub(super) hideable: Slots<WORDS>,
    /// What the key holds now.
    pub(super) value: Value,
}
