//! Which message a random decision is about, in words.

use super::state::Direction;
use crate::api::PeerId;
use crate::sim::{Choice, Kind};

/// What a decision of a network is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    /// The message itself: its delay, whether it is lost, whether it arrives twice.
    Message = 0,
    /// The delay of its second copy.
    Copy = 1,
    /// Whether a reply is held back.
    Hold = 2,
    /// When a call to an unreachable server fails.
    GivenUp = 9,
}

/// The end that sends and the end that receives, if the decision is one about a message between the first `ends` ends
/// of a network.
fn ends_of(choice: &Choice, ends: usize) -> Option<(Direction, Aspect)> {
    if !matches!(choice.name.kind, Kind::Delay | Kind::Loss | Kind::Duplicate) {
        return None;
    }
    let pairs = (0..ends).flat_map(|from| (0..ends).map(move |to| (from, to)));
    let directions =
        pairs.flat_map(|(from, to): (PeerId, PeerId)| [false, true].map(|is_reply| Direction { from, to, is_reply }));
    let aspects = [Aspect::Message, Aspect::Copy, Aspect::Hold, Aspect::GivenUp];
    let mut all = directions.flat_map(|direction| aspects.map(|aspect| (direction, aspect)));
    all.find(|(direction, aspect)| direction.name(*aspect) == choice.name.what)
}

/// What is not the case once a wild decision about a message is calm, such as `message 17 (request 1 → 2) is not late`.
/// `None` if it is not about a message between the first `ends` ends of a network.
///
/// ```
/// use labrpc::network::without;
/// use labrpc::sim::{Choice, Kind, Name};
/// use labrpc::time::Instant;
///
/// let name = Name::new(Kind::CrashAtSave, 1, 0);
/// assert_eq!(without(&Choice { name, about: None, at: Instant::ZERO }, 5), None);
/// ```
pub fn without(choice: &Choice, ends: usize) -> Option<String> {
    let (Direction { from, to, is_reply }, aspect) = ends_of(choice, ends)?;
    let kind = if is_reply { "reply" } else { "request" };
    let message = match choice.about {
        Some(number) => format!("message {number} ({kind} {from} → {to})"),
        None => format!("a {kind} {from} → {to}"),
    };
    Some(match (choice.name.kind, aspect) {
        (Kind::Loss, _) => format!("{message} is not lost"),
        (Kind::Duplicate, _) => format!("{message} does not arrive twice"),
        (_, Aspect::Message) => format!("{message} is not late"),
        (_, Aspect::Copy) => format!("the second copy of {message} is not late"),
        (_, Aspect::Hold) => format!("{message} is not held back"),
        (_, Aspect::GivenUp) => format!("a call {from} → {to}, which cannot arrive, fails at once"),
    })
}
