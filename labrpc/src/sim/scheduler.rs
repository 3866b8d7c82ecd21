//! What happens while no task runs: whose turn is next, and what time it is then.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustc_hash::FxHashMap;

use super::coroutine::Stacks;
use super::panics;
use super::runtime::{NOBODY, Runtime, Timer, current};
use super::settings::{Failure, FailureKind, Report};
use super::task::{Fate, Key, NodeId, Slot, Task, TaskId, Waiting, Wake};

/// Something that happens at a point in time, on the scheduler's stack.
pub(crate) type Event = Box<dyn FnOnce()>;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A parked task's deadline. Void if the task has moved on to another epoch.
    Task(Slot),
    /// An event, by its place.
    Event(u32),
}

/// Tasks parked on a key, in order. Mostly there is one.
enum Queue {
    One(Slot, u64),
    Many(VecDeque<(Slot, u64)>),
}

struct Node {
    label: String,
    is_alive: bool,
    is_paused: bool,
    /// Tasks that are ready, but have no turn before the node goes on.
    held: Vec<Slot>,
}

impl Node {
    fn new(label: String) -> Node {
        Node { label, is_alive: true, is_paused: false, held: Vec::new() }
    }
}

pub(super) struct State {
    tasks: Vec<Option<Box<Task>>>,
    free_slots: Vec<Slot>,
    live_tasks: usize,
    nodes: Vec<Node>,
    /// Whose turn it is, in order.
    pub(super) ready: VecDeque<Slot>,
    /// Tasks to unwind before anything else happens.
    doomed: VecDeque<Slot>,
    timers: BinaryHeap<Timer>,
    events: Vec<Option<Event>>,
    free_events: Vec<u32>,
    due: VecDeque<Event>,
    parked: FxHashMap<Key, Queue>,
    epochs: u64,
    pub(super) failure: Option<Failure>,
    pub(super) stacks: Stacks,
    pub(super) report: Report,
}

impl State {
    pub(super) fn new(stack_bytes: usize) -> State {
        State {
            tasks: Vec::new(),
            free_slots: Vec::new(),
            live_tasks: 0,
            nodes: vec![Node::new("the test".into())],
            ready: VecDeque::new(),
            doomed: VecDeque::new(),
            timers: BinaryHeap::new(),
            events: Vec::new(),
            free_events: Vec::new(),
            due: VecDeque::new(),
            parked: FxHashMap::default(),
            epochs: 0,
            failure: None,
            stacks: Stacks::new(stack_bytes),
            report: Report::default(),
        }
    }

    pub(super) fn find(&self, slot: Slot) -> Option<&Task> {
        self.tasks.get(slot as usize)?.as_deref()
    }

    pub(super) fn task(&self, slot: Slot) -> &Task {
        self.find(slot).expect("the task is alive")
    }

    pub(super) fn task_mut(&mut self, slot: Slot) -> &mut Task {
        self.tasks[slot as usize].as_deref_mut().expect("the task is alive")
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().flatten().map(|task| &**task)
    }

    pub(super) fn new_node(&mut self, label: String) -> NodeId {
        self.nodes.push(Node::new(label));
        NodeId(self.nodes.len() as u32 - 1)
    }

    pub(super) fn is_alive(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].is_alive
    }

    pub(super) fn label(&self, node: NodeId) -> &str {
        &self.nodes[node.0 as usize].label
    }

    /// A place for a new task.
    pub(super) fn admit(&mut self, name: Cow<'static, str>, node: NodeId, lineage: u64) -> (Slot, TaskId) {
        self.report.tasks += 1;
        self.live_tasks += 1;
        self.report.tasks_peak = self.report.tasks_peak.max(self.live_tasks);
        let id = self.report.tasks;
        let task = Some(Box::new(Task::new(id, name, node, lineage)));
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.tasks[slot as usize] = task;
                slot
            }
            None => {
                self.tasks.push(task);
                self.tasks.len() as Slot - 1
            }
        };
        (slot, id)
    }

    pub(super) fn at(&mut self, deadline_ns: u64, event: Event) {
        let place = match self.free_events.pop() {
            Some(place) => {
                self.events[place as usize] = Some(event);
                place
            }
            None => {
                self.events.push(Some(event));
                self.events.len() as u32 - 1
            }
        };
        self.epochs += 1;
        self.timers.push(Reverse((deadline_ns, self.epochs, Alarm::Event(place))));
    }

    pub(super) fn park(&mut self, slot: Slot, keys: &[Key], waiting: Waiting, deadline_ns: Option<u64>) {
        self.epochs += 1;
        let epoch = self.epochs;
        let task = self.task_mut(slot);
        task.epoch = epoch;
        task.is_parked = true;
        task.waiting = waiting;
        task.keys.clear();
        task.keys.extend_from_slice(keys);
        for &key in keys {
            match self.parked.get_mut(&key) {
                None => drop(self.parked.insert(key, Queue::One(slot, epoch))),
                Some(Queue::Many(queue)) => queue.push_back((slot, epoch)),
                Some(one @ Queue::One(..)) => {
                    let Queue::One(first, first_epoch) = *one else { unreachable!("matched as one") };
                    *one = Queue::Many(VecDeque::from([(first, first_epoch), (slot, epoch)]));
                }
            }
        }
        if let Some(deadline_ns) = deadline_ns {
            self.timers.push(Reverse((deadline_ns, epoch, Alarm::Task(slot))));
        }
    }

    pub(super) fn parked(&self, key: Key) -> usize {
        match self.parked.get(&key) {
            None => 0,
            Some(Queue::One(..)) => 1,
            Some(Queue::Many(queue)) => queue.len(),
        }
    }

    fn pop_parked(&mut self, key: Key) -> Option<(Slot, u64)> {
        let queue = self.parked.get_mut(&key)?;
        match queue {
            Queue::One(slot, epoch) => {
                let first = (*slot, *epoch);
                self.parked.remove(&key);
                Some(first)
            }
            Queue::Many(queue) => {
                let first = queue.pop_front();
                if queue.is_empty() {
                    self.parked.remove(&key);
                }
                first
            }
        }
    }

    /// Ends the parking of whoever has been on `key` longest. It still has to be made ready.
    pub(super) fn unpark_one(&mut self, key: Key) -> Option<Slot> {
        while let Some((slot, epoch)) = self.pop_parked(key) {
            if self.end_parking(slot, epoch, Wake::Unparked) {
                return Some(slot);
            }
        }
        None
    }

    /// Ends one particular parking. False if it has ended already.
    fn end_parking(&mut self, slot: Slot, epoch: u64, wake: Wake) -> bool {
        let Some(task) = self.tasks[slot as usize].as_deref_mut() else { return false };
        if !task.is_parked || task.epoch != epoch {
            return false;
        }
        task.is_parked = false;
        task.wake = wake;
        task.waiting = Waiting::Turn;
        let keys = std::mem::take(&mut task.keys);
        if wake != Wake::Unparked || keys.len() > 1 {
            keys.iter().for_each(|&key| self.leave(key, slot));
        }
        self.task_mut(slot).keys = keys;
        true
    }

    fn leave(&mut self, key: Key, slot: Slot) {
        let is_empty = match self.parked.get_mut(&key) {
            None => false,
            Some(Queue::One(other, _)) => *other == slot,
            Some(Queue::Many(queue)) => {
                queue.retain(|(other, _)| *other != slot);
                queue.is_empty()
            }
        };
        if is_empty {
            self.parked.remove(&key);
        }
    }

    /// Whether a task that is ready is more urgent than `slot`.
    pub(super) fn is_outranked(&self, slot: Slot) -> bool {
        let own = self.task(slot).priority;
        self.ready.iter().any(|&other| self.task(other).priority > own)
    }

    fn most_urgent(&mut self) -> Option<Slot> {
        let best = self.ready.iter().map(|&slot| self.task(slot).priority).max()?;
        let place = self.ready.iter().position(|&slot| self.task(slot).priority == best)?;
        self.ready.remove(place)
    }

    /// Whether the task has to wait for its paused node, where it is then kept.
    fn is_held(&mut self, slot: Slot) -> bool {
        let NodeId(node) = self.task(slot).node;
        let node = &mut self.nodes[node as usize];
        if node.is_paused {
            node.held.push(slot);
        }
        node.is_paused
    }

    /// Pauses a node or lets it go on. Gives the tasks that were held meanwhile.
    pub(super) fn set_paused(&mut self, node: NodeId, is_paused: bool) -> Vec<Slot> {
        let node = &mut self.nodes[node.0 as usize];
        node.is_paused = is_paused;
        if is_paused { Vec::new() } else { std::mem::take(&mut node.held) }
    }

    /// Marks a node's tasks for unwinding, `me` included. False if it had none.
    pub(super) fn doom(&mut self, node: NodeId, me: Slot) -> bool {
        let Node { is_alive, held, .. } = &mut self.nodes[node.0 as usize];
        *is_alive = false;
        held.clear();
        let slots: Vec<Slot> = (0..self.tasks.len() as Slot)
            .filter(|&slot| self.find(slot).is_some_and(|task| task.node == node && task.fate == Fate::Alive))
            .collect();
        for &slot in &slots {
            self.doom_task(slot, me);
        }
        !slots.is_empty()
    }

    fn doom_task(&mut self, slot: Slot, me: Slot) {
        let task = self.task_mut(slot);
        task.fate = Fate::Doomed;
        let epoch = task.epoch;
        self.end_parking(slot, epoch, Wake::Killed);
        if slot != me {
            self.ready.retain(|&other| other != slot);
        }
        self.doomed.push_back(slot);
    }

    /// At the end of a run every task is doomed, and nothing else is due.
    fn doom_all(&mut self) -> Vec<Event> {
        for node in &mut self.nodes {
            (node.is_alive, node.is_paused) = (false, false);
            node.held.clear();
        }
        self.timers.clear();
        for slot in 0..self.tasks.len() as Slot {
            if self.find(slot).is_some_and(|task| task.fate == Fate::Alive && task.coroutine.is_some()) {
                self.doom_task(slot, NOBODY);
            }
        }
        self.events.drain(..).flatten().chain(self.due.drain(..)).collect()
    }

    fn ring(&mut self, now_ns: u64) -> Option<Slot> {
        let &Reverse((deadline_ns, epoch, alarm)) = self.timers.peek()?;
        if deadline_ns > now_ns {
            return None;
        }
        self.timers.pop();
        match alarm {
            Alarm::Event(place) => {
                let event = self.events[place as usize].take().expect("an event happens once");
                self.free_events.push(place);
                self.due.push_back(event);
                None
            }
            Alarm::Task(slot) => self.end_parking(slot, epoch, Wake::TimedOut).then_some(slot),
        }
    }

    fn is_due(&self, now_ns: u64) -> bool {
        self.timers.peek().is_some_and(|&Reverse((deadline_ns, ..))| deadline_ns <= now_ns)
    }

    /// The next moment at which anything happens.
    fn next_deadline_ns(&mut self) -> Option<u64> {
        while let Some(&Reverse((deadline_ns, epoch, alarm))) = self.timers.peek() {
            let is_void = match alarm {
                Alarm::Event(_) => false,
                Alarm::Task(slot) => !self.find(slot).is_some_and(|task| task.is_parked && task.epoch == epoch),
            };
            if !is_void {
                return Some(deadline_ns);
            }
            self.timers.pop();
        }
        None
    }
}

impl Runtime {
    /// Gives turns until the run fails or `is_done`.
    pub(super) fn give_turns(&self, is_done: impl Fn() -> bool) -> Result<(), Failure> {
        while !is_done() {
            if let Some(failure) = self.state.borrow_mut().failure.take() {
                return Err(failure);
            }
            let slot = self.next()?;
            self.turn(slot);
            if let Some(frozen) = self.frozen.borrow().as_ref() {
                self.running.set(self.latest.get());
                let failure = self.failure(&self.state.borrow(), frozen.kind, frozen.message.into());
                self.running.set(NOBODY);
                return Err(Failure { backtrace: frozen.backtrace.clone(), ..failure });
            }
        }
        // What the last turn brought to light still counts.
        self.state.borrow_mut().failure.take().map_or(Ok(()), Err)
    }

    /// Whose turn it is. Virtual time passes only here and in operations.
    fn next(&self) -> Result<Slot, Failure> {
        loop {
            let mut state = self.state.borrow_mut();
            if let Some(slot) = state.doomed.pop_front() {
                return Ok(slot);
            }
            if let Some(event) = state.due.pop_front() {
                drop(state);
                event();
                continue;
            }
            if state.is_due(self.now_ns()) {
                let woken = state.ring(self.now_ns());
                drop(state);
                woken.into_iter().for_each(|slot| self.make_ready(slot));
                continue;
            }
            if self.operations.get() > self.settings.operations_max {
                let message = format!("the run made more than {} operations", self.settings.operations_max);
                return Err(self.failure(&state, FailureKind::Operations, message));
            }
            if let Some(slot) = self.pick(&mut state) {
                return Ok(slot);
            }
            let Some(deadline_ns) = state.next_deadline_ns() else {
                let message = state.describe_deadlock();
                return Err(self.failure(&state, FailureKind::Deadlock, message));
            };
            if deadline_ns > self.settings.virtual_time_max.as_nanos() as u64 {
                let message = format!("the run took longer than {:?} of virtual time", self.settings.virtual_time_max);
                return Err(self.failure(&state, FailureKind::VirtualTime, message));
            }
            self.now_ns.set(deadline_ns);
        }
    }

    fn pick(&self, state: &mut State) -> Option<Slot> {
        loop {
            let slot = match self.settings.preemption {
                super::Preemption::Priorities { .. } => state.most_urgent(),
                super::Preemption::None | super::Preemption::Random { .. } => state.ready.pop_front(),
            }?;
            if !state.is_held(slot) {
                return Some(slot);
            }
        }
    }

    /// Runs a task until it gives its turn up.
    fn turn(&self, slot: Slot) {
        let mut coroutine = {
            let mut state = self.state.borrow_mut();
            state.report.switches += 1;
            let Some(task) = state.tasks[slot as usize].as_deref_mut() else { return };
            self.record(task.lineage);
            self.record(self.now_ns());
            task.coroutine.take().expect("a task that has a turn is not running")
        };
        self.running.set(slot);
        self.latest.set(slot);
        self.slice.set(0);
        self.progress.advance();
        let is_over = coroutine.resume();
        self.running.set(NOBODY);
        let mut state = self.state.borrow_mut();
        if self.frozen.borrow().is_some() {
            coroutine.abandon();
        } else if is_over {
            let task = state.tasks[slot as usize].take();
            state.free_slots.push(slot);
            state.live_tasks -= 1;
            state.stacks.give_back(coroutine.into_stack());
            drop(state);
            drop(task);
        } else {
            state.task_mut(slot).coroutine = Some(coroutine);
        }
    }

    /// Unwinds whatever is left, so that every destructor runs. True if nothing had to be leaked.
    pub(super) fn tear_down(&self) -> bool {
        /// Destructors may block on one another's locks, but not for ever.
        const TURNS_MAX: usize = 1_000_000;
        let events = self.state.borrow_mut().doom_all();
        drop(events);
        for _ in 0..TURNS_MAX {
            let next = {
                let mut state = self.state.borrow_mut();
                state.doomed.pop_front().or_else(|| state.ready.pop_front())
            };
            let Some(slot) = next else { break };
            let is_enterable = self
                .state
                .borrow()
                .find(slot)
                .is_some_and(|task| task.coroutine.is_some() && task.fate != Fate::Escaped);
            if is_enterable && self.frozen.borrow().is_none() {
                self.turn(slot);
            }
        }
        let mut state = self.state.borrow_mut();
        let mut left: Vec<_> = state.tasks.iter_mut().flatten().filter_map(|task| task.coroutine.take()).collect();
        left.iter_mut().for_each(|coroutine| coroutine.abandon());
        left.is_empty() && self.frozen.borrow().is_none()
    }
}

/// A task's whole life, on its own stack.
pub(super) fn run_task(slot: Slot, body: Box<dyn FnOnce()>) {
    let runtime = current().expect("tasks run inside their simulation");
    let is_doomed = runtime.state.borrow().task(slot).fate != Fate::Alive;
    let outcome = match is_doomed {
        true => catch_unwind(AssertUnwindSafe(|| drop(body))),
        false => catch_unwind(AssertUnwindSafe(body)),
    };
    if let Err(payload) = outcome {
        panics::note_end(runtime, payload);
    }
}
