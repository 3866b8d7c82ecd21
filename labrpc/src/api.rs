//! The public face of a Raft server, one trait for each lab that adds to it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A server's place in the cluster's list of servers, counted from 0.
pub type PeerId = usize;

/// A leader's reign (§5.1). It only grows; 0 is before the first election.
pub type Term = u64;

/// A slot in the log. The first entry has index 1; 0 is "before the log".
pub type Index = u64;

/// The coordinates of a log entry.
///
/// Ordered by term first and index second. That is the order of §5.4.1: the log whose last
/// position is greater is the more up to date.
///
/// ```
/// use labrpc::LogPosition;
///
/// let short_but_recent = LogPosition { term: 3, index: 5 };
/// let long_but_old = LogPosition { term: 2, index: 9 };
/// assert!(short_but_recent > long_but_old);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogPosition {
    /// The term in which a leader made the entry.
    pub term: Term,
    /// The slot that holds it.
    pub index: Index,
}

impl LogPosition {
    /// Before the first entry of any log.
    pub const ZERO: LogPosition = LogPosition { term: 0, index: 0 };
}

/// What a server believes about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its current term.
    pub term: Term,
    /// Whether it believes that it leads that term.
    pub is_leader: bool,
}

/// The command was not accepted, because this server does not lead: ask another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLeader;

impl std::fmt::Display for NotLeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this server does not lead; ask another one")
    }
}

impl std::error::Error for NotLeader {}

/// What a Raft server hands to its service, in log order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMsg {
    /// A committed command (§5.3).
    Command {
        /// Where it stands in the log.
        at: LogPosition,
        /// The service's own bytes.
        command: Bytes,
    },
    /// A state that replaces everything through `through` (§7, lab 2D).
    Snapshot {
        /// The last entry that the snapshot covers.
        through: LogPosition,
        /// The service's own bytes.
        snapshot: Bytes,
    },
}

/// Lab 2A: a server that takes part in elections (§5.2).
pub trait Elect: Send + Sync + 'static {
    /// What the server believes about itself now.
    fn standing(&self) -> Standing;

    /// Blocks until the server believes anything else than `seen`, and says what. `None` once
    /// the server is shut down. A service learns here, at once, that its leadership is lost.
    fn watch(&self, seen: Standing) -> Option<Standing>;

    /// Ends every thread of the server, and makes it deaf: after this returns it saves nothing
    /// and answers nothing. It may be called twice.
    ///
    /// Only real threads need it. In a simulation a crash unwinds a server's threads wherever
    /// they stand, and this is never called.
    fn shutdown(&self);
}

/// Lab 2B: a server that replicates commands (§5.3).
pub trait Replicate: Elect {
    /// Asks for agreement on a command and returns at once, with the place that the command
    /// takes if it is ever committed. It may be lost, if this server loses its leadership.
    ///
    /// # Errors
    ///
    /// [`NotLeader`] when another server should be asked. The command was not taken.
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader>;
}

/// Lab 2D: a server whose log can be cut short (§7).
pub trait Compact: Replicate {
    /// Says that `snapshot` holds the effect of every entry through `through`, so that the log
    /// no longer needs them. `through` has been applied; an older snapshot than the server
    /// already has is ignored.
    fn snapshot(&self, through: Index, snapshot: Bytes);
}

// A server that is shared is a server: the network holds one end of it, and the service the other.

impl<T: Elect> Elect for Arc<T> {
    fn standing(&self) -> Standing {
        (**self).standing()
    }

    fn watch(&self, seen: Standing) -> Option<Standing> {
        (**self).watch(seen)
    }

    fn shutdown(&self) {
        (**self).shutdown();
    }
}

impl<T: Replicate> Replicate for Arc<T> {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        (**self).start(command)
    }
}

impl<T: Compact> Compact for Arc<T> {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        (**self).snapshot(through, snapshot);
    }
}
