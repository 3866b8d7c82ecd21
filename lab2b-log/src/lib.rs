//! What was agreed?
//!
//! The leader of lab 2A puts its clients' commands in order, and the others copy that order.
//! A committed command is agreed on forever: every later leader has it. Each server
//! then sends the same commands, in the same order, to its own service.
//!
//! Read in this order:
//!
//! 1. [`labrpc::RaftLog`]: what a replica needs from its log. [`log`]: a log that keeps everything,
//!    and the rule (`splice`) that makes a follower's log match its leader's.
//! 2. [`labrpc::message`]: AppendEntries now carries entries, and its answer says what became of
//!    them.
//! 3. [`progress`]: what a leader knows about one follower, and how it finds out.
//! 4. [`replica`]: one copy of the log: an [`Election`](lab2a_election::Election), a log, and the
//!    rules of replication and commitment around them. It is still a plain value.
//! 5. [`server`]: lab 2A's server with one thread more, which sends committed commands to the
//!    service.
//!
//! **Invariant.** A reply can be understood without its request, so a reply that comes late, twice
//! or out of order needs no special care.
//!
//! Missing on purpose: a restarted server has lost its log (lab 2C). The log only grows (lab 2D);
//! but `replica` already copes with a log that begins after the first index, which is why there is
//! a [`base`](labrpc::RaftLog::base) and a [`Compacted`](labrpc::Compacted).

pub mod log;
pub mod progress;
pub mod replica;
pub mod server;

pub use log::VecLog;
pub use progress::Progress;
pub use replica::Replica;
pub use server::{boot, spawn};
