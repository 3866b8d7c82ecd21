//! The tasks that have a part in a failure, for programs: what `describe` says of them in words.

use std::panic::Location;

use super::state::State;
use super::task::{HeldLock, Task, TaskId, TaskSlot, WaitReason};

/// More tasks than these are no help.
const TASKS_MAX: usize = 12;

/// A task that has a part in a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvolvedTask {
    /// Its number, in order of spawning.
    pub id: u64,
    /// The name of its node, such as `server 2`.
    pub node: String,
    /// Its name, such as `ticker`.
    pub name: String,
    /// The locks that it holds, in the order in which it took them.
    pub held: Vec<HeldLock>,
    /// What it waits for and the line that waits, unless it runs or is ready to run.
    pub waits: Option<(TaskWait, Option<&'static Location<'static>>)>,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskWait {
    /// A lock.
    Lock {
        /// The type of the lock, such as `Mutex`.
        type_name: &'static str,
        /// The line that made it.
        made: &'static Location<'static>,
        /// The task that holds it, if one does.
        holder: Option<u64>,
    },
    /// A condition variable, which this line has made.
    Condvar(&'static Location<'static>),
    /// A channel: what it does there, and the line that made it.
    Channel(&'static str, &'static Location<'static>),
    /// The end of another task.
    Join(u64),
    /// A point in time.
    Time,
}

impl State {
    /// The task in a slot, if there is one.
    pub(super) fn involved(&self, slot: TaskSlot) -> Vec<InvolvedTask> {
        self.find(slot).map(|task| self.involved_task(task)).into_iter().collect()
    }

    /// The tasks with these numbers, in this order.
    pub(super) fn involved_in(&self, tasks: &[TaskId]) -> Vec<InvolvedTask> {
        let found = tasks.iter().filter_map(|id| self.tasks().find(|task| task.id == *id));
        found.map(|task| self.involved_task(task)).collect()
    }

    /// The tasks that are blocked when nothing can happen any more: first those that hold a lock or wait for one.
    pub(super) fn involved_blocked(&self) -> Vec<InvolvedTask> {
        let is_about_locks = |task: &&Task| !task.held.is_empty() || matches!(task.waiting, WaitReason::Lock { .. });
        let (mut first, rest): (Vec<&Task>, Vec<&Task>) = self.tasks().partition(is_about_locks);
        first.extend(rest);
        first.into_iter().take(TASKS_MAX).map(|task| self.involved_task(task)).collect()
    }

    /// The tasks that are blocked while they hold a lock that others wait for, and those others.
    pub(super) fn involved_obstructing(&self) -> Vec<InvolvedTask> {
        let wants = |task: &Task, holder: &Task| match task.waiting {
            WaitReason::Lock { lock, .. } => holder.held.iter().any(|held| held.lock == lock),
            _ => false,
        };
        let obstructors: Vec<&Task> = self.tasks().filter(|task| self.is_obstructing(task)).collect();
        let is_kept_out = |task: &&Task| obstructors.iter().any(|holder| wants(task, holder));
        let kept_out = self.tasks().filter(is_kept_out).filter(|task| !self.is_obstructing(task));
        let both = obstructors.iter().copied().chain(kept_out);
        both.take(TASKS_MAX).map(|task| self.involved_task(task)).collect()
    }

    fn involved_task(&self, task: &Task) -> InvolvedTask {
        InvolvedTask {
            id: task.id,
            node: self.label(task.node).to_string(),
            name: task.name.to_string(),
            held: task.held.iter().map(|held| HeldLock { made: held.made, taken: held.at }).collect(),
            waits: self.wait_of(task).filter(|_| task.is_parked),
        }
    }

    fn wait_of(&self, task: &Task) -> Option<(TaskWait, Option<&'static Location<'static>>)> {
        Some(match task.waiting {
            WaitReason::Turn => return None,
            WaitReason::Sleep => (TaskWait::Time, None),
            WaitReason::Lock { lock, type_name, made, at } => {
                let holder = self.holder(lock).map(|(holder, _)| holder.id);
                (TaskWait::Lock { type_name, made, holder }, Some(at))
            }
            WaitReason::Condvar { made, at } => (TaskWait::Condvar(made), Some(at)),
            WaitReason::Channel { operation, made, at } => (TaskWait::Channel(operation, made), Some(at)),
            WaitReason::Join { task, at } => (TaskWait::Join(task), Some(at)),
        })
    }
}
