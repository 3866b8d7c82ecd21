//! Why no order explains a history, and the blocks of operations that a reason may name.

use crate::linear::register::Register;

/// Why no order explains a history. Operations are indices into the register's spans.
#[derive(Clone, Copy, Debug)]
pub(in crate::linear) enum Reason {
    /// From this byte on, the Get returned something that is not a written value.
    NeverWritten { get: usize, offset_bytes: usize },
    /// Both Gets returned the write's value, but after different beginnings; or one Get (`get` equals
    /// `other`) returned it twice.
    Doubled { write: usize, get: usize, other: usize },
    /// The Get returned the Put's value after another value.
    PutAppended { put: usize, get: usize },
    /// Both Gets returned values with the same start, and neither is a beginning of the other.
    Forked { get: usize, other: usize },
    /// What the Get `shown_by` returned puts `first` before `second`, which had returned before
    /// `first` was called.
    OutOfOrder { first: usize, second: usize, shown_by: usize },
    /// Each block must come before the other.
    Clash(Block, Block),
}

/// Operations that are next to each other in every order: those of a chain, or one write that no Get read.
#[derive(Clone, Copy, Debug)]
pub(in crate::linear) struct Block {
    /// The operation that returned first; `None` for the block of the initial value, which is older than
    /// everything.
    pub(in crate::linear) first_returned: Option<usize>,
    /// The operation that was called last.
    pub(in crate::linear) last_called: usize,
    /// The Get that shows that these two belong together; `None` if they are the same operation, or one of
    /// them is such a Get.
    pub(in crate::linear) shown_by: Option<usize>,
}

impl Block {
    /// When its first operation returned: operations that are called later come after the block. `None`
    /// for the block of the initial value, which is before all times.
    pub(super) fn returned(&self, register: &Register) -> Option<u64> {
        self.first_returned.map(|operation| register.spans[operation].returned)
    }

    /// When its last operation was called: operations that returned earlier come before the block.
    pub(in crate::linear) fn called(&self, register: &Register) -> u64 {
        register.spans[self.last_called].called
    }
}
