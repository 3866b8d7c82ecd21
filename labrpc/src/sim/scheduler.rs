//! What happens while no task runs: which task is next, and at what time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::heap;
use super::journal::Journal;
use super::panics;
use super::runtime::{NO_TASK, Runtime, current};
use super::settings::{Failure, FailureKind, Preemption};
use super::state::State;
use super::tape::{NO_SEGMENT, SegmentId};
use super::task::{Lifecycle, TaskSlot};

impl Runtime {
    /// Gives turns until the run fails or `is_done`.
    pub(super) fn give_turns(&self, is_done: impl Fn() -> bool) -> Result<(), Failure> {
        while !is_done() {
            if let Some(failure) = self.take_failure() {
                return Err(failure);
            }
            let slot = self.next()?;
            self.turn(slot);
            if let Some(failure) = self.failure_of_abandoned() {
                return Err(failure);
            }
        }
        // A failure that was found in the last turn still counts.
        self.take_failure().map_or(Ok(()), Err)
    }

    /// The failure so far. A test's own panic may be due to a lock that is never released, so the
    /// message then also lists such locks.
    fn take_failure(&self) -> Option<Failure> {
        let mut state = self.state.borrow_mut();
        let mut failure = state.failure.take()?;
        if failure.kind == FailureKind::Panic {
            failure.message.push_str(&state.describe_obstruction());
        }
        if matches!(failure.kind, FailureKind::Panic | FailureKind::Reported) {
            let failed = failure.tasks.iter().map(|task| task.id).collect::<Vec<_>>();
            failure.tasks.extend(state.involved_obstructing().into_iter().filter(|task| !failed.contains(&task.id)));
        }
        Some(failure)
    }

    /// The task whose turn is next. Virtual time passes only here and in operations.
    fn next(&self) -> Result<TaskSlot, Failure> {
        loop {
            let mut state = self.state.borrow_mut();
            if let Some(slot) = state.next_cancelled() {
                return Ok(slot);
            }
            if let Some(event) = state.next_event() {
                drop(state);
                self.run_event(event);
                if let Some(failure) = self.take_failure() {
                    return Err(failure);
                }
                continue;
            }
            if state.is_due(self.now_ns()) {
                let woken = state.ring(self.now_ns());
                drop(state);
                woken.into_iter().for_each(|slot| self.make_ready(slot));
                continue;
            }
            if self.is_too_late(self.now_ns()) {
                return Err(self.too_late(&state));
            }
            // A task that makes them is given some time to be found by `find_busy`, which knows its line.
            if self.operations.get() > self.settings.operations_max.saturating_mul(11) / 10 {
                let message = format!("the run made more than {} operations", self.settings.operations_max);
                return Err(self.failure(&state, FailureKind::Operations, message));
            }
            if let Some(slot) = self.pick(&mut state) {
                return Ok(slot);
            }
            let Some(deadline_ns) = state.next_deadline_ns() else {
                let message = state.describe_deadlock();
                let tasks = state.involved_blocked();
                return Err(Failure { tasks, ..self.failure(&state, FailureKind::Deadlock, message) });
            };
            if self.is_too_late(deadline_ns) {
                return Err(self.too_late(&state));
            }
            self.now_ns.set(deadline_ns);
        }
    }

    fn is_too_late(&self, now_ns: u64) -> bool {
        Duration::from_nanos(now_ns) > self.settings.virtual_time_max
    }

    fn too_late(&self, state: &State) -> Failure {
        let (bound, obstruction) = (self.settings.virtual_time_max, state.describe_obstruction());
        let message = format!("the run took longer than {bound:?} of virtual time{obstruction}");
        self.failure(state, FailureKind::VirtualTime, message)
    }

    /// Runs code that is not the scheduler's own on the scheduler's stack. A panic in it fails the run,
    /// as in a task.
    fn run_event(&self, event: impl FnOnce()) {
        self.is_in_event.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(event));
        self.is_in_event.set(false);
        if let Err(payload) = outcome {
            panics::note_end(self, payload);
        }
    }

    fn pick(&self, state: &mut State) -> Option<TaskSlot> {
        loop {
            let slot = match self.settings.preemption {
                Preemption::Priorities { .. } => state.most_urgent(),
                Preemption::None | Preemption::Random { .. } => state.ready.pop_front(),
            }?;
            if !state.hold_if_paused(slot) {
                return Some(slot);
            }
        }
    }

    /// Runs a task until it gives up its turn.
    fn turn(&self, slot: TaskSlot) {
        let Some((mut coroutine, lineage, node)) = self.state.borrow_mut().begin_turn(slot) else { return };
        self.record(lineage);
        self.record(self.now_ns());
        let turn = self.turns.replace(self.turns.get() + 1);
        if Journal::is_kept(self.settings.is_journaling, turn) {
            self.state.borrow_mut().note_turn(slot, self.now_ns(), self.trace.get());
        }
        self.running.set(slot);
        self.latest.set(slot);
        self.slice.set(0);
        self.turn_counter.advance();
        self.unwinding.take_up(false);
        heap::begin_turn();
        let is_over = {
            let _account = heap::charged_to(node);
            coroutine.resume()
        };
        heap::end_turn();
        self.deck.switch_to(NO_SEGMENT);
        self.running.set(NO_TASK);
        if self.abandonment.is_done() {
            return coroutine.abandon();
        }
        let mut state = self.state.borrow_mut();
        if is_over {
            let task = state.remove_task(slot);
            state.stacks.give_back(coroutine.into_stack());
            drop(state);
            drop(task);
        } else {
            let task = state.task_mut(slot);
            task.coroutine = Some(coroutine);
            task.operations += self.slice.get();
        }
    }

    /// Unwinds all remaining tasks, so that every destructor runs. True if nothing had to be leaked.
    pub(super) fn tear_down(&self) -> bool {
        /// Destructors may block on one another's locks, but not forever.
        const TURNS_MAX: usize = 1_000_000;
        if self.abandonment.is_done() {
            return false; // the abandoned task may still borrow the state
        }
        let events = self.state.borrow_mut().cancel_all();
        self.run_event(|| drop(events));
        for _ in 0..TURNS_MAX {
            let next = {
                let mut state = self.state.borrow_mut();
                state.next_cancelled().or_else(|| state.ready.pop_front())
            };
            let Some(slot) = next else { break };
            let is_enterable = self
                .state
                .borrow()
                .find(slot)
                .is_some_and(|task| task.coroutine.is_some() && task.lifecycle != Lifecycle::Escaped);
            if is_enterable {
                self.turn(slot);
            }
            if self.abandonment.is_done() {
                return false;
            }
        }
        self.state.borrow_mut().abandon_all()
    }
}

/// Runs a task from beginning to end, on its own stack.
pub(super) fn run_task(slot: TaskSlot, segment: SegmentId, body: Box<dyn FnOnce()>) {
    let runtime = current().expect("tasks run inside their simulation");
    runtime.deck.switch_to(segment);
    let is_cancelled = runtime.state.borrow().task(slot).lifecycle != Lifecycle::Alive;
    let outcome = match is_cancelled {
        true => catch_unwind(AssertUnwindSafe(|| drop(body))),
        false => catch_unwind(AssertUnwindSafe(body)),
    };
    // Dropped by the task itself, as its own variables are: destructors may take locks.
    let locals = runtime.with_running(|task, _| std::mem::take(&mut task.locals));
    let of_locals = catch_unwind(AssertUnwindSafe(|| drop(locals)));
    [outcome, of_locals].into_iter().filter_map(Result::err).for_each(|payload| panics::note_end(runtime, payload));
}
