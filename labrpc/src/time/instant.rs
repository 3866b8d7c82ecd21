//! A point in time, as a plain value.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in time, in whole nanoseconds since [`ZERO`](Instant::ZERO).
///
/// `ZERO` is the start of the run in a simulation, and the first read of the clock outside of one. The
/// type is shaped like [`std::time::Instant`], but `ZERO` is public, so that a protocol can be tested
/// without a simulation.
///
/// ```
/// use std::time::Duration;
/// use labrpc::time::Instant;
///
/// let later = Instant::ZERO + Duration::from_millis(150);
/// assert!(later > Instant::ZERO);
/// assert_eq!(later - Instant::ZERO, Duration::from_millis(150));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The beginning of time: the start of a run, or the first read of the real clock.
    pub const ZERO: Instant = Instant(0);

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::time::Instant;
    ///
    /// let second = Instant::ZERO + Duration::from_secs(1);
    /// assert_eq!(second.duration_since(Instant::ZERO), Duration::from_secs(1));
    /// assert_eq!(Instant::ZERO.duration_since(second), Duration::ZERO);
    /// ```
    pub fn duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds since [`ZERO`](Instant::ZERO).
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::time::Instant;
    ///
    /// assert_eq!((Instant::ZERO + Duration::from_micros(3)).as_nanos(), 3_000);
    /// ```
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The point in time `nanos` nanoseconds after [`ZERO`](Instant::ZERO).
    ///
    /// ```
    /// use labrpc::time::Instant;
    ///
    /// assert_eq!(Instant::from_nanos(0), Instant::ZERO);
    /// ```
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(duration.as_nanos().try_into().unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}
