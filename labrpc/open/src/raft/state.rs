//! Everything that a server knows, behind its one mutex: Figure 2, State.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::wire;
use labrpc::{Ballot, Bytes, Entry, Head, Index, PeerId, Persister, Status, Term, Timing};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::log::Log;

/// What a server knows.
///
/// # Invariants
///
/// - Between two holds of the mutex, the disk has the term, the vote, the log and the snapshot of this state.
/// - `log.base().index <= last_applied <= commit_index <= log.last().index`.
pub(super) struct State {
    pub(super) me: PeerId,
    pub(super) size: usize,
    // On the disk.
    pub(super) term: Term,
    pub(super) voted_for: Option<PeerId>,
    pub(super) log: Log,
    /// The service's state at the log's base.
    pub(super) snapshot: Bytes,
    // In memory.
    pub(super) role: Role,
    pub(super) commit_index: Index,
    pub(super) last_applied: Index,
    /// Whether the service has yet to receive `snapshot`.
    pub(super) is_snapshot_new: bool,
    /// When to campaign, or to send the next heartbeat.
    pub(super) due: Instant,
    pub(super) is_shut_down: bool,
    timing: Timing,
    rng: SmallRng,
    disk: Option<Arc<Persister>>,
}

/// What a server is in its term.
pub(super) enum Role {
    Follower,
    /// With the servers that have voted for it.
    Candidate(BTreeSet<PeerId>),
    /// With what it knows of each server. Its own place is not used.
    Leader(Vec<Follower>),
}

/// What a leader knows of a follower.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// Where its next entries begin: a guess.
    pub(super) next_index: Index,
    /// Through where its log is known to be the leader's.
    pub(super) match_index: Index,
    /// The last of the entries that are on their way to it.
    pub(super) awaited: Option<Index>,
    /// Whether a snapshot is on its way to it.
    pub(super) is_sent_snapshot: bool,
}

impl State {
    /// The state that a server boots with: what is on its disk, or nothing.
    ///
    /// # Panics
    ///
    /// When the disk cannot be read. A server that has lost its memory must not take part.
    pub(super) fn boot(me: PeerId, size: usize, timing: Timing, seed: u64, disk: Option<Arc<Persister>>) -> State {
        let mut state = State {
            me,
            size,
            term: 0,
            voted_for: None,
            log: Log::default(),
            snapshot: Bytes::default(),
            role: Role::Follower,
            commit_index: 0,
            last_applied: 0,
            is_snapshot_new: false,
            due: Instant::now(),
            is_shut_down: false,
            timing,
            rng: SmallRng::seed_from_u64(seed),
            disk,
        };
        if let Some(image) = state.disk.as_ref().and_then(|disk| disk.image()) {
            let Head { ballot, base } = read_back("head", &image.head);
            let entries = image.entries.iter().map(|entry| read_back("entry", entry)).collect();
            (state.term, state.voted_for) = (ballot.term, ballot.voted_for);
            state.log = Log::new(base, entries);
            state.snapshot = image.snapshot;
            (state.commit_index, state.last_applied) = (base.index, base.index);
            state.is_snapshot_new = base.index > 0;
        }
        state.restart_timer();
        state
    }

    /// Writes the term, the vote and the log to the disk, if they differ from what is there. Called before the mutex is
    /// released after a change of them.
    pub(super) fn persist(&self) {
        self.write(None);
    }

    /// The same, with a new snapshot.
    pub(super) fn persist_with_snapshot(&self) {
        self.write(Some(self.snapshot.clone()));
    }

    fn write(&self, snapshot: Option<Bytes>) {
        let Some(disk) = &self.disk else { return };
        let ballot = Ballot { term: self.term, voted_for: self.voted_for };
        let head = wire::encode(&Head { ballot, base: self.log.base() }).into();
        let encoded = |entry: &Entry| wire::encode(entry).into();
        let entries: Vec<Bytes> = self.log.entries().iter().map(encoded).collect();
        disk.save_state(head, &entries, snapshot);
    }

    /// Waits for a leader anew, for a random time (§5.2).
    pub(super) fn restart_timer(&mut self) {
        let Timing { election_timeout_min, election_timeout_max, .. } = self.timing;
        let nanos =
            self.rng.random_range(election_timeout_min.as_nanos() as u64..=election_timeout_max.as_nanos() as u64);
        self.due = Instant::now() + Duration::from_nanos(nanos);
    }

    /// The next heartbeat is due a whole interval from now.
    pub(super) fn restart_heartbeat(&mut self) {
        self.due = Instant::now() + self.timing.heartbeat_interval;
    }

    /// The other servers.
    pub(super) fn others(&self) -> impl Iterator<Item = PeerId> + use<> {
        let me = self.me;
        (0..self.size).filter(move |&server| server != me)
    }

    /// Whether `count` servers are more than half of all.
    pub(super) fn is_majority(&self, count: usize) -> bool {
        2 * count > self.size
    }

    pub(super) fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    pub(super) fn status(&self) -> Status {
        Status { term: self.term, is_leader: self.is_leader() }
    }
}

fn read_back<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> T {
    wire::decode(bytes).unwrap_or_else(|error| {
        panic!("the {what} on disk cannot be read ({error}): a server without its memory refuses to boot")
    })
}
