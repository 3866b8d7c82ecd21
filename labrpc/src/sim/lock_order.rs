//! Finds two locks that threads take in opposite orders: such threads can wait for each other forever, even if in this run
//! they never did.

use std::fmt::Write;

use rustc_hash::FxHashMap;

use super::involved::{InvolvedTask, TaskWait};
use super::state::State;
use super::task::{Held, HeldLock, Lifecycle, LockId, Task, TaskId, TaskSlot};

/// Which lock was taken while which other one was held.
#[derive(Default)]
pub(super) struct LockOrders {
    /// By the lock that was held, and the one that was taken then.
    taken: FxHashMap<(LockId, LockId), Vec<Order>>,
}

/// More pairs than these come from locks that are made for a moment. They are forgotten all at once.
const PAIRS_MAX: usize = 10_000;
/// A pair of locks is taken in few different ways. More are not remembered.
const ORDERS_MAX: usize = 8;

/// One way in which a task took a lock while it held another one.
#[derive(Clone)]
struct Order {
    task: TaskId,
    /// The node and the name of the task, which may have ended by the time of a report.
    who: (String, String),
    first: Held,
    second: Held,
    /// The other locks that it held then.
    gates: Vec<Held>,
}

/// The locks besides `first` that a task holds.
fn gates<'a>(task: &'a Task, first: &'a Held) -> impl Iterator<Item = &'a Held> {
    task.held.iter().filter(|gate| gate.id != first.id)
}

impl Order {
    /// Whether this is how a task takes a lock while it holds others, `first` among them.
    fn is_that_of(&self, task: &Task, first: &Held, second: &Held) -> bool {
        let lock = |held: &Held| (held.id, held.is_shared);
        self.task == task.id
            && lock(&self.first) == lock(first)
            && lock(&self.second) == lock(second)
            && self.gates.iter().map(lock).eq(gates(task, first).map(lock))
    }

    /// Whether this task and the `other`, which takes the same two locks in the opposite order, can wait for each other.
    fn can_block(&self, other: &Order) -> bool {
        // Readers do not wait for readers.
        let excludes = |one: &Held, other: &Held| !(one.is_shared && other.is_shared);
        // Under a common lock, only one of them at a time is between its two locks.
        let is_gated = self
            .gates
            .iter()
            .any(|gate| other.gates.iter().any(|other_gate| other_gate.id == gate.id && excludes(gate, other_gate)));
        self.task != other.task
            && excludes(&self.first, &other.second)
            && excludes(&self.second, &other.first)
            && !is_gated
    }
}

impl Order {
    fn involved(&self) -> InvolvedTask {
        let held = |held: &Held| HeldLock { made: held.made, taken: held.at };
        let waits = TaskWait::Lock { type_name: "lock", made: self.second.made, holder: None };
        let ((node, name), Held { at, .. }) = (self.who.clone(), self.second);
        InvolvedTask { id: self.task, node, name, held: vec![held(&self.first)], waits: Some((waits, Some(at))) }
    }
}

impl State {
    /// Notes that a task takes a lock, and waits for it if it has to, while it holds others. Returns a report if another
    /// task has taken two of these locks in the opposite order.
    pub(super) fn note_lock_order(&mut self, slot: TaskSlot, second: Held) -> Option<(String, Vec<InvolvedTask>)> {
        let task = self.task(slot);
        // The first task of a node starts the others, and what it does before that is no order for them.
        if task.lifecycle != Lifecycle::Alive || self.is_first_task(task) {
            return None;
        }
        // Nearly always all of them are known, and nothing is made.
        let is_new = |first: &&Held| first.id != second.id && !self.lock_orders.has(task, first, &second);
        let orders: Vec<Order> =
            task.held.iter().filter(is_new).map(|first| self.order(task, *first, second)).collect();
        orders.into_iter().find_map(|order| self.lock_orders.add(order))
    }

    fn order(&self, task: &Task, first: Held, second: Held) -> Order {
        let gates = gates(task, &first).copied().collect();
        Order { task: task.id, who: (self.label(task.node).to_string(), task.name.to_string()), first, second, gates }
    }
}

impl LockOrders {
    /// Whether this way of taking two locks was compared with all others already.
    fn has(&self, task: &Task, first: &Held, second: &Held) -> bool {
        let known = self.taken.get(&(first.id, second.id)).into_iter().flatten();
        known.into_iter().any(|earlier| earlier.is_that_of(task, first, second))
    }

    fn add(&mut self, order: Order) -> Option<(String, Vec<InvolvedTask>)> {
        if self.taken.len() > PAIRS_MAX {
            self.taken.clear();
        }
        let (first, second) = (order.first.id, order.second.id);
        let opposite = self.taken.get(&(second, first)).into_iter().flatten().find(|earlier| earlier.can_block(&order));
        if let Some(opposite) = opposite {
            return Some((describe(opposite, &order), vec![order.involved(), opposite.involved()]));
        }
        let known = self.taken.entry((first, second)).or_default();
        if known.len() < ORDERS_MAX {
            known.push(order);
        }
        None
    }
}

fn describe(earlier: &Order, later: &Order) -> String {
    let mut text =
        "two threads take two locks in opposite orders, so each can wait forever for the other's\n".to_string();
    for Order { task, who: (node, name), first, second, .. } in [earlier, later] {
        let _ = writeln!(
            text,
            "  {node}, task '{name}' (#{task}) holds the lock made at {} since {}, and takes the one made at {} at {}",
            first.made, first.at, second.made, second.at
        );
    }
    text
}
