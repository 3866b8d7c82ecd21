//! What was agreed?
//!
//! The leader of lab 2A puts its clients' commands in order, and the others copy that order.
//! A command that a majority holds is agreed upon for ever: every later leader has it. Each
//! server then hands the same commands, in the same order, to its own service.
//!
//! Read in this order:
//!
//! 1. [`log`]: the log, and the one rule by which a follower's log becomes its leader's.
//! 2. [`message`]: lab 2A's heartbeat grows entries, and an answer that says what became of them.
//! 3. [`progress`]: what a leader knows of one follower, and how it finds out.
//! 4. [`replica`]: one copy of the log: an [`Election`](lab2a_election::Election), a log, and the
//!    rules of replication and commitment around them. Still a plain value.
//! 5. [`raft`]: lab 2A's threads and one more, which hands over what was agreed.
//!
//! **Invariant.** Every reply names all that it is about. So nobody remembers what was asked,
//! and a reply that comes late, twice or out of order needs no special care.
//!
//! Missing on purpose: a restarted server has lost its log (lab 2C). The log only grows (lab 2D);
//! but its reader must already cope with a log that begins later than at the first index, which
//! is why there is a [`RaftLog::base`] and a [`Compacted`].

pub mod face;
pub mod log;
pub mod message;
pub mod progress;
pub mod raft;
pub mod replica;

pub use log::{Compacted, Conflict, Entry, RaftLog, Suffix, VecLog};
pub use message::{AppendEntries, AppendEntriesReply, Appended, Reply, Request};
pub use progress::Progress;
pub use raft::{Raft, boot};
pub use replica::{Replica, Replication};
