//! Functions of the server's code: what they make of an input is all that a tape has to know.

use std::sync::Arc;

use super::reader::Made;
use super::{Taping, current, heap};
use crate::sim::runtime::Runtime;

/// Why a tape does not say what a function makes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody has asked for that when it was recorded.
    OtherRun,
    /// It has made several things of the same input: it is no function.
    Several,
}

/// Calls a function of the server's code: `work` is it, and what it makes depends on `input` alone, which also says which
/// function it is. While a tape is recorded, what it makes is kept as `encode` writes it; while one plays, `work` is not called,
/// and the tape's bytes are given to `decode`.
///
/// # Errors
///
/// [`NoAnswer`] if the tape that plays does not say what it makes.
///
/// # Panics
///
/// Where the function has panicked when the tape was recorded.
pub fn ask<T>(
    input: impl FnOnce() -> Vec<u8>,
    encode: impl FnOnce(&T) -> Vec<u8>,
    decode: impl FnOnce(&[u8]) -> Option<T>,
    work: impl FnOnce() -> T,
) -> Result<T, NoAnswer> {
    let Some(world) = current().filter(|world| !world.deck.is_off()) else { return Ok(work()) };
    if let Taping::Play(tape) = &world.deck.taping {
        let _account = heap::charged_to_harness();
        let tape = Arc::clone(tape);
        return match tape.made_of(&input()) {
            Some(Made::Value(value)) => decode(value).ok_or(NoAnswer::OtherRun),
            Some(Made::Panic) => panic!("the server's code panicked here when the tape was recorded"),
            Some(Made::Several) => Err(NoAnswer::Several),
            None => Err(NoAnswer::OtherRun),
        };
    }
    let mut asked = Asked::new(world, input);
    let value = work();
    asked.answer(|| encode(&value));
    Ok(value)
}

/// A question that is put on the tape when it is answered, or when the answer is a panic.
struct Asked {
    world: &'static Runtime,
    input: Vec<u8>,
    made: Option<Vec<u8>>,
}

impl Asked {
    fn new(world: &'static Runtime, input: impl FnOnce() -> Vec<u8>) -> Asked {
        let _account = heap::charged_to_harness();
        Asked { world, input: input(), made: None }
    }

    fn answer(&mut self, made: impl FnOnce() -> Vec<u8>) {
        let _account = heap::charged_to_harness();
        self.made = Some(made());
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _account = heap::charged_to_harness();
        self.world.deck.writer.borrow_mut().made(&self.input, self.made.as_deref());
    }
}
