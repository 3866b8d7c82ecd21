//! Snapshots as plain values: no threads, no network, and the test sets the clock.

mod compact_log;

use std::sync::Arc;
use std::time::Duration;

use lab2a_election::{Election, TIMING};
use lab2c_persist::{Disk, Fingerprint};
use lab2d_snapshot::compacting::SNAPSHOT_PATIENCE;
use lab2d_snapshot::{Compacting, boot};
use labrpc::channel::unbounded;
use labrpc::persister::DiskTap;
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ApplyMsg, Bytes, Compaction, Elect, Image, Index,
    InstallSnapshot, LogPosition, Outbox, PeerId, Persister, Protocol, RaftLog, RaftReply, RaftRequest, Replication,
    RequestVoteReply, Save, Status,
};

fn state(index: Index) -> Bytes {
    Bytes::from(format!("state at {index}").into_bytes())
}

/// One server, without the threads around it.
struct Server {
    core: Compacting,
    disk: Disk,
}

impl Server {
    /// Boots server `me` of three.
    fn boot(me: PeerId, persister: &Arc<Persister>) -> Server {
        Server::boot_in(3, me, persister)
    }

    fn boot_in(cluster_size: usize, me: PeerId, persister: &Arc<Persister>) -> Server {
        let mut core = Compacting::new(Election::new(me, cluster_size, TIMING, 0, Instant::ZERO));
        let mut disk = Disk::new(persister.clone());
        core.restore(&mut disk);
        Server { core, disk }
    }

    /// Changes the core and then saves, as the real server does in each of its steps.
    fn step<R>(&mut self, step: impl FnOnce(&mut Compacting) -> R) -> R {
        let result = step(&mut self.core);
        self.core.save(&mut self.disk);
        result
    }

    fn tick(&mut self, outbox: &mut Outbox) -> Instant {
        let now = self.core.due();
        self.step(|core| core.tick(now, outbox));
        now
    }

    fn handle_request(&mut self, request: RaftRequest, now: Instant) -> RaftReply {
        self.step(|core| core.handle_request(request, now))
    }

    fn handle_reply(&mut self, from: PeerId, reply: RaftReply, now: Instant, outbox: &mut Outbox) {
        self.step(|core| core.handle_reply(from, reply, now, outbox));
    }

    fn propose(&mut self, command: Bytes, outbox: &mut Outbox) {
        self.step(|core| core.propose(command, outbox)).expect("a leader takes commands");
    }

    fn compact(&mut self, through: Index, snapshot: Bytes) {
        self.step(|core| core.compact(through, snapshot));
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.core.replica())
    }
}

/// Server 0 of three, which leads term 1, and when it was elected.
fn leader() -> (Server, Instant) {
    let mut leader = Server::boot(0, &Arc::new(Persister::new(0)));
    let mut outbox = Outbox::default();
    let now = leader.tick(&mut outbox);
    leader.handle_reply(2, RaftReply::RequestVote(RequestVoteReply { term: 1, granted: true }), now, &mut outbox);
    assert!(leader.core.status().is_leader);
    (leader, now)
}

/// Lets the leader propose and server 2 agree, so that everything through `through` is committed
/// and taken for the service. Then cuts the log there.
fn commit_and_cut(leader: &mut Server, through: Index) {
    let mut outbox = Outbox::default();
    while leader.core.replica().log().last().index < through {
        leader.propose(Bytes::default(), &mut outbox);
    }
    leader.handle_reply(2, append_reply(AppendOutcome::Through(through)), Instant::ZERO, &mut outbox);
    leader.core.take_committed();
    leader.compact(through, state(through));
}

fn append_reply(outcome: AppendOutcome) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term: 1, outcome })
}

/// Lets server 1 answer the leader, and returns what the leader then sends it.
fn answer(leader: &mut Server, outcome: AppendOutcome, now: Instant) -> Vec<String> {
    let mut outbox = Outbox::default();
    leader.handle_reply(1, append_reply(outcome), now, &mut outbox);
    sent_to_1(outbox)
}

/// What the leader sends server 1 with its next heartbeat.
fn heartbeat(leader: &mut Server) -> Vec<String> {
    let mut outbox = Outbox::default();
    leader.tick(&mut outbox);
    sent_to_1(outbox)
}

/// The requests to server 1: for each AppendEntries `prev` and the number of entries, for each
/// snapshot its last index.
fn sent_to_1(mut outbox: Outbox) -> Vec<String> {
    let describe = |request| match request {
        RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => {
            format!("append {}+{}", prev.index, entries.len())
        }
        RaftRequest::InstallSnapshot(InstallSnapshot { last_included, .. }) => {
            format!("snapshot {}", last_included.index)
        }
        RaftRequest::RequestVote(_) => panic!("no election was due"),
    };
    outbox.take().into_iter().filter(|(to, _)| *to == 1).map(|(_, request)| describe(request)).collect()
}

/// A follower that needs a snapshot gets heartbeats while it is silent, one snapshot once it
/// answers, and entries as soon as it has installed the snapshot.
#[test]
fn a_follower_that_needs_a_snapshot_is_sent_one_2d() {
    let (mut leader, now) = leader();
    commit_and_cut(&mut leader, 10);
    leader.propose(Bytes::default(), &mut Outbox::default());
    assert_eq!(heartbeat(&mut leader), ["append 10+0"], "it may be down");
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(1), now), ["snapshot 10"]);
    for _ in 0..2 {
        assert_eq!(heartbeat(&mut leader), ["append 10+0"], "a heartbeat, so that it does not campaign");
        assert!(answer(&mut leader, AppendOutcome::RetryFrom(1), now).is_empty(), "the snapshot is on its way");
    }
    let later = now + SNAPSHOT_PATIENCE;
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(1), later), ["snapshot 10"], "it must have been lost");

    // The follower has installed it, but the reply was lost. The reply to a heartbeat says so, too.
    assert_eq!(heartbeat(&mut leader), ["append 10+0"]);
    assert_eq!(answer(&mut leader, AppendOutcome::Through(10), later), ["append 10+1"]);
    assert!(answer(&mut leader, AppendOutcome::Through(10), later).is_empty(), "doubled");

    // A newer snapshot does not wait until the older one's patience has run out.
    answer(&mut leader, AppendOutcome::Through(11), later);
    commit_and_cut(&mut leader, 20);
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(12), later), ["snapshot 20"]);
    commit_and_cut(&mut leader, 30);
    assert!(answer(&mut leader, AppendOutcome::Through(20), later).contains(&"snapshot 30".to_string()));
}

/// A snapshot is installed and saved if its term is current and it is newer than what is committed.
/// The service then receives it once.
#[test]
fn a_snapshot_is_installed_saved_and_applied_2d() {
    let persister = Arc::new(Persister::new(1));
    let mut follower = Server::boot(1, &persister);
    let install = |follower: &mut Server, term, index| {
        let last_included = LogPosition { term: 1, index };
        let request = InstallSnapshot { term, leader: 0, last_included, snapshot: state(index) };
        let reply = follower.handle_request(RaftRequest::InstallSnapshot(request), Instant::ZERO);
        let RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) = reply else { panic!("{reply:?}") };
        (outcome, persister.saves(), persister.image().unwrap_or_default().snapshot)
    };
    assert_eq!(install(&mut follower, 2, 5), (AppendOutcome::Through(5), 1, state(5)));
    assert_eq!(install(&mut follower, 2, 8), (AppendOutcome::Through(8), 2, state(8)), "before 5 was applied");
    assert_eq!(install(&mut follower, 1, 9), (AppendOutcome::StaleTerm, 2, state(8)));
    let through = LogPosition { term: 1, index: 8 };
    let applied = [ApplyMsg::Snapshot { through, snapshot: state(8) }];
    assert_eq!(follower.core.take_committed(), applied);
    assert_eq!(
        install(&mut follower, 2, 5),
        (AppendOutcome::Through(5), 2, state(8)),
        "it is older, and the follower agrees with it"
    );
    assert!(follower.core.take_committed().is_empty());

    let mut rebooted = Server::boot(1, &persister);
    assert!(rebooted.core.has_committed());
    assert_eq!(rebooted.core.take_committed(), applied, "the service needs it again after a crash");
    assert_eq!(rebooted.fingerprint(), follower.fingerprint());
    assert_eq!(rebooted.fingerprint().last, through, "an empty log ends where its snapshot does");
}

/// What is on disk after each save, and whether that save wrote a snapshot.
#[derive(Default)]
struct Images(Mutex<Vec<(Image, bool)>>);

impl DiskTap for Images {
    fn saved(&self, _: Instant, _: PeerId, save: &Save, image: &Image, _: Duration) {
        self.0.lock().push((image.clone(), save.snapshot.is_some()));
    }
}

/// A cut log, its snapshot and its base reach the disk in one save. Later saves keep the snapshot, and do
/// not write it again.
#[test]
fn a_cut_and_its_snapshot_are_saved_together_2d() {
    let persister = Arc::new(Persister::new(0));
    let images = Arc::new(Images::default());
    persister.set_tap(images.clone());
    let mut alone = Server::boot_in(1, 0, &persister);
    let mut outbox = Outbox::default();
    alone.tick(&mut outbox);
    for _ in 0..10 {
        alone.propose(Bytes::from(vec![0; 100]), &mut outbox);
    }
    assert_eq!(alone.core.take_committed().len(), 10);
    let (saves, bytes) = (persister.saves(), persister.raft_state_bytes());
    alone.compact(7, state(7));
    assert_eq!((persister.saves(), persister.image().unwrap().entries.len()), (saves + 1, 3));
    assert!(persister.raft_state_bytes() < bytes / 2, "a cut makes Raft's state smaller");
    alone.compact(7, state(0));
    alone.compact(6, state(0));
    assert_eq!(persister.saves(), saves + 1, "snapshots that are not newer are ignored");
    alone.propose(Bytes::default(), &mut outbox);
    assert_eq!(persister.image().unwrap().snapshot, state(7));

    let images: Vec<(Image, bool)> = images.0.lock().drain(..).collect();
    assert_eq!(images.iter().filter(|(_, has_snapshot)| *has_snapshot).count(), 1, "there is one snapshot to write");
    for (image, _) in images {
        let snapshot = image.snapshot.clone();
        let rebooted = Server::boot_in(1, 0, &Arc::new(Persister::from_image(0, image)));
        let base = rebooted.core.replica().log().base().index;
        assert_eq!(snapshot, if base > 0 { state(base) } else { Bytes::default() }, "at every save");
    }
}

/// A snapshot through an entry that the service has not received is refused.
#[test]
#[should_panic(expected = "a snapshot through 3 from a service that received entries through 2")]
fn a_snapshot_cannot_run_ahead_of_the_service_2d() {
    let (mut leader, _) = leader();
    commit_and_cut(&mut leader, 2);
    leader.propose(Bytes::default(), &mut Outbox::default());
    leader.compact(3, state(3));
}

/// A follower that waits for a snapshot hears heartbeats meanwhile, so it never campaigns.
#[test]
fn heartbeats_keep_a_follower_without_its_snapshot_from_campaigning_2d() {
    let (mut leader, _) = leader();
    commit_and_cut(&mut leader, 10);
    let mut follower = Server::boot(1, &Arc::new(Persister::new(1)));
    for _ in 0..20 {
        let mut outbox = Outbox::default();
        let now = leader.tick(&mut outbox);
        for (_, request) in outbox.take().into_iter().filter(|(to, _)| *to == 1) {
            let reply = follower.handle_request(request, now);
            leader.handle_reply(1, reply, now, &mut Outbox::default()); // No snapshot ever arrives.
        }
        assert!(follower.core.due() >= now + Duration::from_millis(400));
        assert_eq!(follower.core.status().term, 1);
    }
}

/// Watchers of a booted server learn that it leads, and that it is shut down.
#[test]
fn a_watcher_learns_of_leadership_and_shutdown_2d() {
    let run = || {
        let (apply_ch, _apply_rx) = unbounded();
        let election = Election::new(0, 1, TIMING, 0, Instant::now());
        let server = boot(election, Arc::new(Persister::new(0)), Vec::new(), apply_ch);
        let follower = Status { term: 0, is_leader: false };
        assert_eq!(server.watch(follower), Some(Status { term: 1, is_leader: true }), "it elects itself");
        server.shutdown();
        assert_eq!(server.watch(server.status()), None, "it is shut down");
    };
    sim::run(Settings::default(), run).0.unwrap_or_else(|failure| panic!("{failure}"));
}
