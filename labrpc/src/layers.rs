//! A server's rules without threads, clocks or sockets: the traits that the labs' layers implement.
//!
//! | trait | lab | implemented by |
//! |---|---|---|
//! | [`Protocol`] | 2A | `Election`, `Replica`, `Compacting` |
//! | [`RaftLog`] | 2B | `VecLog`, `CompactLog` |
//! | [`Replication`] | 2B | `Replica`, `Compacting` |
//! | [`Compaction`] | 2D | `Compacting` |

use std::fmt;

use crate::Bytes;
use crate::api::{ApplyMsg, Index, LogPosition, NotLeader, PeerId, Status};
use crate::message::{Entry, RaftReply, RaftRequest};
use crate::persister::Ballot;
use crate::summary::Summary;
use crate::time::Instant;

/// The requests that a step wants to send. They leave after the step, when it is saved and its lock
/// is free.
///
/// ```
/// use labrpc::{AppendEntries, LogPosition, Outbox, RaftRequest};
///
/// let heartbeat = AppendEntries { term: 1, leader: 0, prev: LogPosition::ZERO, entries: vec![], leader_commit: 0 };
/// let mut outbox = Outbox::default();
/// outbox.send(2, RaftRequest::AppendEntries(heartbeat));
/// assert_eq!(outbox.take().len(), 1);
/// assert!(outbox.take().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    requests: Vec<(PeerId, RaftRequest)>,
}

impl Outbox {
    /// Queues one request.
    pub fn send(&mut self, to: PeerId, request: RaftRequest) {
        self.requests.push((to, request));
    }

    /// Takes all queued requests, in order.
    pub fn take(&mut self) -> Vec<(PeerId, RaftRequest)> {
        std::mem::take(&mut self.requests)
    }
}

/// A server's rules as a plain state machine: events in, requests out (lab 2A).
///
/// What a method sends or returns leaves the server only after the method's changes are saved. A protocol
/// never reads a clock, never blocks and owns no thread. Given the same events at the same times,
/// it does the same things.
pub trait Protocol: Send + 'static {
    /// Does what is due at `now`.
    fn tick(&mut self, now: Instant, outbox: &mut Outbox);

    /// Handles a request of another server. The reply contains everything that is needed to
    /// understand it without its request, since it may arrive late, twice or out of order.
    fn handle_request(&mut self, request: RaftRequest, now: Instant) -> RaftReply;

    /// Handles a reply of another server.
    fn handle_reply(&mut self, from: PeerId, reply: RaftReply, now: Instant, outbox: &mut Outbox);

    /// When [`tick`](Protocol::tick) next has something to do. The ticker sleeps until then.
    fn due(&self) -> Instant;

    /// Whether anything is committed that the service has not received. The applier sleeps until
    /// there is.
    fn has_committed(&self) -> bool;

    /// The server's term, and whether it believes that it leads it.
    fn status(&self) -> Status;

    /// What the log lines of the server compare before and after each step. It must change nothing.
    fn summary(&self) -> Summary {
        let Status { term, is_leader } = self.status();
        Summary { ballot: Ballot { term, voted_for: None }, is_leader, ..Summary::default() }
    }
}

/// A protocol that replicates commands (lab 2B).
pub trait Replication: Protocol {
    /// Appends a command to the leader's log, and returns the position that it has there.
    ///
    /// # Errors
    ///
    /// [`NotLeader`] when another server should be asked. Nothing has changed then.
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox) -> Result<LogPosition, NotLeader>;

    /// Takes everything that is newly committed, in order. Nothing is taken twice.
    fn take_committed(&mut self) -> Vec<ApplyMsg>;
}

/// A protocol whose log can be cut (lab 2D).
pub trait Compaction: Replication {
    /// Drops the entries through `through`; `snapshot` holds their effect. Ignored if a newer
    /// snapshot is already here.
    ///
    /// # Panics
    ///
    /// When the service has not yet received the entry at `through`: it cannot have applied it.
    fn compact(&mut self, through: Index, snapshot: Bytes);
}

/// What a replica needs from its log (lab 2B).
///
/// # Invariants
///
/// - The log holds every index from right after `base()` to `last()`.
/// - Terms never fall along the log.
pub trait RaftLog: Clone + fmt::Debug + Send + 'static {
    /// An empty log whose first entry will stand right after `base`.
    fn starting_after(base: LogPosition) -> Self;

    /// The position right before the first entry. All entries through here are committed.
    fn base(&self) -> LogPosition;

    /// The position of the last entry, or the base if there is no entry.
    fn last(&self) -> LogPosition;

    /// The entry at `index`, if the log holds it.
    fn get(&self, index: Index) -> Option<&Entry>;

    /// The position at `index`, if it is the base or the log holds an entry there.
    fn position(&self, index: Index) -> Option<LogPosition> {
        if index == self.base().index {
            return Some(self.base());
        }
        self.get(index).map(|entry| LogPosition { term: entry.term, index })
    }

    /// The entries from index `from` on. `from` is at most one past the last index.
    ///
    /// # Errors
    ///
    /// [`Compacted`] when `from` is not after the base.
    fn suffix(&self, from: Index) -> Result<Suffix<'_>, Compacted>;

    /// Appends a leader's new entry, and returns its position.
    fn push(&mut self, entry: Entry) -> LogPosition;

    /// Makes a follower's log hold `prev` and, right after it, `entries`.
    ///
    /// # Errors
    ///
    /// [`Conflict`] when the log does not hold `prev`. The log has not changed then.
    fn splice(&mut self, prev: LogPosition, entries: Vec<Entry>) -> Result<(), Conflict>;
}

/// The end of a log, from some index on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suffix<'a> {
    /// The position right before the first of `entries`.
    pub prev: LogPosition,
    /// All entries after `prev`. There may be none.
    pub entries: &'a [Entry],
}

/// The requested entries are covered by a snapshot (lab 2D): send the snapshot instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted;

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these entries are no longer in the log; send a snapshot instead")
    }
}

impl std::error::Error for Compacted {}

/// The follower's log does not hold the position before the new entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first index at which the logs may differ: send the entries from here on.
    pub retry_from: Index,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the logs disagree; send the entries from index {} on", self.retry_from)
    }
}

impl std::error::Error for Conflict {}
