//! Timers: the deadlines of parked tasks, and events that happen at a point in time.

use std::cmp::Reverse;

use super::state::State;
use super::task::{TaskSlot, WakeReason};

/// An event: a closure that runs on the scheduler's stack.
pub(crate) type EventFn = Box<dyn FnOnce()>;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A parked task's deadline. Void once the task has moved on to another epoch.
    Task(TaskSlot),
    /// The event with this index.
    Event(u32),
}

/// A deadline, the epoch in which it was set (which orders equal deadlines), and what it is for.
pub(super) type TimerEntry = Reverse<(u64, u64, Alarm)>;

/// Fewer timers than this are not worth a sweep.
pub(super) const TIMERS_UNTIL_SWEEP_MIN: usize = 1024;

impl State {
    pub(super) fn at(&mut self, deadline_ns: u64, event: EventFn) {
        let index = match self.free_events.pop() {
            Some(index) => {
                self.events[index as usize] = Some(event);
                index
            }
            None => {
                self.events.push(Some(event));
                self.events.len() as u32 - 1
            }
        };
        self.epochs += 1;
        self.timers.push(Reverse((deadline_ns, self.epochs, Alarm::Event(index))));
    }

    pub(super) fn set_deadline(&mut self, slot: TaskSlot, epoch: u64, deadline_ns: u64) {
        self.timers.push(Reverse((deadline_ns, epoch, Alarm::Task(slot))));
        self.sweep_timers();
    }

    /// A wait that ends early leaves its timer behind. Sweeping whenever the number of timers has
    /// doubled adds little cost to each wait, and bounds the memory of a long run.
    fn sweep_timers(&mut self) {
        if self.timers.len() < self.timers_until_sweep {
            return;
        }
        let mut timers = std::mem::take(&mut self.timers);
        timers.retain(|&Reverse((_, epoch, alarm))| !self.is_void(epoch, alarm));
        self.timers = timers;
        self.timers_until_sweep = TIMERS_UNTIL_SWEEP_MIN.max(2 * self.timers.len());
    }

    fn is_void(&self, epoch: u64, alarm: Alarm) -> bool {
        match alarm {
            Alarm::Event(_) => false,
            Alarm::Task(slot) => !self.find(slot).is_some_and(|task| task.is_parked && task.epoch == epoch),
        }
    }

    /// Lets the earliest timer go off if it is due. Returns the task that it wakes, if any.
    pub(super) fn ring(&mut self, now_ns: u64) -> Option<TaskSlot> {
        let &Reverse((deadline_ns, epoch, alarm)) = self.timers.peek()?;
        if deadline_ns > now_ns {
            return None;
        }
        self.timers.pop();
        match alarm {
            Alarm::Event(index) => {
                let event = self.events[index as usize].take().expect("an event happens once");
                self.free_events.push(index);
                self.due.push_back(event);
                None
            }
            Alarm::Task(slot) => self.end_parking(slot, epoch, WakeReason::TimedOut).then_some(slot),
        }
    }

    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        self.timers.peek().is_some_and(|&Reverse((deadline_ns, ..))| deadline_ns <= now_ns)
    }

    /// The earliest time at which anything happens.
    pub(super) fn next_deadline_ns(&mut self) -> Option<u64> {
        while let Some(&Reverse((deadline_ns, epoch, alarm))) = self.timers.peek() {
            if !self.is_void(epoch, alarm) {
                return Some(deadline_ns);
            }
            self.timers.pop();
        }
        None
    }

    /// The next event that is due.
    pub(super) fn next_event(&mut self) -> Option<EventFn> {
        self.due.pop_front()
    }
}
