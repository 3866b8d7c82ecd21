//! Saving and coming back, as plain values: no threads, no network, and a clock that the test turns by hand.

use std::sync::Arc;

use lab2a_election::{Election, TIMING};
use lab2b_log::{Replica, VecLog};
use lab2c_persist::DiskSummary;
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, Bytes, Entry, LogPosition, Outbox, PeerId, Persister, Protocol, RaftLog, RaftReply, RaftRequest,
    Replication, RequestVote, RequestVoteReply, Term, Timing,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

fn fresh() -> Replica<VecLog> {
    Replica::new(Election::new(0, 3, TIMING, 0, Instant::ZERO))
}

fn boot(disk: &Arc<Persister>) -> Persisted<Replica<VecLog>> {
    Persisted::recover(fresh(), disk.clone())
}

fn entries(terms: &[Term]) -> Vec<Entry> {
    terms.iter().map(|&term| Entry { term, command: Bytes::from(vec![term as u8]) }).collect()
}

fn terms_of(log: &VecLog) -> Vec<Term> {
    (1..=log.last().index).map(|index| log.get(index).unwrap().term).collect()
}

/// The request of a leader with this log, from one index on.
fn append(leaders: &[Term], term: Term, from: usize, to: usize) -> RaftRequest {
    let prev = LogPosition { term: leaders[..from].last().copied().unwrap_or(0), index: from as u64 };
    let heartbeat = Heartbeat { term, leader: 1 };
    RaftRequest::AppendEntries(AppendEntries {
        heartbeat,
        prev,
        entries: entries(&leaders[from..to]),
        leader_commit: 0,
    })
}

/// Whatever happens to a server, after each step it could crash and come back with the same term, vote and log; and
/// no step is saved twice, or saved at all if nothing changed.
#[test]
fn after_each_step_a_crash_loses_nothing_2c() {
    const LIVES: u64 = 50;
    const STEPS: usize = 300;
    let (mut cuts, mut reigns) = (0, 0);
    for seed in 0..LIVES {
        let mut dice = SmallRng::seed_from_u64(seed);
        let disk = Arc::new(Persister::new(0));
        let mut server = boot(&disk);
        // What the latest leader holds. The next one holds some of it, or some of ours, and goes on in its own term.
        let mut leaders: Vec<Term> = Vec::new();
        let mut leaders_term = 0;
        for _ in 0..STEPS {
            let (now, mut outbox) = (server.due(), Outbox::default());
            let (before, saves) = (server.inner().fingerprint(), disk.saves());
            let term = before.ballot.term;
            match dice.random_range(0..8) {
                0 => server.tick(now, &mut outbox),
                1 => {
                    let is_refused = dice.random_ratio(1, 10);
                    let reply = RequestVoteReply { term: term + u64::from(is_refused), granted: !is_refused };
                    server.handle_reply(dice.random_range(1..3), RaftReply::RequestVote(reply), now, &mut outbox);
                    reigns += u32::from(server.status().is_leader);
                }
                2 => {
                    let last_log = LogPosition { term: term + 1, index: 1 };
                    let candidate = dice.random_range(1..3);
                    let request = RequestVote { term: term + dice.random_range(0..2), candidate, last_log };
                    server.handle_request(RaftRequest::RequestVote(request), now);
                }
                3 | 4 => drop(server.propose(Bytes::from(vec![0; 3]), &mut outbox)),
                _ => {
                    if leaders_term <= term || server.status().is_leader {
                        let ours = terms_of(server.inner().log());
                        let known = if dice.random() { &ours } else { &leaders };
                        leaders_term = term + 1;
                        leaders = known[..dice.random_range(0..=known.len())].to_vec();
                        leaders.extend(vec![leaders_term; dice.random_range(0..4)]);
                    }
                    let from = dice.random_range(0..=leaders.len());
                    let to = dice.random_range(from..=leaders.len());
                    server.handle_request(append(&leaders, leaders_term, from, to), now);
                    let last = server.inner().log().last().index;
                    cuts += u32::from(last < before.last.index);
                }
            }
            let is_changed = server.inner().fingerprint() != before;
            assert_eq!(
                disk.saves() - saves,
                u64::from(is_changed),
                "seed {seed}: from {before:?} to {:?}",
                server.inner()
            );
            let reborn = boot(&disk);
            assert_eq!(reborn.inner().fingerprint(), server.inner().fingerprint(), "seed {seed}");
            assert_eq!(reborn.inner().log(), server.inner().log(), "seed {seed}");
            if dice.random_ratio(1, 20) {
                server = reborn;
            }
        }
    }
    assert!(cuts > 100 && reigns > 100, "these lives are too calm to show anything: {cuts} cuts, {reigns} reigns");
}

/// A save writes what a step added, whatever the log held before.
#[test]
fn a_save_costs_what_changed_2c() {
    let mut replica = fresh();
    let mut disk = DiskSummary::default();
    let mut save = |replica: &Replica<VecLog>| {
        let save = replica.changes(&mut disk);
        (save.forget, save.keep, save.append.len())
    };
    let long = vec![1; 1000];
    replica.handle_request(append(&long, 1, 0, 1000), Instant::ZERO);
    assert_eq!(save(&replica), (0, 0, 1000));
    replica.handle_request(append(&[&long[..], &[1]].concat(), 1, 1000, 1001), Instant::ZERO);
    assert_eq!(save(&replica), (0, 1000, 1), "one more entry");
    replica.handle_request(append(&[&long[..990], &[2, 2, 2]].concat(), 2, 985, 993), Instant::ZERO);
    assert_eq!(save(&replica), (0, 990, 3), "a conflict cuts the end off");
    replica.handle_request(append(&[], 3, 0, 0), Instant::ZERO);
    assert_eq!(save(&replica), (0, 993, 0), "a new term");
}

/// A crash must not buy a second vote in one term.
#[test]
fn a_vote_outlives_its_voter_2c() {
    let disk = Arc::new(Persister::new(0));
    let ask = |candidate: PeerId| {
        let request = RequestVote { term: 1, candidate, last_log: LogPosition::ZERO };
        let RaftReply::RequestVote(reply) =
            boot(&disk).handle_request(RaftRequest::RequestVote(request), Instant::ZERO)
        else {
            panic!()
        };
        reply.granted
    };
    assert!(ask(1));
    assert!(!ask(2));
    assert!(ask(1), "the first answer may be lost: say it again");
}

/// Nothing is known to be committed after a crash: only a leader can tell, and then all of it is handed over again.
#[test]
fn what_was_committed_is_learned_again_2c() {
    let disk = Arc::new(Persister::new(0));
    let hear = |server: &mut Persisted<Replica<VecLog>>| {
        let RaftRequest::AppendEntries(request) = append(&[1, 1], 1, 0, 2) else { unreachable!() };
        server.handle_request(RaftRequest::AppendEntries(AppendEntries { leader_commit: 2, ..request }), Instant::ZERO);
        server.take_committed().len()
    };
    assert_eq!(hear(&mut boot(&disk)), 2);
    let mut reborn = boot(&disk);
    assert!(!reborn.has_committed());
    assert_eq!(hear(&mut reborn), 2);
}

/// A server that cannot read its own disk must not come back as one that has promised nothing.
#[test]
#[should_panic(expected = "refuses to boot")]
fn an_unreadable_disk_is_no_empty_disk_2c() {
    let disk = Arc::new(Persister::new(0));
    boot(&disk).handle_request(append(&[1], 1, 0, 1), Instant::ZERO);
    let mut image = disk.image().expect("it was saved");
    image.entries[0] = Bytes::from(&image.entries[0][..5]);
    boot(&Arc::new(Persister::from_image(0, image)));
}
