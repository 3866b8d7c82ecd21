//! Blocks of operations that nothing may come between, and which of them must come first.

use super::chain::{Chains, Member};
use super::reason::{Block, Reason};
use crate::linear::register::Register;

/// The blocks of a key, if the operations of each chain can stand in the order of its text.
pub(super) fn blocks(register: &Register, chains: &Chains) -> Result<Vec<Block>, Reason> {
    let mut blocks = Vec::new();
    for members in chains.each() {
        blocks.push(block_of_chain(register, chains, members)?);
    }
    for (operation, span) in register.spans.iter().enumerate() {
        // If it never returned it need not have happened; nothing comes after it, so it does no harm.
        if span.action.written().is_some() && !chains.shows(operation) {
            blocks.push(Block { first_returned: Some(operation), last_called: operation, shown_by: None });
        }
    }
    Ok(blocks)
}

fn block_of_chain(register: &Register, chains: &Chains, members: &[Member]) -> Result<Block, Reason> {
    let called = |member: &Member| register.spans[member.operation].called;
    let returned = |member: &Member| register.spans[member.operation].returned;
    let shown_by = chains.shown_by(members[0].chain);

    let mut first_returned = members[0];
    let mut last_called = members[0];
    for &member in members {
        if returned(&member) < called(&last_called) {
            return Err(Reason::OutOfOrder { first: last_called.operation, second: member.operation, shown_by });
        }
        if returned(&member) < returned(&first_returned) {
            first_returned = member;
        }
        if called(&member) > called(&last_called) {
            last_called = member;
        }
    }
    let is_initial = chains.is_initial(members[0].chain);
    // A Get shows all that stands before it in the chain.
    let further = if is_initial { last_called } else { first_returned.max(last_called) };
    let shows_itself = further.is_get() || (!is_initial && first_returned == last_called);
    Ok(Block {
        first_returned: (!is_initial).then_some(first_returned.operation),
        last_called: last_called.operation,
        shown_by: (!shows_itself).then_some(shown_by),
    })
}

/// Two blocks each of which would have to come before the other, if there are any.
pub(super) fn clash(register: &Register, mut blocks: Vec<Block>) -> Option<(Block, Block)> {
    blocks.sort_by_key(|block| block.returned(register));
    // For each block, whichever of it and those before it was called last.
    let mut latest: Vec<&Block> = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        // Those that must come before this block, among those that returned no later. Of two
        // that clash, one is among those of the other.
        let called = block.called(register);
        let before = blocks[..index].partition_point(|other| other.returned(register) < Some(called));
        if let Some(&other) = latest[..before].last()
            && Some(other.called(register)) > block.returned(register)
        {
            return Some((*other, *block));
        }
        match latest.last() {
            Some(&other) if other.called(register) > called => latest.push(other),
            _ => latest.push(block),
        }
    }
    None
}
