//! Histories that could have been: of stores that keep their promises, and of broken ones.
//!
//! A store is played with a seed: clients call, each operation takes effect at some instant before
//! it returns, and a history is recorded. Without a [`Fault`] the history is linearizable by
//! construction. With one, the store breaks its promise once, in the middle of the run. Whether
//! that shows is up to the clients: a later Put may cover it up, or nobody may look.
//!
//! All times are whole milliseconds, so that it is common for one operation to be called in the
//! instant in which another returns.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use labrpc::sim::mix;

use super::history::{History, Input, OperationId};

/// The longest that an operation takes to take effect, and again to be answered, in milliseconds.
const ANSWER_MS_MAX: u64 = 20;

/// The longest that a client waits before it calls again, in milliseconds. Clients that are busy
/// most of the time make for many open operations, which is what is hard to check.
const PAUSE_MS_MAX: u64 = 3;

/// How long after its call an operation that is never answered may still take effect, in
/// milliseconds: long enough to surprise.
const LATE_EFFECT_MS_MAX: u64 = 500;

/// How many of a hundred operations without an answer take effect nevertheless: neither is to be rare.
const UNANSWERED_EFFECT_PERCENT: u64 = 50;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// What clients do, and what the store does to them.
///
/// ```
/// use testkit::linear::generate::{Fault, Workload};
/// use testkit::linear::{Budget, check};
///
/// let workload = Workload { clients: 5, operations: 200, ..Workload::default() };
/// assert!(check(&workload.play(1), Budget::default()).is_ok());
///
/// let broken = Workload { fault: Some(Fault::DoubledWrite), ..workload };
/// assert!(check(&broken.play(1), Budget::default()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Workload {
    /// How many clients call at the same time.
    pub clients: u64,
    /// How many keys they use, all alike.
    pub keys: u64,
    /// How many operations they call in all.
    pub operations: usize,
    /// How many of a hundred operations are Puts.
    pub puts_percent: u64,
    /// How many of a hundred are Appends. The others are Gets.
    pub appends_percent: u64,
    /// How many of a hundred are never answered. The client that waits for it is replaced.
    pub unanswered_percent: u64,
    /// What they write.
    pub values: Values,
    /// How the store breaks its promise, if it does.
    pub fault: Option<Fault>,
}

/// What clients write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// `x 3 17 y` if client 3 calls the operation number 17 of the history.
    Unique,
    /// One of so many numbers, so that the same value is written again and again.
    Few(u64),
}

/// How a store breaks its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One Get returns a value that a write had replaced before the Get was called.
    StaleRead,
    /// One write is answered and has no effect.
    LostWrite,
    /// One Append takes effect twice.
    DoubledWrite,
    /// One Append is put before another that had returned before it was called.
    SwappedAppends,
    /// One Get returns something that nobody wrote.
    InventedValue,
    /// From one moment on, every second client is served by a copy of the store.
    SplitBrain,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 6] = [
        Fault::StaleRead,
        Fault::LostWrite,
        Fault::DoubledWrite,
        Fault::SwappedAppends,
        Fault::InventedValue,
        Fault::SplitBrain,
    ];
}

impl Default for Workload {
    /// One client on one key, half of whose operations are Gets and some Puts, and no trouble.
    fn default() -> Workload {
        Workload {
            clients: 1,
            keys: 1,
            operations: 100,
            puts_percent: 5,
            appends_percent: 45,
            unanswered_percent: 0,
            values: Values::Unique,
            fault: None,
        }
    }
}

impl Workload {
    /// Plays the workload. Equal seeds give equal histories.
    pub fn play(&self, seed: u64) -> History {
        let mut play = Play {
            workload: self,
            random: Random::new(seed),
            fault: self.fault,
            is_split: false,
            history: History::new(),
            agenda: BinaryHeap::new(),
            stores: Default::default(),
        };
        for client in 0..self.clients {
            play.plan(0, Event::Call { client });
        }
        while let Some(Reverse((now_ms, _, event))) = play.agenda.pop() {
            match event {
                Event::Call { client } => play.call(client, now_ms),
                Event::Effect { operation, is_answered } => play.effect(operation, is_answered, now_ms),
                Event::Return { operation, value } => play.answer(operation, value, now_ms),
            }
        }
        play.history
    }
}

/// Numbers that look random, and that are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Random {
        Random { seed, drawn: 0 }
    }

    /// The next number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        mix(self.seed, self.drawn) % bound
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Call { client: u64 },
    Effect { operation: OperationId, is_answered: bool },
    Return { operation: OperationId, value: String },
}

/// What a store holds under a key, and under which writes it came to do so.
#[derive(Clone, Default)]
struct Cell {
    value: String,
    writes: Vec<OperationId>,
    /// The value after each write, if the fault needs to know.
    past: Vec<String>,
}

struct Play<'w> {
    workload: &'w Workload,
    random: Random,
    /// The fault that is still to come.
    fault: Option<Fault>,
    is_split: bool,
    history: History,
    /// What is to happen: when (in milliseconds), in which order among equal times, and what.
    agenda: BinaryHeap<Reverse<(u64, u64, Event)>>,
    /// The second store serves every second client once the brain is split.
    stores: [BTreeMap<String, Cell>; 2],
}

impl Play<'_> {
    fn plan(&mut self, at_ms: u64, event: Event) {
        // Random among equal times, so that calls and returns of one instant mix.
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
            roll if roll < puts_percent => Input::Put(value),
            roll if roll < puts_percent + appends_percent => Input::Append(value),
            _ => Input::Get,
        };
        let key = self.random.below(self.workload.keys).to_string();
        let operation = self.history.call(client, key, input, now_ms * NANOSECONDS_PER_MILLISECOND);

        let is_answered = !self.random.percent(self.workload.unanswered_percent);
        let patience_ms = if is_answered { self.random.below(ANSWER_MS_MAX + 1) } else { LATE_EFFECT_MS_MAX };
        let effect_ms = now_ms + self.random.below(patience_ms + 1);
        self.plan(effect_ms, Event::Effect { operation, is_answered });
        if !is_answered {
            self.plan(now_ms + ANSWER_MS_MAX, Event::Call { client: client + self.workload.clients });
        }
    }

    fn effect(&mut self, operation: OperationId, is_answered: bool, now_ms: u64) {
        if !is_answered && !self.random.percent(UNANSWERED_EFFECT_PERCENT) {
            return;
        }
        let value = self.serve(operation);
        if is_answered {
            let at_ms = now_ms + self.random.below(ANSWER_MS_MAX + 1);
            self.plan(at_ms, Event::Return { operation, value });
        }
    }

    fn answer(&mut self, operation: OperationId, value: String, now_ms: u64) {
        self.history.returned(operation, value, now_ms * NANOSECONDS_PER_MILLISECOND);
        let client = self.history.get(operation).client;
        let next_ms = now_ms + 1 + self.random.below(PAUSE_MS_MAX);
        self.plan(next_ms, Event::Call { client });
    }

    /// Carries an operation out, rightly or not.
    fn serve(&mut self, id: OperationId) -> String {
        let operation = self.history.get(id);
        let is_due = self.history.operations().len() * 2 >= self.workload.operations;
        let fault = self.fault.filter(|_| is_due);
        if fault == Some(Fault::SplitBrain) {
            self.stores[1] = self.stores[0].clone();
            (self.is_split, self.fault) = (true, None);
        }

        let store = usize::from(self.is_split && operation.client % 2 == 1);
        let cell = self.stores[store].entry(operation.key.clone()).or_default();
        let wrong = fault.and_then(|fault| cell.break_promise(fault, id, &self.history));
        if wrong.is_some() {
            self.fault = None;
        }
        match &operation.input {
            Input::Get => return wrong.unwrap_or_else(|| cell.value.clone()),
            Input::Put(value) => cell.value = wrong.unwrap_or_else(|| value.clone()),
            Input::Append(value) => cell.value = wrong.unwrap_or_else(|| format!("{}{value}", cell.value)),
        }
        cell.writes.push(id);
        if self.workload.fault == Some(Fault::StaleRead) {
            cell.past.push(cell.value.clone());
        }
        String::new()
    }
}

impl Cell {
    /// The wrong value that a fault makes an operation return or leave behind, if it can be had here.
    fn break_promise(&self, fault: Fault, id: OperationId, history: &History) -> Option<String> {
        let operation = history.get(id);
        match (fault, &operation.input) {
            (Fault::StaleRead, Input::Get) => self.stale(id, history),
            (Fault::LostWrite, Input::Put(_) | Input::Append(_)) => Some(self.value.clone()),
            (Fault::DoubledWrite, Input::Append(value)) => Some(format!("{}{value}{value}", self.value)),
            (Fault::SwappedAppends, Input::Append(value)) => {
                let last = *self.writes.last()?;
                let Input::Append(last_value) = &history.get(last).input else { return None };
                let before = self.value.strip_suffix(last_value.as_str())?;
                precedes(history, last, id).then(|| format!("{before}{value}{last_value}"))
            }
            (Fault::InventedValue, Input::Get) => Some(format!("{}?", self.value)),
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
    history.get(one).answer.as_ref().is_some_and(|answer| answer.at < history.get(other).called)
}
