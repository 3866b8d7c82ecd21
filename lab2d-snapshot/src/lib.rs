//! What may be forgotten?
//!
//! A log that only grows fills any disk in the end, and a restarted server would hand all of it
//! over again. But the service knows a shorter way to say the same: its state. Once it has put
//! its state after some entry into a snapshot, that entry and all before it may go. A follower
//! that still needs them is sent the snapshot instead.
//!
//! Read in this order:
//!
//! 1. [`compact_log`]: lab 2B's log with a later beginning.
//! 2. [`message`]: one request more. It is answered like any other append.
//! 3. [`compacting`]: a layer around lab 2B's replica that keeps the snapshot, cuts the log when
//!    there is a new one, hands it to the service and sends it to those who need it.
//! 4. [`raft`]: all layers together: the whole of Raft, as far as this course goes.
//!
//! **Invariant.** The snapshot is the state right at the log's base. The two change in one step,
//! and so they are saved in one.
//!
//! Missing on purpose: a snapshot travels in one piece, not in chunks; the set of servers never
//! changes. When to take a snapshot is for the service to say (lab 3B).

pub mod compact_log;
pub mod compacting;
pub mod face;
pub mod message;
pub mod raft;

pub use compact_log::CompactLog;
pub use compacting::{Compacting, Compaction};
pub use message::{InstallSnapshot, Request};
pub use raft::Raft;
