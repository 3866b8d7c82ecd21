//! Outcomes of messages that are forced, whatever chance says.

use std::time::Duration;

use crate::sim::{self, Forced, Kind, Name};

/// What becomes of a message, whatever chance says. No second copy of it is sent.
///
/// ```
/// use std::time::Duration;
/// use labrpc::network::ForcedOutcome;
/// use labrpc::sim::{Forced, Settings};
///
/// let mut forced = Forced::default();
/// ForcedOutcome::Lost.force(&mut forced, 17);
/// ForcedOutcome::Late(Duration::from_millis(250)).force(&mut forced, 20);
/// let settings = Settings { forced, ..Settings::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedOutcome {
    /// It is lost.
    Lost,
    /// It arrives after the travel time that chance gives it and this much more. Chance does not lose it.
    Late(Duration),
    /// It arrives after the shortest travel time, through a cut link as well.
    AtOnce,
}

/// Where the names of forced outcomes are: no event is ever named so late.
const FORCED: u64 = u64::MAX;
/// The value for [`ForcedOutcome::AtOnce`]; others are microseconds.
const AT_ONCE: u64 = u64::MAX;

impl ForcedOutcome {
    /// Forces the outcome of the message with this [`number`](super::Message::number), in every network of the run.
    pub fn force(self, forced: &mut Forced, message: u64) {
        match self {
            ForcedOutcome::Lost => forced.force(Name::new(Kind::Loss, message, FORCED), 1),
            ForcedOutcome::Late(by) => forced.force(Name::new(Kind::Delay, message, FORCED), by.as_micros() as u64),
            ForcedOutcome::AtOnce => forced.force(Name::new(Kind::Delay, message, FORCED), AT_ONCE),
        }
    }

    /// The outcome that is forced on a message of a simulation, if any.
    pub(super) fn of(message: u64) -> Option<ForcedOutcome> {
        if sim::forced(Name::new(Kind::Loss, message, FORCED)).is_some() {
            return Some(ForcedOutcome::Lost);
        }
        match sim::forced(Name::new(Kind::Delay, message, FORCED))? {
            AT_ONCE => Some(ForcedOutcome::AtOnce),
            by_us => Some(ForcedOutcome::Late(Duration::from_micros(by_us))),
        }
    }
}
