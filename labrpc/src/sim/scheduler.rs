//! What happens while no task runs: whose turn is next, and what time it is then.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::panics;
use super::runtime::{NOBODY, Runtime, current};
use super::settings::{Failure, FailureKind, Preemption};
use super::state::State;
use super::task::{Fate, Slot};

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
            if let Some(slot) = state.next_doomed() {
                return Ok(slot);
            }
            if let Some(event) = state.next_event() {
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
                Preemption::Priorities { .. } => state.most_urgent(),
                Preemption::None | Preemption::Random { .. } => state.ready.pop_front(),
            }?;
            if !state.is_held(slot) {
                return Some(slot);
            }
        }
    }

    /// Runs a task until it gives its turn up.
    fn turn(&self, slot: Slot) {
        let Some((mut coroutine, lineage)) = self.state.borrow_mut().begin_turn(slot) else { return };
        self.record(lineage);
        self.record(self.now_ns());
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
            let task = state.dismiss(slot);
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
                state.next_doomed().or_else(|| state.ready.pop_front())
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
        self.state.borrow_mut().abandon_all() && self.frozen.borrow().is_none()
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
