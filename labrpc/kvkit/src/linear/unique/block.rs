//! Blocks of operations that belong together, and their order.

use super::chain::{Chains, Member};
use super::reason::{Block, Reason};
use crate::linear::register::Register;

/// The blocks of a key, if the operations of each chain can be in the order of its text.
pub(super) fn blocks(register: &Register, chains: &Chains) -> Result<Vec<Block>, Reason> {
    let mut blocks = Vec::new();
    for members in chains.each() {
        blocks.push(block_of_chain(register, chains, members)?);
    }
    for (operation, span) in register.spans.iter().enumerate() {
        // A write that never returned need not have happened. As a block it clashes with nothing, because nothing comes after it.
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
    // A Get shows everything before it in the chain.
    let further = if is_initial { last_called } else { first_returned.max(last_called) };
    let shows_itself = further.is_get() || (!is_initial && first_returned == last_called);
    Ok(Block {
        first_returned: (!is_initial).then_some(first_returned.operation),
        last_called: last_called.operation,
        shown_by: (!shows_itself).then_some(shown_by),
    })
}

/// Two blocks that would each have to come before the other, if there are any.
pub(super) fn clash(register: &Register, mut blocks: Vec<Block>) -> Option<(Block, Block)> {
    blocks.sort_by_key(|block| block.returned(register));
    // For each block, the one that was called last among it and those before it.
    let mut latest: Vec<&Block> = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        // Among the blocks that returned no later, those that must come before this one. If two blocks
        // clash, one of them is found here for the other.
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
