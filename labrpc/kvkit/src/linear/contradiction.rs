//! Why a history was not accepted, in a sentence.

use std::fmt;

use super::history::OperationId;
use super::search::OPEN_OPERATIONS_MAX;

/// Why a history was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// No store that serves one operation at a time could have given these answers.
    NotLinearizable(Contradiction),
    /// The checker could not decide. The history may be wrong, so this does not pass.
    Undecided {
        /// The key whose history was not decided.
        key: String,
        /// The limit that was reached.
        limit: Limit,
    },
}

/// A few operations that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// What went wrong.
    pub kind: ContradictionKind,
    /// The key that the operations belong to.
    pub key: String,
    /// The operations of the contradiction, mostly two to four, in the order in which the sentence
    /// names them.
    pub witness: Vec<OperationId>,
    /// When it became certain: the history before that time can be explained.
    pub at: u64,
    /// What happened, and what would have been right.
    pub sentence: String,
}

/// What went wrong, from a client's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContradictionKind {
    /// A Get returned a value older than the one that the key had when it was called.
    StaleRead,
    /// A write returned, but later operations do not see it.
    LostWrite,
    /// A write took effect twice.
    DoubledWrite,
    /// A Get returned a value that no client had written.
    NeverWritten,
    /// A Put was added to the value instead of replacing it.
    PutAppended,
    /// Two Gets show one value growing in different ways.
    Forked,
    /// Two writes took effect in the wrong order.
    OutOfOrder,
    /// No order explains a Get. More cannot be said, because the values are not unique.
    NoOrder,
}

/// The limit that a check reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It has visited all configurations that its budget allows.
    Configurations(usize),
    /// More operations were open at once than the search can handle.
    OpenOperations,
}

impl ContradictionKind {
    pub(super) fn headline(self) -> &'static str {
        match self {
            ContradictionKind::StaleRead => "Stale read of",
            ContradictionKind::LostWrite => "Lost write to",
            ContradictionKind::DoubledWrite => "Doubled write to",
            ContradictionKind::NeverWritten => "A value that was never written to",
            ContradictionKind::PutAppended => "A Put that did not replace the value of",
            ContradictionKind::Forked => "Forked value of",
            ContradictionKind::OutOfOrder => "Writes out of order on",
            ContradictionKind::NoOrder => "No order explains",
        }
    }

    pub(super) fn lesson(self) -> &'static str {
        match self {
            ContradictionKind::StaleRead => {
                "a Get must return the value that the key had when it was called, or a newer one"
            }
            ContradictionKind::LostWrite => "once a write has returned, every later operation must see it",
            ContradictionKind::DoubledWrite => "a write must take effect once, even if it is sent several times",
            ContradictionKind::NeverWritten => "a Get must return only what Puts and Appends have written",
            ContradictionKind::PutAppended => "a Put must replace the whole value",
            ContradictionKind::Forked => "all clients must see the same writes in the same order",
            ContradictionKind::OutOfOrder => {
                "a write that is called after another has returned must take effect after it"
            }
            ContradictionKind::NoOrder => "one order of all operations must explain every answer",
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::NotLinearizable(contradiction) => f.write_str(&contradiction.sentence),
            CheckError::Undecided { key, limit: Limit::Configurations(count) } => write!(
                f,
                "Undecided: after {count} configurations the search has not found out whether an order explains key \
                 {key:?}, so the check fails; write unique values, or allow more configurations."
            ),
            CheckError::Undecided { key, limit: Limit::OpenOperations } => write!(
                f,
                "Undecided: more than {OPEN_OPERATIONS_MAX} operations on key {key:?} are open at once, too many for \
                 the search, so the check fails; write unique values, or use more keys."
            ),
        }
    }
}

impl std::error::Error for CheckError {}
