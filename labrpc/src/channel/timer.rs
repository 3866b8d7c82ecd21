//! Channels that deliver a message when time passes: `after`, `tick` and `never`.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{RecvTimeoutError, TryRecvError, expect_world, refuse_to_block};
use crate::sim::runtime::{self, Runtime, WaitReason, WakeReason};
use crate::time::Instant;

/// The receiving end of a timer channel, with messages of type `T`.
pub(super) struct Timer<T> {
    source: TimerSource,
    /// Makes the message from the time. A timer that never sends can have any message type.
    message: fn(Instant) -> T,
}

#[derive(Clone)]
enum TimerSource {
    Real(crossbeam_channel::Receiver<RealInstant>),
    Simulated(Arc<SimulatedTimer>),
}

#[allow(clippy::disallowed_types, reason = "crossbeam's timers send real time")]
pub(super) type RealInstant = std::time::Instant;

/// A simulated timer. Tasks that wait for it are woken by their deadlines only.
struct SimulatedTimer {
    run_id: u64,
    made: &'static Location<'static>,
    is_never: bool,
    /// The time from one message to the next. `None` if there is no next one.
    period: Option<Duration>,
    /// When the next message is due. `None` if there is no next one.
    due: Mutex<Option<Instant>>,
}

impl Timer<Instant> {
    pub(super) fn after(patience: Duration, made: &'static Location<'static>) -> Timer<Instant> {
        let source = match runtime::current() {
            None => real(|| crossbeam_channel::after(patience)),
            Some(world) => SimulatedTimer::source(world, made, Some(patience), None),
        };
        Timer { source, message: |due| due }
    }

    pub(super) fn tick(period: Duration, made: &'static Location<'static>) -> Timer<Instant> {
        let source = match runtime::current() {
            None => real(|| crossbeam_channel::tick(period)),
            Some(world) => SimulatedTimer::source(world, made, Some(period), Some(period)),
        };
        Timer { source, message: |due| due }
    }
}

impl<T> Timer<T> {
    pub(super) fn never(made: &'static Location<'static>) -> Timer<T> {
        let source = match runtime::current() {
            None => TimerSource::Real(crossbeam_channel::never()),
            Some(world) => SimulatedTimer::source(world, made, None, None),
        };
        Timer { source, message: |due| unreachable!("a channel that never sends has sent, at {due:?}") }
    }

    #[track_caller]
    pub(super) fn try_receive(&self) -> Result<T, TryRecvError> {
        match &self.source {
            TimerSource::Real(receiver) => receiver.try_recv().map(|due| self.real_message(due)),
            TimerSource::Simulated(timer) => {
                let world = timer.world();
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
            TimerSource::Real(receiver) => match (runtime::current(), deadline) {
                (Some(_), _) => match receiver.try_recv() {
                    Ok(due) => Ok(self.real_message(due)),
                    Err(_) => refuse_to_block("recv"),
                },
                (None, None) => receiver.recv().map(|due| self.real_message(due)).map_err(RecvTimeoutError::from),
                (None, Some(deadline)) => {
                    receiver.recv_deadline(deadline.on_real_clock()).map(|due| self.real_message(due))
                }
            },
            TimerSource::Simulated(timer) => {
                let world = timer.world();
                world.operation();
                timer.receive(world, deadline, at).map(self.message)
            }
        }
    }

    /// The number of messages: 0 or 1.
    pub(super) fn len(&self) -> usize {
        match &self.source {
            TimerSource::Real(receiver) => receiver.len(),
            TimerSource::Simulated(timer) => usize::from(timer.is_due()),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match &self.source {
            TimerSource::Real(receiver) => receiver.capacity().expect("a timer is bounded"),
            TimerSource::Simulated(timer) => usize::from(!timer.is_never),
        }
    }

    /// For `select!`: crossbeam's own receiver.
    pub(super) fn real(&self) -> Option<&crossbeam_channel::Receiver<RealInstant>> {
        match &self.source {
            TimerSource::Real(receiver) => Some(receiver),
            TimerSource::Simulated(_) => None,
        }
    }

    pub(super) fn real_message(&self, due: RealInstant) -> T {
        (self.message)(Instant::ZERO + due.saturating_duration_since(Instant::ZERO.on_real_clock()))
    }

    /// Takes the message of a simulated timer, if it is due.
    pub(super) fn take(&self, world: &Runtime) -> Option<T> {
        match &self.source {
            TimerSource::Real(_) => None,
            TimerSource::Simulated(timer) => timer.take(world).map(self.message),
        }
    }

    /// When a simulated timer sends its next message.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.source {
            TimerSource::Real(_) => None,
            TimerSource::Simulated(timer) => *timer.due.lock(),
        }
    }

    /// The line that made the timer. Panics unless the timer belongs to the simulation that the caller
    /// is in.
    #[track_caller]
    pub(super) fn expect_here(&self) -> &'static Location<'static> {
        match &self.source {
            TimerSource::Real(_) => refuse_to_block("select!"),
            TimerSource::Simulated(timer) => {
                timer.world();
                timer.made
            }
        }
    }
}

/// The facade's clock starts at its first read, which must not be later than the first message.
fn real(start: impl FnOnce() -> crossbeam_channel::Receiver<RealInstant>) -> TimerSource {
    let _ = Instant::now();
    TimerSource::Real(start())
}

impl<T> Clone for Timer<T> {
    fn clone(&self) -> Self {
        Timer { source: self.source.clone(), message: self.message }
    }
}

impl SimulatedTimer {
    fn source(
        world: &Runtime,
        made: &'static Location<'static>,
        first: Option<Duration>,
        period: Option<Duration>,
    ) -> TimerSource {
        let due = first.map(|patience| Instant::from_nanos(world.now_ns()) + patience);
        let timer =
            SimulatedTimer { run_id: world.run_id(), made, is_never: due.is_none(), period, due: Mutex::new(due) };
        TimerSource::Simulated(Arc::new(timer))
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
        let waiting = WaitReason::Channel { operation: "recv", made: self.made, at };
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
            if world.park(&[], waiting, until.map(Instant::as_nanos)) == WakeReason::Killed {
                return Err(RecvTimeoutError::Disconnected);
            }
        }
    }
}
