//! What may be forgotten?
//!
//! A log that only grows fills any disk in the end, and a restarted server would apply all of it
//! again. But the service's state is a shorter form of the log. Once a snapshot holds the state
//! after some entry, that entry and all entries before it may be removed. A follower that still
//! needs them is sent the snapshot instead.
//!
//! Read in this order:
//!
//! 1. [`compact_log`]: lab 2B's log with a later beginning.
//! 2. [`labrpc::InstallSnapshot`]: one more request. It is answered like an AppendEntries.
//! 3. [`compacting`]: a layer around lab 2B's replica that keeps the snapshot, cuts the log when
//!    there is a new snapshot, and sends the snapshot to its service and to the followers that need it.
//! 4. [`server`]: all layers together.
//!
//! **Invariant.** The snapshot is the state at the log's base. The two change in one step, and so
//! they are saved in one.
//!
//! Missing on purpose: a snapshot travels in one piece, not in chunks; the set of servers never
//! changes. The service decides when to take a snapshot (lab 3B).

pub mod compact_log;
pub mod compacting;
pub mod server;

pub use compact_log::CompactLog;
pub use compacting::Compacting;
pub use server::boot;
