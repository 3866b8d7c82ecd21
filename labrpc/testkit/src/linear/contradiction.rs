//! What is wrong with a history, in a sentence.

use std::fmt;

use super::history::OperationId;
use super::search::OPEN_OPERATIONS_MAX;

/// Why a history was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// No store that serves one operation at a time could have given these answers.
    NotLinearizable(Contradiction),
    /// The checker does not know. This is no pass: the history may be wrong.
    Undecided {
        /// The key whose history it could not decide.
        key: String,
        /// What kept it from deciding.
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
    /// The operations of the contradiction, most often two to four, in the order in which the
    /// sentence names them.
    pub witness: Vec<OperationId>,
    /// When it became certain, on the history's clock: up to then all could be explained.
    pub at: u64,
    /// What happened and what would have been right, for a student to read.
    pub sentence: String,
}

/// What went wrong, as far as a client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContradictionKind {
    /// A Get returned an older value than was there when it was called.
    StaleRead,
    /// A write returned, but those that came after it do not know of it.
    LostWrite,
    /// A write took effect twice.
    DoubledWrite,
    /// A Get returned what nobody had written.
    NeverWritten,
    /// A Put was added to the value instead of replacing it.
    PutAppended,
    /// Two Gets saw one value grow in different ways.
    Forked,
    /// Two writes took effect in the other order than they were made in.
    OutOfOrder,
    /// No order explains a Get. The values do not tell more, since they are not unique.
    NoOrder,
}

/// What a check stopped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It had looked at as many configurations as its budget allows.
    Configurations(usize),
    /// More operations were open at once than the search can tell apart.
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
            ContradictionKind::StaleRead => "a Get must see what was there before it was called",
            ContradictionKind::LostWrite => "once a write has returned, everything after it must know of it",
            ContradictionKind::DoubledWrite => "a write must take effect once, however often it is sent",
            ContradictionKind::NeverWritten => "a Get can only return what Puts and Appends have written",
            ContradictionKind::PutAppended => "a Put replaces whatever was there",
            ContradictionKind::Forked => "all clients must see the same writes in the same order",
            ContradictionKind::OutOfOrder => "a write that is made after another has returned takes effect after it",
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
                "Undecided: after {count} configurations it is still open whether some order explains key {key:?}, \
                 which is no pass; write unique values, or allow more configurations."
            ),
            CheckError::Undecided { key, limit: Limit::OpenOperations } => write!(
                f,
                "Undecided: more than {OPEN_OPERATIONS_MAX} operations on key {key:?} are open at once, which is more \
                 than the search can tell apart, and no pass; write unique values, or use more keys."
            ),
        }
    }
}

impl std::error::Error for CheckError {}
