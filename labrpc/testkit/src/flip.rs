//! What a token may change in a run: the outcome of single messages, and crashes that do not happen.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use labrpc::network::ForcedOutcome;
use labrpc::sim::{self, Forced, Kind, Name};

/// A change of a run: "what if this message were lost?". Messages are numbered from 0 in their network, as a
/// [`Message`](labrpc::network::Message) is; if a test makes several networks, each of them is changed.
///
/// ```
/// use std::time::Duration;
/// use testkit::Flip;
///
/// assert_eq!("lose17".parse(), Ok(Flip::Lose(17)));
/// assert_eq!(Flip::Late(20, Duration::from_millis(250)).to_string(), "late20by250");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// This message is lost: `lose17`.
    Lose(u64),
    /// This message arrives later by this time, in whole milliseconds: `late17by250`.
    Late(u64, Duration),
    /// This message arrives at once, although the run would lose it: `deliver17`.
    Deliver(u64),
    /// This crash does not happen: `nocrash2`. Counted from 1 are the crashes that the test or its random faults
    /// make; a crash at a save is a decision, and is not counted. The restart that follows does nothing.
    NoCrash(u64),
}

const LOSE: &str = "lose";
const LATE: &str = "late";
const BY: &str = "by";
const DELIVER: &str = "deliver";
const NO_CRASH: &str = "nocrash";

impl Flip {
    /// Makes a run change like this.
    pub(crate) fn force(self, forced: &mut Forced) {
        match self {
            Flip::Lose(message) => ForcedOutcome::Lost.force(forced, message),
            Flip::Late(message, by) => ForcedOutcome::Late(by).force(forced, message),
            Flip::Deliver(message) => ForcedOutcome::AtOnce.force(forced, message),
            Flip::NoCrash(crash) => forced.force(crash_name(crash), 0),
        }
    }

    /// Whether both change the same message or the same crash.
    pub(crate) fn is_about_the_same(self, other: Flip) -> bool {
        let about = |flip| match flip {
            Flip::Lose(message) | Flip::Late(message, _) | Flip::Deliver(message) => (true, message),
            Flip::NoCrash(crash) => (false, crash),
        };
        about(self) == about(other)
    }
}

fn crash_name(crash: u64) -> Name {
    Name::new(Kind::Fault, crash, u64::MAX)
}

/// In a simulation: whether this crash does not happen, because the run's token says so.
pub(crate) fn is_spared(crash: u64) -> bool {
    sim::forced(crash_name(crash)).is_some()
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flip::Lose(message) => write!(f, "{LOSE}{message}"),
            Flip::Late(message, by) => write!(f, "{LATE}{message}{BY}{}", by.as_millis()),
            Flip::Deliver(message) => write!(f, "{DELIVER}{message}"),
            Flip::NoCrash(crash) => write!(f, "{NO_CRASH}{crash}"),
        }
    }
}

/// A text that is not a change of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlipError(String);

impl fmt::Display for FlipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a change of a run, which is `{LOSE}17`, `{LATE}17{BY}250` (ms), `{DELIVER}17` or `{NO_CRASH}2`",
            self.0
        )
    }
}

impl std::error::Error for FlipError {}

impl FromStr for Flip {
    type Err = FlipError;

    fn from_str(text: &str) -> Result<Flip, FlipError> {
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|_| !digits.starts_with('+'));
        let flip = if let Some(message) = text.strip_prefix(LOSE) {
            number(message).map(Flip::Lose)
        } else if let Some((message, by)) = text.strip_prefix(LATE).and_then(|rest| rest.split_once(BY)) {
            number(message).zip(number(by)).map(|(message, ms)| Flip::Late(message, Duration::from_millis(ms)))
        } else if let Some(message) = text.strip_prefix(DELIVER) {
            number(message).map(Flip::Deliver)
        } else {
            text.strip_prefix(NO_CRASH).and_then(number).map(Flip::NoCrash)
        };
        flip.ok_or_else(|| FlipError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change that is written and read again is the same.
    #[test]
    fn flips_round_trip() {
        for flip in [Flip::Lose(0), Flip::Late(3, Duration::from_millis(40)), Flip::Deliver(u64::MAX), Flip::NoCrash(1)]
        {
            assert_eq!(flip.to_string().parse(), Ok(flip));
        }
    }

    /// The error for a wrong change shows what is wrong, and what a change looks like.
    #[test]
    fn wrong_flips_are_explained() {
        for text in ["", "lose", "lose+1", "late3", "late3by", "lateby3", "deliver-1", "nocrash", "crash1", "17"] {
            let error = text.parse::<Flip>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("`late17by250`"), "{error}");
        }
    }
}
