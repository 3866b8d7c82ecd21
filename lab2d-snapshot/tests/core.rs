//! Snapshots as plain values: no threads, no network, and a clock that the test turns by hand.

use std::sync::Arc;
use std::time::Duration;

use lab2a_election::{Election, Raft, TIMING};
use lab2b_log::VecLog;
use lab2d_snapshot::compacting::SNAPSHOT_PATIENCE;
use lab2d_snapshot::{CompactLog, Compacting};
use labrpc::channel::unbounded;
use labrpc::sim::{self, Settings};
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ApplyMsg, Bytes, Compacted, Compaction, Elect, Entry, Index,
    InstallSnapshot, LogPosition, Outbox, PeerId, Persister, Protocol, RaftLog, RaftReply, RaftRequest, Replication,
    RequestVoteReply, Status, Term, Timing,
};

fn entry(term: Term) -> Entry {
    Entry { term, command: Bytes::from(vec![term as u8]) }
}

fn compact_log_of(terms: &[Term]) -> CompactLog {
    let mut log = CompactLog::starting_after(LogPosition::ZERO);
    for &term in terms {
        log.push(entry(term));
    }
    log
}

fn state(index: Index) -> Bytes {
    Bytes::from(format!("state at {index}").into_bytes())
}

fn boot(me: PeerId, disk: &Arc<Persister>) -> Persisted<Compacting> {
    Persisted::recover(Compacting::new(Election::new(me, 3, TIMING, 0, Instant::ZERO)), disk.clone())
}

/// Server 0 of three, which leads term 1, and when it was elected.
fn leader() -> (Persisted<Compacting>, Instant) {
    let mut leader = boot(0, &Arc::new(Persister::new(0)));
    let (now, mut outbox) = (leader.due(), Outbox::default());
    leader.tick(now, &mut outbox);
    leader.handle_reply(2, RaftReply::RequestVote(RequestVoteReply { term: 1, granted: true }), now, &mut outbox);
    assert!(leader.status().is_leader);
    (leader, now)
}

/// Lets the leader propose, and server 2 agree, so that all of it is committed and handed over; then cuts the log.
fn commit_and_cut(leader: &mut Persisted<Compacting>, through: Index) {
    let mut outbox = Outbox::default();
    while leader.inner().replica().log().last().index < through {
        leader.propose(Bytes::default(), &mut outbox).expect("a leader takes commands");
    }
    leader.handle_reply(2, appended(AppendOutcome::Through(through)), Instant::ZERO, &mut outbox);
    leader.take_committed();
    leader.compact(through, state(through));
}

fn appended(appended: AppendOutcome) -> RaftReply {
    RaftReply::AppendEntries(AppendEntriesReply { term: 1, appended })
}

/// What the leader sends server 1 upon its answer: the bounds of each AppendEntries, the position of each snapshot.
fn answer(leader: &mut Persisted<Compacting>, reply: AppendOutcome, now: Instant) -> Vec<String> {
    let mut outbox = Outbox::default();
    leader.handle_reply(1, appended(reply), now, &mut outbox);
    sent_to_1(outbox)
}

fn heartbeat(leader: &mut Persisted<Compacting>) -> Vec<String> {
    let (now, mut outbox) = (leader.due(), Outbox::default());
    leader.tick(now, &mut outbox);
    sent_to_1(outbox)
}

fn sent_to_1(mut outbox: Outbox) -> Vec<String> {
    let describe = |request| match request {
        (lab2b_log::RaftRequest::AppendEntries(AppendEntries { prev, entries, .. })) => {
            format!("append {}+{}", prev.index, entries.len())
        }
        RaftRequest::InstallSnapshot(InstallSnapshot { through, .. }) => format!("snapshot {}", through.index),
        (lab2b_log::RaftRequest::RequestVote(_)) => panic!("no election was due"),
    };
    outbox.take().into_iter().filter(|(to, _)| *to == 1).map(|(_, request)| describe(request)).collect()
}

/// Wherever a log is cut, it is the same log as before from there on, for every question and every change.
#[test]
fn a_cut_log_is_the_same_log_2d() {
    let terms = [1, 1, 2, 2, 4];
    let leaders = [1, 1, 2, 2, 3, 3];
    for cut in 0..=terms.len() as Index {
        let whole: VecLog = terms.iter().map(|&term| entry(term)).collect();
        let mut log = compact_log_of(&terms);
        log.compact(cut);
        assert_eq!(Some(log.base()), whole.position(cut), "cut at {cut}");
        assert_eq!(log.last(), whole.last(), "cut at {cut}");
        for index in 0..=terms.len() as Index + 1 {
            assert_eq!(log.get(index), whole.get(index).filter(|_| index > cut), "entry {index}, cut at {cut}");
        }
        for from in 1..=terms.len() as Index + 1 {
            let expected = if from <= cut { Err(Compacted) } else { whole.suffix(from) };
            assert_eq!(log.suffix(from), expected, "from {from} on, cut at {cut}");
        }
        // What is cut off is committed, so no honest leader's log differs there.
        for from in 0..=leaders.len() {
            for to in from..=leaders.len() {
                let prev = compact_log_of(&leaders[..from]).last();
                let entries: Vec<Entry> = leaders[from..to].iter().map(|&term| entry(term)).collect();
                let (mut spliced, mut expected) = (log.clone(), whole.clone());
                if cut == 5 && to >= 5 {
                    continue; // The leader's fifth entry is another one.
                }
                let results = (spliced.splice(prev, entries.clone()), expected.splice(prev, entries));
                let bounded = |index: Index| index.max(cut + 1);
                assert_eq!(
                    results.0.map_err(|conflict| conflict.retry_from),
                    results.1.map_err(|conflict| bounded(conflict.retry_from)),
                    "leader's {from}..{to}, cut at {cut}"
                );
                assert_eq!(spliced.last(), expected.last(), "leader's {from}..{to}, cut at {cut}");
                assert_eq!(spliced.suffix(cut + 1), expected.suffix(cut + 1), "leader's {from}..{to}, cut at {cut}");
            }
        }
    }
}

/// Figure 13, rules 6 and 7: what follows a snapshot stays if the log holds the snapshot's last entry, and only then.
#[test]
fn installing_keeps_only_a_tail_that_agrees_2d() {
    let install = |terms: &[Term], term, index| {
        let mut log = compact_log_of(terms);
        log.install(LogPosition { term, index });
        (log.base(), log.last().index - log.base().index)
    };
    assert_eq!(install(&[1, 1, 2, 2], 1, 2), (LogPosition { term: 1, index: 2 }, 2));
    assert_eq!(install(&[1, 1, 1, 1], 2, 2), (LogPosition { term: 2, index: 2 }, 0), "same index, another term");
    assert_eq!(install(&[1], 2, 7), (LogPosition { term: 2, index: 7 }, 0));
    assert_eq!(install(&[1, 1], 1, 2), (LogPosition { term: 1, index: 2 }, 0));
}

/// A silent follower gets heartbeats; once it answers, the snapshot, once; and entries as soon as it has that.
#[test]
fn a_stranded_follower_is_sent_one_snapshot_2d() {
    let (mut leader, now) = leader();
    commit_and_cut(&mut leader, 10);
    leader.propose(Bytes::default(), &mut Outbox::default()).unwrap();
    assert_eq!(heartbeat(&mut leader), ["append 10+0"], "nobody knows whether it is alive");
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(1), now), ["snapshot 10"]);
    for _ in 0..2 {
        assert_eq!(heartbeat(&mut leader), ["append 10+0"], "a heartbeat, so that it does not campaign");
        assert!(answer(&mut leader, AppendOutcome::RetryFrom(1), now).is_empty(), "the snapshot is on its way");
    }
    let later = now + SNAPSHOT_PATIENCE;
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(1), later), ["snapshot 10"], "it must have been lost");

    // The follower has it, but the answer is lost: a heartbeat finds out.
    assert_eq!(heartbeat(&mut leader), ["append 10+0"]);
    assert_eq!(answer(&mut leader, AppendOutcome::Through(10), later), ["append 10+1"]);
    assert!(answer(&mut leader, AppendOutcome::Through(10), later).is_empty(), "doubled");

    // A newer snapshot does not wait for the older one's patience.
    answer(&mut leader, AppendOutcome::Through(11), later);
    commit_and_cut(&mut leader, 20);
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(12), later), ["snapshot 20"]);
    commit_and_cut(&mut leader, 30);
    assert!(answer(&mut leader, AppendOutcome::Through(20), later).contains(&"snapshot 30".to_string()));
}

/// A snapshot is taken by its term and its worth, handed over once and before what follows it, and is on disk by then.
#[test]
fn a_snapshot_is_installed_saved_and_handed_over_2d() {
    let disk = Arc::new(Persister::new(1));
    let mut follower = boot(1, &disk);
    let install = |follower: &mut Persisted<Compacting>, term, index| {
        let through = LogPosition { term: 1, index };
        let request = InstallSnapshot { heartbeat: Heartbeat { term, leader: 0 }, through, snapshot: state(index) };
        let reply = follower.handle_request(RaftRequest::InstallSnapshot(request), Instant::ZERO);
        let RaftReply::AppendEntries(AppendEntriesReply { appended, .. }) = reply else { panic!("{reply:?}") };
        (appended, disk.saves(), disk.image().unwrap_or_default().snapshot)
    };
    assert_eq!(install(&mut follower, 2, 5), (AppendOutcome::Through(5), 1, state(5)));
    assert_eq!(install(&mut follower, 2, 8), (AppendOutcome::Through(8), 2, state(8)), "before 5 was handed over");
    assert_eq!(install(&mut follower, 1, 9), (AppendOutcome::StaleTerm, 2, state(8)));
    let through = LogPosition { term: 1, index: 8 };
    let delivered = [ApplyMsg::Snapshot { through, snapshot: state(8) }];
    assert_eq!(follower.take_committed(), delivered);
    assert_eq!(install(&mut follower, 2, 5), (AppendOutcome::Through(5), 2, state(8)), "old news, but true");
    assert!(follower.take_committed().is_empty());

    let mut reborn = boot(1, &disk);
    assert!(reborn.has_committed());
    assert_eq!(reborn.take_committed(), delivered, "a crash takes the service's state, and the disk gives it back");
    assert_eq!(reborn.inner().fingerprint(), follower.inner().fingerprint());
    assert_eq!(reborn.inner().fingerprint().last, through, "an empty log ends where its snapshot does");
}

/// The cut, its snapshot and its position reach the disk in one save, and every later save leaves them there.
#[test]
fn a_cut_and_its_snapshot_are_saved_together_2d() {
    let disk = Arc::new(Persister::new(0));
    let mut alone = Persisted::recover(Compacting::new(Election::new(0, 1, TIMING, 0, Instant::ZERO)), disk.clone());
    let (now, mut outbox) = (alone.due(), Outbox::default());
    alone.tick(now, &mut outbox);
    for _ in 0..10 {
        alone.propose(Bytes::from(vec![0; 100]), &mut outbox).unwrap();
    }
    assert_eq!(alone.take_committed().len(), 10);
    let (saves, bytes) = (disk.saves(), disk.raft_state_bytes());
    alone.compact(7, state(7));
    assert_eq!((disk.saves(), disk.image().unwrap().entries.len()), (saves + 1, 3));
    assert!(disk.raft_state_bytes() < bytes / 2, "a cut makes Raft's state smaller");
    alone.compact(7, state(0));
    alone.compact(6, state(0));
    assert_eq!(disk.saves(), saves + 1, "old snapshots are ignored");
    alone.propose(Bytes::default(), &mut outbox).unwrap();
    assert_eq!(disk.image().unwrap().snapshot, state(7));

    for image in disk.images().into_iter().filter(|image| !image.head.is_empty()) {
        let mut reborn = Compacting::new(Election::new(0, 1, TIMING, 0, Instant::ZERO));
        reborn.restore(&image);
        let base = reborn.replica().log().base().index;
        assert_eq!(image.snapshot, if base > 0 { state(base) } else { Bytes::default() }, "at every save");
    }
}

/// A snapshot of more than the service was handed cannot be true.
#[test]
#[should_panic(expected = "a snapshot through 3 of a service that was handed entries through 2")]
fn a_snapshot_cannot_run_ahead_of_the_service_2d() {
    let (mut leader, _) = leader();
    commit_and_cut(&mut leader, 2);
    leader.propose(Bytes::default(), &mut Outbox::default()).unwrap();
    leader.compact(3, state(3));
}

/// A server that was cut off long ago hears of its leader all the while that its snapshot takes, and never campaigns.
#[test]
fn heartbeats_at_the_base_keep_a_follower_quiet_2d() {
    let (mut leader, _) = leader();
    commit_and_cut(&mut leader, 10);
    let mut follower = boot(1, &Arc::new(Persister::new(1)));
    for _ in 0..20 {
        let (now, mut outbox) = (leader.due(), Outbox::default());
        leader.tick(now, &mut outbox);
        for (_, request) in outbox.take().into_iter().filter(|(to, _)| *to == 1) {
            let reply = follower.handle_request(request, now);
            leader.handle_reply(1, reply, now, &mut Outbox::default()); // No snapshot ever arrives.
        }
        assert!(follower.due() >= now + Duration::from_millis(400));
        assert_eq!(follower.status().term, 1);
    }
}

/// Reign is watched, and threads are ended, through the whole server as through its node.
#[test]
fn the_server_passes_on_what_the_node_does_2d() {
    let run = || {
        let (applied, _taken) = unbounded();
        let election = Election::new(0, 1, TIMING, 0, Instant::now());
        let server = Raft::boot(election, Arc::new(Persister::new(0)), Vec::new(), applied);
        let follower = Status { term: 0, is_leader: false };
        assert_eq!(server.watch(follower), Some(Status { term: 1, is_leader: true }), "it elects itself");
        server.shutdown();
        assert_eq!(server.watch(server.status()), None, "it is shut down");
    };
    sim::run(Settings::default(), run).0.unwrap_or_else(|failure| panic!("{failure}"));
}
