//! What survives a crash?
//!
//! A server that comes back must stand by what it said: the term it knew, the vote it gave, the
//! entries it acknowledged. So all of these are on disk before any other server hears of them.
//! What was committed and applied may be forgotten, since the next leader says again what is committed.
//!
//! Read in this order:
//!
//! 1. [`labrpc::Head`]: the persistent state except for the log. [`labrpc::Save`]: one change of
//!    what is on disk.
//! 2. [`disk`]: which state must survive, how it is saved after each step, and how it is read back.
//!    A [`DiskSummary`] is a short description of the disk. It shows whether a step changed anything,
//!    and what must be written.
//! 3. [`server`]: lab 2B's server, which now saves at the end of each step. No rule of the labs
//!    before changes, and no rule can forget to save.
//!
//! **Invariant.** Term, vote and entries are on disk before any message or the service shows them.
//!
//! Missing on purpose: the disk keeps the whole log, and a restarted server applies all of it
//! again (lab 2D).

pub mod disk;
pub mod server;

pub use disk::{Disk, DiskSummary, Edit, Fingerprint};
pub use server::boot;
