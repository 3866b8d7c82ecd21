//! How does a service stay small?
//!
//! Lab 3A's log holds every command ever given. The effect of all these commands fits into a store.
//! Lab 2D's Raft drops the log up to an index if it gets the store at that index as bytes (§7). So
//! the service takes snapshots, and starts from them.
//!
//! Read in this order:
//!
//! 1. [`snapshot`]: what a snapshot holds, how it is read back, and when it is worth its cost.
//!    [`SnapshotRule`] weighs how much a cut would remove from the log.
//! 2. [`server`]: [`serve`] starts lab 3A's server with an apply loop that cuts the log after a
//!    command, at that command's index, and that replaces its store by a snapshot when
//!    the server boots or has fallen behind its leader's log.
//!
//! Everything else is lab 3A's: the clerk, the list of waiters, and the store itself, whose
//! sessions are part of the snapshot.
//!
//! Missing on purpose: a snapshot is encoded and sent as a whole, so a store of many megabytes
//! stops the apply loop for as long as that takes. A real system would write only what changed,
//! or copy the store in a way that shares what did not change.
//!
//! [`SnapshotRule`]: snapshot::SnapshotRule

pub mod server;
pub mod snapshot;

pub use server::serve;
pub use snapshot::SnapshotRule;
