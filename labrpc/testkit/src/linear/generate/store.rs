//! A generated store's values, and the ways in which they come out wrong.

use super::workload::StoreFault;
use crate::linear::history::{History, Input, OperationId};

/// What a store holds under a key, and under which writes it came to do so.
#[derive(Clone, Default)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) writes: Vec<OperationId>,
    /// The value after each write, if the fault needs to know.
    pub(super) past: Vec<String>,
}

impl Cell {
    /// The wrong value that a fault makes an operation return or leave behind, if it can be had here.
    pub(super) fn break_promise(&self, fault: StoreFault, id: OperationId, history: &History) -> Option<String> {
        let operation = history.get(id);
        match (fault, &operation.input) {
            (StoreFault::StaleRead, Input::Get) => self.stale(id, history),
            (StoreFault::LostWrite, Input::Put(_) | Input::Append(_)) => Some(self.value.clone()),
            (StoreFault::DoubledWrite, Input::Append(value)) => Some(format!("{}{value}{value}", self.value)),
            (StoreFault::SwappedAppends, Input::Append(value)) => {
                let last = *self.writes.last()?;
                let Input::Append(last_value) = &history.get(last).input else { return None };
                let before = self.value.strip_suffix(last_value.as_str())?;
                precedes(history, last, id).then(|| format!("{before}{value}{last_value}"))
            }
            (StoreFault::InventedValue, Input::Get) => Some(format!("{}?", self.value)),
            _ => None,
        }
    }

    /// A value that was replaced by a write that had to come later, and that a Get has to know of.
    fn stale(&self, get: OperationId, history: &History) -> Option<String> {
        let known = self.writes.iter().rposition(|&write| precedes(history, write, get))?;
        let older = self.writes[..known].iter().rposition(|&write| precedes(history, write, self.writes[known]))?;
        Some(self.past[older].clone())
    }
}

/// Whether one operation had returned before another was called.
fn precedes(history: &History, one: OperationId, other: OperationId) -> bool {
    history.get(one).response.as_ref().is_some_and(|answer| answer.at < history.get(other).called)
}
