//! Who waits for whom: the words of a deadlock's report.

use std::fmt::Write;

use super::state::State;
use super::task::{Held, Key, Slot, Task, TaskId, Waiting};

impl State {
    /// The tasks that wait for one another, if `slot`, which waits for `lock`, closes a circle.
    pub(super) fn circle_of_locks(&self, slot: Slot, lock: Key) -> Option<Vec<TaskId>> {
        let start = self.task(slot).id;
        let mut circle = vec![start];
        let mut wanted = lock;
        loop {
            let (holder, _) = self.holder(wanted)?;
            if holder.id == start {
                return Some(circle);
            }
            if circle.contains(&holder.id) || !holder.is_parked {
                return None;
            }
            circle.push(holder.id);
            let Waiting::Lock { lock, .. } = holder.waiting else { return None };
            wanted = lock;
        }
    }

    /// What is said of tasks that wait for one another's locks.
    pub(super) fn describe_circle(&self, circle: &[TaskId]) -> String {
        let mut text = match circle {
            [_] => "deadlock: a task waits for a lock that it holds itself\n".to_string(),
            _ => format!("deadlock: {} tasks wait for one another's locks\n", circle.len()),
        };
        circle.iter().filter_map(|&id| self.tasks().find(|task| task.id == id)).for_each(|task| {
            self.describe_task(&mut text, task);
        });
        text
    }

    /// What is said when nothing will ever happen again.
    pub(super) fn describe_deadlock(&self) -> String {
        let mut text = "deadlock: every task is blocked, and no timer is set\n".to_string();
        self.tasks().for_each(|task| self.describe_task(&mut text, task));
        text
    }

    /// What is said beside a test's own complaint: who blocks others by a lock while it is itself
    /// blocked. Nothing, mostly.
    pub(super) fn describe_obstruction(&self) -> String {
        let mut text = String::new();
        let obstructors: Vec<&Task> = self.tasks().filter(|task| self.is_in_the_way(task)).collect();
        for obstructor in obstructors {
            let _ = writeln!(text, "\nmeanwhile a lock is held by a task that is itself blocked:");
            self.describe_task(&mut text, obstructor);
            let is_kept_out = |task: &&Task| match task.waiting {
                Waiting::Lock { lock, .. } => obstructor.held.iter().any(|held| held.lock == lock),
                _ => false,
            };
            self.tasks().filter(is_kept_out).for_each(|task| self.describe_task(&mut text, task));
        }
        text.trim_end().to_string()
    }

    /// Whether a task is blocked while it holds a lock that another one waits for.
    fn is_in_the_way(&self, task: &Task) -> bool {
        let is_wanted = |held: &Held| {
            self.tasks().any(|other| matches!(other.waiting, Waiting::Lock { lock, .. } if lock == held.lock))
        };
        task.is_parked && task.held.iter().any(is_wanted)
    }

    fn describe_task(&self, text: &mut String, task: &Task) {
        let who = self.name_of(task);
        let what = match task.waiting {
            Waiting::Turn if self.is_paused(task.node) => "is ready to run, but its node is paused".to_string(),
            Waiting::Turn => "is ready to run".to_string(),
            Waiting::Sleep => "sleeps".to_string(),
            Waiting::Lock { lock, type_name, made, at } => {
                let holder = match self.holder(lock) {
                    Some((holder, held)) if holder.id == task.id => format!("which it holds itself since {}", held.at),
                    Some((holder, held)) => format!("held by {} since {}", self.name_of(holder), held.at),
                    None => "which nobody holds".to_string(),
                };
                format!("waits at {at} for the {type_name} made at {made}, {holder}")
            }
            Waiting::Condvar { made, at } => format!("waits at {at} on the Condvar made at {made}"),
            Waiting::Channel { operation, made, at } => {
                format!("is blocked in {operation} at {at}, on the channel made at {made}")
            }
            Waiting::Join { task, at } => format!("waits at {at} for the end of task #{task}"),
        };
        let _ = writeln!(text, "  {who} {what}");
    }

    fn name_of(&self, task: &Task) -> String {
        format!("{}, task '{}' (#{})", self.label(task.node), task.name, task.id)
    }

    fn holder(&self, lock: Key) -> Option<(&Task, &Held)> {
        self.tasks().find_map(|task| task.held.iter().find(|held| held.lock == lock).map(|held| (task, held)))
    }
}
