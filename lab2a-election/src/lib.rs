//! Who leads?
//!
//! A cluster agrees on a log by letting one server decide, for a while. This lab elects that
//! server and notices when it is gone. There is no log yet. Elections come first because
//! everything else depends on their one promise: no term ever has two leaders.
//!
//! Read in this order:
//!
//! 1. [`labrpc::message`]: what servers ask each other, and how they answer. This lab needs
//!    RequestVote, and AppendEntries without entries: the heartbeat.
//!    [`timing`]: how long servers wait.
//! 2. [`election`]: one server's part in elections, as a plain value. Its methods take
//!    what happened and the time, and return what to do. It contains no thread, clock or socket,
//!    so a test can put it into any situation.
//! 3. [`server`]: this lab's server, which is an election and nothing else.
//! 4. [`raft`]: the threads around such a value: one lock, one door through it, and a ticker
//!    that sleeps until something is due. All later labs run inside this same [`Raft`].
//!
//! **Invariant.** A message leaves a server only after the step that made it has ended and is saved,
//! and the lock is free. Nothing is saved before lab 2C plugs in a disk.
//!
//! Missing on purpose: comparing logs has no effect yet, because every log is empty (lab 2B
//! passes the real end of the log as `last_log`); a restarted server has forgotten its
//! vote (lab 2C).

pub mod election;
pub mod raft;
pub mod server;
pub mod timing;

pub use election::{Election, TickOutcome};
pub use raft::Raft;
pub use server::boot;
pub use timing::TIMING;
