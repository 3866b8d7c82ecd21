//! Nodes: how their tasks start, and how a crash or a pause stops them.

use std::borrow::Cow;
use std::panic::resume_unwind;

use super::choice::mix;
use super::coroutine::Coroutine;
use super::heap;
use super::panics::CrashToken;
use super::runtime::{NO_TASK, Runtime};
use super::scheduler::run_task;
use super::settings::FailureKind;
use super::state::State;
use super::task::{Lifecycle, NodeId, TaskId};

impl Runtime {
    /// The running task's node; the test's node on the scheduler's stack.
    pub(crate) fn node(&self) -> NodeId {
        if self.is_in_task() { self.with_running(|task, _| task.node) } else { NodeId::TEST }
    }

    /// Starts a task. Without a node it runs in its spawner's node; without a lineage it is a child
    /// of its spawner; without a size its stack has the run's default size. In a crashed node nothing starts: `body` is
    /// dropped. If the node has too many tasks, or the system no memory for another, the run fails, and nothing starts.
    pub(crate) fn spawn(
        &self,
        name: Cow<'static, str>,
        node: Option<NodeId>,
        lineage: Option<u64>,
        stack_bytes: Option<usize>,
        body: Box<dyn FnOnce()>,
    ) -> TaskId {
        let _account = heap::charged_to_harness();
        let segment = self.segment_of_child();
        self.on_tape(|writer| writer.spawns(segment, &name, stack_bytes));
        let mut state = self.state.borrow_mut();
        let (parent_lineage, nth, parent_node) = match self.running.get() {
            NO_TASK => (0, state.latest_id(), NodeId::TEST),
            me => {
                let parent = state.task_mut(me);
                parent.children += 1;
                (parent.lineage, parent.children, parent.node)
            }
        };
        let node = node.unwrap_or(parent_node);
        if !state.is_alive(node) {
            drop(state);
            drop(body);
            return 0;
        }
        let lineage = lineage.unwrap_or_else(|| mix(parent_lineage, nth));
        let is_crowded = node != NodeId::TEST && state.tasks_in(node) >= self.settings.tasks_max;
        let stack = if is_crowded { None } else { state.stacks.take(stack_bytes) };
        let Some(stack) = stack else {
            self.fail_to_spawn(&mut state, node, &name);
            drop(state);
            drop(body);
            return 0;
        };
        let (slot, id) = state.add_task(name, node, lineage);
        state.task_mut(slot).coroutine = Some(Coroutine::new(stack, move || run_task(slot, segment, body)));
        drop(state);
        let priority = self.priority_of(lineage);
        self.state.borrow_mut().task_mut(slot).priority = priority;
        self.make_ready(slot);
        id
    }

    /// Fails the run because another task is one too many, for the node's bound or for the system.
    fn fail_to_spawn(&self, state: &mut State, node: NodeId, name: &str) {
        let (tasks, calls) = (state.tasks_in(node), state.calls_in(node));
        let (kind, limit) = match tasks >= self.settings.tasks_max {
            true => (FailureKind::Tasks, "more than that are too many"),
            false => (FailureKind::HarnessLimit, "the system has no memory for the stack of another one"),
        };
        let message = format!(
            "{} has {tasks} threads at the same time, of which {calls} wait in `call` for a reply, and starts {name} as \
             another one: {limit}",
            state.label(node)
        );
        let failure = self.failure(state, kind, message);
        state.failure.get_or_insert(failure);
    }

    /// A new node, alive and empty.
    pub(crate) fn new_node(&self, label: String) -> NodeId {
        self.state.borrow_mut().new_node(label)
    }

    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.state.borrow().is_alive(node)
    }

    /// The number of tasks of a node that are alive.
    pub(crate) fn tasks_in(&self, node: NodeId) -> usize {
        self.state.borrow().tasks_in(node)
    }

    /// The number of tasks of a node that wait in a call for a reply.
    pub(crate) fn calls_in(&self, node: NodeId) -> usize {
        self.state.borrow().calls_in(node)
    }

    /// Crashes a node: each of its tasks unwinds where it stands, before any other task has a turn.
    /// If the caller is one of them, this does not return.
    pub(crate) fn kill(&self, node: NodeId) {
        assert!(node != NodeId::TEST, "the test itself cannot crash");
        let is_any_cancelled = self.state.borrow_mut().cancel_node(node, self.running.get());
        if is_any_cancelled && self.is_in_task() {
            // At the front: cancelled tasks run before ready ones anyway, and then the caller goes
            // on. A destructor that runs in another crash goes on as well.
            let me = self.running.get();
            let is_cancelled = self.state.borrow().task(me).lifecycle == Lifecycle::Cancelled;
            if !is_cancelled && !self.state.borrow_mut().queue_if_unwinding(me) {
                self.state.borrow_mut().ready.push_front(me);
            }
            self.suspend();
            self.unwind_if_cancelled();
        }
    }

    /// From now on a panic in a node ends this node, and not the run.
    pub(crate) fn set_ends_by_panic(&self, node: NodeId) {
        assert!(node != NodeId::TEST, "a panic of the test ends the run");
        self.state.borrow_mut().set_ends_by_panic(node);
    }

    /// Starts to unwind the running task if its node has crashed. True if it is unwinding already.
    pub(super) fn unwind_if_cancelled(&self) -> bool {
        let task_id = {
            let mut state = self.state.borrow_mut();
            let task = state.task_mut(self.running.get());
            match task.lifecycle {
                Lifecycle::Alive => return false,
                Lifecycle::Unwinding | Lifecycle::Escaped => return true,
                Lifecycle::Cancelled => task.lifecycle = Lifecycle::Unwinding,
            }
            task.id
        };
        self.unwinding.begin();
        resume_unwind(Box::new(CrashToken::new(task_id)))
    }

    /// Stops all tasks of a node where they stand, or resumes them.
    pub(crate) fn set_paused(&self, node: NodeId, is_paused: bool) {
        assert!(node != NodeId::TEST, "the test itself cannot be paused");
        let held = self.state.borrow_mut().set_paused(node, is_paused);
        held.into_iter().for_each(|slot| self.make_ready(slot));
    }
}
