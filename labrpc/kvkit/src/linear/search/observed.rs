//! The values that were read, and the beginnings of these: the only values that the search distinguishes.

use crate::linear::register::Register;

/// The value of the key at some point of the search.
///
/// Two of these are equal exactly if the values are, or if both are unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value {
    /// The first `bytes` bytes that the longest reads `first..end` have in common, and no others.
    Read { first: u32, end: u32, bytes: u32 },
    /// A value of which no Get returned an extension. Only a Put leads back from here to values that were
    /// read, so all of these are treated as one.
    Unread,
}

/// The values that Gets returned, without those that are beginnings of others; sorted.
///
/// Values with a common beginning are next to each other, so a beginning is a range and a length, and
/// the result of an Append is found by bisecting that range. Nothing is hashed or copied, although
/// values may be long.
pub(super) struct Observed<'h> {
    longest: Vec<&'h [u8]>,
}

impl<'h> Observed<'h> {
    /// The values that the Gets of a key returned.
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

    /// The value after an Append.
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
