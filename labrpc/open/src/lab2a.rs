//! Lab 2A: who leads? (§5.1, §5.2)
//!
//! # Goal
//!
//! A cluster elects one leader, keeps it while it is healthy, and elects another soon after it fails. No term ever has two
//! leaders. There is no log yet, so AppendEntries without entries, the heartbeat, is all that a leader sends.
//!
//! # Interface
//!
//! [`boot`] starts a server. What it returns implements [`Elect`](labrpc::Elect), which is what the service and the tests ask
//! of it, and [`Service`](labrpc::Service), through which other servers reach it.
//!
//! # Rules
//!
//! - Figure 2, All Servers: a newer term, in a request or in a reply, makes every server a follower in it.
//! - Figure 2, RequestVote: one vote in a term, to the first candidate that asks, whose log is at least as up to date
//!   (§5.4.1; all logs are empty here). Only a granted vote restarts the timer.
//! - Figure 2, Candidates: a campaign begins when nothing was heard from a leader for a random time between
//!   `election_timeout_min` and `election_timeout_max`, drawn anew each time. The votes of a majority, each voter counted
//!   once, make a leader. Otherwise the next campaign follows, in the next term and after another timeout. A leader waits for no
//!   timeout; when it steps down, it does.
//! - Figure 2, Leaders: the first heartbeat leaves at once, and then one every `heartbeat_interval`, at most 1 ms late: count from
//!   the last one to the moment at which the next is due.
//! - Figure 2, AppendEntries rule 1: a leader of an older term is refused. Any other is followed, and restarts the timer.
//!
//! # What the tests watch
//!
//! Every message of your servers and when it leaves; what `status` says; that `watch` returns at each change; how many threads,
//! messages and operations a server needs, and that these do not grow with elections; that after a crash or a `shutdown`
//! nothing more is sent. One server of yours among scripted ones must do the right thing for each message at each moment.

use std::sync::Arc;
use std::time::Duration;

use labrpc::{ElectionServer, Link, PeerId, Timing};

pub use crate::codec::CODEC;

/// How long these servers wait. The tests hold them to it.
pub const TIMING: Timing = Timing {
    heartbeat_interval: Duration::from_millis(100),
    election_timeout_min: Duration::from_millis(400),
    election_timeout_max: Duration::from_millis(800),
};

/// Starts server `me`. `peers` has a link to each server, itself included, in order; `seed` is for its timeouts.
pub fn boot(me: PeerId, peers: Vec<Link>, seed: u64) -> Arc<dyn ElectionServer> {
    // BEGIN 2A the whole lab
    // HINT docs/open-track.md says what `boot` gets, what its server implements, and what is up to you.
    // HINT A type of your own implements the traits. Start its threads, and return an `Arc` of it.
    Arc::new(crate::raft::Raft::start(me, peers, TIMING, seed, None, None))
    // END
}
