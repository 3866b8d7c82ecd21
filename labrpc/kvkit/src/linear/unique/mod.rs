//! Finds the order of writes from the values, for histories in which every written value is unique.
//!
//! Suppose that no written value is a beginning of another, as with `x 3 17 y` for the 17th write of
//! client 3. Then a value that a Get returned can be cut into the writes that made it in only one
//! way: a Put or the initial "", and the Appends that followed. The order need not be searched for,
//! because the values show it.
//!
//! **Chains.** Gets whose values start with the same Put saw the same value grow. So of two such Gets
//! one must have returned a beginning of what the other returned, and no write can be in two chains.
//!
//! **Blocks.** All operations of a chain, its writes and the Gets that returned them, are next to each
//! other in any order that explains the Gets: another write between them would show. Inside, the text
//! fixes their order, and this order fits if no operation returned before one that is earlier in it was
//! called. A write that no Get read is a block by itself.
//!
//! **Clashes.** For a block A let `returned(A)` be the earliest return in it and `called(A)` the
//! latest call. A must come before B if `returned(A) < called(B)`: then some operation of A
//! returned before one of B was called. The initial value's block must come before every other,
//! so its `returned` is before all times. Two blocks clash if each must come before the other.
//!
//! *If no two blocks clash, there is an order.* First, "must come before" has no cycle. If it had
//! one, let B be the block in it that is called last, C the next after B, and D the next after C.
//! B must come before C and does not clash with it, so `returned(C) ≥ called(B)`, and `called(B)`
//! is no less than `called(D)`; but C must come before D, so `returned(C) < called(D)`. Second,
//! without a cycle the blocks can be sorted by the relation, each in its own order. That explains
//! every Get, and every operation that returned before another was called comes before it.
//!
//! So it only remains to look for two blocks that clash, with a sort and a sweep. For Puts and Gets
//! alone this is the theorem of Gibbons and Korach; their forward and backward zones are the blocks
//! with `returned < called` and the others.

mod block;
mod chain;
mod reason;
mod vocabulary;

use self::chain::Chains;
pub(super) use self::reason::{Block, Reason};
use self::vocabulary::Vocabulary;
use super::register::Register;

/// Whether an order explains the history of one key; `None` if its values are not unique.
pub(super) fn check(register: &Register) -> Option<Result<(), Reason>> {
    let vocabulary = Vocabulary::new(register)?;
    Some(explain(register, &vocabulary))
}

fn explain(register: &Register, vocabulary: &Vocabulary) -> Result<(), Reason> {
    let chains = Chains::read(register, vocabulary)?;
    let blocks = block::blocks(register, &chains)?;
    match block::clash(register, blocks) {
        Some((one, other)) => Err(Reason::Clash(one, other)),
        None => Ok(()),
    }
}

/// The shortest beginning of a wrong history that is wrong already, the time when it ends, and the
/// reason. Later operations would only distract.
pub(super) fn shortest<'h>(register: &Register<'h>) -> Option<(Register<'h>, u64, Reason)> {
    let returns = register.returns();
    let is_sound = |&end: &u64| matches!(check(&register.through(end)), Some(Ok(())));
    let end = *returns.get(returns.partition_point(is_sound))?;
    let beginning = register.through(end);
    let reason = check(&beginning)?.err()?;
    Some((beginning, end, reason))
}
