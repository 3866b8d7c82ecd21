//! The world's one source of time, turns and wake-ups, as tasks see it.
//!
//! All of a simulation runs on one OS thread: nothing else runs between two statements unless
//! one of them is an operation, a park or a yield. `scheduler` is the other half: what happens
//! while no task runs.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::panic::{Location, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::choice::mix;
use super::coroutine::{self, Coroutine};
use super::frozen::Freezer;
use super::panics::{CrashToken, PanicNote, Unwinding};
use super::settings::{Failure, FailureKind, Report, Settings};
use super::state::{Alarm, Event, State};
use super::task::{Fate, Held, NodeId, Slot, Task};
pub(crate) use super::task::{Key, TaskId, Waiting, Wake};
use super::watchdog::Progress;
use crate::time::Instant;

/// Virtual time that each operation costs, so that a task that polls moves time on.
const OPERATION_COST_NS: u64 = 100;
/// Operations until a task that never blocks must let others have their turn.
const TIME_SLICE_OPERATIONS: u64 = 1000;
/// No task: the scheduler's own stack.
pub(super) const NOBODY: Slot = Slot::MAX;

static RUNS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The simulation that this OS thread runs.
    static CURRENT: Cell<*const Runtime> = const { Cell::new(std::ptr::null()) };
}

/// The simulation that the caller is in, if any.
#[inline]
pub(crate) fn current() -> Option<&'static Runtime> {
    let runtime = CURRENT.get();
    // SAFETY: set by `enter` alone, to a runtime that outlives the run, and cleared before it goes.
    // The reference is said to be static, but is used within one call of the facade only.
    unsafe { runtime.as_ref() }
}

/// Makes this OS thread run `runtime` until the guard is dropped.
pub(super) fn enter(runtime: &Runtime) -> Entered {
    assert!(current().is_none(), "a simulation cannot run inside a simulation");
    CURRENT.set(runtime);
    Entered
}

pub(super) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(std::ptr::null());
    }
}

pub(crate) struct Runtime {
    run_id: u64,
    pub(super) settings: Settings,
    pub(super) now_ns: Cell<u64>,
    pub(super) running: Cell<Slot>,
    /// The last task that ran, for reports made after it froze.
    pub(super) latest: Cell<Slot>,
    pub(super) operations: Cell<u64>,
    pub(super) slice: Cell<u64>,
    trace: Cell<u64>,
    pub(super) decisions: Cell<u64>,
    pub(super) state: RefCell<State>,
    pub(super) progress: Progress,
    pub(super) freezer: Freezer,
    pub(super) panic_note: RefCell<Option<PanicNote>>,
    pub(super) unwinding: Unwinding,
    /// Whether an event happens, on the scheduler's stack.
    pub(super) is_in_event: Cell<bool>,
}

impl Runtime {
    pub(super) fn new(settings: Settings, progress: Progress) -> Runtime {
        Runtime {
            run_id: RUNS.fetch_add(1, Ordering::Relaxed),
            state: RefCell::new(State::new(settings.stack_bytes)),
            settings,
            now_ns: Cell::new(0),
            running: Cell::new(NOBODY),
            latest: Cell::new(NOBODY),
            operations: Cell::new(0),
            slice: Cell::new(0),
            trace: Cell::new(0),
            decisions: Cell::new(0),
            progress,
            freezer: Freezer::default(),
            panic_note: RefCell::new(None),
            unwinding: Unwinding::default(),
            is_in_event: Cell::new(false),
        }
    }

    /// Tells one simulation from another.
    pub(crate) fn run_id(&self) -> u64 {
        self.run_id
    }

    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// Whether a task runs, and not the scheduler.
    pub(crate) fn is_in_task(&self) -> bool {
        self.running.get() != NOBODY
    }

    /// What was counted so far, but for processor time.
    pub(super) fn report(&self) -> Report {
        // A task that froze may have the state in its hands for ever.
        let counted = self.state.try_borrow_mut().map(|mut state| std::mem::take(&mut state.report));
        Report {
            trace: self.trace.get(),
            virtual_time: Duration::from_nanos(self.now_ns()),
            operations: self.operations.get(),
            decisions: self.decisions.get(),
            ..counted.unwrap_or_default()
        }
    }

    /// Mixes something that happened into the run's fingerprint.
    #[inline]
    pub(crate) fn record(&self, word: u64) {
        /// FxHash's multiplier and rotation: quick, and every word moves all later ones.
        const MULTIPLIER: u64 = 0x517c_c1b7_2722_0a95;
        self.trace.set((self.trace.get().rotate_left(5) ^ word).wrapping_mul(MULTIPLIER));
    }

    /// Passed by every operation of the facade: charges time, and may take the turn away.
    #[inline]
    pub(crate) fn operation(&self) {
        self.operations.set(self.operations.get() + 1);
        self.now_ns.set(self.now_ns.get() + OPERATION_COST_NS);
        if !self.is_in_task() {
            return;
        }
        let slice = self.slice.get() + 1;
        self.slice.set(slice);
        if slice >= TIME_SLICE_OPERATIONS || self.is_preempted() {
            self.give_way(slice >= TIME_SLICE_OPERATIONS);
        }
    }

    pub(super) fn with_running<R>(&self, look: impl FnOnce(&mut Task, u64) -> R) -> R {
        let mut state = self.state.borrow_mut();
        look(state.task_mut(self.running.get()), self.now_ns.get())
    }

    fn give_way(&self, is_slice_used_up: bool) {
        // What unwinds is not interrupted: other tasks would see its panic as theirs.
        if self.unwinding.is_running_task() {
            return;
        }
        if is_slice_used_up {
            return self.yield_now();
        }
        self.wait_for_turn();
    }

    /// Lets every other task that is ready have its turn, the less urgent ones as well: whoever
    /// yields in a loop waits for one of them.
    pub(crate) fn yield_now(&self) {
        self.with_running(|task, _| task.priority = 0);
        self.wait_for_turn();
    }

    fn wait_for_turn(&self) {
        {
            let mut state = self.state.borrow_mut();
            let me = self.running.get();
            state.task_mut(me).waiting = Waiting::Turn;
            state.ready.push_back(me);
        }
        self.suspend();
        self.unwind_if_doomed();
    }

    /// Leaves the running task until it has another turn.
    fn suspend(&self) {
        let is_unwinding = self.unwinding.set_aside();
        coroutine::suspend();
        self.unwinding.take_up(is_unwinding);
    }

    /// Begins the unwinding of a task whose node has crashed. True if that was begun before.
    fn unwind_if_doomed(&self) -> bool {
        let task_id = {
            let mut state = self.state.borrow_mut();
            let task = state.task_mut(self.running.get());
            match task.fate {
                Fate::Alive => return false,
                Fate::Unwinding | Fate::Escaped => return true,
                Fate::Doomed => task.fate = Fate::Unwinding,
            }
            task.id
        };
        self.unwinding.begin();
        resume_unwind(Box::new(CrashToken::new(task_id)))
    }

    /// Blocks the running task until one of `keys` is unparked or the deadline passes.
    pub(crate) fn park(&self, keys: &[Key], waiting: Waiting, deadline_ns: Option<u64>) -> Wake {
        let me = self.running.get();
        assert!(me != NOBODY, "the scheduler itself must not block: {waiting:?}");
        {
            let mut state = self.state.borrow_mut();
            let fate = state.task(me).fate;
            if fate == Fate::Unwinding && !matches!(waiting, Waiting::Lock { .. }) {
                return Wake::Killed;
            }
            state.park(me, keys, waiting, deadline_ns);
            if let Waiting::Lock { lock, .. } = waiting
                && let Some(circle) = state.circle_of_locks(me, lock)
            {
                let message = state.describe_circle(&circle);
                let failure = self.failure(&state, FailureKind::Deadlock, message);
                state.failure.get_or_insert(failure);
            }
        }
        self.suspend();
        if self.unwind_if_doomed() && !matches!(waiting, Waiting::Lock { .. }) {
            return Wake::Killed;
        }
        self.state.borrow().task(me).wake
    }

    /// Wakes the task that has been parked longest on `key`. False if there is none.
    pub(crate) fn unpark_one(&self, key: Key) -> bool {
        let woken = self.state.borrow_mut().unpark_one(key);
        if let Some(slot) = woken {
            self.make_ready(slot);
        }
        woken.is_some()
    }

    /// Wakes every task that is parked on `key`.
    pub(crate) fn unpark_all(&self, key: Key) {
        while self.unpark_one(key) {}
    }

    /// How many tasks are parked on `key`.
    pub(crate) fn parked(&self, key: Key) -> usize {
        self.state.borrow().parked(key)
    }

    /// Puts a task in line for a turn; now and then it overtakes the others. One that unwinds is
    /// before all of them: a crash is over before anything else happens.
    pub(super) fn make_ready(&self, slot: Slot) {
        if self.state.borrow_mut().doom_again(slot) {
            return;
        }
        let overtakes = self.overtakes(slot);
        let mut state = self.state.borrow_mut();
        if overtakes { state.ready.push_front(slot) } else { state.ready.push_back(slot) }
    }

    /// Notes that the running task holds a lock, for the report of a deadlock.
    #[inline]
    pub(crate) fn acquired(&self, lock: Key, at: &'static Location<'static>) {
        if self.is_in_task() {
            self.with_running(|task, _| task.held.push(Held { lock, at }));
        }
    }

    /// Notes that the running task has let a lock go.
    #[inline]
    pub(crate) fn released(&self, lock: Key) {
        if self.is_in_task() {
            self.with_running(|task, _| {
                if let Some(latest) = task.held.iter().rposition(|held| held.lock == lock) {
                    task.held.remove(latest);
                }
            });
        }
    }

    /// Runs `event` on the scheduler's stack at a point in time. It must not block.
    pub(crate) fn at(&self, deadline_ns: u64, event: Event) {
        self.state.borrow_mut().at(deadline_ns, event);
    }

    /// The running task's node; the test's on the scheduler's stack.
    pub(crate) fn node(&self) -> NodeId {
        if self.is_in_task() { self.with_running(|task, _| task.node) } else { NodeId::TEST }
    }

    /// Starts a task. Without a node it runs in the spawner's; without a lineage it is a child of
    /// the spawner. In a node that has crashed nothing starts any more: `body` is dropped.
    pub(crate) fn spawn(
        &self,
        name: Cow<'static, str>,
        node: Option<NodeId>,
        lineage: Option<u64>,
        body: Box<dyn FnOnce()>,
    ) -> TaskId {
        let mut state = self.state.borrow_mut();
        let (parent_lineage, nth, parent_node) = match self.running.get() {
            NOBODY => (0, state.report.tasks, NodeId::TEST),
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
        let (slot, id) = state.admit(name, node, lineage);
        let stack = state.stacks.take();
        state.task_mut(slot).coroutine = Some(Coroutine::new(stack, move || super::scheduler::run_task(slot, body)));
        drop(state);
        let priority = self.priority_of(lineage);
        self.state.borrow_mut().task_mut(slot).priority = priority;
        self.make_ready(slot);
        id
    }

    /// A new node, alive and empty.
    pub(crate) fn new_node(&self, label: String) -> NodeId {
        self.state.borrow_mut().new_node(label)
    }

    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.state.borrow().is_alive(node)
    }

    /// How many tasks of a node are alive.
    pub(crate) fn tasks_in(&self, node: NodeId) -> usize {
        self.state.borrow().tasks().filter(|task| task.node == node).count()
    }

    /// Ends a node: each of its tasks unwinds where it stands, before any other task has a turn.
    /// If the caller is one of them, this does not return.
    pub(crate) fn kill(&self, node: NodeId) {
        assert!(node != NodeId::TEST, "the test itself cannot crash");
        let is_any_doomed = self.state.borrow_mut().doom(node, self.running.get());
        if is_any_doomed && self.is_in_task() {
            // In front: what the crash unwinds comes first anyhow, and then the caller goes on. So
            // does a destructor that is part of another crash.
            let me = self.running.get();
            let is_doomed = self.state.borrow().task(me).fate == Fate::Doomed;
            if !is_doomed && !self.state.borrow_mut().doom_again(me) {
                self.state.borrow_mut().ready.push_front(me);
            }
            self.suspend();
            self.unwind_if_doomed();
        }
    }

    /// Stops all tasks of a node where they stand, until it is let go on.
    pub(crate) fn set_paused(&self, node: NodeId, is_paused: bool) {
        assert!(node != NodeId::TEST, "the test itself cannot be paused");
        let held = self.state.borrow_mut().set_paused(node, is_paused);
        held.into_iter().for_each(|slot| self.make_ready(slot));
    }

    /// Ends the run with a failure, at the next turn.
    pub(crate) fn fail(&self, message: String) {
        let mut state = self.state.borrow_mut();
        let failure = self.failure(&state, FailureKind::Reported, message);
        state.failure.get_or_insert(failure);
    }

    /// A failure of the task that runs, or ran last.
    pub(super) fn failure(&self, state: &State, kind: FailureKind, message: String) -> Failure {
        let at = Instant::from_nanos(self.now_ns());
        let (node, task) = match state.find(self.running.get()) {
            Some(task) => (state.label(task.node).to_string(), task.name.to_string()),
            None => Default::default(),
        };
        Failure { kind, message, at, node, task, place: String::new(), backtrace: String::new() }
    }

    /// The label of the running task's node and the task's name, if that can be said now.
    pub(crate) fn whereabouts(&self) -> Option<(String, String)> {
        let state = self.state.try_borrow().ok()?;
        let task = state.find(self.running.get())?;
        Some((state.label(task.node).to_string(), task.name.to_string()))
    }
}

/// A deadline, the order of its setting, and what it is for.
pub(super) type Timer = Reverse<(u64, u64, Alarm)>;
