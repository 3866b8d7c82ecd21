//! Reading the order off the values: for histories in which every written value is unique.
//!
//! Let no written value be a beginning of another, as with `x 3 17 y` for the 17th write of
//! client 3. Then what a Get returned can be cut into the writes that made it, in one way only:
//! a Put or the initial "", and the Appends that followed. The history need not be searched; it
//! says itself in which order it happened.
//!
//! **Chains.** Gets whose values start with the same Put saw the same value grow, so one of them
//! must have returned a beginning of what the other returned, and no write can be in two such
//! chains.
//!
//! **Blocks.** All operations of a chain, its writes and the Gets that returned them, stand
//! together in any order that explains the Gets: a foreign write among them would show. Inside,
//! the text fixes their order, and it fits if no operation returned before one that stands
//! earlier was called. A write that nobody read is a block by itself.
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
//! without a cycle the blocks can stand one after the other as the relation demands, each in its
//! own order. That explains every Get, and whatever returned before something else was called
//! stands before it.
//!
//! So all that is left is to look for two blocks that clash, which takes a sort and a sweep. For
//! Puts and Gets alone this is the theorem of Gibbons and Korach, whose forward and backward
//! zones are the blocks with `returned < called` and the others.

mod block;
mod chain;
mod reason;
mod vocabulary;

use self::chain::Chains;
pub(super) use self::reason::{Block, Reason};
use self::vocabulary::Vocabulary;
use super::register::Register;

/// Whether some order explains the history of one key; `None` if its values do not tell.
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

/// The shortest beginning of a broken history that is broken already, the time when it ends, and
/// what is wrong with it. Later operations would only blur the story.
pub(super) fn shortest<'h>(register: &Register<'h>) -> Option<(Register<'h>, u64, Reason)> {
    let returns = register.returns();
    let is_sound = |&end: &u64| matches!(check(&register.through(end)), Some(Ok(())));
    let end = *returns.get(returns.partition_point(is_sound))?;
    let beginning = register.through(end);
    let reason = check(&beginning)?.err()?;
    Some((beginning, end, reason))
}
