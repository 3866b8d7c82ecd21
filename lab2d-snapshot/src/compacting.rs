//! Snapshots, around lab 2B's replica.

use std::collections::BTreeMap;
use std::time::Duration;

use lab2a_election::Election;
use lab2b_log::Replica;
use lab2c_persist::Disk;
use labrpc::time::Instant;
use labrpc::{
    AppendEntriesReply, AppendOutcome, ApplyMsg, Bytes, Compaction, Index, InstallSnapshot, LogPosition, NotLeader,
    Outbox, PeerId, Protocol, RaftLog, RaftReply, RaftRequest, Replication, Status, Summary,
};

use crate::compact_log::CompactLog;

/// How long a leader waits for the answer to a snapshot before it sends the snapshot again.
///
/// Three heartbeats: far longer than an ordinary message travels, and shorter than an election
/// would take. The follower hears heartbeats meanwhile.
pub const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(300);

/// A snapshot that was sent to a follower and may still be on its way.
#[derive(Clone, Copy, Debug)]
struct PendingSnapshot {
    through: Index,
    sent_at: Instant,
}

/// A replica whose log begins with a snapshot.
///
/// # Invariants
///
/// - `snapshot` is the service's state at the log's base. It is empty while the base is zero.
/// - Only a follower that has just answered is sent a snapshot, and no second one within
///   [`SNAPSHOT_PATIENCE`] unless it has installed the first. All other followers that need one
///   get heartbeats at the log's base, which are small.
#[derive(Clone, Debug)]
pub struct Compacting {
    replica: Replica<CompactLog>,
    /// The service's own bytes. They are sent and saved as they are.
    snapshot: Bytes,
    /// The snapshot came from a leader or from the disk, and the service has not received it yet.
    is_snapshot_unapplied: bool,
    /// The latest snapshot sent to each follower.
    pending_snapshots: BTreeMap<PeerId, PendingSnapshot>,
}

impl Compacting {
    /// A server with this election, an empty log and no snapshot.
    pub fn new(election: Election) -> Self {
        Compacting {
            replica: Replica::new(election),
            snapshot: Bytes::default(),
            is_snapshot_unapplied: false,
            pending_snapshots: BTreeMap::new(),
        }
    }

    /// Continues with the state that `disk` holds, its snapshot included. The service has nothing after a crash: it
    /// has yet to receive what the log no longer holds.
    pub fn restore(&mut self, disk: &mut Disk) {
        // BEGIN 2D Figure 13, rule 8
        // HINT How do you tell a disk with a snapshot from one without, although a snapshot may be empty?
        // HINT `Disk::restore` puts the replica back and returns the snapshot. There is one if the base is not zero.
        self.snapshot = disk.restore(&mut self.replica);
        self.is_snapshot_unapplied = self.replica.log().base() != LogPosition::ZERO;
        // END
    }

    /// Saves what a step changed. On disk, too, the snapshot is always the state at the log's base: one without the
    /// other would leave a gap in the log. A snapshot is large, and is written once.
    pub fn save(&self, disk: &mut Disk) {
        // BEGIN 2D Figure 13, rule 5
        // HINT When is the snapshot on disk another than the one in memory?
        // HINT The disk knows the base that it holds: compare it with the log's. `Disk::save` writes both at once.
        let is_new = disk.base() != self.replica.log().base();
        disk.save(&self.replica, is_new.then(|| self.snapshot.clone()));
        // END
    }

    /// The replica inside.
    pub fn replica(&self) -> &Replica<CompactLog> {
        &self.replica
    }

    /// Handles a leader's snapshot, and says how that went, as for entries: an older term; or through which index
    /// this log now agrees with the leader's.
    ///
    /// It may be late or doubled. The service never goes back: it never gets a state that is older than what it
    /// may have been given already.
    fn install(&mut self, request: InstallSnapshot, now: Instant) -> AppendOutcome {
        // BEGIN 2D Figure 13, rules 1 and 5 to 8
        // HINT What may this server know already of what the snapshot covers: is it in the log, committed, applied?
        // HINT Everything through the commit index is here or with the service: an older snapshot changes nothing.
        // HINT Rule 1 is `hear_leader`, rules 6 and 7 are `edit_log` with `install`. Note that the service needs it.
        // HINT In both cases the log agrees through the snapshot's last index.
        if !self.replica.hear_leader(request.term, now) {
            return AppendOutcome::StaleTerm; // rule 1
        }
        let InstallSnapshot { last_included, snapshot, .. } = request;
        if last_included.index > self.replica.commit_index() {
            self.replica.edit_log(|log| log.install(last_included)); // rules 6 and 7
            self.snapshot = snapshot; // rule 5
            self.is_snapshot_unapplied = true; // rule 8, by the applier
        }
        AppendOutcome::Through(last_included.index)
        // END
    }

    /// Sends the snapshot to `follower`, which has just answered, if the log no longer holds what it needs. While
    /// one is on its way, no second one is sent.
    fn send_snapshot(&mut self, follower: PeerId, now: Instant, outbox: &mut Outbox) {
        // BEGIN 2D Figure 13, InstallSnapshot RPC; §7
        // HINT Two questions come before: does it need one, and is one on its way?
        // HINT Of which position is the snapshot the state? Note that index, and when it left.
        if !self.replica.needs_snapshot(follower) || self.is_on_its_way(follower, now) {
            return;
        }
        let last_included = self.replica.log().base();
        self.pending_snapshots.insert(follower, PendingSnapshot { through: last_included.index, sent_at: now });
        outbox.send(
            follower,
            RaftRequest::InstallSnapshot(InstallSnapshot {
                term: self.status().term,
                leader: self.replica.election().me(),
                last_included,
                snapshot: self.snapshot.clone(),
            }),
        );
        // END
    }

    /// Whether a snapshot is on its way to `follower`: one that is not answered yet, and not given up after
    /// [`SNAPSHOT_PATIENCE`].
    fn is_on_its_way(&self, follower: PeerId, now: Instant) -> bool {
        // BEGIN 2D Figure 13, InstallSnapshot RPC; §7
        // HINT How does a leader learn that a snapshot has arrived, if its answer looks like that to entries?
        // HINT It is answered when the follower is known to agree through its index. It is given up after the patience.
        self.pending_snapshots.get(&follower).is_some_and(|pending| {
            let is_answered = self.replica.match_index(follower) >= pending.through;
            !is_answered && now < pending.sent_at + SNAPSHOT_PATIENCE
        })
        // END
    }
}

impl Protocol for Compacting {
    fn tick(&mut self, now: Instant, outbox: &mut Outbox) {
        self.replica.tick(now, outbox);
    }

    fn handle_request(&mut self, request: RaftRequest, now: Instant) -> RaftReply {
        match request {
            RaftRequest::InstallSnapshot(request) => {
                let outcome = self.install(request, now);
                RaftReply::AppendEntries(AppendEntriesReply { term: self.status().term, outcome })
            }
            request => self.replica.handle_request(request, now),
        }
    }

    fn handle_reply(&mut self, from: PeerId, reply: RaftReply, now: Instant, outbox: &mut Outbox) {
        self.replica.handle_reply(from, reply, now, outbox);
        self.send_snapshot(from, now, outbox);
    }

    fn due(&self) -> Instant {
        self.replica.due()
    }

    fn has_committed(&self) -> bool {
        self.is_snapshot_unapplied || self.replica.has_committed()
    }

    fn status(&self) -> Status {
        self.replica.status()
    }

    fn summary(&self) -> Summary {
        self.replica.summary()
    }
}

impl Replication for Compacting {
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox) -> Result<LogPosition, NotLeader> {
        self.replica.propose(command, outbox)
    }

    /// Takes what the service has yet to receive, in the order of the log. A snapshot that it lacks is part of it,
    /// and is taken once.
    fn take_committed(&mut self) -> Vec<ApplyMsg> {
        // BEGIN 2D Figure 13, rule 8
        // HINT Which of what the service lacks comes first in the log?
        // HINT Take the flag, and clear it. The snapshot's position is the log's base; then comes what the replica has.
        let mut messages = Vec::new();
        if std::mem::take(&mut self.is_snapshot_unapplied) {
            messages.push(ApplyMsg::Snapshot { through: self.replica.log().base(), snapshot: self.snapshot.clone() });
        }
        messages.extend(self.replica.take_committed());
        messages
        // END
    }
}

impl Compaction for Compacting {
    fn compact(&mut self, through: Index, snapshot: Bytes) {
        // BEGIN 2D §7
        // HINT What may have happened to the log since the service took its snapshot?
        // HINT One that covers no more than the base is nothing new; one of what was never given out is a mistake.
        // HINT Cut by `edit_log` and `compact`, and keep the snapshot, in the same step.
        if through <= self.replica.log().base().index {
            return; // A leader's newer snapshot came in meanwhile, or the same one was taken twice.
        }
        // The service says what it has applied. Our own count would be wrong here: it also counts
        // what is still waiting in the channel.
        let last_applied = self.replica.last_applied();
        assert!(
            through <= last_applied,
            "a snapshot through {through} from a service that received entries through {last_applied}"
        );
        self.replica.edit_log(|log| log.compact(through));
        self.snapshot = snapshot;
        // END
    }
}
