//! All layers together.

use std::sync::Arc;

use lab2a_election::Election;
use lab2c_persist::Persisted;
use labrpc::channel::Sender;
use labrpc::wire::WireError;
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, Link, LogPosition, NotLeader, PeerId, Persister, Replicate, Service,
    Standing,
};

use crate::compacting::{Compacting, Compaction};

/// The whole of Raft, as far as this course goes. Clones are the same server.
///
/// From the inside out: an election (lab 2A) in a replica (2B), which keeps a snapshot (2D), on
/// disk (2C), behind a lock (2A) with an applier (2B).
#[derive(Clone)]
pub struct Raft {
    threads: lab2b_log::Raft<Persisted<Compacting>>,
}

impl Raft {
    /// Boots lab 2D's server from whatever its persister holds. What is agreed comes out of the
    /// other end of `applied`: first the snapshot, if there is one.
    pub fn boot(election: Election, persister: Arc<Persister>, links: Vec<Link>, applied: Sender<ApplyMsg>) -> Raft {
        let core = Persisted::recover(Compacting::new(election), persister);
        Raft { threads: lab2b_log::Raft::spawn(core, links, applied) }
    }
}

impl Elect for Raft {
    fn standing(&self) -> Standing {
        self.threads.standing()
    }

    fn watch(&self, seen: Standing) -> Option<Standing> {
        self.threads.watch(seen)
    }

    fn shutdown(&self) {
        self.threads.shutdown();
    }
}

impl Replicate for Raft {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        self.threads.start(command)
    }
}

impl Compact for Raft {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        self.threads.node().step(|core, _, _| core.compact(through, snapshot));
    }
}

impl Service for Raft {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        self.threads.request(from, request)
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        self.threads.reply(from, reply)
    }
}
