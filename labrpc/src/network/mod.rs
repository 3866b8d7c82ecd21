//! The simulated network: links that delay, lose, double, reorder and cut.
//!
//! An end of the network is a server or a clerk; servers have the lowest numbers. [`Network::link`] connects one
//! end to another. A server [plugs in](Network::plug) its services. The receiver is looked up when a
//! message arrives, not when the message is sent. Every delivery runs in a task of the receiver's node, so that a crash
//! ends it too. A request carries its sender's incarnation: a reply to an earlier incarnation is
//! dropped.
//!
//! `link` (what servers and clerks see), `conditions` (how bad the network is), `delivery` (how a
//! message travels), `forced` (outcomes that chance does not decide), `about` (decisions in words), `state` (links, ends and counts), `tap` (observers), `delay_queue` (the network's
//! clock on real threads).

mod about;
mod conditions;
mod delay_queue;
mod delivery;
mod forced;
mod link;
mod state;
mod tap;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

pub use about::without;
pub use conditions::Conditions;
pub use forced::ForcedOutcome;
pub use link::{Carrier, Link, Port, Service};
pub use state::Counts;
pub use tap::{LockedSend, Lost, Message, Passage, Tap};

use about::Aspect;
use delay_queue::DelayQueue;
use delivery::ReplyTo;
use state::{Direction, Incarnation, State};

use crate::api::PeerId;
use crate::channel;
use crate::sim::{self, Kind, Name, NodeId, draw, runtime};
use crate::time::Instant;
use crate::wire::WireError;

/// A network. Clones share it.
///
/// A network that is made inside a simulation runs in virtual time, any other in real time.
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
    /// The source of randomness outside of a simulation.
    seed: u64,
    /// `None` in a simulation, where the scheduler runs delayed events.
    delay_queue: Option<DelayQueue>,
}

impl Network {
    /// A network with `ends` ends. `seed` is used only outside of a simulation, which has its own.
    pub fn new(ends: usize, seed: u64) -> Network {
        let delay_queue = if sim::is_simulated() { None } else { Some(DelayQueue::start()) };
        Network { shared: Arc::new(Shared { state: Mutex::new(State::new(ends)), seed, delay_queue }) }
    }

    /// A link from one end to a port of another.
    pub fn link(&self, from: PeerId, to: PeerId, port: Port) -> Link {
        Link::new(from, to, port, Arc::new(self.clone()))
    }

    /// Plugs in a new incarnation of a server, without services. `node` is its node in a simulation.
    pub fn plug(&self, at: PeerId, node: Option<NodeId>) {
        let old = self.state().plug(at, node);
        drop(old);
    }

    /// Adds a service of the server at an end, or replaces it.
    pub fn add_service(&self, at: PeerId, port: Port, service: Arc<dyn Service>) {
        let old = self.state().add_service(at, port, service);
        drop(old);
    }

    /// Unplugs the server at an end. Messages that are under way to it are lost, and requests that it is
    /// serving get no reply.
    pub fn unplug(&self, at: PeerId) {
        let old = self.state().unplug(at);
        drop(old);
    }

    /// Unplugs all servers and drops the tap. Call it once at the end: it breaks the reference cycle
    /// network → service → link → network.
    pub fn close(&self) {
        (0..self.ends()).for_each(|at| self.unplug(at));
        let tap = self.state().tap.take();
        drop(tap);
    }

    /// Sets the conditions of all links that have none of their own.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.state().set_conditions(conditions);
    }

    /// Sets the conditions of one direction of one link; `None` for the network's conditions.
    pub fn set_link_conditions(&self, from: PeerId, to: PeerId, conditions: Option<Conditions>) {
        self.state().set_link_conditions(from, to, conditions);
    }

    /// Cuts one direction of a link, or reconnects it. A cut also loses the messages under way.
    pub fn set_cut(&self, from: PeerId, to: PeerId, is_cut: bool) {
        let now = Instant::now(); // before the lock, because the turn may end here
        let tap = {
            let mut state = self.state();
            if state.is_cut(from, to) == is_cut {
                return;
            }
            state.set_cut(from, to, is_cut);
            state.tap.clone()
        };
        if let Some(tap) = tap {
            sim::as_harness(|| tap.cut(now, from, to, is_cut));
        }
    }

    /// Whether one direction of a link is cut.
    pub fn is_cut(&self, from: PeerId, to: PeerId) -> bool {
        self.state().is_cut(from, to)
    }

    /// All counts so far.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// The number of requests that have arrived at an end, for all its incarnations.
    pub fn served(&self, at: PeerId) -> u64 {
        self.state().served(at)
    }

    /// The number of ends.
    pub fn ends(&self) -> usize {
        self.state().size()
    }

    /// Adds ends until there are at least `ends`.
    pub fn add_ends(&self, ends: usize) {
        self.state().add_ends(ends);
    }

    /// From now on `tap` observes every message.
    pub fn set_tap(&self, tap: Arc<dyn Tap>) {
        self.state().tap = Some(tap);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    fn is_simulated(&self) -> bool {
        self.shared.delay_queue.is_none()
    }

    fn decide<T: PartialEq>(&self, name: Name, about: Option<u64>, calm: T, wild: impl FnOnce(u64) -> T) -> T {
        if self.is_simulated() {
            sim::decide_about(name, about, calm, wild)
        } else {
            wild(draw(self.shared.seed, name))
        }
    }

    fn observe(&self, at: Instant, message: &Message, passage: Passage) {
        let tap = self.state().tap.clone();
        if let Some(tap) = tap {
            sim::as_harness(|| tap.message(at, message, passage));
        }
    }

    /// Tells the tap that the calling task begins to handle a message.
    fn handles(&self, message: &Message) {
        let tap = self.state().tap.clone();
        if let Some(tap) = tap {
            sim::as_harness(|| tap.handles(message));
        }
    }

    fn after(&self, delay: Duration, event: impl FnOnce() + Send + 'static) {
        let at = Instant::now() + delay;
        match &self.shared.delay_queue {
            None => sim::at(at, event),
            Some(queue) => queue.push(at, Box::new(event)),
        }
    }

    /// Runs a delivery at its receiver: in a simulation in a task of the receiver's node, and otherwise
    /// on the calling thread.
    fn spawn_at(
        &self,
        incarnation: Incarnation,
        name: &'static str,
        lineage: u64,
        job: impl FnOnce() + Send + 'static,
    ) {
        match incarnation.node {
            Some(node) => sim::spawn_named(node, name, lineage, job),
            None => job(),
        }
    }

    /// Draws how long a call to a server that is down or cut off waits before it fails.
    fn give_up_after(&self, direction: Direction) -> Duration {
        let now = Instant::now(); // before the lock, because the turn may end here
        let (conditions, stamp, _) = self.state().departure(direction, now);
        let longest_ms = conditions.unreachable_max.as_millis() as u64;
        let name = Name::new(Kind::Delay, direction.name(Aspect::GivenUp), stamp);
        Duration::from_millis(self.decide(name, None, 0, |bits| bits % (longest_ms + 1)))
    }

    fn report_wire_error(&self, at: PeerId, error: WireError) {
        let message = format!("server {at} received a message that it cannot decode: {error}");
        if self.is_simulated() { sim::fail_to_decode(message) } else { log::error!("{message}") }
    }
}

impl Carrier for Network {
    fn send(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>) {
        // A server that is not plugged in any more cannot send.
        let Some(incarnation) = self.state().incarnation(from) else { return };
        self.dispatch(from, to, port, request, ReplyTo::Service { incarnation });
    }

    fn call(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>, patience: Duration) -> Option<Vec<u8>> {
        let direction = Direction { from, to, is_reply: false };
        let is_reachable = self.state().is_reachable(direction);
        let patience = if is_reachable { patience } else { patience.min(self.give_up_after(direction)) };
        let (caller, replied) = channel::bounded(1);
        // `caller` stays alive here: otherwise a lost message would disconnect the channel, and the call
        // would return early.
        self.dispatch(from, to, port, request, ReplyTo::Caller(caller.clone()));
        let set_calling = |is_calling| runtime::current().into_iter().for_each(|world| world.set_calling(is_calling));
        set_calling(true);
        let reply = replied.recv_timeout(patience);
        set_calling(false);
        reply.ok()
    }

    fn locked_send(&self, send: LockedSend) {
        let tap = self.state().tap.clone();
        if let (Some(tap), Some(world)) = (tap, runtime::current()) {
            let now = Instant::from_nanos(world.now_ns());
            sim::as_harness(|| tap.locked_send(now, send));
        }
    }

    fn report(&self, error: WireError) {
        if self.is_simulated() { sim::fail_to_decode(error.to_string()) } else { log::error!("{error}") }
    }
}
