//! How long servers wait for one another.

use std::time::Duration;

use labrpc::Timing;

/// The timing of this course's servers.
pub const TIMING: Timing = Timing {
    // Ten a second: often enough to find a dead leader soon, rare enough to cost nothing.
    heartbeat_interval: Duration::from_millis(100),
    // Three heartbeats in a row may be lost before a healthy leader is doubted.
    election_timeout_min: Duration::from_millis(400),
    // The spread is many round trips wide, so two timeouts are rarely so close that both servers
    // campaign and split the vote; and clients wait less than a second.
    election_timeout_max: Duration::from_millis(800),
};

pub(crate) fn assert_sound(timing: &Timing) {
    let Timing { heartbeat_interval, election_timeout_min, election_timeout_max } = timing;
    assert!(heartbeat_interval < election_timeout_min, "every heartbeat would come too late: {timing:?}");
    assert!(election_timeout_min <= election_timeout_max, "no timeout lies between these bounds: {timing:?}");
}
