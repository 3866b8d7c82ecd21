//! What is known of the servers at one moment: their disks, and the requests in their hands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use labrpc::sim::{self, NodeId};
use labrpc::time::Instant;
use labrpc::wire::WireError;
use labrpc::{AppendEntries, Entry, Head, InstallSnapshot, RaftRequest, Timing};
use labrpc::{Bytes, Index, LogPosition, PeerId, Save, Term};

use super::event::{DiskChange, Envelope};
use super::leaderships::Leaderships;
use crate::codec::Codec;
use crate::violation::EventId;

/// All that is known of a cluster at one moment.
pub struct ObservedState {
    /// Each server.
    pub servers: Vec<Server>,
    /// Whether servers have disks (from lab 2C on).
    pub has_disks: bool,
    /// How long servers wait for one another, if they have told.
    pub timing: Timing,
    /// Whether every server is a real one; else what others hold is not known.
    pub is_whole: bool,
    pub(super) leaderships: Leaderships,
}

/// What is known of one server.
#[derive(Default)]
pub struct Server {
    /// It is under test; else the script plays it, and may say anything.
    pub is_real: bool,
    /// How often it has booted.
    pub incarnation: u64,
    /// When it last booted.
    pub booted: Option<EventId>,
    /// When its threads were last let go on, or stopped.
    pub resumed_at: Option<Instant>,
    pub(super) node: Option<NodeId>,
    pub(super) is_paused: bool,
    /// The saves that took any time, lately: when each ended, and how long it took.
    pub(super) slow_saves: VecDeque<(Instant, Duration)>,
    /// What is on its disk.
    pub disk: Disk,
    /// Requests that have arrived and are not answered.
    pub pending: Vec<Pending>,
}

/// A request in a server's hands.
#[derive(Clone)]
pub struct Pending {
    /// The request.
    pub envelope: Arc<Envelope>,
    /// When it arrived.
    pub arrived: EventId,
    /// Whether the disk held, at any moment since, all that an agreement would claim.
    pub is_held: bool,
    /// Whether the disk held, at any moment since, what the entries are to follow.
    pub is_prev_held: bool,
    /// Where the log on disk ended: the least and the greatest position since.
    pub tail_min: LogPosition,
    /// See `tail_min`.
    pub tail_max: LogPosition,
}

/// What is on a disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// Term, vote and log base.
    pub head: Head,
    /// The entries after the base.
    pub entries: VecDeque<Entry>,
    /// The latest snapshot.
    pub snapshot: Bytes,
}

/// What a save writes, as it can be read back.
pub(super) struct Written {
    head: Head,
    entries: Vec<Entry>,
}

/// How long a message may leave after the step that made it, or a reply be taken in after it has
/// arrived: the scheduler may let others go first. With a slow disk it is [longer](ObservedState::slack).
pub const SLACK: Duration = Duration::from_millis(50);

impl ObservedState {
    /// More than half of all servers.
    pub fn majority(&self) -> usize {
        self.servers.len() / 2 + 1
    }

    /// Whether that is a server under test: no clerk, and nobody whom a script plays.
    pub fn is_real(&self, end: PeerId) -> bool {
        self.servers.get(end).is_some_and(|server| server.is_real)
    }

    /// How late a server may be with what it could have done from `since` on: steps wait for one
    /// another while the disk takes its time.
    pub fn slack(&self, server: PeerId, since: Instant) -> Duration {
        let saves = self.servers[server].slow_saves.iter().rev().take_while(|(end, _)| *end > since);
        SLACK + saves.map(|(_, took)| *took).sum()
    }

    /// Whether a server was running all the time from `since` on.
    pub fn ran_since(&self, server: PeerId, since: Instant) -> bool {
        let server = &self.servers[server];
        server.is_running()
            && server.booted.is_some_and(|booted| booted.at <= since)
            && server.resumed_at.is_none_or(|resumed| resumed <= since)
    }
}

/// Nobody asks about saves that are older.
const SLOW_SAVES_AGE_MAX: Duration = Duration::from_secs(2);

impl Server {
    pub(super) fn note_save(&mut self, at: Instant, took: Duration) {
        if took.is_zero() {
            return;
        }
        self.slow_saves.retain(|(end, _)| at - *end < SLOW_SAVES_AGE_MAX);
        self.slow_saves.push_back((at, took));
    }

    /// Whether it is up and not paused.
    pub fn is_running(&self) -> bool {
        self.node.is_some_and(sim::is_alive) && !self.is_paused
    }

    /// The node that it runs in.
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// The request in its hands that a reply answers.
    pub fn pending(&self, number: u64) -> Option<&Pending> {
        self.pending.iter().find(|pending| pending.envelope.number == number)
    }
}

impl Pending {
    pub(super) fn new(envelope: Arc<Envelope>, arrived: EventId, disk: &Disk) -> Pending {
        let tail = disk.last();
        let mut pending =
            Pending { envelope, arrived, is_held: false, is_prev_held: false, tail_min: tail, tail_max: tail };
        pending.look_at(disk);
        pending
    }

    /// The disk has changed: what was true at any moment since the arrival is what counts.
    pub(super) fn look_at(&mut self, disk: &Disk) {
        (self.tail_min, self.tail_max) = (self.tail_min.min(disk.last()), self.tail_max.max(disk.last()));
        match self.envelope.request() {
            Some(RaftRequest::AppendEntries(AppendEntries { prev, entries, .. })) => {
                self.is_prev_held |= disk.covers(*prev);
                self.is_held |= disk.covers(*prev) && disk.holds_all(prev.index + 1, entries);
            }
            Some(RaftRequest::InstallSnapshot(InstallSnapshot { last_included: through, .. })) => {
                self.is_held |= disk.covers(*through)
            }
            _ => {}
        }
    }
}

impl Written {
    pub(super) fn read(save: &Save, codec: &dyn Codec) -> Result<Written, WireError> {
        let entries = save.append.iter().map(|entry| codec.read_entry(entry));
        Ok(Written { head: codec.read_head(&save.head)?, entries: entries.collect::<Result<_, _>>()? })
    }
}

impl Disk {
    pub(super) fn apply(&mut self, save: &Save, written: Written) -> DiskChange {
        let Written { head, entries: appended } = written;
        let (old_head, old_term_at_base) = (self.head, self.term_at(head.base.index));
        self.entries.drain(..save.forget.min(self.entries.len()));
        let cut = self.entries.split_off(save.keep.min(self.entries.len())).into();
        self.head = head;
        let kept_through = self.last().index;
        self.entries.extend(appended.iter().cloned());
        if let Some(snapshot) = &save.snapshot {
            self.snapshot = snapshot.clone();
        }
        let (forgotten, snapshot) = (save.forget, save.snapshot.clone());
        DiskChange { old_head, head, cut, kept_through, forgotten, old_term_at_base, appended, snapshot }
    }

    /// The position of its last entry, or its base.
    pub fn last(&self) -> LogPosition {
        let index = self.head.base.index + self.entries.len() as Index;
        self.entries.back().map_or(self.head.base, |entry| LogPosition { term: entry.term, index })
    }

    /// The entry at an index.
    pub fn get(&self, index: Index) -> Option<&Entry> {
        let slot = index.checked_sub(self.head.base.index + 1)?;
        self.entries.get(slot as usize)
    }

    /// The term at an index: of an entry, or of the base.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.head.base.index {
            return Some(self.head.base.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Whether it holds a position, or has folded it into its snapshot.
    pub fn covers(&self, position: LogPosition) -> bool {
        position.index < self.head.base.index || self.term_at(position.index) == Some(position.term)
    }

    fn holds_all(&self, first: Index, entries: &[Entry]) -> bool {
        entries
            .iter()
            .zip(first..)
            .all(|(entry, index)| index <= self.head.base.index || self.get(index) == Some(entry))
    }
}
