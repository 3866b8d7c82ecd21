//! The threads around a protocol: one lock, one door, one ticker.

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::sync::{Condvar, Mutex};
use labrpc::thread;
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{Elect, Link, Outbox, PeerId, Protocol, Service, Standing};

/// A protocol with a lock around it and a clock beside it. Clones are the same server.
///
/// # Invariants
///
/// - The protocol changes only within [`step`](Node::step), and in what
///   [`wait_until_ready`](Node::wait_until_ready) takes from it.
/// - Under the lock nothing is sent and nothing is waited for but one's own condition.
/// - No thread looks up at intervals: each sleeps until it is signalled or due.
pub struct Node<P: Protocol> {
    shared: Arc<Shared<P>>,
}

struct Shared<P: Protocol> {
    inside: Mutex<Inside<P>>,
    /// The ticker waits here. Signalled when the next tick is due sooner than it was.
    due_sooner: Condvar,
    /// An applier waits here. Signalled when there is something to hand over, and was not before.
    ready: Condvar,
    /// Watchers wait here. Signalled when term or leadership changed.
    standing_changed: Condvar,
    links: BTreeMap<PeerId, Link>,
}

/// All that the lock guards.
struct Inside<P> {
    core: P,
    is_shut_down: bool,
}

impl<P: Protocol> Clone for Node<P> {
    fn clone(&self) -> Self {
        Node { shared: self.shared.clone() }
    }
}

impl<P: Protocol> Node<P> {
    /// Puts `core` behind a lock and starts its ticker. `links` lead to the other servers.
    pub fn spawn(core: P, links: Vec<Link>) -> Node<P> {
        let shared = Shared {
            inside: Mutex::new(Inside { core, is_shut_down: false }),
            due_sooner: Condvar::new(),
            ready: Condvar::new(),
            standing_changed: Condvar::new(),
            links: links.into_iter().map(|link| (link.to(), link)).collect(),
        };
        let node = Node { shared: Arc::new(shared) };
        let ticker = node.clone();
        thread::Builder::new()
            .name("ticker".into())
            .spawn(move || ticker.tick_when_due())
            .expect("a thread for the ticker");
        node
    }

    /// The one door to the protocol. Whatever happens to a server happens in here, one at a time:
    ///
    /// 1. take the lock;
    /// 2. let `step` change the protocol, at the time that it is then;
    /// 3. let go of the lock;
    /// 4. wake those, and only those, whose condition has come true: the ticker if it is due
    ///    sooner, the applier if something became ready, watchers if the standing changed;
    /// 5. send what `step` wants sent.
    ///
    /// The lock is free before anything is sent, so a slow network never keeps out a message
    /// that comes in. `None` if the server is shut down; then `step` was not called.
    pub fn step<R>(&self, step: impl FnOnce(&mut P, Instant, &mut Outbox<P::Request>) -> R) -> Option<R> {
        // BEGIN 2A §5 all rules: lock, step, unlock, signal, send
        let mut outbox = Outbox::default();
        let mut inside = self.shared.inside.lock();
        if inside.is_shut_down {
            return None;
        }
        let core = &mut inside.core;
        let (due, was_ready, standing) = (core.due(), core.is_ready(), core.standing());
        let result = step(core, Instant::now(), &mut outbox);
        let is_due_sooner = core.due() < due;
        let is_newly_ready = core.is_ready() && !was_ready;
        let is_standing_changed = core.standing() != standing;
        drop(inside);

        if is_due_sooner {
            self.shared.due_sooner.notify_one();
        }
        if is_newly_ready {
            self.shared.ready.notify_one();
        }
        if is_standing_changed {
            self.shared.standing_changed.notify_all();
        }
        for (to, request) in outbox.take() {
            self.shared.links[&to].send(&request);
        }
        Some(result)
        // END
    }

    /// Blocks until the protocol has something ready, then takes it out. `None` once the server
    /// is shut down. Meant for one thread alone, since it wakes one.
    ///
    /// The lock is free again when this returns: whatever is done with what was taken keeps
    /// nobody out.
    pub fn wait_until_ready<R>(&self, take: impl FnOnce(&mut P) -> R) -> Option<R> {
        let mut inside = self.shared.inside.lock();
        while !inside.is_shut_down {
            if inside.core.is_ready() {
                return Some(take(&mut inside.core));
            }
            self.shared.ready.wait(&mut inside);
        }
        None
    }

    fn tick_when_due(&self) {
        while self.wait_until_due() {
            self.step(|core, now, outbox| core.tick(now, outbox));
        }
    }

    /// Blocks until a tick is due. False once the server is shut down.
    fn wait_until_due(&self) -> bool {
        let mut inside = self.shared.inside.lock();
        while !inside.is_shut_down {
            let due = inside.core.due();
            if due <= Instant::now() {
                return true;
            }
            self.shared.due_sooner.wait_until(&mut inside, due);
        }
        false
    }
}

impl<P: Protocol> Elect for Node<P> {
    fn standing(&self) -> Standing {
        self.shared.inside.lock().core.standing()
    }

    fn watch(&self, seen: Standing) -> Option<Standing> {
        let mut inside = self.shared.inside.lock();
        while !inside.is_shut_down {
            let standing = inside.core.standing();
            if standing != seen {
                return Some(standing);
            }
            self.shared.standing_changed.wait(&mut inside);
        }
        None
    }

    fn shutdown(&self) {
        // Under the lock, so no step is half done when this returns. What a finished step had to
        // say may still be on its way out: it is true and saved.
        self.shared.inside.lock().is_shut_down = true;
        self.shared.due_sooner.notify_all();
        self.shared.ready.notify_all();
        self.shared.standing_changed.notify_all();
    }
}

impl<P: Protocol> Service for Node<P> {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let request = wire::decode(request).map_err(|error| error.sent_by(from))?;
        let reply = self.step(|core, now, _| core.handle(request, now));
        Ok(reply.map(|reply| wire::encode(&reply)))
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let reply = wire::decode(reply).map_err(|error| error.sent_by(from))?;
        self.step(|core, now, outbox| core.absorb(from, reply, now, outbox));
        Ok(())
    }
}
