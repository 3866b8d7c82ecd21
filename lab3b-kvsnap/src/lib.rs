//! How does a service stay small?
//!
//! Lab 3A's log holds every command there ever was. What it adds up to fits into a store, and
//! lab 2D's Raft lets go of the log up to any index for which it is given that store in bytes
//! (§7). So the service has three new duties.
//!
//! 1. [`snapshot`]: what is put into a snapshot, how it is read back, and when one is worth its
//!    price. A [`SnapshotRule`] weighs what a cut would take out of the log.
//! 2. [`server`]: [`serve`] starts lab 3A's server around an apply loop that cuts the log after
//!    a command, under the index of that very command; and that puts a snapshot in the place
//!    of its store, when the server boots or has fallen behind its leader's log.
//!
//! Everything else is lab 3A's: the clerk, the list of who waits, and the store itself, which
//! carries its sessions with it into a snapshot and out again.
//!
//! Missing on purpose: a snapshot is encoded and sent as a whole, so a store of many megabytes
//! halts the apply loop for as long as that takes. Writing only what changed, or a copy of the
//! store that shares what did not, is the next step of a real system.
//!
//! [`SnapshotRule`]: snapshot::SnapshotRule

pub mod server;
pub mod snapshot;

pub use server::serve;
pub use snapshot::SnapshotRule;
