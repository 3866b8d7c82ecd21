//! A Raft server as its service and the tests see it: one trait for each lab that adds to it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Service};

/// A server's place in the cluster's list of servers, counted from 0.
pub type PeerId = usize;

/// A leader's term (§5.1). It only grows; 0 is before the first election.
pub type Term = u64;

/// An entry's place in the log. The first entry has index 1; 0 is "before the log".
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
    /// The term of the leader that made the entry.
    pub term: Term,
    /// The entry's place in the log.
    pub index: Index,
}

impl LogPosition {
    /// Before the first entry of any log.
    pub const ZERO: LogPosition = LogPosition { term: 0, index: 0 };
}

/// How long servers wait for one another (§5.6). A message must travel in much less time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The time between two heartbeats of a leader.
    pub heartbeat_interval: Duration,
    /// The shortest time without a message of a leader after which a server campaigns.
    pub election_timeout_min: Duration,
    /// The longest time without a message of a leader before a server campaigns.
    pub election_timeout_max: Duration,
}

/// What a server believes about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
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

/// What a Raft server sends to its service, in log order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMsg {
    /// A committed command (§5.3).
    Command {
        /// Its position in the log.
        at: LogPosition,
        /// The service's own bytes.
        command: Bytes,
    },
    /// A state that replaces the effect of all entries through `through` (§7, lab 2D).
    Snapshot {
        /// The last entry that the snapshot covers.
        through: LogPosition,
        /// The service's own bytes.
        snapshot: Bytes,
    },
}

/// Lab 2A: a server that takes part in elections (§5.2).
pub trait Elect: Send + Sync + 'static {
    /// The server's term, and whether it believes that it leads it.
    fn status(&self) -> Status;

    /// Blocks until the server's status differs from `seen`, and returns the new one. `None` once
    /// the server is shut down. A service learns here, at once, that its server no longer leads.
    fn watch(&self, seen: Status) -> Option<Status>;

    /// Tells every thread of the server to end. After this returns, the server takes no new step: it
    /// saves nothing, and does not answer any later request. It may be called twice.
    ///
    /// Only real threads need it. In a simulation a crash unwinds a server's threads wherever
    /// they are, and does not call this.
    fn shutdown(&self);
}

/// Lab 2B: a server that replicates commands (§5.3).
pub trait Replicate: Elect {
    /// Asks for agreement on a command and returns at once, with the position that the command
    /// has if it is ever committed. It may be lost, if this server loses its leadership.
    ///
    /// # Errors
    ///
    /// [`NotLeader`] when another server should be asked. The command was not taken.
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader>;
}

/// Lab 2D: a server whose log can be cut (§7).
pub trait Compact: Replicate {
    /// Says that `snapshot` holds the effect of every entry through `through`, so that the log
    /// no longer needs them. The service has applied `through`. A snapshot older than the one that
    /// the server already has is ignored.
    fn snapshot(&self, through: Index, snapshot: Bytes);
}

/// A Raft server with elections, as it is plugged into the network: what lab 2A's `boot` returns in the open
/// track. Every type that implements the two traits is one.
pub trait ElectionServer: Elect + Service {}

impl<T: Elect + Service> ElectionServer for T {}

/// A Raft server with a log (labs 2B and 2C).
pub trait LogServer: Replicate + Service {}

impl<T: Replicate + Service> LogServer for T {}

/// A Raft server with snapshots (lab 2D).
pub trait SnapshotServer: Compact + Service {}

impl<T: Compact + Service> SnapshotServer for T {}

impl<T: Elect + ?Sized> Elect for Arc<T> {
    fn status(&self) -> Status {
        (**self).status()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        (**self).watch(seen)
    }

    fn shutdown(&self) {
        (**self).shutdown();
    }
}

impl<T: Replicate + ?Sized> Replicate for Arc<T> {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        (**self).start(command)
    }
}

impl<T: Compact + ?Sized> Compact for Arc<T> {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        (**self).snapshot(through, snapshot);
    }
}

/// Lab 3A: a client of the key-value service. It does one operation at a time, and each returns when it is done.
pub trait KvClient: Send + 'static {
    /// Reads a key's value: the empty string if the key was never written.
    fn get(&mut self, key: &str) -> String;

    /// Replaces a key's value.
    fn put(&mut self, key: &str, value: &str);

    /// Adds to the end of a key's value, exactly once.
    fn append(&mut self, key: &str, value: &str);
}

impl<T: KvClient + ?Sized> KvClient for Box<T> {
    fn get(&mut self, key: &str) -> String {
        (**self).get(key)
    }

    fn put(&mut self, key: &str, value: &str) {
        (**self).put(key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        (**self).append(key, value);
    }
}

/// Lab 3B: the state of a key-value service, without a server: what its snapshots hold.
pub trait ServiceState {
    /// Applies a client's command as it stands in the log, and returns the answer to the client.
    fn apply(&mut self, command: &[u8]) -> String;

    /// A snapshot of the state.
    fn snapshot(&self) -> Bytes;
}
