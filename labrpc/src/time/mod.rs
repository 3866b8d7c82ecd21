//! Virtual time inside a simulation, the monotonic clock outside of one.

pub(crate) mod instant;

use std::sync::OnceLock;
use std::time::Duration;

pub use instant::Instant;

use crate::sim::runtime;
pub use crate::thread::sleep;

impl Instant {
    /// The current time.
    ///
    /// ```
    /// use labrpc::time::Instant;
    ///
    /// let before = Instant::now();
    /// assert!(Instant::now() >= before);
    /// ```
    pub fn now() -> Instant {
        match runtime::current() {
            Some(world) => {
                world.operation();
                Instant::from_nanos(world.now_ns())
            }
            None => Instant::from_nanos(real_beginning().elapsed().as_nanos() as u64),
        }
    }

    /// The time since `self`; zero if `self` is in the future.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::time::Instant;
    ///
    /// let ahead = Instant::now() + Duration::from_secs(3600);
    /// assert_eq!(ahead.elapsed(), Duration::ZERO);
    /// ```
    pub fn elapsed(self) -> Duration {
        Instant::now() - self
    }

    /// The same point on the operating system's clock, for real waits.
    #[allow(clippy::disallowed_types, reason = "this file is where the facade's clock becomes the real one")]
    pub(crate) fn on_real_clock(self) -> std::time::Instant {
        real_beginning() + Duration::from_nanos(self.as_nanos())
    }
}

#[allow(clippy::disallowed_types, reason = "this file is where the facade's clock becomes the real one")]
fn real_beginning() -> std::time::Instant {
    static BEGINNING: OnceLock<std::time::Instant> = OnceLock::new();
    *BEGINNING.get_or_init(std::time::Instant::now)
}
