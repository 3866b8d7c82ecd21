//! The written values, which a read value is made of.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use crate::linear::register::{Register, Span};

/// Every written value of a key, with the write that wrote it.
///
/// No value is a beginning of another (which also means that all differ, and that none is
/// empty), so a text can be cut into values in one way only.
pub(super) enum Vocabulary<'h> {
    /// Values have few lengths, so the value that a text begins with is found by trying each length. That takes about
    /// the same time however many values there are.
    ByLength { lengths: Vec<usize>, writes: FxHashMap<&'h [u8], usize> },
    /// The same values in sorted order, for bisection.
    Sorted(Vec<(&'h [u8], usize)>),
}

/// With more lengths, bisection is faster.
const LENGTHS_MAX: usize = 16;

impl<'h> Vocabulary<'h> {
    /// `None` if some value is a beginning of another.
    pub(super) fn new(register: &Register<'h>) -> Option<Vocabulary<'h>> {
        let written = |(write, span): (usize, &Span<'h>)| Some((span.action.written()?.as_bytes(), write));
        let words: Vec<(&[u8], usize)> = register.spans.iter().enumerate().filter_map(written).collect();
        let mut counts: Vec<(usize, usize)> = Vec::new();
        for (value, _) in &words {
            let is_full = counts.len() == LENGTHS_MAX;
            match counts.iter_mut().find(|(length, _)| *length == value.len()) {
                Some((_, count)) => *count += 1,
                None if is_full => return Vocabulary::sorted(words),
                None => counts.push((value.len(), 1)),
            }
        }
        // Most texts begin with a value of a frequent length.
        counts.sort_unstable_by_key(|(_, count)| Reverse(*count));
        Vocabulary::by_length(&words, counts.into_iter().map(|(length, _)| length).collect())
    }

    fn by_length(words: &[(&'h [u8], usize)], lengths: Vec<usize>) -> Option<Vocabulary<'h>> {
        let writes: FxHashMap<&[u8], usize> = words.iter().copied().collect();
        let has_beginning = |value: &[u8]| {
            let mut shorter = lengths.iter().filter(|length| **length < value.len());
            shorter.any(|length| writes.contains_key(&value[..*length]))
        };
        let are_unique = writes.len() == words.len() && !lengths.contains(&0);
        let are_unique = are_unique && !words.iter().any(|(value, _)| has_beginning(value));
        are_unique.then_some(Vocabulary::ByLength { lengths, writes })
    }

    fn sorted(mut words: Vec<(&'h [u8], usize)>) -> Option<Vocabulary<'h>> {
        words.sort_unstable();
        let has_empty = words.first().is_some_and(|(value, _)| value.is_empty());
        // A value that begins with another comes right after it in the sorted order.
        let has_beginning = words.windows(2).any(|pair| pair[1].0.starts_with(pair[0].0));
        (!has_empty && !has_beginning).then_some(Vocabulary::Sorted(words))
    }

    /// The write whose value the text begins with, and that value's length in bytes.
    pub(super) fn first(&self, text: &str) -> Option<(usize, usize)> {
        let text = text.as_bytes();
        match self {
            Vocabulary::ByLength { lengths, writes } => {
                let mut fitting = lengths.iter().filter(|length| **length <= text.len());
                fitting.find_map(|length| Some((*writes.get(&text[..*length])?, *length)))
            }
            Vocabulary::Sorted(words) => {
                // If a value is a beginning of the text, no other value is between the two in sorted order.
                let after = words.partition_point(|&(value, _)| value <= text);
                let &(value, write) = words[..after].last()?;
                text.starts_with(value).then_some((write, value.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::register::{Action, NEVER};
    use crate::linear::{History, Input};

    fn register(values: &[&'static str]) -> Register<'static> {
        let id = History::new().call(1, "x", Input::Get, 0);
        let span = |value: &&'static str| Span { id, action: Action::Append(value), called: 0, returned: NEVER };
        Register { key: "x", spans: values.iter().map(span).collect() }
    }

    /// Both forms refuse the same values, and cut a text in the same way.
    #[test]
    fn both_forms_agree() {
        for values in [&["ab", "c"][..], &["ab", "ac", "b"], &["ab", "a"], &["ab", "ab"], &["", "a"], &["aé", "c"], &[]]
        {
            let register = register(values);
            let words: Vec<(&[u8], usize)> =
                values.iter().enumerate().map(|(write, value)| (value.as_bytes(), write)).collect();
            let (by_length, sorted) = (Vocabulary::new(&register), Vocabulary::sorted(words));
            assert_eq!(by_length.is_some(), sorted.is_some(), "{values:?}");
            let (Some(by_length), Some(sorted)) = (by_length, sorted) else { continue };
            assert!(matches!(by_length, Vocabulary::ByLength { .. }));
            for text in ["", "a", "ab", "abc", "acab", "b", "c", "cab", "d", "aéc", "aè"] {
                assert_eq!(by_length.first(text), sorted.first(text), "{text:?} of {values:?}");
            }
        }
    }

    /// Values of many lengths are bisected.
    #[test]
    fn values_of_many_lengths_are_sorted() {
        let values: Vec<&'static str> =
            (0..=LENGTHS_MAX).map(|nth| &*Box::leak(format!("{nth:02}{}", "y".repeat(nth)).into_boxed_str())).collect();
        let vocabulary = Vocabulary::new(&register(&values)).expect("no value is a beginning of another");
        assert!(matches!(vocabulary, Vocabulary::Sorted(_)));
        assert_eq!(vocabulary.first("03yyyz"), Some((3, 5)));
    }
}
