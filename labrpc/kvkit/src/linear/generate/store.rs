//! The values of a simulated store, and the mistakes that a fault makes with them.

use super::workload::StoreFault;
use crate::linear::history::{History, Input, OperationId};

/// A key's value, and the writes that led to it.
#[derive(Clone, Default)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) writes: Vec<OperationId>,
    /// The value after each write, if the fault needs it.
    pub(super) past: Vec<String>,
}

impl Cell {
    /// The wrong value that an operation returns or leaves behind because of a fault; `None` if the fault
    /// does not apply here.
    pub(super) fn wrong_value(&self, fault: StoreFault, id: OperationId, history: &History) -> Option<String> {
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

    /// A value that is too old for a Get: a later write that the Get must see has replaced it.
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
