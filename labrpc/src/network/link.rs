//! What servers and clerks see of the network: links, ports and services.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::tap::LockedSend;
use crate::api::PeerId;
use crate::sim::tape::{self, Action};
use crate::sim::{self, NodeId};
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
    /// How a tape calls what is sent from this end.
    action: Action,
}

impl Link {
    /// A link from `from` to the given port of `to`.
    pub fn new(from: PeerId, to: PeerId, port: Port, carrier: Arc<dyn Carrier>) -> Link {
        Link { from, to, port, carrier, action: Action::default() }
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
        let request = wire::encode(request);
        let _harness = self.leave(None, &request);
        self.carrier.send(self.from, self.to, self.port, request);
    }

    /// Sends a request and blocks until the reply comes, for at most `patience`. `None` does not say
    /// whether the request arrived.
    #[track_caller]
    pub fn call<Q: Serialize, A: DeserializeOwned>(&self, request: &Q, patience: Duration) -> Option<A> {
        let place = Location::caller();
        self.look_at_locks(place);
        let request = wire::encode(request);
        let reply = {
            let _harness = self.leave(Some(patience), &request);
            self.carrier.call(self.from, self.to, self.port, request, patience)?
        };
        wire::decode(&reply).map_err(|error| self.carrier.report(error.sent_by(self.to).awaited_at(place))).ok()
    }

    fn leave(&self, patience: Option<Duration>, request: &[u8]) -> tape::Left {
        tape::leave(self.action, || wire::encode(&(self.to, self.port as u8, patience, request)))
    }

    /// Lets the player of a tape send in the place of the code in `node` that gets these links. They have one end in common.
    pub fn offer(links: &mut [Link], node: Option<NodeId>) {
        let Some(Link { from, carrier, .. }) = links.first().cloned() else { return };
        let action = tape::offer(node, move |sent| {
            let sent = wire::decode::<(PeerId, u8, Option<Duration>, Vec<u8>)>(sent);
            let Ok((to, port, patience, request)) = sent else { return sim::fail("the tape sends no message") };
            let port = if port == Port::Raft as u8 { Port::Raft } else { Port::Kv };
            match patience {
                None => carrier.send(from, to, port, request),
                Some(patience) => drop(carrier.call(from, to, port, request, patience)),
            }
        });
        links.iter_mut().for_each(|link| link.action = action);
    }

    fn look_at_locks(&self, place: &'static Location<'static>) {
        let locks = sim::held_locks();
        if !locks.is_empty() {
            self.carrier.locked_send(LockedSend { from: self.from, to: self.to, place, locks });
        }
    }
}
