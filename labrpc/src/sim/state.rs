//! What the scheduler remembers: tasks, nodes, timers, and which task is parked on what.

use std::borrow::Cow;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::coroutine::{Coroutine, Stacks};
use super::heap;
use super::journal::Journal;
use super::lock_order::LockOrders;
use super::parking::Parking;
use super::runtime::NO_TASK;
use super::settings::{Failure, Report};
use super::task::{Key, Lifecycle, NodeId, Task, TaskId, TaskSlot, WaitReason, WakeReason};
use super::timers::{EventFn, TIMERS_UNTIL_SWEEP_MIN, TimerEntry};

struct NodeState {
    label: Arc<str>,
    is_alive: bool,
    is_paused: bool,
    /// Whether a panic ends this node, and not the run.
    ends_by_panic: bool,
    /// Tasks that are ready, but get no turn until the node is resumed.
    held: Vec<TaskSlot>,
    /// The number of its tasks that have not ended.
    live_tasks: usize,
    /// The task that was spawned in it first.
    first_task: Option<TaskId>,
}

impl NodeState {
    fn new(label: String) -> NodeState {
        NodeState {
            label: label.into(),
            is_alive: true,
            is_paused: false,
            ends_by_panic: false,
            held: Vec::new(),
            live_tasks: 0,
            first_task: None,
        }
    }
}

pub(super) struct State {
    tasks: Vec<Option<Box<Task>>>,
    free_slots: Vec<TaskSlot>,
    live_tasks: usize,
    /// The number of the task that was spawned last. Numbers are never used twice in a run.
    latest_id: TaskId,
    nodes: Vec<NodeState>,
    /// The tasks that are ready to run, in order.
    pub(super) ready: VecDeque<TaskSlot>,
    /// Tasks to unwind before anything else happens.
    cancelled: VecDeque<TaskSlot>,
    pub(super) timers: BinaryHeap<TimerEntry>,
    /// At this number of timers the void ones are swept out.
    pub(super) timers_until_sweep: usize,
    pub(super) events: Vec<Option<EventFn>>,
    pub(super) free_events: Vec<u32>,
    pub(super) due: VecDeque<EventFn>,
    parking: Parking,
    pub(super) lock_orders: LockOrders,
    pub(super) epochs: u64,
    pub(super) failure: Option<Failure>,
    pub(super) stacks: Stacks,
    pub(super) report: Report,
}

impl State {
    pub(super) fn new(stack_bytes: usize, is_journaling: bool) -> State {
        State {
            tasks: Vec::new(),
            free_slots: Vec::new(),
            live_tasks: 0,
            latest_id: 0,
            nodes: vec![NodeState::new("the test".into())],
            ready: VecDeque::new(),
            cancelled: VecDeque::new(),
            timers: BinaryHeap::new(),
            timers_until_sweep: TIMERS_UNTIL_SWEEP_MIN,
            events: Vec::new(),
            free_events: Vec::new(),
            due: VecDeque::new(),
            parking: Parking::default(),
            lock_orders: LockOrders::default(),
            epochs: 0,
            failure: None,
            stacks: Stacks::new(stack_bytes),
            report: Report { journal: Journal::new(is_journaling), ..Report::default() },
        }
    }

    pub(super) fn find(&self, slot: TaskSlot) -> Option<&Task> {
        self.tasks.get(slot as usize)?.as_deref()
    }

    pub(super) fn task(&self, slot: TaskSlot) -> &Task {
        self.find(slot).expect("the task is alive")
    }

    pub(super) fn task_mut(&mut self, slot: TaskSlot) -> &mut Task {
        self.tasks[slot as usize].as_deref_mut().expect("the task is alive")
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().flatten().map(|task| &**task)
    }

    pub(super) fn new_node(&mut self, label: String) -> NodeId {
        self.nodes.push(NodeState::new(label));
        NodeId(self.nodes.len() as u32 - 1)
    }

    pub(super) fn is_alive(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].is_alive
    }

    pub(super) fn is_paused(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].is_paused
    }

    pub(super) fn label(&self, node: NodeId) -> &Arc<str> {
        &self.nodes[node.0 as usize].label
    }

    /// The number of a node's tasks that have not ended.
    pub(super) fn tasks_in(&self, node: NodeId) -> usize {
        self.nodes[node.0 as usize].live_tasks
    }

    /// Whether this task was the first one of its node.
    pub(super) fn is_first_task(&self, task: &Task) -> bool {
        self.nodes[task.node.0 as usize].first_task == Some(task.id)
    }

    /// The number of a node's tasks that wait in a call for a reply.
    pub(super) fn calls_in(&self, node: NodeId) -> usize {
        self.tasks().filter(|task| task.node == node && task.is_calling).count()
    }

    /// The number of the task that was spawned last.
    pub(super) fn latest_id(&self) -> TaskId {
        self.latest_id
    }

    /// Adds a new task to the table.
    pub(super) fn add_task(&mut self, name: Cow<'static, str>, node: NodeId, lineage: u64) -> (TaskSlot, TaskId) {
        self.report.tasks += 1;
        self.live_tasks += 1;
        self.report.tasks_peak = self.report.tasks_peak.max(self.live_tasks);
        self.latest_id += 1;
        let id = self.latest_id;
        let NodeState { live_tasks, first_task, .. } = &mut self.nodes[node.0 as usize];
        *live_tasks += 1;
        first_task.get_or_insert(id);
        let task = Some(Box::new(Task::new(id, name, node, lineage)));
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.tasks[slot as usize] = task;
                slot
            }
            None => {
                self.tasks.push(task);
                self.tasks.len() as TaskSlot - 1
            }
        };
        (slot, id)
    }

    /// Takes a task's stack out, to run on it, together with the task's lineage and node. `None` if it has
    /// ended.
    pub(super) fn begin_turn(&mut self, slot: TaskSlot) -> Option<(Coroutine, u64, NodeId)> {
        let task = self.tasks[slot as usize].as_deref_mut()?;
        self.report.switches += 1;
        let coroutine = task.coroutine.take().expect("a task that is given a turn is not running");
        Some((coroutine, task.lineage, task.node))
    }

    /// Notes a turn in the journal.
    pub(super) fn note_turn(&mut self, slot: TaskSlot, now_ns: u64, trace: u64) {
        let _account = heap::charged_to_harness();
        let Some(task) = self.tasks[slot as usize].as_deref() else { return };
        let name = || format!("{}, task '{}'", self.nodes[task.node.0 as usize].label, task.name);
        self.report.journal.keep(now_ns, trace, task.id, name);
    }

    /// Removes a task that has ended.
    pub(super) fn remove_task(&mut self, slot: TaskSlot) -> Option<Box<Task>> {
        self.free_slots.push(slot);
        self.live_tasks -= 1;
        let task = self.tasks[slot as usize].take();
        if let Some(task) = &task {
            self.nodes[task.node.0 as usize].live_tasks -= 1;
        }
        task
    }

    /// Abandons every task that has not ended. True if there was none.
    pub(super) fn abandon_all(&mut self) -> bool {
        let mut left: Vec<_> = self.tasks.iter_mut().flatten().filter_map(|task| task.coroutine.take()).collect();
        left.iter_mut().for_each(Coroutine::abandon);
        left.is_empty()
    }
}

/// Parking and waking.
impl State {
    pub(super) fn park(&mut self, slot: TaskSlot, keys: &[Key], waiting: WaitReason, deadline_ns: Option<u64>) {
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
            self.set_deadline(slot, epoch, deadline_ns);
        }
    }

    pub(super) fn parked(&self, key: Key) -> usize {
        self.parking.count(key)
    }

    /// Ends the parking of the task that has been parked on `key` longest. The caller still has to
    /// make it ready.
    pub(super) fn unpark_one(&mut self, key: Key) -> Option<TaskSlot> {
        while let Some((slot, epoch)) = self.parking.pop(key) {
            if self.end_parking(slot, epoch, WakeReason::Unparked) {
                return Some(slot);
            }
        }
        None
    }

    /// Ends one particular parking. False if it has ended already.
    pub(super) fn end_parking(&mut self, slot: TaskSlot, epoch: u64, wake: WakeReason) -> bool {
        let Some(task) = self.tasks[slot as usize].as_deref_mut() else { return false };
        if !task.is_parked || task.epoch != epoch {
            return false;
        }
        task.is_parked = false;
        task.wake = wake;
        task.waiting = WaitReason::Turn;
        let keys = std::mem::take(&mut task.keys);
        if wake != WakeReason::Unparked || keys.len() > 1 {
            keys.iter().for_each(|&key| self.parking.leave(key, slot));
        }
        self.task_mut(slot).keys = keys;
        true
    }

    /// Whether a task that is ready is more urgent than `slot`.
    pub(super) fn is_outranked(&self, slot: TaskSlot) -> bool {
        let own = self.task(slot).priority;
        self.ready.iter().any(|&other| self.task(other).priority > own)
    }

    pub(super) fn most_urgent(&mut self) -> Option<TaskSlot> {
        let best = self.ready.iter().map(|&slot| self.task(slot).priority).max()?;
        let position = self.ready.iter().position(|&slot| self.task(slot).priority == best)?;
        self.ready.remove(position)
    }

    /// Whether the task's node is paused. If it is, the node keeps the task until it is resumed.
    pub(super) fn hold_if_paused(&mut self, slot: TaskSlot) -> bool {
        let NodeId(node) = self.task(slot).node;
        let node = &mut self.nodes[node as usize];
        if node.is_paused {
            node.held.push(slot);
        }
        node.is_paused
    }

    /// Pauses or resumes a node. Returns the tasks that were held meanwhile. A crashed node is never
    /// paused: only destructors run there, and nothing may hold them up.
    pub(super) fn set_paused(&mut self, node: NodeId, is_paused: bool) -> Vec<TaskSlot> {
        let node = &mut self.nodes[node.0 as usize];
        node.is_paused = is_paused && node.is_alive;
        if is_paused { Vec::new() } else { std::mem::take(&mut node.held) }
    }
}

/// Crashes.
impl State {
    /// Marks a node's tasks for unwinding, `me` included. False if it had none.
    pub(super) fn cancel_node(&mut self, node: NodeId, me: TaskSlot) -> bool {
        let NodeState { is_alive, is_paused, held, .. } = &mut self.nodes[node.0 as usize];
        (*is_alive, *is_paused) = (false, false);
        held.clear();
        let slots: Vec<TaskSlot> = (0..self.tasks.len() as TaskSlot)
            .filter(|&slot| self.find(slot).is_some_and(|task| task.node == node && task.lifecycle == Lifecycle::Alive))
            .collect();
        for &slot in &slots {
            self.cancel_task(slot, me);
        }
        !slots.is_empty()
    }

    /// From now on a panic ends this node.
    pub(super) fn set_ends_by_panic(&mut self, node: NodeId) {
        self.nodes[node.0 as usize].ends_by_panic = true;
    }

    /// Ends the node of a task that has panicked, if a panic ends this node. `me` has unwound already.
    pub(super) fn end_node_of(&mut self, me: TaskSlot) -> bool {
        let node = self.find(me).map(|task| task.node);
        let Some(node) = node.filter(|node| self.nodes[node.0 as usize].ends_by_panic) else { return false };
        self.task_mut(me).lifecycle = Lifecycle::Unwinding;
        self.cancel_node(node, me);
        true
    }

    fn cancel_task(&mut self, slot: TaskSlot, me: TaskSlot) {
        let task = self.task_mut(slot);
        task.lifecycle = Lifecycle::Cancelled;
        let epoch = task.epoch;
        self.end_parking(slot, epoch, WakeReason::Killed);
        if slot != me {
            self.ready.retain(|&other| other != slot);
        }
        self.cancelled.push_back(slot);
    }

    /// Queues a task that is unwinding for its next turn. False if it is not unwinding.
    pub(super) fn queue_if_unwinding(&mut self, slot: TaskSlot) -> bool {
        let is_unwinding = self.task(slot).lifecycle == Lifecycle::Unwinding;
        if is_unwinding {
            self.cancelled.push_back(slot);
        }
        is_unwinding
    }

    /// At the end of a run: cancels every task and every event.
    pub(super) fn cancel_all(&mut self) -> Vec<EventFn> {
        for node in &mut self.nodes {
            (node.is_alive, node.is_paused) = (false, false);
            node.held.clear();
        }
        self.timers.clear();
        for slot in 0..self.tasks.len() as TaskSlot {
            if self.find(slot).is_some_and(|task| task.lifecycle == Lifecycle::Alive && task.coroutine.is_some()) {
                self.cancel_task(slot, NO_TASK);
            }
        }
        self.events.drain(..).flatten().chain(self.due.drain(..)).collect()
    }

    /// The next task to unwind.
    pub(super) fn next_cancelled(&mut self) -> Option<TaskSlot> {
        self.cancelled.pop_front()
    }
}
