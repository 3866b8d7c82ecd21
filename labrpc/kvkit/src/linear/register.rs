//! One key's operations, in the form that both methods of the checker read.

use std::collections::BTreeMap;

use super::history::{ClientOperation, History, Input, OperationId};

/// The return time of an operation that never returned, later than every other.
pub(super) const NEVER: u64 = u64::MAX;

/// What an operation did, or may have done, to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action<'h> {
    /// It read this value.
    Get(&'h str),
    /// It replaced the value by this one.
    Put(&'h str),
    /// It appended this to the value.
    Append(&'h str),
}

impl<'h> Action<'h> {
    /// The value that was read; `None` for a write.
    pub(super) fn read(self) -> Option<&'h str> {
        match self {
            Action::Get(value) => Some(value),
            Action::Put(_) | Action::Append(_) => None,
        }
    }

    /// What was written; `None` for a read.
    pub(super) fn written(self) -> Option<&'h str> {
        match self {
            Action::Get(_) => None,
            Action::Put(value) | Action::Append(value) => Some(value),
        }
    }
}

/// An action, and the time span in which it took effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'h> {
    pub(super) id: OperationId,
    pub(super) action: Action<'h>,
    pub(super) called: u64,
    /// [`NEVER`] if it has not returned: then it took effect at some time after the call, or not at all.
    pub(super) returned: u64,
}

impl<'h> Span<'h> {
    /// `None` for a Get without a response, which read nothing that could be wrong.
    fn new(id: OperationId, operation: &'h ClientOperation) -> Option<Span<'h>> {
        let action = match (&operation.input, &operation.response) {
            (Input::Get, answer) => Action::Get(&answer.as_ref()?.value),
            (Input::Put(value), _) => Action::Put(value),
            (Input::Append(value), _) => Action::Append(value),
        };
        let returned = operation.response.as_ref().map_or(NEVER, |answer| answer.at);
        Some(Span { id, action, called: operation.called, returned })
    }
}

/// The history of one key.
///
/// A history is linearizable if and only if the history of each key is (Herlihy and Wing call this
/// locality), so no check needs to look at two keys together.
#[derive(Clone, Debug)]
pub(super) struct Register<'h> {
    pub(super) key: &'h str,
    pub(super) spans: Vec<Span<'h>>,
}

impl<'h> Register<'h> {
    /// The histories of all keys, in the order of the keys.
    pub(super) fn split(history: &'h History) -> Vec<Register<'h>> {
        let mut spans_of: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for (id, operation) in history.iter() {
            if let Some(span) = Span::new(id, operation) {
                spans_of.entry(&operation.key).or_default().push(span);
            }
        }
        spans_of.into_iter().map(|(key, spans)| Register { key, spans }).collect()
    }

    /// The beginning of this history through a time, that time included.
    ///
    /// If the whole history is linearizable, then so is every beginning of it.
    pub(super) fn through(&self, end: u64) -> Register<'h> {
        let seen = |span: &Span<'h>| match (span.called <= end, span.returned <= end, span.action) {
            (true, true, _) => Some(*span),
            (true, false, Action::Put(_) | Action::Append(_)) => Some(Span { returned: NEVER, ..*span }),
            (true, false, Action::Get(_)) | (false, ..) => None,
        };
        Register { key: self.key, spans: self.spans.iter().filter_map(seen).collect() }
    }

    /// When operations returned, in order.
    pub(super) fn returns(&self) -> Vec<u64> {
        let mut returns: Vec<u64> =
            self.spans.iter().map(|span| span.returned).filter(|&returned| returned != NEVER).collect();
        returns.sort_unstable();
        returns
    }
}
