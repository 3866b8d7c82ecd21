//! A server without threads, clocks or sockets.

use serde::{Serialize, de::DeserializeOwned};

use crate::api::{PeerId, Standing};
use crate::time::Instant;

/// What may travel over the network.
pub trait Wire: Serialize + DeserializeOwned + Clone + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> Wire for T {}

/// The requests that a step wants sent, once its lock is let go.
///
/// ```
/// use labrpc::Outbox;
///
/// let mut outbox = Outbox::default();
/// outbox.send(2, "vote for me");
/// assert_eq!(outbox.take(), [(2, "vote for me")]);
/// assert!(outbox.take().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Outbox<M> {
    mail: Vec<(PeerId, M)>,
}

impl<M> Default for Outbox<M> {
    fn default() -> Self {
        Outbox { mail: Vec::new() }
    }
}

impl<M> Outbox<M> {
    /// Queues one request.
    pub fn send(&mut self, to: PeerId, request: M) {
        self.mail.push((to, request));
    }

    /// Lets an inner layer write in its own language, which `wrap` turns into this layer's.
    ///
    /// ```
    /// use labrpc::Outbox;
    ///
    /// let mut outbox: Outbox<String> = Outbox::default();
    /// outbox.nested(|term: u64| format!("heartbeat of term {term}"), |inner| inner.send(1, 7));
    /// assert_eq!(outbox.take(), [(1, "heartbeat of term 7".to_string())]);
    /// ```
    pub fn nested<I, R>(&mut self, wrap: impl Fn(I) -> M, step: impl FnOnce(&mut Outbox<I>) -> R) -> R {
        let mut inner = Outbox::default();
        let result = step(&mut inner);
        self.mail.extend(inner.mail.into_iter().map(|(to, request)| (to, wrap(request))));
        result
    }

    /// Takes everything queued, in order.
    pub fn take(&mut self) -> Vec<(PeerId, M)> {
        std::mem::take(&mut self.mail)
    }
}

/// A server's rules as a plain state machine: events in, requests out.
///
/// Whatever a method posts or returns leaves the server only after the method has returned.
/// A protocol never reads a clock, never blocks and owns no thread; given the same events at
/// the same times it does the same things.
pub trait Protocol: Send + 'static {
    /// What this layer asks of other servers.
    type Request: Wire;
    /// How it answers them. A reply names all that it is about, so that one that is late,
    /// doubled or out of order is understood without its request.
    type Reply: Wire;

    /// Time has passed.
    fn tick(&mut self, now: Instant, outbox: &mut Outbox<Self::Request>);

    /// Another server asks.
    fn handle(&mut self, request: Self::Request, now: Instant) -> Self::Reply;

    /// Another server has answered.
    fn absorb(&mut self, from: PeerId, reply: Self::Reply, now: Instant, outbox: &mut Outbox<Self::Request>);

    /// When [`tick`](Protocol::tick) next has something to do. The ticker sleeps till then.
    fn due(&self) -> Instant;

    /// Whether the applier would find something to hand over. It is woken only then.
    fn is_ready(&self) -> bool;

    /// What the server believes about itself.
    fn standing(&self) -> Standing;
}
