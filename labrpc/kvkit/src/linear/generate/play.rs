//! Simulates a workload, one event after another.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::random::Random;
use super::store::Cell;
use super::workload::{StoreFault, Values, Workload};
use crate::linear::history::{History, Input, OperationId};

/// The longest time from an operation's call to its effect, and from there to its response, in milliseconds.
const ANSWER_MS_MAX: u64 = 20;

/// The longest time that a client waits before it calls again, in milliseconds. It is short: busy
/// clients have many open operations, and these are hard to check.
const PAUSE_MS_MAX: u64 = 3;

/// The longest time from the call of an operation without a response to its effect, in milliseconds:
/// many other operations happen in between.
const LATE_EFFECT_MS_MAX: u64 = 500;

/// The percentage of operations without a response that take effect. Both cases should be common.
const UNANSWERED_EFFECT_PERCENT: u64 = 50;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

impl Workload {
    /// The history of the workload for a seed. Equal seeds give equal histories.
    pub fn generate(&self, seed: u64) -> History {
        let mut simulation = Simulation {
            workload: self,
            random: Random::new(seed),
            fault: self.fault,
            is_split: false,
            history: History::new(),
            agenda: BinaryHeap::new(),
            stores: Default::default(),
        };
        for client in 0..self.clients {
            simulation.plan(0, PlannedEvent::Call { client });
        }
        while let Some(Reverse((now_ms, _, event))) = simulation.agenda.pop() {
            match event {
                PlannedEvent::Call { client } => simulation.call(client, now_ms),
                PlannedEvent::Effect { operation, is_answered } => simulation.effect(operation, is_answered, now_ms),
                PlannedEvent::Return { operation, value } => simulation.answer(operation, value, now_ms),
            }
        }
        simulation.history
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PlannedEvent {
    Call { client: u64 },
    Effect { operation: OperationId, is_answered: bool },
    Return { operation: OperationId, value: String },
}

struct Simulation<'w> {
    workload: &'w Workload,
    random: Random,
    /// The fault, until it has happened.
    fault: Option<StoreFault>,
    is_split: bool,
    history: History,
    /// Planned events, with their times in milliseconds and their order among equal times.
    agenda: BinaryHeap<Reverse<(u64, u64, PlannedEvent)>>,
    /// The second store serves every second client once the store is split.
    stores: [BTreeMap<String, Cell>; 2],
}

impl Simulation<'_> {
    fn plan(&mut self, at_ms: u64, event: PlannedEvent) {
        // Random among equal times, so that calls and returns of one instant come in any order.
        let order = self.random.below(u64::MAX);
        self.agenda.push(Reverse((at_ms, order, event)));
    }

    fn call(&mut self, client: u64, now_ms: u64) {
        let sequence = self.history.operations().len();
        if sequence == self.workload.operations {
            return;
        }
        let value = match self.workload.values {
            Values::Unique => format!("x {client} {sequence} y"),
            Values::Few(count) => self.random.below(count).to_string(),
        };
        let Workload { puts_percent, appends_percent, .. } = *self.workload;
        let input = match self.random.below(100) {
            percent if percent < puts_percent => Input::Put(value),
            percent if percent < puts_percent + appends_percent => Input::Append(value),
            _ => Input::Get,
        };
        let key = self.random.below(self.workload.keys).to_string();
        let operation = self.history.call(client, key, input, now_ms * NANOSECONDS_PER_MILLISECOND);

        let is_answered = !self.random.percent(self.workload.unanswered_percent);
        let patience_ms = if is_answered { self.random.below(ANSWER_MS_MAX + 1) } else { LATE_EFFECT_MS_MAX };
        let effect_ms = now_ms + self.random.below(patience_ms + 1);
        self.plan(effect_ms, PlannedEvent::Effect { operation, is_answered });
        if !is_answered {
            self.plan(now_ms + ANSWER_MS_MAX, PlannedEvent::Call { client: client + self.workload.clients });
        }
    }

    fn effect(&mut self, operation: OperationId, is_answered: bool, now_ms: u64) {
        if !is_answered && !self.random.percent(UNANSWERED_EFFECT_PERCENT) {
            return;
        }
        let value = self.serve(operation);
        if is_answered {
            let at_ms = now_ms + self.random.below(ANSWER_MS_MAX + 1);
            self.plan(at_ms, PlannedEvent::Return { operation, value });
        }
    }

    fn answer(&mut self, operation: OperationId, value: String, now_ms: u64) {
        self.history.returned(operation, value, now_ms * NANOSECONDS_PER_MILLISECOND);
        let client = self.history.get(operation).client;
        let next_ms = now_ms + 1 + self.random.below(PAUSE_MS_MAX);
        self.plan(next_ms, PlannedEvent::Call { client });
    }

    /// Carries out an operation, with or without a mistake.
    fn serve(&mut self, id: OperationId) -> String {
        let operation = self.history.get(id);
        let is_due = self.history.operations().len() * 2 >= self.workload.operations;
        let fault = self.fault.filter(|_| is_due);
        if fault == Some(StoreFault::SplitBrain) {
            self.stores[1] = self.stores[0].clone();
            (self.is_split, self.fault) = (true, None);
        }

        let store = usize::from(self.is_split && operation.client % 2 == 1);
        let cell = self.stores[store].entry(operation.key.clone()).or_default();
        let wrong = fault.and_then(|fault| cell.wrong_value(fault, id, &self.history));
        if wrong.is_some() {
            self.fault = None;
        }
        match &operation.input {
            Input::Get => return wrong.unwrap_or_else(|| cell.value.clone()),
            Input::Put(value) => cell.value = wrong.unwrap_or_else(|| value.clone()),
            Input::Append(value) => cell.value = wrong.unwrap_or_else(|| format!("{}{value}", cell.value)),
        }
        cell.writes.push(id);
        if self.workload.fault == Some(StoreFault::StaleRead) {
            cell.past.push(cell.value.clone());
        }
        String::new()
    }
}
