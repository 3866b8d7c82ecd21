//! The simulation's time, turns and wake-ups, as its tasks see them.
//!
//! A whole simulation runs on one OS thread: nothing else runs between two statements unless one of
//! them is an operation, a park or a yield. `scheduler` is the other half: what happens while no
//! task runs.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::abandon::Abandonment;
use super::coroutine;
use super::heap;
use super::panics::{FatalPanic, PanicNote, Unwinding};
use super::settings::{Failure, FailureKind, Report, Settings};
use super::state::State;
use super::tape::{Deck, NO_SEGMENT, Writer};
pub(crate) use super::task::{Held, Key, LockId, TaskId, WaitReason, WakeReason};
use super::task::{Lifecycle, Task, TaskSlot};
use super::timers::EventFn;
use super::watchdog::TurnCounter;
use crate::time::instant::Instant;

/// Virtual time that each operation costs, so that a task that polls moves time on.
const OPERATION_COST_NS: u64 = 100;
/// After this many operations without blocking, a task must let others have their turn.
const TIME_SLICE_OPERATIONS: u64 = 1000;
/// No task: the scheduler's own stack.
pub(super) const NO_TASK: TaskSlot = TaskSlot::MAX;

static RUNS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The simulation that this OS thread runs.
    static CURRENT: Cell<*const Runtime> = const { Cell::new(std::ptr::null()) };
}

/// The simulation that the caller is in, if any.
#[inline]
pub(crate) fn current() -> Option<&'static Runtime> {
    let runtime = CURRENT.get();
    // SAFETY: only `enter` sets it, to a runtime that outlives the run, and clears it before the
    // runtime goes. The reference is static by type, but is used within one facade call only.
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
    pub(super) running: Cell<TaskSlot>,
    /// The task that ran last, for reports made after it was abandoned.
    pub(super) latest: Cell<TaskSlot>,
    pub(super) operations: Cell<u64>,
    pub(super) slice: Cell<u64>,
    pub(super) trace: Cell<u64>,
    /// The number of turns so far.
    pub(super) turns: Cell<u64>,
    pub(super) decisions: Cell<u64>,
    pub(super) state: RefCell<State>,
    pub(super) turn_counter: TurnCounter,
    pub(super) abandonment: Abandonment,
    pub(super) panic_note: RefCell<Option<PanicNote>>,
    /// A panic after which std ends the process.
    pub(super) fatal_panic: RefCell<Option<FatalPanic>>,
    pub(super) unwinding: Unwinding,
    /// Whether an event runs now, on the scheduler's stack.
    pub(super) is_in_event: Cell<bool>,
    /// Whether a task is interrupted as soon as anything is due.
    pub(super) is_punctual: Cell<bool>,
    /// Whether chance interrupts nothing for now, and lets nothing overtake.
    pub(super) is_calm: Cell<bool>,
    /// How many calls of the test harness are going on, one inside the other.
    pub(super) harness_calls: Cell<u32>,
    /// What is recorded of the servers, or what plays in their place.
    pub(super) deck: Deck,
}

impl Runtime {
    pub(super) fn new(settings: Settings, turn_counter: TurnCounter) -> Runtime {
        Runtime {
            run_id: RUNS.fetch_add(1, Ordering::Relaxed),
            state: RefCell::new(State::new(settings.stack_bytes, settings.is_journaling)),
            deck: Deck::new(settings.taping.clone(), settings.seed),
            settings,
            now_ns: Cell::new(0),
            running: Cell::new(NO_TASK),
            latest: Cell::new(NO_TASK),
            operations: Cell::new(0),
            slice: Cell::new(0),
            trace: Cell::new(0),
            turns: Cell::new(0),
            decisions: Cell::new(0),
            turn_counter,
            abandonment: Abandonment::default(),
            panic_note: RefCell::new(None),
            fatal_panic: RefCell::new(None),
            unwinding: Unwinding::default(),
            is_in_event: Cell::new(false),
            is_punctual: Cell::new(false),
            is_calm: Cell::new(false),
            harness_calls: Cell::new(0),
        }
    }

    /// Whether what the tasks print is dropped.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn is_silent(&self) -> bool {
        self.settings.is_silent
    }

    /// What each log line of this simulation begins with.
    pub(crate) fn label(&self) -> &str {
        &self.settings.label
    }

    /// Identifies this simulation in this process.
    pub(crate) fn run_id(&self) -> u64 {
        self.run_id
    }

    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// Whether a task runs, and not the scheduler.
    pub(crate) fn is_in_task(&self) -> bool {
        self.running.get() != NO_TASK
    }

    /// A copy of everything that was counted so far, except processor time.
    pub(super) fn report(&self) -> Report {
        // An abandoned task may hold the borrow of the state forever.
        let counted = self.state.try_borrow().map(|state| state.report.clone());
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
        /// FxHash's multiplier and rotation: fast, and each word affects every later value.
        const MULTIPLIER: u64 = 0x517c_c1b7_2722_0a95;
        self.trace.set((self.trace.get().rotate_left(5) ^ word).wrapping_mul(MULTIPLIER));
    }

    /// Every operation of the facade calls this: it charges virtual time, and may end the turn.
    #[inline]
    pub(crate) fn operation(&self) {
        self.on_tape(Writer::operation);
        self.operations.set(self.operations.get() + 1);
        self.now_ns.set(self.now_ns.get() + OPERATION_COST_NS);
        if !self.is_in_task() {
            return;
        }
        let slice = self.slice.get() + 1;
        self.slice.set(slice);
        if slice >= TIME_SLICE_OPERATIONS || self.is_preempted() || self.is_anything_due() {
            self.end_turn(slice >= TIME_SLICE_OPERATIONS);
        }
    }

    /// Whether the running task must give way to something that is due. Only in punctual mode.
    #[inline]
    fn is_anything_due(&self) -> bool {
        self.is_punctual.get() && self.state.borrow().is_due(self.now_ns())
    }

    pub(super) fn with_running<R>(&self, look: impl FnOnce(&mut Task, u64) -> R) -> R {
        let mut state = self.state.borrow_mut();
        look(state.task_mut(self.running.get()), self.now_ns.get())
    }

    fn end_turn(&self, is_slice_used_up: bool) {
        // A task that unwinds is not interrupted: other tasks would see its panic as their own.
        if self.unwinding.is_running_task() {
            return;
        }
        if self.operations.get() > self.settings.operations_max {
            self.find_busy();
        }
        if is_slice_used_up {
            return self.go_last();
        }
        self.wait_for_turn();
    }

    /// The run has made too many operations: fails it if the running task has made most of them.
    #[cold]
    fn find_busy(&self) {
        let share = {
            let state = self.state.borrow();
            if state.failure.is_some() {
                return;
            }
            let own = state.task(self.running.get()).operations;
            let most = state.tasks().map(|task| task.operations).max().unwrap_or_default();
            (own >= most / 2).then_some(own)
        };
        let Some(own) = share else { return };
        let backtrace = self.backtrace();
        let mut state = self.state.borrow_mut();
        let message = format!(
            "the run made more than {} operations of labrpc, and this thread made {own} of them: does it poll?",
            self.settings.operations_max
        );
        let failure = self.failure(&state, FailureKind::Operations, message);
        state.failure.get_or_insert(Failure { backtrace, ..failure });
    }

    /// Lets every other ready task have its turn first, less urgent ones included: a task that yields
    /// in a loop may be waiting for one of them.
    pub(crate) fn yield_now(&self) {
        self.on_tape(Writer::yields);
        self.go_last();
    }

    fn go_last(&self) {
        self.with_running(|task, _| task.priority = 0);
        self.wait_for_turn();
    }

    fn wait_for_turn(&self) {
        let _account = heap::charged_to_harness();
        {
            let mut state = self.state.borrow_mut();
            let me = self.running.get();
            state.task_mut(me).waiting = WaitReason::Turn;
            state.ready.push_back(me);
        }
        self.suspend();
        self.unwind_if_cancelled();
    }

    /// Leaves the running task until its next turn.
    pub(super) fn suspend(&self) {
        let is_unwinding = self.unwinding.set_aside();
        let segment = self.deck.switch_to(NO_SEGMENT);
        coroutine::suspend();
        self.deck.switch_to(segment);
        self.unwinding.take_up(is_unwinding);
    }

    /// Blocks the running task until one of `keys` is unparked or the deadline passes.
    pub(crate) fn park(&self, keys: &[Key], waiting: WaitReason, deadline_ns: Option<u64>) -> WakeReason {
        let _account = heap::charged_to_harness();
        let me = self.running.get();
        self.on_tape(|writer| writer.parks(keys, waiting, deadline_ns));
        assert!(me != NO_TASK, "the scheduler itself must not block: {waiting:?}");
        {
            let mut state = self.state.borrow_mut();
            let lifecycle = state.task(me).lifecycle;
            if lifecycle == Lifecycle::Unwinding && !matches!(waiting, WaitReason::Lock { .. }) {
                return WakeReason::Killed;
            }
            state.park(me, keys, waiting, deadline_ns);
            if let WaitReason::Lock { lock, .. } = waiting
                && let Some(cycle) = state.lock_cycle(me, lock)
            {
                let message = state.describe_cycle(&cycle);
                let tasks = state.involved_in(&cycle);
                let failure = self.failure(&state, FailureKind::Deadlock, message);
                state.failure.get_or_insert(Failure { tasks, ..failure });
            }
        }
        self.suspend();
        if self.unwind_if_cancelled() && !matches!(waiting, WaitReason::Lock { .. }) {
            return WakeReason::Killed;
        }
        self.state.borrow().task(me).wake
    }

    /// Wakes the task that has been parked longest on `key`. False if there is none.
    pub(crate) fn unpark_one(&self, key: Key) -> bool {
        self.on_tape(|writer| writer.unparks_one(key));
        self.wake_one(key)
    }

    fn wake_one(&self, key: Key) -> bool {
        let woken = self.state.borrow_mut().unpark_one(key);
        if let Some(slot) = woken {
            self.make_ready(slot);
        }
        woken.is_some()
    }

    /// Wakes every task that is parked on `key`.
    pub(crate) fn unpark_all(&self, key: Key) {
        self.on_tape(|writer| writer.unparks_all(key));
        while self.wake_one(key) {}
    }

    /// The number of tasks parked on `key`.
    pub(crate) fn parked(&self, key: Key) -> usize {
        self.state.borrow().parked(key)
    }

    /// Queues a task for a turn; chance may let it overtake the others. A task that unwinds comes
    /// before all of them: a crash is over before anything else happens.
    pub(super) fn make_ready(&self, slot: TaskSlot) {
        let _account = heap::charged_to_harness();
        if self.state.borrow_mut().queue_if_unwinding(slot) {
            return;
        }
        let overtakes = self.overtakes(slot);
        let mut state = self.state.borrow_mut();
        if self.is_punctual.get() && !self.is_in_task() {
            // It is due, or was started by something that is due.
            state.task_mut(slot).priority = u64::MAX;
            return state.ready.push_front(slot);
        }
        if overtakes { state.ready.push_front(slot) } else { state.ready.push_back(slot) }
    }

    /// Runs `event` on the scheduler's stack at a point in time. It must not block.
    pub(crate) fn at(&self, deadline_ns: u64, event: EventFn) {
        let _account = heap::charged_to_harness();
        self.state.borrow_mut().at(deadline_ns, event);
    }

    /// Ends the run with a failure, at the next turn.
    pub(crate) fn fail(&self, kind: FailureKind, message: String) {
        let mut state = self.state.borrow_mut();
        let failure = self.failure(&state, kind, message);
        state.failure.get_or_insert(failure);
    }

    /// A failure of the running task, if one runs.
    pub(super) fn failure(&self, state: &State, kind: FailureKind, message: String) -> Failure {
        let at = Instant::from_nanos(self.now_ns());
        let (node, task) = match state.find(self.running.get()) {
            Some(task) => (state.label(task.node).to_string(), task.name.to_string()),
            None => Default::default(),
        };
        let tasks = state.involved(self.running.get());
        Failure { kind, message, at, node, task, place: String::new(), backtrace: String::new(), tasks }
    }
}
