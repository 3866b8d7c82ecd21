//! Lab 3A: what does a client see? (§8)
//!
//! # Goal
//!
//! A key-value store with `get`, `put` and `append` that looks like one machine which does each operation once, and never fails:
//! each operation seems to happen at one moment between its call and its return.
//!
//! # Interface
//!
//! [`boot`] starts a server of lab 2D. [`serve`] starts the service over it, or over any other Raft; its `request` answers a
//! clerk's [`Command`](labrpc::kv::Command) with an [`Answer`](labrpc::kv::Answer), its `shutdown` ends both. [`clerk`] makes a
//! client.
//!
//! # Rules
//!
//! - A client's writes have increasing numbers, kept over all retries. A write that was applied is not applied again. This is
//!   decided when a command is applied.
//! - A request succeeds only after its own command was applied, with that command's result. It is refused at once when the
//!   leadership is lost in which its command was taken, and after [`PATIENCE`] in any case. After a shutdown nobody is answered.
//! - A clerk that is refused, or gets no answer within [`PATIENCE`], asks the next server. It asks first who answered last, and
//!   pauses when nobody has answered, for 10 ms to a second.
//!
//! # What the tests watch
//!
//! Everything of lab 2; each request and answer, and whether one order of all operations explains them; that no request waits for
//! nothing, and that answered ones leave nothing behind; how many entries, messages and saves an operation costs.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{Receiver, Sender};
use labrpc::kv::ClientId;
use labrpc::{ApplyMsg, ElectionServer, KvClient, Link, PeerId, Persister, Replicate, SnapshotServer, Timing};

pub use crate::codec::CODEC;

/// How long these servers wait. The tests hold them to it.
pub const TIMING: Timing = Timing {
    heartbeat_interval: Duration::from_millis(100),
    election_timeout_min: Duration::from_millis(400),
    election_timeout_max: Duration::from_millis(800),
};

/// How long a clerk waits for one server, and a request for its command.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// Starts server `me`. `peers` has a link to each server, itself included, in order; `seed` is for its timeouts.
pub fn boot(
    me: PeerId,
    peers: Vec<Link>,
    seed: u64,
    apply_ch: Sender<ApplyMsg>,
    persister: Arc<Persister>,
) -> Arc<dyn SnapshotServer> {
    // BEGIN 3A lab 2D
    // HINT It is the server of lab 2D: `cargo lab carry 2d 3a` copies it.
    Arc::new(crate::raft::Raft::start(me, peers, TIMING, seed, Some(persister), Some(apply_ch)))
    // END
}

/// Starts the service over a Raft server, which sends what is committed to the other end of `apply_ch`.
pub fn serve(raft: Arc<dyn Replicate>, apply_ch: Receiver<ApplyMsg>) -> Arc<dyn ElectionServer> {
    // BEGIN 3A §8, the service
    // HINT What are the commands in the log, and how does a request learn that its command was applied?
    // HINT A request that waits must end when the leadership is lost, and when nothing happens for `PATIENCE`.
    Arc::new(crate::kv::server::KvServer::start(raft, apply_ch, PATIENCE))
    // END
}

/// A client with a link to each server. No other client ever has its name.
pub fn clerk(client: ClientId, servers: Vec<Link>) -> Box<dyn KvClient> {
    // BEGIN 3A §8, the client
    // HINT What must be the same in each request for one operation, so that a server recognizes it?
    Box::new(crate::kv::clerk::Clerk::new(client, servers, PATIENCE))
    // END
}
