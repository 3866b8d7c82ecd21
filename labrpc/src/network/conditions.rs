//! How bad a network is.

use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// How messages travel: drawn anew for each one, in each direction.
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
    /// The shortest time that a message travels: the calm value of every delay.
    pub delay_min: Duration,
    /// The longest. Between the two, delays are uniform, so messages overtake one another.
    pub delay_max: Duration,
    /// How many of a thousand requests are lost, and how many of a thousand replies.
    pub loss_per_mille: u64,
    /// How many of a thousand messages arrive twice.
    pub duplicates_per_mille: u64,
    /// How many of a thousand replies are held back for long (200 to 2,200 ms more).
    pub held_replies_per_mille: u64,
    /// The longest time until a blocking call to a server that cannot be reached is given up.
    /// Uniform from zero; the caller's own patience is a bound as well.
    pub unreachable_max: Duration,
}

impl Conditions {
    /// Nothing is lost; 1–10 ms each way. (MIT's reliable network has no latency at all, which in
    /// virtual time would be unbounded work in no time.)
    pub const RELIABLE: Conditions = Conditions {
        delay_min: ms(1),
        delay_max: ms(10),
        loss_per_mille: 0,
        duplicates_per_mille: 0,
        held_replies_per_mille: 0,
        unreachable_max: ms(99),
    };

    /// MIT's unreliable network: up to 26 ms more, one request in ten lost and one reply in ten.
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

/// A held reply waits at least this long.
pub(super) const HOLD_MIN: Duration = ms(200);
/// And at most so much longer; drawn twice, so that most are held for less.
pub(super) const HOLD_SPREAD: Duration = ms(2_000);
