//! The definition of linearizability, tried out: the judge of the fast checkers.

use std::collections::HashSet;

use testkit::linear::{ClientOperation, History, Input};

/// Whether some order explains what an observer of a history of one key had seen until a time.
pub fn explains(history: &History, until: u64) -> bool {
    let seen = |operation: &&ClientOperation| operation.called <= until;
    let operations: Vec<&ClientOperation> = history.operations().iter().filter(seen).collect();
    assert!(operations.len() <= u64::BITS as usize, "brute force has a bit for each operation");
    Brute { operations, until, dead: HashSet::new() }.can_go_on(0, "")
}

/// The first time at which no order explains what had been seen, if there is one.
pub fn first_broken(history: &History) -> Option<u64> {
    let mut returns: Vec<u64> =
        history.operations().iter().filter_map(|operation| Some(operation.response.as_ref()?.at)).collect();
    returns.sort_unstable();
    returns.into_iter().find(|&at| !explains(history, at))
}

struct Brute<'h> {
    operations: Vec<&'h ClientOperation>,
    until: u64,
    /// Which operations were in the order, and what the key held, where no order went on.
    dead: HashSet<(u64, String)>,
}

impl Brute<'_> {
    fn can_go_on(&mut self, placed: u64, value: &str) -> bool {
        let is_left = |index: usize| placed >> index & 1 == 0;
        let left: Vec<usize> = (0..self.operations.len()).filter(|&index| is_left(index)).collect();
        // What has returned must be placed, and before it nothing that was called later.
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
