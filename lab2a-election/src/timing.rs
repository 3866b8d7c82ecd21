//! How long servers wait for each other.

use std::time::Duration;

/// A leader's pauses and its followers' patience. A message must travel in much less than these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A leader's pause between two heartbeats.
    pub heartbeat_interval: Duration,
    /// The shortest silence that may start an election.
    pub election_timeout_min: Duration,
    /// The longest silence that may pass without one.
    pub election_timeout_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            // Ten a second: often enough to find a dead leader soon, rare enough to cost nothing.
            heartbeat_interval: Duration::from_millis(100),
            // Three heartbeats in a row may be lost before a healthy leader is doubted.
            election_timeout_min: Duration::from_millis(400),
            // Drawn from a spread of many round trips, two timeouts are rarely so close that
            // both servers campaign and split the vote; and clients wait less than a second.
            election_timeout_max: Duration::from_millis(800),
        }
    }
}

impl Timing {
    pub(crate) fn assert_sound(&self) {
        let Timing { heartbeat_interval, election_timeout_min, election_timeout_max } = self;
        assert!(heartbeat_interval < election_timeout_min, "every heartbeat would come too late: {self:?}");
        assert!(election_timeout_min <= election_timeout_max, "no timeout lies between these bounds: {self:?}");
    }
}
