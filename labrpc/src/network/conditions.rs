//! How bad a network is.

use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// How messages travel. Each message is drawn separately, in each direction.
///
/// ```
/// use std::time::Duration;
/// use labrpc::network::Conditions;
///
/// let slow = Conditions { delay_max: Duration::from_millis(300), ..Conditions::RELIABLE };
/// assert_eq!(slow.loss_per_mille, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The shortest travel time, which is the calm value of every delay.
    pub delay_min: Duration,
    /// The longest travel time. Delays are uniform between the two, so messages overtake one another.
    pub delay_max: Duration,
    /// How many of a thousand requests, and of a thousand replies, are lost.
    pub loss_per_mille: u64,
    /// How many of a thousand messages arrive twice.
    pub duplicates_per_mille: u64,
    /// How many of a thousand replies are held back for 200 to 2,200 ms more.
    pub held_replies_per_mille: u64,
    /// The longest time after which a blocking call to an unreachable server fails. The time is uniform
    /// from zero, and bounded by the caller's own patience.
    pub unreachable_max: Duration,
}

impl Conditions {
    /// No message is lost; 1–10 ms each way. (MIT's reliable network has no latency at all. In virtual
    /// time that would allow unbounded work in no time.)
    pub const RELIABLE: Conditions = Conditions {
        delay_min: ms(1),
        delay_max: ms(10),
        loss_per_mille: 0,
        duplicates_per_mille: 0,
        held_replies_per_mille: 0,
        unreachable_max: ms(99),
    };

    /// MIT's unreliable network: up to 26 ms more, and one request in ten and one reply in ten are lost.
    /// Ours also doubles one message in fifty, each way.
    pub const UNRELIABLE: Conditions =
        Conditions { delay_max: ms(36), loss_per_mille: 100, duplicates_per_mille: 20, ..Conditions::RELIABLE };

    /// MIT's long reordering: two replies in three are held back, by 200 ms to over two seconds.
    pub const fn with_long_reordering(self) -> Conditions {
        Conditions { held_replies_per_mille: 667, ..self }
    }

    /// MIT's long delays: a call to a dead server hangs for up to seven seconds.
    pub const fn with_long_delays(self) -> Conditions {
        Conditions { unreachable_max: ms(6_999), ..self }
    }
}

/// A held reply is held for at least this long.
pub(super) const HOLD_MIN: Duration = ms(200);
/// And for at most this much longer. Drawn twice, so that short holds are more frequent.
pub(super) const HOLD_SPREAD: Duration = ms(2_000);
