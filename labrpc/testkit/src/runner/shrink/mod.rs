//! A failed run, made as small as possible while it fails in the same way.
//!
//! `plan` shortens what random peers do. `decisions` calms the random decisions of any other run: `search` finds the
//! ones that can be left out, `budget` bounds the work; `minimum` is what the search is measured by.

mod budget;
mod decisions;
mod minimum;
mod plan;
mod search;

pub(super) use decisions::shrink as shrink_decisions;
pub(super) use minimum::minimum;
pub(super) use plan::shrink as shrink_plan;
