//! Why no order explains a history, and the blocks of operations that a reason may name.

use crate::linear::register::Register;

/// Why no order explains a history. Operations are given by their place in the register.
#[derive(Clone, Copy, Debug)]
pub(in crate::linear) enum Reason {
    /// From the given byte on, the Get returned something that is no written value.
    NeverWritten { get: usize, offset_bytes: usize },
    /// The value of one write is in what both Gets returned, but starts differently; or it is
    /// twice in what one Get (`get` and `other`) returned.
    Doubled { write: usize, get: usize, other: usize },
    /// The Get returned the Put's value behind another.
    PutAppended { put: usize, get: usize },
    /// Both Gets returned values with the same start, and neither is a beginning of the other.
    Forked { get: usize, other: usize },
    /// What the Get `shown_by` returned puts `first` before `second`, which had returned before
    /// `first` was called.
    OutOfOrder { first: usize, second: usize, shown_by: usize },
    /// Each block must come before the other.
    Clash(Block, Block),
}

/// Operations that stand together in every order: those of a chain, or one write that nobody read.
#[derive(Clone, Copy, Debug)]
pub(in crate::linear) struct Block {
    /// The operation that returned first; `None` if the block is the initial value's, which was
    /// there before everything.
    pub(in crate::linear) first_returned: Option<usize>,
    /// The operation that was called last.
    pub(in crate::linear) last_called: usize,
    /// The Get that shows that these two belong together; `None` if they are one, or show it themselves.
    pub(in crate::linear) shown_by: Option<usize>,
}

impl Block {
    /// When the first of its operations returned: what is called later comes after the block.
    /// `None`, the initial value's, is before all times.
    pub(super) fn returned(&self, register: &Register) -> Option<u64> {
        self.first_returned.map(|operation| register.spans[operation].returned)
    }

    /// When the last of its operations was called: what has returned earlier comes before the block.
    pub(in crate::linear) fn called(&self, register: &Register) -> u64 {
        register.spans[self.last_called].called
    }
}
