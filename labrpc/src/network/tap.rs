//! Who watches the network sees every message, with the time.

use crate::Bytes;
use crate::api::PeerId;
use crate::time::Instant;

use super::link::Port;

/// One message on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number in this network, in order of sending, from 0. A copy has its original's.
    pub number: u64,
    /// For a reply, the number of the request that it answers.
    pub answers: Option<u64>,
    /// Who sends it.
    pub from: PeerId,
    /// Who is to receive it.
    pub to: PeerId,
    /// The service that is asked, or that answers.
    pub port: Port,
    /// The message itself, see [`wire`](crate::wire).
    pub bytes: Bytes,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The network dropped it.
    Dropped,
    /// The link was cut, when it was sent or when it would have arrived.
    Cut,
    /// Its receiver was down, or had crashed and started anew since.
    Down,
    /// Whoever called waited for the answer no longer.
    GivenUp,
}

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It leaves.
    Sent,
    /// It arrives; `copy` is 1 for the second arrival of a doubled message, else 0.
    Arrived {
        /// Which arrival it is.
        copy: u32,
    },
    /// It does not arrive.
    Lost(Lost),
}

/// Sees what happens on a network. It must not block: it is called between the scheduler's turns.
///
/// ```
/// use labrpc::network::{Message, Passage, Tap};
/// use labrpc::time::Instant;
///
/// struct Print;
///
/// impl Tap for Print {
///     fn message(&self, at: Instant, message: &Message, passage: Passage) {
///         println!("{at:?}: {} -> {} {passage:?}", message.from, message.to);
///     }
/// }
/// ```
pub trait Tap: Send + Sync + 'static {
    /// Something happened to a message.
    fn message(&self, at: Instant, message: &Message, passage: Passage);

    /// One direction of a link was cut, or mended.
    fn cut(&self, at: Instant, from: PeerId, to: PeerId, is_cut: bool) {
        let _ = (at, from, to, is_cut);
    }
}
