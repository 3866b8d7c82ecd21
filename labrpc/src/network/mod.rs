//! The simulated network: links that delay, lose, double, reorder and cut.
//!
//! An end of the network is a server or a clerk; servers come first. [`Network::link`] is the way
//! from one end to another; a server [plugs in](Network::plug) its services, and is looked up
//! when a message arrives, not when it is sent. Every delivery runs in a task of the receiver's
//! node, so that a crash ends it too. A call carries its sender and the sender's incarnation: an
//! answer to an earlier incarnation is dropped.
//!
//! `link` (what servers and clerks see), `conditions` (how bad it is), `delivery` (a message's
//! way), `state` (what is remembered), `tap` (who watches), `real` (the clock of the network on
//! real threads).

mod conditions;
mod delivery;
mod link;
mod real;
mod state;
mod tap;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

pub use conditions::Conditions;
pub use link::{Carrier, Link, Port, Service};
pub use state::Counts;
pub use tap::{Lost, Message, Passage, Tap};

use delivery::AnswerTo;
use state::{End, State, Way};

use crate::api::PeerId;
use crate::channel;
use crate::sim::{self, Kind, Name, NodeId, draw};
use crate::time::Instant;
use crate::wire::WireError;

/// A network. Clones are the same one.
///
/// Made inside a simulation it lives in virtual time; made outside, in real time.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use labrpc::network::{Network, Port, Service};
/// use labrpc::sim::{self, Settings};
/// use labrpc::wire::{self, WireError};
/// use labrpc::PeerId;
///
/// struct Doubler;
///
/// impl Service for Doubler {
///     fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
///         let number: u64 = wire::decode(request).map_err(|error| error.sent_by(from))?;
///         Ok(Some(wire::encode(&(2 * number))))
///     }
/// }
///
/// let (result, _) = sim::run(Settings::default(), || {
///     let network = Network::new(2, 1); // end 0 is a server, end 1 a client
///     network.plug(0, Some(sim::new_node("server 0")));
///     network.add_service(0, Port::Kv, Arc::new(Doubler));
///     let link = network.link(1, 0, Port::Kv);
///     link.call::<u64, u64>(&21, Duration::from_millis(100))
/// });
/// assert_eq!(result.unwrap(), Some(42));
/// ```
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Where chance comes from outside of a simulation.
    seed: u64,
    /// The clock outside of a simulation; inside one it is the scheduler's.
    postman: Option<real::Postman>,
}

impl Network {
    /// A network with so many ends. `seed` counts only outside of a simulation, which has its own.
    pub fn new(ends: usize, seed: u64) -> Network {
        let postman = if sim::is_simulated() { None } else { Some(real::Postman::start()) };
        Network { shared: Arc::new(Shared { state: Mutex::new(State::new(ends)), seed, postman }) }
    }

    /// The way from one end to a port of another.
    pub fn link(&self, from: PeerId, to: PeerId, port: Port) -> Link {
        Link::new(from, to, port, Arc::new(self.clone()))
    }

    /// A server comes up at an end, in a node of the simulation. Its services follow.
    pub fn plug(&self, at: PeerId, node: Option<NodeId>) {
        let old = self.state().plug(at, node);
        drop(old);
    }

    /// What the server at an end answers.
    pub fn add_service(&self, at: PeerId, port: Port, service: Arc<dyn Service>) {
        let old = self.state().add_service(at, port, service);
        drop(old);
    }

    /// The server at an end is gone: what is still under way to it, or to be answered by it, is lost.
    pub fn unplug(&self, at: PeerId) {
        let old = self.state().unplug(at);
        drop(old);
    }

    /// All servers are gone, and the network with them. Services hold links, and links the network;
    /// who watches may hold it, too: whoever made the network says here when these circles are to be
    /// broken.
    pub fn close(&self) {
        (0..self.ends()).for_each(|at| self.unplug(at));
        let tap = self.state().tap.take();
        drop(tap);
    }

    /// How all links are from now on, except those with conditions of their own.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.state().set_conditions(conditions);
    }

    /// How one direction of one link is from now on; `None` for the same as all.
    pub fn set_link_conditions(&self, from: PeerId, to: PeerId, conditions: Option<Conditions>) {
        self.state().set_link_conditions(from, to, conditions);
    }

    /// Cuts one direction of a link, or mends it. What is under way is lost, too.
    pub fn set_cut(&self, from: PeerId, to: PeerId, is_cut: bool) {
        let now = Instant::now(); // before the lock: the turn may be taken away here
        let tap = {
            let mut state = self.state();
            if state.is_cut(from, to) == is_cut {
                return;
            }
            state.set_cut(from, to, is_cut);
            state.tap.clone()
        };
        if let Some(tap) = tap {
            tap.cut(now, from, to, is_cut);
        }
    }

    /// Whether one direction of a link is cut.
    pub fn is_cut(&self, from: PeerId, to: PeerId) -> bool {
        self.state().is_cut(from, to)
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// How many requests have arrived at an end, by whichever incarnation they were served.
    pub fn served(&self, at: PeerId) -> u64 {
        self.state().served(at)
    }

    /// How many ends there are.
    pub fn ends(&self) -> usize {
        self.state().size()
    }

    /// Lets `tap` see every message from now on.
    pub fn set_tap(&self, tap: Arc<dyn Tap>) {
        self.state().tap = Some(tap);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    fn is_simulated(&self) -> bool {
        self.shared.postman.is_none()
    }

    fn decide<T: PartialEq>(&self, name: Name, calm: T, wild: impl FnOnce(u64) -> T) -> T {
        if self.is_simulated() { sim::decide(name, calm, wild) } else { wild(draw(self.shared.seed, name)) }
    }

    fn observe(&self, at: Instant, message: &Message, passage: Passage) {
        let tap = self.state().tap.clone();
        if let Some(tap) = tap {
            tap.message(at, message, passage);
        }
    }

    fn after(&self, delay: Duration, event: impl FnOnce() + Send + 'static) {
        let at = Instant::now() + delay;
        match &self.shared.postman {
            None => sim::at(at, event),
            Some(postman) => postman.post(at, Box::new(event)),
        }
    }

    /// Runs a delivery at its receiver: in a task of its node, or on the postman's thread.
    fn spawn_at(&self, end: &End, name: &'static str, lineage: u64, job: impl FnOnce() + Send + 'static) {
        match end.node {
            Some(node) => sim::spawn_named(node, name, lineage, job),
            None => job(),
        }
    }

    /// How long it takes until a call to a server that is down or cut off is known to have failed.
    fn given_up_after(&self, way: Way) -> Duration {
        /// Tells it from the decisions about the message itself.
        const GIVEN_UP: u64 = 9;
        let now = Instant::now(); // before the lock: the turn may be taken away here
        let (conditions, stamp, _) = self.state().departure(way, now);
        let longest_ms = conditions.unreachable_max.as_millis() as u64;
        let name = Name::new(Kind::Delay, way.name(GIVEN_UP), stamp);
        Duration::from_millis(self.decide(name, 0, |bits| bits % (longest_ms + 1)))
    }

    fn report_wire_error(&self, at: PeerId, error: WireError) {
        let message = format!("server {at} cannot read what it was sent: {error}");
        if self.is_simulated() { sim::fail(message) } else { log::error!("{message}") }
    }
}

impl Carrier for Network {
    fn send(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>) {
        // A server that has crashed meanwhile has nothing more to say.
        let Some(incarnation) = self.state().incarnation(from) else { return };
        self.dispatch(from, to, port, request, AnswerTo::Door { incarnation });
    }

    fn call(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>, patience: Duration) -> Option<Vec<u8>> {
        let way = Way { from, to, is_reply: false };
        let is_reachable = self.state().is_reachable(way);
        let patience = if is_reachable { patience } else { patience.min(self.given_up_after(way)) };
        let (caller, answered) = channel::bounded(1);
        // Our own end of it stays open: when a message is lost, the caller must not notice.
        self.dispatch(from, to, port, request, AnswerTo::Caller(caller.clone()));
        answered.recv_timeout(patience).ok()
    }

    fn report(&self, error: WireError) {
        if self.is_simulated() { sim::fail(error.to_string()) } else { log::error!("{error}") }
    }
}
