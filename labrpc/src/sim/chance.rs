//! Random decisions about turns: which task is interrupted, overtakes others, or is urgent.

use super::choice::{Choice, Kind, Name, draw, mix};
use super::runtime::Runtime;
use super::settings::Preemption;
use super::task::TaskSlot;
use crate::time::instant::Instant;

/// The priority of a task whose decision is calm: the middle of the range.
const CALM_PRIORITY: u64 = 1 << 31;

impl Runtime {
    /// Draws a decision. A wild value counts only if the keep-set holds the decision's name.
    #[inline]
    pub(crate) fn decide<T: PartialEq>(&self, name: Name, calm: T, wild: impl FnOnce(u64) -> T) -> T {
        self.decide_about(name, None, calm, wild)
    }

    #[inline]
    pub(super) fn decide_about<T: PartialEq>(
        &self,
        name: Name,
        about: Option<u64>,
        calm: T,
        wild: impl FnOnce(u64) -> T,
    ) -> T {
        self.decisions.set(self.decisions.get() + 1);
        let (seed, is_dealt_anew) = self.seed_now();
        let value = wild(draw(seed, name));
        if value == calm || !(is_dealt_anew || self.settings.keep.holds(name)) {
            return calm;
        }
        if self.settings.is_recording {
            let at = Instant::from_nanos(self.now_ns());
            self.state.borrow_mut().report.choices.push(Choice { name, about, at });
        }
        value
    }

    /// The seed that decides now, and whether it is the one of [`Settings::redeal`](super::Settings::redeal).
    #[inline]
    fn seed_now(&self) -> (u64, bool) {
        match self.settings.redeal {
            Some((from, seed)) if self.now_ns() > from.as_nanos() => (seed, true),
            _ => (self.settings.seed, false),
        }
    }

    /// Random bits by name, for what has no calm value.
    pub(super) fn seed_of(&self, name: Name) -> u64 {
        draw(self.seed_now().0, name)
    }

    #[inline]
    pub(super) fn is_preempted(&self) -> bool {
        match self.settings.preemption {
            _ if self.is_calm.get() => false,
            Preemption::None => false,
            Preemption::Random { one_in } => {
                let name = self.with_running(|task, now_ns| {
                    Name::new(Kind::Preempt, task.lineage, task.preempt_stamp.next(now_ns))
                });
                self.decide(name, false, |bits| bits.is_multiple_of(one_in))
            }
            Preemption::Priorities { change_one_in } => {
                let name = self.with_running(|task, now_ns| {
                    Name::new(Kind::Priority, task.lineage, task.preempt_stamp.next(now_ns))
                });
                // A demoted task is below every priority that is ever drawn.
                let is_demoted = self.decide(name, false, |bits| bits.is_multiple_of(change_one_in));
                if is_demoted {
                    self.with_running(|task, _| task.priority = 0);
                }
                self.state.borrow().is_outranked(self.running.get())
            }
        }
    }

    /// Whether a task that becomes ready goes in front of all ready tasks.
    pub(super) fn overtakes(&self, slot: TaskSlot) -> bool {
        match self.settings.preemption {
            _ if self.is_calm.get() => false,
            Preemption::Random { one_in } => {
                let name = {
                    let mut state = self.state.borrow_mut();
                    let task = state.task_mut(slot);
                    Name::new(Kind::Order, task.lineage, task.order_stamp.next(self.now_ns()))
                };
                self.decide(name, false, |bits| bits.is_multiple_of(one_in))
            }
            Preemption::None | Preemption::Priorities { .. } => false,
        }
    }

    /// The priority of a new task.
    pub(super) fn priority_of(&self, lineage: u64) -> u64 {
        match self.settings.preemption {
            Preemption::Priorities { .. } => {
                self.decide(Name::new(Kind::Priority, lineage, 0), CALM_PRIORITY, |bits| (bits >> 32).max(1))
            }
            Preemption::None | Preemption::Random { .. } => CALM_PRIORITY,
        }
    }

    /// Chooses one of several equal options; the calm choice is the first.
    pub(crate) fn choose(&self, options: usize) -> usize {
        if options < 2 || !self.is_in_task() {
            return 0;
        }
        self.on_tape(|writer| writer.chooses(options));
        let name = self
            .with_running(|task, now_ns| Name::new(Kind::Order, mix(task.lineage, 1), task.order_stamp.next(now_ns)));
        self.decide(name, 0, |bits| (bits % options as u64) as usize)
    }

    /// Random bits for code that asks the operating system for some. They have no calm value.
    #[cfg_attr(any(not(target_os = "linux"), labrpc_portable), allow(dead_code))]
    pub(super) fn entropy(&self) -> u64 {
        let name = self.with_running(|task, _| {
            task.entropy_drawn += 1;
            Name::new(Kind::Seed, task.lineage, task.entropy_drawn)
        });
        self.seed_of(name)
    }
}
