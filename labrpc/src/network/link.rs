//! One outgoing end of the network, and what stands at the other.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::api::PeerId;
use crate::wire::{self, WireError};

/// Which of a server's services is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// Raft's own calls, from server to server.
    Raft = 0,
    /// A clerk's calls to the key-value service.
    Kv = 1,
}

/// What a server plugs into the network: it answers requests, and takes in answers.
pub trait Service: Send + Sync + 'static {
    /// Answers a request, or gives no answer (`None`) if the server is being shut down.
    ///
    /// # Errors
    ///
    /// [`WireError`] when the request does not decode.
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError>;

    /// Takes in the answer to an earlier [`Link::send`]. It may come late, twice or never.
    ///
    /// # Errors
    ///
    /// [`WireError`] when the reply does not decode.
    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let _ = (from, reply);
        Ok(())
    }
}

/// How bytes get from one end to another: the simulated [`Network`](super::Network), or whatever
/// else can carry them.
pub trait Carrier: Send + Sync + 'static {
    /// Sends a request whose answer, if any, enters by the sender's [`Service::reply`].
    fn send(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>);

    /// Sends a request and waits for its answer, no longer than `patience`.
    fn call(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>, patience: Duration) -> Option<Vec<u8>>;

    /// Says that bytes arrived that are not a message: some server's code is wrong.
    fn report(&self, error: WireError);
}

/// The way from one end of the network to one other. Clones are the same way.
#[derive(Clone)]
pub struct Link {
    from: PeerId,
    to: PeerId,
    port: Port,
    carrier: Arc<dyn Carrier>,
}

impl Link {
    /// The way of `from` to the given port of `to`.
    pub fn new(from: PeerId, to: PeerId, port: Port, carrier: Arc<dyn Carrier>) -> Link {
        Link { from, to, port, carrier }
    }

    /// Who sends on this link.
    pub fn from(&self) -> PeerId {
        self.from
    }

    /// Who is at its other end.
    pub fn to(&self) -> PeerId {
        self.to
    }

    /// Sends a request and returns at once. The answer enters by the sender's
    /// [`Service::reply`]: once, twice, late or never.
    pub fn send<Q: Serialize>(&self, request: &Q) {
        self.carrier.send(self.from, self.to, self.port, wire::encode(request));
    }

    /// Sends a request and blocks until it is answered, but no longer than `patience`.
    /// `None` says nothing about whether the request arrived.
    pub fn call<Q: Serialize, A: DeserializeOwned>(&self, request: &Q, patience: Duration) -> Option<A> {
        let reply = self.carrier.call(self.from, self.to, self.port, wire::encode(request), patience)?;
        wire::decode(&reply).map_err(|error| self.carrier.report(error.sent_by(self.to))).ok()
    }
}
