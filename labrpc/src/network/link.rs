//! What servers and clerks see of the network: links, ports and services.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::tap::LockedSend;
use crate::api::PeerId;
use crate::sim;
use crate::wire::{self, WireError};

/// Selects one of a server's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// Raft's messages, from server to server.
    Raft = 0,
    /// A clerk's requests to the key-value service.
    Kv = 1,
}

/// What a server plugs into the network: handles requests, and the replies to its own requests.
pub trait Service: Send + Sync + 'static {
    /// Handles a request and returns the reply; `None` if the server is being shut down.
    ///
    /// # Errors
    ///
    /// [`WireError`] when the request does not decode.
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError>;

    /// Handles the reply to an earlier [`Link::send`]. It may come late, twice or never.
    ///
    /// # Errors
    ///
    /// [`WireError`] when the reply does not decode.
    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let _ = (from, reply);
        Ok(())
    }
}

impl<T: Service + ?Sized> Service for Arc<T> {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        (**self).request(from, request)
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        (**self).reply(from, reply)
    }
}

/// Transports bytes from one end to another: the simulated [`Network`](super::Network), or another
/// implementation.
pub trait Carrier: Send + Sync + 'static {
    /// Sends a request. The reply, if any, goes to the sender's [`Service::reply`].
    fn send(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>);

    /// Sends a request and waits for the reply, for at most `patience`.
    fn call(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>, patience: Duration) -> Option<Vec<u8>>;

    /// Notes that a thread holds a lock while it sends or calls. Only a simulation knows about locks.
    fn locked_send(&self, send: LockedSend) {
        let _ = send;
    }

    /// Reports that bytes arrived that do not decode: some server's code is wrong.
    fn report(&self, error: WireError);
}

/// Sends messages from one end of the network to a port of another. Clones are the same link.
#[derive(Clone)]
pub struct Link {
    from: PeerId,
    to: PeerId,
    port: Port,
    carrier: Arc<dyn Carrier>,
}

impl Link {
    /// A link from `from` to the given port of `to`.
    pub fn new(from: PeerId, to: PeerId, port: Port, carrier: Arc<dyn Carrier>) -> Link {
        Link { from, to, port, carrier }
    }

    /// The end that sends on this link.
    pub fn from(&self) -> PeerId {
        self.from
    }

    /// The end that receives.
    pub fn to(&self) -> PeerId {
        self.to
    }

    /// Sends a request and returns at once. The reply goes to the sender's [`Service::reply`]: once,
    /// twice, late or never.
    #[track_caller]
    pub fn send<Q: Serialize>(&self, request: &Q) {
        self.look_at_locks(Location::caller());
        self.carrier.send(self.from, self.to, self.port, wire::encode(request));
    }

    /// Sends a request and blocks until the reply comes, for at most `patience`. `None` does not say
    /// whether the request arrived.
    #[track_caller]
    pub fn call<Q: Serialize, A: DeserializeOwned>(&self, request: &Q, patience: Duration) -> Option<A> {
        let place = Location::caller();
        self.look_at_locks(place);
        let reply = self.carrier.call(self.from, self.to, self.port, wire::encode(request), patience)?;
        wire::decode(&reply).map_err(|error| self.carrier.report(error.sent_by(self.to).awaited_at(place))).ok()
    }

    fn look_at_locks(&self, place: &'static Location<'static>) {
        let locks = sim::held_locks();
        if !locks.is_empty() {
            self.carrier.locked_send(LockedSend { from: self.from, to: self.to, place, locks });
        }
    }
}
