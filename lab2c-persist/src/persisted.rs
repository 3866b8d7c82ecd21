//! Write before you speak.

use std::sync::Arc;

use lab2a_election::Election;
use lab2b_log::{Replica, Replication, VecLog};
use labrpc::channel::Sender;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Link, LogPosition, NotLeader, Outbox, PeerId, Persister, Protocol, Standing};

use crate::durable::Durable;
use crate::outline::Outline;

/// Lab 2C's server.
pub type Raft = lab2b_log::Raft<Persisted<Replica<VecLog>>>;

/// Boots lab 2C's server from whatever its persister holds. What is agreed comes out of the other
/// end of `applied`.
pub fn boot(election: Election, persister: Arc<Persister>, links: Vec<Link>, applied: Sender<ApplyMsg>) -> Raft {
    Raft::spawn(Persisted::recover(Replica::new(election), persister), links, applied)
}

/// A protocol whose every step is on disk before any of its messages leaves.
///
/// # Invariants
///
/// - Between two steps, the disk holds the state of the protocol inside.
/// - A step is saved once, whole, or not at all if it changed nothing that must survive.
pub struct Persisted<P> {
    inner: P,
    persister: Arc<Persister>,
    /// What the persister holds.
    disk: Outline,
}

impl<P: Durable> Persisted<P> {
    /// Takes up where a crash left off; on the first boot, starts afresh and writes nothing.
    ///
    /// # Panics
    ///
    /// When what the persister holds cannot be read back.
    pub fn recover(mut inner: P, persister: Arc<Persister>) -> Self {
        // BEGIN 2C Figure 2, persistent state: restore the image if there is one, and let the outline catch up with it
        let mut disk = Outline::default();
        if let Some(image) = persister.image() {
            inner.restore(&image);
            inner.changes(&mut disk); // All of it is on disk already.
        }
        Persisted { inner, persister, disk }
        // END
    }

    /// The protocol inside.
    pub fn inner(&self) -> &P {
        &self.inner
    }

    /// Changes the protocol inside, and saves the change. Whoever called sends its messages only
    /// after this has returned.
    ///
    /// Everything goes through here, so no rule can forget to save. All that a step changes is
    /// saved at once, under the lock that the step was taken under: no crash and no other step
    /// can come in between.
    pub fn step<R>(&mut self, step: impl FnOnce(&mut P) -> R) -> R {
        // BEGIN 2C Figure 2, updated on stable storage before responding: step, compare the marks, save once
        let result = step(&mut self.inner);
        if self.inner.mark() != self.disk.mark() {
            self.persister.save(self.inner.changes(&mut self.disk));
        }
        result
        // END
    }
}

impl<P: Durable> Protocol for Persisted<P> {
    type Request = P::Request;
    type Reply = P::Reply;

    fn tick(&mut self, now: Instant, outbox: &mut Outbox<P::Request>) {
        self.step(|inner| inner.tick(now, outbox));
    }

    fn handle(&mut self, request: P::Request, now: Instant) -> P::Reply {
        self.step(|inner| inner.handle(request, now))
    }

    fn absorb(&mut self, from: PeerId, reply: P::Reply, now: Instant, outbox: &mut Outbox<P::Request>) {
        self.step(|inner| inner.absorb(from, reply, now, outbox));
    }

    fn due(&self) -> Instant {
        self.inner.due()
    }

    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    fn standing(&self) -> Standing {
        self.inner.standing()
    }
}

impl<P: Durable + Replication> Replication for Persisted<P> {
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox<P::Request>) -> Result<LogPosition, NotLeader> {
        self.step(|inner| inner.propose(command, outbox))
    }

    fn take_ready(&mut self) -> Vec<ApplyMsg> {
        self.inner.take_ready() // What was handed over need not survive: it is handed over again.
    }
}
