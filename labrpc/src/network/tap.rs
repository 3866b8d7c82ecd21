//! A tap observes every message of a network, with its time.

use std::panic::Location;

use crate::Bytes;
use crate::api::PeerId;
use crate::sim::HeldLock;
use crate::time::Instant;

use super::link::Port;

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number in this network, in order of sending, from 0. A copy has the number of the original.
    pub number: u64,
    /// For a reply, the number of the request that it answers.
    pub answers: Option<u64>,
    /// The sender.
    pub from: PeerId,
    /// The receiver.
    pub to: PeerId,
    /// The service that receives the request, or that sends the reply.
    pub port: Port,
    /// The encoded message, see [`wire`](crate::wire).
    pub bytes: Bytes,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The network dropped it.
    Dropped,
    /// The link was cut when the message was sent, or when it would have arrived.
    Cut,
    /// Its receiver was down; or it is a reply, and its receiver has restarted since the request.
    Down,
    /// The caller no longer waited for the reply.
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

/// A request that is sent by a thread which holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedSend {
    /// The sender.
    pub from: PeerId,
    /// The receiver.
    pub to: PeerId,
    /// The line that sends.
    pub place: &'static Location<'static>,
    /// The locks, in the order in which they were taken; at least one.
    pub locks: Vec<HeldLock>,
}

/// Observes a network. It must not block: it may be called on the scheduler's stack.
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

    /// The calling task begins to handle a message that has arrived.
    fn handles(&self, message: &Message) {
        let _ = message;
    }

    /// A thread holds a lock while it sends a request. This comes before the message.
    fn locked_send(&self, at: Instant, send: LockedSend) {
        let _ = (at, send);
    }

    /// One direction of a link was cut, or reconnected.
    fn cut(&self, at: Instant, from: PeerId, to: PeerId, is_cut: bool) {
        let _ = (at, from, to, is_cut);
    }
}
