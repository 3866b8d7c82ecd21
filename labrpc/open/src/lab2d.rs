//! Lab 2D: what may be forgotten? (§7)
//!
//! # Goal
//!
//! The service says: this snapshot is my state after entry 40. The server then drops entries 1 to 40, in memory and on the disk. A
//! follower that still needs them is sent the snapshot instead, and a server that boots starts from it.
//!
//! # Interface
//!
//! What [`boot`] returns also implements [`Compact`](labrpc::Compact): the service calls `snapshot`. A snapshot that the service
//! has to take over, from a leader or after a boot, is sent to it as an [`ApplyMsg::Snapshot`].
//!
//! # Rules
//!
//! All of labs 2A to 2C, and:
//!
//! - The log begins right after the snapshot's last entry, whose index and term are remembered, in one save with the snapshot.
//! - Figure 13, receiver rules 1 and 5 to 8, for a snapshot in one piece: entries after it stay if the log holds its last entry. A snapshot
//!   of what is known to be committed changes nothing.
//! - The service receives a snapshot once, before the commands that follow it, and never an older one.
//! - A leader sends its snapshot to a follower that needs it, has just answered, and has none on its way. Then entries follow. A
//!   call that failed does not end this: the snapshot is on its way until the follower has answered something later.
//! - Entries that a snapshot covers count as held, and are skipped.
//!
//! # What the tests watch
//!
//! Everything of the labs before; where the log on the disk begins; which snapshots are sent, to whom and how often; what
//! the service receives; that the service may call its server at any time.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::Sender;
use labrpc::{ApplyMsg, Link, PeerId, Persister, SnapshotServer, Timing};

pub use crate::codec::CODEC;

/// How long these servers wait. The tests hold them to it.
pub const TIMING: Timing = Timing {
    heartbeat_interval: Duration::from_millis(100),
    election_timeout_min: Duration::from_millis(400),
    election_timeout_max: Duration::from_millis(800),
};

/// Starts server `me`. `peers` has a link to each server, itself included, in order; `seed` is for its timeouts.
pub fn boot(
    me: PeerId,
    peers: Vec<Link>,
    seed: u64,
    apply_ch: Sender<ApplyMsg>,
    persister: Arc<Persister>,
) -> Arc<dyn SnapshotServer> {
    // BEGIN 2D the whole lab
    // HINT Begin with your code for lab 2C: `cargo lab carry 2c 2d` copies it.
    // HINT After a boot, the service receives the snapshot on the disk before anything else.
    // HINT A type of your own implements the traits. Start its threads, and return an `Arc` of it.
    Arc::new(crate::raft::Raft::start(me, peers, TIMING, seed, Some(persister), Some(apply_ch)))
    // END
}
