//! The written values, which a read value is made of.

use crate::linear::register::{Register, Span};

/// Every written value of a key with the write that wrote it, sorted by value.
///
/// No value is a beginning of another (which also means that all differ, and that none is
/// empty), so a text can be cut into values in one way only.
pub(super) struct Vocabulary<'h> {
    words: Vec<(&'h str, usize)>,
}

impl<'h> Vocabulary<'h> {
    /// `None` if some value is a beginning of another.
    pub(super) fn new(register: &Register<'h>) -> Option<Vocabulary<'h>> {
        let written = |(write, span): (usize, &Span<'h>)| Some((span.action.written()?, write));
        let mut words: Vec<(&str, usize)> = register.spans.iter().enumerate().filter_map(written).collect();
        words.sort_unstable();
        let has_empty = words.first().is_some_and(|(value, _)| value.is_empty());
        // A value that begins with another comes right after it in the sorted order.
        let has_beginning = words.windows(2).any(|pair| pair[1].0.starts_with(pair[0].0));
        (!has_empty && !has_beginning).then_some(Vocabulary { words })
    }

    /// The write whose value the text begins with, and that value's length in bytes.
    pub(super) fn first(&self, text: &str) -> Option<(usize, usize)> {
        // If a value is a beginning of the text, no other value is between the two in sorted order.
        let after = self.words.partition_point(|&(value, _)| value <= text);
        let &(value, write) = self.words[..after].last()?;
        text.starts_with(value).then_some((write, value.len()))
    }
}
