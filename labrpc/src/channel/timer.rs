//! Channels that time itself sends on.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{RecvTimeoutError, TryRecvError, expect_world, refuse_to_block};
use crate::sim::runtime::{self, Runtime, Waiting, Wake};
use crate::time::Instant;

/// The receiving end of a channel that time sends on, with messages of type `T`.
pub(super) struct Timer<T> {
    source: Source,
    /// Messages are points in time; but a timer that never sends can be one of any type.
    message: fn(Instant) -> T,
}

#[derive(Clone)]
enum Source {
    Real(crossbeam_channel::Receiver<RealInstant>),
    Simulated(Arc<Clock>),
}

#[allow(clippy::disallowed_types, reason = "crossbeam's timers send the time of the real world")]
pub(super) type RealInstant = std::time::Instant;

/// The simulated source. Nothing wakes those who wait for it but the passing of time.
struct Clock {
    run_id: u64,
    made: &'static Location<'static>,
    is_never: bool,
    /// How long after one message the next is due. `None` is never.
    period: Option<Duration>,
    /// When the next message is due. `None` is never.
    due: Mutex<Option<Instant>>,
}

impl Timer<Instant> {
    pub(super) fn after(patience: Duration, made: &'static Location<'static>) -> Timer<Instant> {
        let source = match runtime::current() {
            None => real(|| crossbeam_channel::after(patience)),
            Some(world) => Clock::source(world, made, Some(patience), None),
        };
        Timer { source, message: |due| due }
    }

    pub(super) fn tick(period: Duration, made: &'static Location<'static>) -> Timer<Instant> {
        let source = match runtime::current() {
            None => real(|| crossbeam_channel::tick(period)),
            Some(world) => Clock::source(world, made, Some(period), Some(period)),
        };
        Timer { source, message: |due| due }
    }
}

impl<T> Timer<T> {
    pub(super) fn never(made: &'static Location<'static>) -> Timer<T> {
        let source = match runtime::current() {
            None => Source::Real(crossbeam_channel::never()),
            Some(world) => Clock::source(world, made, None, None),
        };
        Timer { source, message: |due| unreachable!("a channel that never sends has sent, at {due:?}") }
    }

    #[track_caller]
    pub(super) fn try_receive(&self) -> Result<T, TryRecvError> {
        match &self.source {
            Source::Real(receiver) => receiver.try_recv().map(|due| self.real_message(due)),
            Source::Simulated(clock) => {
                let world = clock.world();
                world.operation();
                self.take(world).ok_or(TryRecvError::Empty)
            }
        }
    }

    #[track_caller]
    pub(super) fn receive(
        &self,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        match &self.source {
            Source::Real(receiver) => match (runtime::current(), deadline) {
                (Some(_), _) => match receiver.try_recv() {
                    Ok(due) => Ok(self.real_message(due)),
                    Err(_) => refuse_to_block("recv"),
                },
                (None, None) => receiver.recv().map(|due| self.real_message(due)).map_err(RecvTimeoutError::from),
                (None, Some(deadline)) => {
                    receiver.recv_deadline(deadline.on_real_clock()).map(|due| self.real_message(due))
                }
            },
            Source::Simulated(clock) => {
                let world = clock.world();
                world.operation();
                clock.receive(world, deadline, at).map(self.message)
            }
        }
    }

    /// How many messages are there, which is one at most.
    pub(super) fn len(&self) -> usize {
        match &self.source {
            Source::Real(receiver) => receiver.len(),
            Source::Simulated(clock) => usize::from(clock.is_due()),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match &self.source {
            Source::Real(receiver) => receiver.capacity().expect("a timer is bounded"),
            Source::Simulated(clock) => usize::from(!clock.is_never),
        }
    }

    /// For `select!`: crossbeam's own end.
    pub(super) fn real(&self) -> Option<&crossbeam_channel::Receiver<RealInstant>> {
        match &self.source {
            Source::Real(receiver) => Some(receiver),
            Source::Simulated(_) => None,
        }
    }

    pub(super) fn real_message(&self, due: RealInstant) -> T {
        (self.message)(Instant::ZERO + due.saturating_duration_since(Instant::ZERO.on_real_clock()))
    }

    /// Takes the message of a simulated timer, if it is due.
    pub(super) fn take(&self, world: &Runtime) -> Option<T> {
        match &self.source {
            Source::Real(_) => None,
            Source::Simulated(clock) => clock.take(world).map(self.message),
        }
    }

    /// When a simulated timer sends next.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.source {
            Source::Real(_) => None,
            Source::Simulated(clock) => *clock.due.lock(),
        }
    }

    /// The line that made the timer, which must belong to the simulation that the caller is in.
    #[track_caller]
    pub(super) fn expect_here(&self) -> &'static Location<'static> {
        match &self.source {
            Source::Real(_) => refuse_to_block("select!"),
            Source::Simulated(clock) => {
                clock.world();
                clock.made
            }
        }
    }
}

/// The facade's clock counts from when it is first read: that must not be after the first message.
fn real(start: impl FnOnce() -> crossbeam_channel::Receiver<RealInstant>) -> Source {
    let _ = Instant::now();
    Source::Real(start())
}

impl<T> Clone for Timer<T> {
    fn clone(&self) -> Self {
        Timer { source: self.source.clone(), message: self.message }
    }
}

impl Clock {
    fn source(
        world: &Runtime,
        made: &'static Location<'static>,
        first: Option<Duration>,
        period: Option<Duration>,
    ) -> Source {
        let due = first.map(|patience| Instant::from_nanos(world.now_ns()) + patience);
        let clock = Clock { run_id: world.run_id(), made, is_never: due.is_none(), period, due: Mutex::new(due) };
        Source::Simulated(Arc::new(clock))
    }

    #[track_caller]
    fn world(&self) -> &'static Runtime {
        expect_world(self.run_id, "timer", self.made)
    }

    fn is_due(&self) -> bool {
        let now = runtime::current().map_or(Instant::ZERO, |world| Instant::from_nanos(world.now_ns()));
        self.due.lock().is_some_and(|due| due <= now)
    }

    fn take(&self, world: &Runtime) -> Option<Instant> {
        let now = Instant::from_nanos(world.now_ns());
        let mut due = self.due.lock();
        let sent = due.filter(|due| *due <= now)?;
        *due = self.period.map(|period| now + period);
        Some(sent)
    }

    fn receive(
        &self,
        world: &Runtime,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<Instant, RecvTimeoutError> {
        let waiting = Waiting::Channel { operation: "recv", made: self.made, at };
        loop {
            if let Some(sent) = self.take(world) {
                return Ok(sent);
            }
            if deadline.is_some_and(|deadline| deadline.as_nanos() <= world.now_ns()) {
                return Err(RecvTimeoutError::Timeout);
            }
            let due = *self.due.lock();
            let until = due.into_iter().chain(deadline).min();
            // Another receiver of the same timer may take the message first: hence the loop.
            if world.park(&[], waiting, until.map(Instant::as_nanos)) == Wake::Killed {
                return Err(RecvTimeoutError::Disconnected);
            }
        }
    }
}
