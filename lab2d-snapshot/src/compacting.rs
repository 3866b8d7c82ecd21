//! Snapshots, around lab 2B's replica.

use std::collections::BTreeMap;
use std::time::Duration;

use lab2a_election::Election;
use lab2b_log::{AppendEntriesReply, Appended, RaftLog, Replica, Replication, Reply};
use lab2c_persist::{Durable, Mark, Outline, Persisted};
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Image, Index, LogPosition, NotLeader, Outbox, PeerId, Protocol, Save, Standing};

use crate::compact_log::CompactLog;
use crate::message::{InstallSnapshot, Request};

/// How long a follower may take over a snapshot before it is sent again.
///
/// Three heartbeats: far longer than an ordinary message travels, and a lost snapshot costs less
/// than an election would. The follower hears heartbeats meanwhile.
pub const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(300);

/// A protocol whose log can be cut short.
pub trait Compaction: Replication {
    /// Forgets the entries through `through`, whose effect is in `snapshot`. Ignored if a newer
    /// snapshot is already here.
    ///
    /// # Panics
    ///
    /// When the service was not yet handed the entry at `through`: it cannot have applied it.
    fn compact(&mut self, through: Index, snapshot: Bytes);
}

/// A snapshot that left and may still be on its way.
#[derive(Clone, Copy, Debug)]
struct Parcel {
    through: Index,
    sent_at: Instant,
}

/// A replica whose log begins with a snapshot.
///
/// # Invariants
///
/// - `snapshot` is the service's state right at the log's base. It is empty while the base is
///   zero.
/// - Only a follower that has just answered is sent a snapshot, and not another one within
///   [`SNAPSHOT_PATIENCE`] unless it has the first. All others hear heartbeats at the log's base,
///   which are small.
#[derive(Clone, Debug)]
pub struct Compacting {
    replica: Replica<CompactLog>,
    /// The service's own bytes. They are shared, sent and saved as they are: nothing of ours is
    /// wrapped around them, so nothing has to be taken off again in the right order.
    snapshot: Bytes,
    /// The service neither made `snapshot` nor was handed it yet.
    is_undelivered: bool,
    /// The latest snapshot sent to each follower.
    parcels: BTreeMap<PeerId, Parcel>,
}

impl Compacting {
    /// An empty log around an election.
    pub fn new(election: Election) -> Self {
        Compacting {
            replica: Replica::new(election),
            snapshot: Bytes::default(),
            is_undelivered: false,
            parcels: BTreeMap::new(),
        }
    }

    /// The replica inside.
    pub fn replica(&self) -> &Replica<CompactLog> {
        &self.replica
    }

    /// A leader's snapshot comes in. It is of use only if it covers more than is known to be
    /// committed here. Otherwise this server has, or will be sent, all that is in it; what it has
    /// handed over must not be handed over again.
    ///
    /// In either case this log now agrees with the leader's as far as the snapshot reaches.
    fn install(&mut self, request: InstallSnapshot, now: Instant) -> Appended {
        // BEGIN 2D Figure 13, rules 1 and 5 to 8: refuse an old term, ignore old news, install, mark it undelivered
        if !self.replica.hear_leader(&request.heartbeat, now) {
            return Appended::StaleTerm; // rule 1
        }
        let InstallSnapshot { through, snapshot, .. } = request;
        if through.index > self.replica.commit_index() {
            self.replica.edit_log(|log| log.install(through)); // rules 6 and 7
            self.snapshot = snapshot; // rule 5
            self.is_undelivered = true; // rule 8, by the applier
        }
        Appended::Through(through.index)
        // END
    }

    /// Sends `follower`, which has just answered, the snapshot, if the log no longer holds what it
    /// needs and no snapshot is on its way to it.
    fn rescue(&mut self, follower: PeerId, now: Instant, outbox: &mut Outbox<Request>) {
        // BEGIN 2D Figure 13: to the stranded only, not while a parcel may still arrive; the position is the log's base
        if !self.replica.is_stranded(follower) || self.is_on_its_way(follower, now) {
            return;
        }
        let through = self.replica.log().base();
        self.parcels.insert(follower, Parcel { through: through.index, sent_at: now });
        let (heartbeat, snapshot) = (self.replica.election().heartbeat(), self.snapshot.clone());
        outbox.send(follower, Request::InstallSnapshot(InstallSnapshot { heartbeat, through, snapshot }));
        // END
    }

    /// Whether a snapshot left for `follower` a short while ago, and was not answered.
    fn is_on_its_way(&self, follower: PeerId, now: Instant) -> bool {
        // BEGIN 2D Figure 13: there is a parcel, its patience has not run out, and it is not answered by a match
        self.parcels.get(&follower).is_some_and(|parcel| {
            let is_answered = self.replica.match_index(follower) >= parcel.through;
            !is_answered && now < parcel.sent_at + SNAPSHOT_PATIENCE
        })
        // END
    }
}

impl Protocol for Compacting {
    type Request = Request;
    type Reply = Reply;

    fn tick(&mut self, now: Instant, outbox: &mut Outbox<Request>) {
        outbox.nested(Request::Replica, |inner| self.replica.tick(now, inner));
    }

    fn handle(&mut self, request: Request, now: Instant) -> Reply {
        match request {
            Request::Replica(request) => self.replica.handle(request, now),
            Request::InstallSnapshot(request) => {
                let appended = self.install(request, now);
                Reply::AppendEntries(AppendEntriesReply { term: self.standing().term, appended })
            }
        }
    }

    fn absorb(&mut self, from: PeerId, reply: Reply, now: Instant, outbox: &mut Outbox<Request>) {
        outbox.nested(Request::Replica, |inner| self.replica.absorb(from, reply, now, inner));
        self.rescue(from, now, outbox);
    }

    fn due(&self) -> Instant {
        self.replica.due()
    }

    fn is_ready(&self) -> bool {
        self.is_undelivered || self.replica.is_ready()
    }

    fn standing(&self) -> Standing {
        self.replica.standing()
    }
}

impl Replication for Compacting {
    fn propose(&mut self, command: Bytes, outbox: &mut Outbox<Request>) -> Result<LogPosition, NotLeader> {
        outbox.nested(Request::Replica, |inner| self.replica.propose(command, inner))
    }

    /// A snapshot that the service does not know yet comes before the commands that follow it.
    fn take_ready(&mut self) -> Vec<ApplyMsg> {
        // BEGIN 2D Figure 13, rule 8: first the snapshot, once, with the position of the log's base
        let mut ready = Vec::new();
        if std::mem::take(&mut self.is_undelivered) {
            ready.push(ApplyMsg::Snapshot { through: self.replica.log().base(), snapshot: self.snapshot.clone() });
        }
        ready.extend(self.replica.take_ready());
        ready
        // END
    }
}

impl Compaction for Compacting {
    fn compact(&mut self, through: Index, snapshot: Bytes) {
        // BEGIN 2D §7: ignore what is covered, refuse what was not handed over, cut the log, keep the snapshot
        if through <= self.replica.log().base().index {
            return; // A leader's newer snapshot came in meanwhile, or the same was taken twice.
        }
        // The service names what it has applied. Our own count would be wrong here: it runs ahead
        // of the service, by all that was handed over and is still waiting in the channel.
        let last_applied = self.replica.last_applied();
        assert!(
            through <= last_applied,
            "a snapshot through {through} of a service that was handed entries through {last_applied}"
        );
        self.replica.edit_log(|log| log.compact(through));
        self.snapshot = snapshot;
        // END
    }
}

impl Durable for Compacting {
    fn mark(&self) -> Mark {
        self.replica.mark() // A new snapshot always comes with a new base.
    }

    /// The snapshot goes to disk in the same save as the log's new base, and only then: a base
    /// without its snapshot, or a snapshot without its base, is a log with a hole.
    fn changes(&self, disk: &mut Outline) -> Save {
        // BEGIN 2D Figure 13, rule 5: the replica's changes, and the snapshot's bytes as they are if the base has moved
        let is_new = disk.mark().base != self.replica.log().base();
        Save { snapshot: is_new.then(|| self.snapshot.clone()), ..self.replica.changes(disk) }
        // END
    }

    /// The service has nothing after a crash, so it is handed the snapshot like any other.
    fn restore(&mut self, image: &Image) {
        // BEGIN 2D Figure 13, rule 8: the replica restores itself; a log with a base has a snapshot to deliver
        self.replica.restore(image);
        self.snapshot = image.snapshot.clone();
        self.is_undelivered = self.replica.log().base() != LogPosition::ZERO;
        // END
    }
}

impl<P: Durable + Compaction> Compaction for Persisted<P> {
    /// Cut, snapshot and save are one step: the lock is held from the first to the last, and the
    /// disk takes all or nothing.
    fn compact(&mut self, through: Index, snapshot: Bytes) {
        // BEGIN 2D Figure 13: one step, and no second save
        self.step(|inner| inner.compact(through, snapshot));
        // END
    }
}
