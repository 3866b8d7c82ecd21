//! What the simulation knows about the task that runs: who it is, which locks it holds, and whether the test harness
//! works in it now.

use std::sync::Arc;

use super::heap;
use super::runtime::{Held, Key, Runtime};
use super::settings::{Failure, FailureKind};
use super::task::{HeldLock, Lifecycle};
use crate::thread::local::Locals;

impl Runtime {
    /// Notes that the running task holds a lock for which it would have waited.
    #[inline]
    pub(crate) fn acquired(&self, held: Held) {
        let is_nested = self.is_in_task() && self.with_running(|task, _| !task.held.is_empty());
        if is_nested {
            self.look_at_lock_order(held);
        }
        self.acquired_at_once(held);
    }

    /// Notes that the running task holds a lock for which it would not have waited.
    #[inline]
    pub(crate) fn acquired_at_once(&self, held: Held) {
        let _account = heap::charged_to_harness();
        if self.is_in_task() {
            self.with_running(|task, _| task.held.push(held));
        }
    }

    #[cold]
    fn look_at_lock_order(&self, held: Held) {
        let _account = heap::charged_to_harness();
        let mut state = self.state.borrow_mut();
        if let Some((message, tasks)) = state.note_lock_order(self.running.get(), held) {
            let failure = self.failure(&state, FailureKind::LockOrder, message);
            state.failure.get_or_insert(Failure { tasks, ..failure });
        }
    }

    /// Accesses the running task's values of `labrpc::thread_local!`. `access` must not do anything else.
    pub(crate) fn with_locals(&self, access: &mut dyn FnMut(&mut Locals)) {
        self.with_running(|task, _| access(&mut task.locals));
    }

    /// The number of the running task.
    pub(crate) fn current_task(&self) -> Option<u64> {
        let state = self.state.try_borrow().ok()?;
        state.find(self.running.get()).map(|task| task.id)
    }

    /// The locks that the running task holds, in the order in which it took them.
    pub(crate) fn held_locks(&self) -> Vec<HeldLock> {
        if !self.is_in_task() {
            return Vec::new();
        }
        self.with_running(|task, _| task.held.iter().map(|held| HeldLock { made: held.made, taken: held.at }).collect())
    }

    /// Notes that the running task waits in a call for a reply, or no longer does.
    pub(crate) fn set_calling(&self, is_calling: bool) {
        if self.is_in_task() {
            self.with_running(|task, _| task.is_calling = is_calling);
        }
    }

    /// Notes that the running task has released a lock.
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

    /// Whether the test harness works now, in the task of a server.
    pub(super) fn is_in_harness(&self) -> bool {
        self.harness_calls.get() > 0
    }

    /// Runs `work`, which belongs to the test harness and not to the server whose task calls it.
    pub(crate) fn as_harness<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Call<'a>(&'a Runtime);
        impl Drop for Call<'_> {
            fn drop(&mut self) {
                let outer = self.0.harness_calls.get() - 1;
                self.0.harness_calls.set(outer);
                if outer == 0 {
                    self.0.turn_counter.set_in_harness(false);
                }
            }
        }
        let outer = self.harness_calls.replace(self.harness_calls.get() + 1);
        if outer == 0 {
            self.turn_counter.set_in_harness(true);
        }
        let _call = Call(self);
        work()
    }

    /// Whether a crash unwinds the running task.
    pub(crate) fn is_unwinding(&self) -> bool {
        self.is_in_task() && self.with_running(|task, _| task.lifecycle == Lifecycle::Unwinding)
    }

    /// The label of the running task's node. `None` if no task runs, or if the state is borrowed now.
    pub(crate) fn label_of_node(&self) -> Option<Arc<str>> {
        let state = self.state.try_borrow().ok()?;
        Some(Arc::clone(state.label(state.find(self.running.get())?.node)))
    }

    /// The label of the running task's node and the task's name. `None` if no task runs, or if the
    /// state is borrowed now.
    pub(crate) fn whereabouts(&self) -> Option<(String, String)> {
        let state = self.state.try_borrow().ok()?;
        let task = state.find(self.running.get())?;
        Some((state.label(task.node).to_string(), task.name.to_string()))
    }
}
