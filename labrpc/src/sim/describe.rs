//! The text of deadlock reports: which task waits for which.

use std::fmt::Write;

use super::state::State;
use super::task::{Held, Key, NodeId, Task, TaskId, TaskSlot, WaitReason};

impl State {
    /// The tasks of the cycle that `slot` closes by waiting for `lock`, if it closes one.
    pub(super) fn lock_cycle(&self, slot: TaskSlot, lock: Key) -> Option<Vec<TaskId>> {
        let start = self.task(slot).id;
        let mut cycle = vec![start];
        let mut wanted = lock;
        loop {
            let (holder, _) = self.holder(wanted)?;
            if holder.id == start {
                return Some(cycle);
            }
            if cycle.contains(&holder.id) || !holder.is_parked {
                return None;
            }
            cycle.push(holder.id);
            let WaitReason::Lock { lock, .. } = holder.waiting else { return None };
            wanted = lock;
        }
    }

    /// The report on tasks that wait for one another's locks.
    pub(super) fn describe_cycle(&self, cycle: &[TaskId]) -> String {
        let mut text = match cycle {
            [_] => "deadlock: a task waits for a lock that it holds itself\n".to_string(),
            _ => format!("deadlock: {} tasks wait for one another's locks\n", cycle.len()),
        };
        cycle.iter().filter_map(|&id| self.tasks().find(|task| task.id == id)).for_each(|task| {
            self.describe_task(&mut text, task);
        });
        text
    }

    /// The report when nothing can happen any more.
    pub(super) fn describe_deadlock(&self) -> String {
        let mut text = "deadlock: every task is blocked, and no timer is set\n".to_string();
        self.tasks().for_each(|task| self.describe_task(&mut text, task));
        text
    }

    /// What the tasks with this name in a node wait for, a line each.
    pub(super) fn describe_waiting(&self, node: NodeId, name: &str) -> String {
        let mut text = String::new();
        let waiting = self.tasks().filter(|task| task.node == node && task.name == name && task.is_parked);
        waiting.for_each(|task| self.describe_task(&mut text, task));
        if text.is_empty() { text } else { format!("\n{}", text.trim_end()) }
    }

    /// An addition to other failures: tasks that are blocked while they hold a lock that others wait
    /// for. Mostly empty.
    pub(super) fn describe_obstruction(&self) -> String {
        let mut text = String::new();
        let obstructors: Vec<&Task> = self.tasks().filter(|task| self.is_obstructing(task)).collect();
        for obstructor in obstructors {
            let _ = writeln!(text, "\nmeanwhile a lock is held by a task that is itself blocked:");
            self.describe_task(&mut text, obstructor);
            let is_kept_out = |task: &&Task| match task.waiting {
                WaitReason::Lock { lock, .. } => obstructor.held.iter().any(|held| held.lock == lock),
                _ => false,
            };
            self.tasks().filter(is_kept_out).for_each(|task| self.describe_task(&mut text, task));
        }
        text.trim_end().to_string()
    }

    /// Whether a task is blocked while it holds a lock that another one waits for.
    pub(super) fn is_obstructing(&self, task: &Task) -> bool {
        let is_wanted = |held: &Held| {
            self.tasks().any(|other| matches!(other.waiting, WaitReason::Lock { lock, .. } if lock == held.lock))
        };
        task.is_parked && task.held.iter().any(is_wanted)
    }

    fn describe_task(&self, text: &mut String, task: &Task) {
        let who = self.name_of(task);
        let what = match task.waiting {
            WaitReason::Turn if self.is_paused(task.node) => "is ready to run, but its node is paused".to_string(),
            WaitReason::Turn => "is ready to run".to_string(),
            WaitReason::Sleep => "sleeps".to_string(),
            WaitReason::Lock { lock, type_name, made, at } => {
                let holder = match self.holder(lock) {
                    Some((holder, held)) if holder.id == task.id => format!("which it holds itself since {}", held.at),
                    Some((holder, held)) => format!("held by {} since {}", self.name_of(holder), held.at),
                    None => "which nobody holds".to_string(),
                };
                format!("waits at {at} for the {type_name} made at {made}, {holder}")
            }
            WaitReason::Condvar { made, at } => format!("waits at {at} on the Condvar made at {made}"),
            WaitReason::Channel { operation, made, at } => {
                format!("is blocked in {operation} at {at}, on the channel made at {made}")
            }
            WaitReason::Join { task, at } => format!("waits at {at} for the end of task #{task}"),
        };
        let _ = writeln!(text, "  {who} {what}");
    }

    pub(super) fn name_of(&self, task: &Task) -> String {
        format!("{}, task '{}' (#{})", self.label(task.node), task.name, task.id)
    }

    pub(super) fn holder(&self, lock: Key) -> Option<(&Task, &Held)> {
        self.tasks().find_map(|task| task.held.iter().find(|held| held.lock == lock).map(|held| (task, held)))
    }
}
