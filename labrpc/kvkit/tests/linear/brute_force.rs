//! Brute force: tries all orders, by the definition of linearizability.

use std::collections::HashSet;

use kvkit::linear::{ClientOperation, History, Input};

/// Whether an order explains the history of one key through a time.
pub fn explains(history: &History, until: u64) -> bool {
    let seen = |operation: &&ClientOperation| operation.called <= until;
    let operations: Vec<&ClientOperation> = history.operations().iter().filter(seen).collect();
    assert!(operations.len() <= u64::BITS as usize, "brute force has a bit for each operation");
    Brute { operations, until, dead: HashSet::new() }.can_go_on(0, "")
}

/// The first time through which no order explains the history, if there is one.
pub fn first_broken(history: &History) -> Option<u64> {
    let mut returns: Vec<u64> =
        history.operations().iter().filter_map(|operation| Some(operation.response.as_ref()?.at)).collect();
    returns.sort_unstable();
    returns.into_iter().find(|&at| !explains(history, at))
}

struct Brute<'h> {
    operations: Vec<&'h ClientOperation>,
    until: u64,
    /// Operations in the order and the key's value, where the order could not be continued.
    dead: HashSet<(u64, String)>,
}

impl Brute<'_> {
    fn can_go_on(&mut self, placed: u64, value: &str) -> bool {
        let is_left = |index: usize| placed >> index & 1 == 0;
        let left: Vec<usize> = (0..self.operations.len()).filter(|&index| is_left(index)).collect();
        // The operations that have returned must be in the order, each before those that were called after its return.
        let Some(first_return) = left.iter().filter_map(|&index| self.returned(index)).min() else { return true };
        if self.dead.contains(&(placed, value.to_string())) {
            return false;
        }
        for index in left {
            let operation = self.operations[index];
            if operation.called > first_return {
                continue;
            }
            let next = match &operation.input {
                Input::Get if self.returned(index).is_none() => continue,
                Input::Get if operation.response.as_ref().is_some_and(|answer| answer.value != value) => continue,
                Input::Get => value.to_string(),
                Input::Put(written) => written.clone(),
                Input::Append(written) => format!("{value}{written}"),
            };
            if self.can_go_on(placed | 1 << index, &next) {
                return true;
            }
        }
        self.dead.insert((placed, value.to_string()));
        false
    }

    fn returned(&self, index: usize) -> Option<u64> {
        self.operations[index].response.as_ref().map(|answer| answer.at).filter(|&at| at <= self.until)
    }
}
