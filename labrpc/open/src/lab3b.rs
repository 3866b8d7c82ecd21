//! Lab 3B: how does a service stay small? (§7, §8)
//!
//! # Goal
//!
//! The service of lab 3A takes snapshots of its store, so that the log stays small. Clients do not notice.
//!
//! # Interface
//!
//! As in lab 3A. [`serve`] also gets the disk, which says how large Raft's saved state is, and a size near which that should stay.
//! [`state`] makes the service's state without a server, for the tests: an empty one, or the one that a snapshot holds.
//!
//! # Rules
//!
//! - A snapshot holds the whole state of the service after its last entry: more than the pairs.
//! - It is taken on every server, as soon as the saved state exceeds its limit and enough of it can go.
//! - A snapshot that comes from Raft replaces the whole state. Requests whose writes are in it are done.
//! - A snapshot that cannot be read stops the server.
//!
//! # What the tests watch
//!
//! Everything of lab 3A; each snapshot, read back with [`state`]; the size of the saved state and of the snapshots, at all times.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{Receiver, Sender};
use labrpc::kv::ClientId;
use labrpc::{
    ApplyMsg, Compact, ElectionServer, KvClient, Link, PeerId, Persister, ServiceState, SnapshotServer, Timing,
};

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
    // BEGIN 3B lab 2D
    // HINT It is the server of lab 2D: `cargo lab carry 3a 3b` copies it.
    Arc::new(crate::raft::Raft::start(me, peers, TIMING, seed, Some(persister), Some(apply_ch)))
    // END
}

/// Starts the service over a Raft server whose saved state, which `persister` holds, should stay near
/// `raft_state_bytes_max` bytes.
pub fn serve(
    raft: Arc<dyn Compact>,
    apply_ch: Receiver<ApplyMsg>,
    persister: Arc<Persister>,
    raft_state_bytes_max: usize,
) -> Arc<dyn ElectionServer> {
    // BEGIN 3B §7, the service
    // HINT It is the service of lab 3A, which also takes snapshots, and starts from them.
    // HINT Which index belongs to a snapshot, and what besides the pairs is in it?
    let server =
        crate::kv::server::KvServer::start_compacting(raft, apply_ch, persister, raft_state_bytes_max, PATIENCE);
    Arc::new(server)
    // END
}

/// The state of a service without a server: an empty one, or the one that a snapshot holds.
pub fn state(snapshot: Option<&[u8]>) -> Box<dyn ServiceState> {
    // BEGIN 3B §7, the state
    // HINT Without its snapshot a server cannot go on: panic if it cannot be read.
    use crate::kv::store::Store;
    Box::new(snapshot.map_or_else(Store::default, Store::from_bytes))
    // END
}

/// A client with a link to each server. No other client ever has its name.
pub fn clerk(client: ClientId, servers: Vec<Link>) -> Box<dyn KvClient> {
    // BEGIN 3B §8, the client
    // HINT It is the client of lab 3A.
    Box::new(crate::kv::clerk::Clerk::new(client, servers, PATIENCE))
    // END
}
