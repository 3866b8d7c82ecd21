//! How a task waits inside a simulation: until when, in which line, and what becomes of its place
//! there when its node crashes.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::sim::runtime::{Key, Runtime, Waiting, Wake};
use crate::time::Instant;

/// When a wait of `patience` that begins now is over, in virtual time.
pub(crate) fn deadline(world: &Runtime, patience: Duration) -> Instant {
    Instant::from_nanos(world.now_ns()) + patience
}

/// Does something at the end of a block, even if the block is cut short by a crash.
pub(crate) struct AtEnd<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Parks the running task in a line where each wake-up is meant for one task alone.
///
/// A task that was woken, and is killed before its turn comes, never looks at what it was woken
/// for. Then `pass_on` must wake whoever else could make use of it.
pub(crate) fn park_in_line(
    world: &Runtime,
    keys: &[Key],
    waiting: Waiting,
    deadline_ns: Option<u64>,
    pass_on: impl FnMut(),
) -> Wake {
    let if_killed = AtEnd(pass_on);
    let wake = world.park(keys, waiting, deadline_ns);
    std::mem::forget(if_killed);
    wake
}

/// The line in front of a lock, in a simulation.
///
/// Whoever finds the lock free may take it, even if the one that was woken for it has not had its
/// turn yet: so do real locks, and a student's code must stand it. But one that was woken in vain
/// is not passed over again: as long as there is such a one, newcomers queue up. Without this rule
/// a thread that takes its lock in a loop and sleeps while holding it would starve all others for
/// ever, since virtual time has no jitter that would break the pattern.
///
/// **Invariant.** If the lock is free and somebody is in line, then somebody was woken for it who
/// has not had its turn yet.
pub(crate) struct Line {
    made: &'static Location<'static>,
    passed_over: AtomicU32,
}

impl Line {
    pub(crate) const fn new(made: &'static Location<'static>) -> Line {
        Line { made, passed_over: AtomicU32::new(0) }
    }

    /// What tells this lock from all others.
    #[inline]
    pub(crate) fn key(&self) -> Key {
        std::ptr::from_ref(self) as Key
    }

    pub(crate) fn made(&self) -> &'static Location<'static> {
        self.made
    }

    /// Whether a newcomer may try its luck.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.passed_over.load(Ordering::Relaxed) == 0
    }

    /// Waits on `key` until `take` succeeds. It is tried at each wake-up, and not before the first.
    #[cold]
    pub(crate) fn wait<G>(
        &self,
        world: &Runtime,
        key: Key,
        (type_name, at): (&'static str, &'static Location<'static>),
        mut take: impl FnMut() -> Option<G>,
        mut pass_on: impl FnMut(),
    ) -> G {
        let waiting = Waiting::Lock { lock: self.key(), type_name, made: self.made, at };
        let mut place = Place { line: self, is_passed_over: false };
        loop {
            // Whether it is woken or already unwinding, it goes on only once it has the lock.
            let _ = park_in_line(world, &[key], waiting, None, &mut pass_on);
            if let Some(taken) = take() {
                return taken;
            }
            place.insist();
        }
    }
}

/// One waiter's place in a line, until it has the lock or is killed.
struct Place<'a> {
    line: &'a Line,
    is_passed_over: bool,
}

impl Place<'_> {
    fn insist(&mut self) {
        if !self.is_passed_over {
            self.is_passed_over = true;
            self.line.passed_over.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_passed_over {
            self.line.passed_over.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
