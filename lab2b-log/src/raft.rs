//! Lab 2A's node, and a thread that hands over what was agreed.

use lab2a_election::{Election, Node};
use labrpc::channel::Sender;
use labrpc::thread;
use labrpc::wire::WireError;
use labrpc::{ApplyMsg, Bytes, Elect, Link, LogPosition, NotLeader, PeerId, Replicate, Service, Standing};

use crate::log::VecLog;
use crate::replica::{Replica, Replication};

/// Boots lab 2B's server. What is agreed comes out of the other end of `applied`.
pub fn boot(election: Election, links: Vec<Link>, applied: Sender<ApplyMsg>) -> Raft<Replica<VecLog>> {
    Raft::spawn(Replica::new(election), links, applied)
}

/// A server that replicates commands. Clones are the same server.
pub struct Raft<P: Replication> {
    node: Node<P>,
}

impl<P: Replication> Clone for Raft<P> {
    fn clone(&self) -> Self {
        Raft { node: self.node.clone() }
    }
}

impl<P: Replication> Raft<P> {
    /// Starts a node around `core`, and the applier beside it.
    pub fn spawn(core: P, links: Vec<Link>, applied: Sender<ApplyMsg>) -> Raft<P> {
        let node = Node::spawn(core, links);
        let source = node.clone();
        thread::Builder::new()
            .name("applier".into())
            .spawn(move || hand_over(&source, &applied))
            .expect("a thread for the applier");
        Raft { node }
    }

    /// The node inside.
    pub fn node(&self) -> &Node<P> {
        &self.node
    }
}

/// The applier, the only thread that sends to the service: whatever is ready goes out at once
/// and in order, then it sleeps until there is more. It ends with the server or with the service.
fn hand_over<P: Replication>(node: &Node<P>, applied: &Sender<ApplyMsg>) {
    // BEGIN 2B §5.3: wait, take, and send with the lock free
    // Asleep until there is something: an applier that looks every few milliseconds is late each time.
    while let Some(ready) = node.wait_until_ready(P::take_ready) {
        // The lock is free. The service may be slow, or be calling this very server before it
        // takes the next message; holding the lock here would stop both for ever.
        for message in ready {
            if applied.send(message).is_err() {
                return; // The service is gone, and no lock is held that could stay behind.
            }
        }
    }
    // END
}

impl<P: Replication> Elect for Raft<P> {
    fn standing(&self) -> Standing {
        self.node.standing()
    }

    fn watch(&self, seen: Standing) -> Option<Standing> {
        self.node.watch(seen)
    }

    fn shutdown(&self) {
        self.node.shutdown();
    }
}

impl<P: Replication> Replicate for Raft<P> {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        self.node.step(|core, _, outbox| core.propose(command, outbox)).unwrap_or(Err(NotLeader))
    }
}

impl<P: Replication> Service for Raft<P> {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        self.node.request(from, request)
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        self.node.reply(from, reply)
    }
}
