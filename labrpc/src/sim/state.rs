//! What the scheduler remembers: tasks, nodes, timers, and who is parked on what.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::coroutine::{Coroutine, Stacks};
use super::parking::Parking;
use super::runtime::{NOBODY, Timer};
use super::settings::{Failure, Report};
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

/// Fewer timers than this are not worth a sweep.
const TIMERS_UNTIL_SWEEP_MIN: usize = 1024;

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
    /// How many timers there may be until those that are void are swept out.
    timers_until_sweep: usize,
    events: Vec<Option<Event>>,
    free_events: Vec<u32>,
    due: VecDeque<Event>,
    parking: Parking,
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
            timers_until_sweep: TIMERS_UNTIL_SWEEP_MIN,
            events: Vec::new(),
            free_events: Vec::new(),
            due: VecDeque::new(),
            parking: Parking::default(),
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

    pub(super) fn is_paused(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].is_paused
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
            self.parking.push(key, (slot, epoch));
        }
        if let Some(deadline_ns) = deadline_ns {
            self.timers.push(Reverse((deadline_ns, epoch, Alarm::Task(slot))));
            self.sweep_timers();
        }
    }

    /// A wait that is over early leaves its timer behind. Sweeping them out whenever their number
    /// has doubled costs each of them little, and bounds what a long run holds.
    fn sweep_timers(&mut self) {
        if self.timers.len() < self.timers_until_sweep {
            return;
        }
        let mut timers = std::mem::take(&mut self.timers);
        timers.retain(|&Reverse((_, epoch, alarm))| !self.is_void(epoch, alarm));
        self.timers = timers;
        self.timers_until_sweep = TIMERS_UNTIL_SWEEP_MIN.max(2 * self.timers.len());
    }

    fn is_void(&self, epoch: u64, alarm: Alarm) -> bool {
        match alarm {
            Alarm::Event(_) => false,
            Alarm::Task(slot) => !self.find(slot).is_some_and(|task| task.is_parked && task.epoch == epoch),
        }
    }

    pub(super) fn parked(&self, key: Key) -> usize {
        self.parking.count(key)
    }

    /// Ends the parking of whoever has been on `key` longest. It still has to be made ready.
    pub(super) fn unpark_one(&mut self, key: Key) -> Option<Slot> {
        while let Some((slot, epoch)) = self.parking.pop(key) {
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
            keys.iter().for_each(|&key| self.parking.leave(key, slot));
        }
        self.task_mut(slot).keys = keys;
        true
    }

    /// Whether a task that is ready is more urgent than `slot`.
    pub(super) fn is_outranked(&self, slot: Slot) -> bool {
        let own = self.task(slot).priority;
        self.ready.iter().any(|&other| self.task(other).priority > own)
    }

    pub(super) fn most_urgent(&mut self) -> Option<Slot> {
        let best = self.ready.iter().map(|&slot| self.task(slot).priority).max()?;
        let place = self.ready.iter().position(|&slot| self.task(slot).priority == best)?;
        self.ready.remove(place)
    }

    /// Whether the task has to wait for its paused node, where it is then kept.
    pub(super) fn is_held(&mut self, slot: Slot) -> bool {
        let NodeId(node) = self.task(slot).node;
        let node = &mut self.nodes[node as usize];
        if node.is_paused {
            node.held.push(slot);
        }
        node.is_paused
    }

    /// Pauses a node or lets it go on. Gives the tasks that were held meanwhile. Of one that has
    /// crashed only destructors run, and they are not held up.
    pub(super) fn set_paused(&mut self, node: NodeId, is_paused: bool) -> Vec<Slot> {
        let node = &mut self.nodes[node.0 as usize];
        node.is_paused = is_paused && node.is_alive;
        if is_paused { Vec::new() } else { std::mem::take(&mut node.held) }
    }

    /// Marks a node's tasks for unwinding, `me` included. False if it had none.
    pub(super) fn doom(&mut self, node: NodeId, me: Slot) -> bool {
        let Node { is_alive, is_paused, held, .. } = &mut self.nodes[node.0 as usize];
        (*is_alive, *is_paused) = (false, false);
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

    /// Puts a task that is unwinding in line with the doomed. False if it is not.
    pub(super) fn doom_again(&mut self, slot: Slot) -> bool {
        let is_unwinding = self.task(slot).fate == Fate::Unwinding;
        if is_unwinding {
            self.doomed.push_back(slot);
        }
        is_unwinding
    }

    /// At the end of a run every task is doomed, and nothing else is due.
    pub(super) fn doom_all(&mut self) -> Vec<Event> {
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

    pub(super) fn ring(&mut self, now_ns: u64) -> Option<Slot> {
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

    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        self.timers.peek().is_some_and(|&Reverse((deadline_ns, ..))| deadline_ns <= now_ns)
    }

    /// The next moment at which anything happens.
    pub(super) fn next_deadline_ns(&mut self) -> Option<u64> {
        while let Some(&Reverse((deadline_ns, epoch, alarm))) = self.timers.peek() {
            if !self.is_void(epoch, alarm) {
                return Some(deadline_ns);
            }
            self.timers.pop();
        }
        None
    }

    /// The next task that is to unwind.
    pub(super) fn next_doomed(&mut self) -> Option<Slot> {
        self.doomed.pop_front()
    }

    /// The next event whose time has come.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.due.pop_front()
    }

    /// Takes a task's stack out, to run on it, and says what names the task. `None` if it has ended.
    pub(super) fn begin_turn(&mut self, slot: Slot) -> Option<(Coroutine, u64)> {
        let task = self.tasks[slot as usize].as_deref_mut()?;
        self.report.switches += 1;
        let coroutine = task.coroutine.take().expect("a task that is given a turn is not running");
        Some((coroutine, task.lineage))
    }

    /// Removes a task that has ended.
    pub(super) fn dismiss(&mut self, slot: Slot) -> Option<Box<Task>> {
        self.free_slots.push(slot);
        self.live_tasks -= 1;
        self.tasks[slot as usize].take()
    }

    /// Gives up every task that has not ended. True if there was none.
    pub(super) fn abandon_all(&mut self) -> bool {
        let mut left: Vec<_> = self.tasks.iter_mut().flatten().filter_map(|task| task.coroutine.take()).collect();
        left.iter_mut().for_each(Coroutine::abandon);
        left.is_empty()
    }
}
