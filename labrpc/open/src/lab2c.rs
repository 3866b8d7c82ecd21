//! Lab 2C: what survives a crash? (Figure 2, persistent state)
//!
//! # Goal
//!
//! A server that comes back from a crash keeps its promises: the term it knew, the vote it gave, the entries it acknowledged.
//!
//! # Interface
//!
//! [`boot`] gets the server's disk, a [`Persister`]. `image` is what is on it, `None` at the first boot; `save` takes a
//! change, `save_state` a whole state. A save happens as a whole or not at all, and a crash may come right before or
//! right after it.
//!
//! # Rules
//!
//! All of labs 2A and 2B, and:
//!
//! - Figure 2: term, vote and log are on the disk before any message leaves that tells of them, and before `start` returns.
//! - Nothing is saved that has not changed.
//! - Whatever the disk holds after any of the saves is a state that a server may boot from.
//! - What was committed is not on the disk: a leader tells it again.
//! - A disk that cannot be read stops the server at its boot.
//!
//! # What the tests watch
//!
//! Each save and each message, in their order; the disk after each save; what a server that is restarted still knows, and that it
//! applies all entries anew; how often is saved, and how many bytes.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::Sender;
use labrpc::{ApplyMsg, Link, LogServer, PeerId, Persister, Timing};

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
) -> Arc<dyn LogServer> {
    // BEGIN 2C the whole lab
    // HINT Begin with your code for lab 2B: `cargo lab carry 2b 2c` copies it.
    // HINT If the persister has an image, the server goes on from there. A change is saved before it is sent.
    // HINT A type of your own implements the traits. Start its threads, and return an `Arc` of it.
    Arc::new(crate::raft::Raft::start(me, peers, TIMING, seed, Some(persister), Some(apply_ch)))
    // END
}
