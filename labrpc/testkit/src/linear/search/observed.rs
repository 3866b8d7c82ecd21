//! The values that were ever read, and those on the way to them: all that is worth telling apart.

use crate::linear::register::Register;

/// The value of the key at some point of the search.
///
/// Two of these are equal exactly if the values are, or if both are unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value {
    /// The first `bytes` bytes that the longest reads `first..end` have in common, and no others.
    Read { first: u32, end: u32, bytes: u32 },
    /// A value of which no Get returned an extension. Nothing but a Put leads back from here to
    /// values that were read, so all of these behave alike.
    Unread,
}

/// The values that Gets returned, but for those of which another is an extension; sorted.
///
/// Values with a common beginning stand side by side, so a beginning is a range and a length,
/// and what an Append makes of it is found by bisecting that range. There is nothing to hash
/// and nothing to copy, although values may be long.
pub(super) struct Observed<'h> {
    longest: Vec<&'h [u8]>,
}

impl<'h> Observed<'h> {
    /// What the Gets of a history returned.
    pub(super) fn new(register: &Register<'h>) -> Observed<'h> {
        let mut values: Vec<&[u8]> =
            register.spans.iter().filter_map(|span| span.action.read()).map(str::as_bytes).collect();
        values.sort_unstable();
        values.dedup();
        let has_extension = |index: usize| values.get(index + 1).is_some_and(|next| next.starts_with(values[index]));
        let longest = (0..values.len()).filter(|&index| !has_extension(index)).map(|index| values[index]).collect();
        Observed { longest }
    }

    /// The initial value, "".
    pub(super) fn empty(&self) -> Value {
        Value::Read { first: 0, end: self.longest.len() as u32, bytes: 0 }
    }

    /// What an Append makes of a value.
    pub(super) fn extend(&self, value: Value, suffix: &str) -> Value {
        let Value::Read { first, end, bytes } = value else { return Value::Unread };
        let rest = |longest: &&'h [u8]| &longest[bytes as usize..];
        let candidates = &self.longest[first as usize..end as usize];
        let smaller = candidates.partition_point(|longest| rest(longest) < suffix.as_bytes());
        let matching = candidates[smaller..].partition_point(|longest| rest(longest).starts_with(suffix.as_bytes()));
        if matching == 0 {
            return Value::Unread;
        }
        let first = first + smaller as u32;
        Value::Read { first, end: first + matching as u32, bytes: bytes + suffix.len() as u32 }
    }

    /// The text of a value, unless it is unread.
    pub(super) fn text(&self, value: Value) -> Option<String> {
        let Value::Read { first, bytes, .. } = value else { return None };
        let longest = self.longest.get(first as usize).copied().unwrap_or_default();
        Some(String::from_utf8_lossy(&longest[..bytes as usize]).into_owned())
    }
}
