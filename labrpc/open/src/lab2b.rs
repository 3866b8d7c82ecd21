//! Lab 2B: what was agreed? (§5.3, §5.4)
//!
//! # Goal
//!
//! A log of commands that all servers agree on, entry by entry, even if the leader changes. What a majority holds is committed, and every
//! server applies it, in order, once.
//!
//! # Interface
//!
//! [`boot`] starts a server with a channel for what is committed: an [`ApplyMsg`] for each entry, in log order. What it returns
//! also implements [`Replicate`](labrpc::Replicate): `start` appends a command to a leader's log and returns at once.
//!
//! # Rules
//!
//! All of lab 2A, with logs that are no longer empty (§5.4.1), and:
//!
//! - Figure 2, AppendEntries rules 2 to 5. An entry that is there already stays, and so does what follows it: a request may be late.
//! - Figure 2, Leaders: new entries leave at once, to each follower with no request on its way, and go on until all is
//!   agreed. The next heartbeat repeats what is unanswered. A request has at most
//!   [`APPEND_BYTES_MAX`](labrpc::APPEND_BYTES_MAX) of entries, 64 KiB, or a single larger one. A leader never changes its own log except at its end.
//! - §5.3, at its end: a leader finds where a follower's log differs with at most one refusal for each term.
//! - Figure 2, Leaders rule 4 (§5.4.2): an entry of the leader's own term is committed once a majority holds it, and
//!   with it everything before it.
//! - Late, doubled and reordered replies change nothing.
//!
//! # What the tests watch
//!
//! Everything of lab 2A; which entries are sent to whom and how often; what is committed before a majority holds it, or not as soon
//! as it does; what is applied, and in which order; that `start` never waits, and that a slow service never delays the server;
//! bytes and memory, which do not grow with what the server has done, except for its log.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::Sender;
use labrpc::{ApplyMsg, Link, LogServer, PeerId, Timing};

pub use crate::codec::CODEC;

/// How long these servers wait. The tests hold them to it.
pub const TIMING: Timing = Timing {
    heartbeat_interval: Duration::from_millis(100),
    election_timeout_min: Duration::from_millis(400),
    election_timeout_max: Duration::from_millis(800),
};

/// Starts server `me`. `peers` has a link to each server, itself included, in order; `seed` is for its timeouts.
pub fn boot(me: PeerId, peers: Vec<Link>, seed: u64, apply_ch: Sender<ApplyMsg>) -> Arc<dyn LogServer> {
    // BEGIN 2B the whole lab
    // HINT Begin with your code for lab 2A: `cargo lab carry 2a 2b` copies it.
    // HINT What is committed goes to `apply_ch`, in order and once, from a thread that holds no lock.
    // HINT A type of your own implements the traits. Start its threads, and return an `Arc` of it.
    Arc::new(crate::raft::Raft::start(me, peers, TIMING, seed, None, Some(apply_ch)))
    // END
}
