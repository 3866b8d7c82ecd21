//! Saves and restarts as plain values: no threads, no network, and the test sets the clock.

use std::sync::Arc;
use std::time::Duration;

use lab2a_election::{Election, TIMING};
use lab2b_log::{Replica, VecLog};
use lab2c_persist::{Disk, Fingerprint};
use labrpc::persister::DiskTap;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, Bytes, Entry, Image, LogPosition, Outbox, PeerId, Persister, Protocol, RaftLog, RaftReply,
    RaftRequest, Replication, RequestVote, RequestVoteReply, Save, Term,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Server 0 of three, without the threads around it.
struct Server {
    core: Replica<VecLog>,
    disk: Disk,
}

impl Server {
    fn boot(persister: &Arc<Persister>) -> Server {
        let mut core = Replica::new(Election::new(0, 3, TIMING, 0, Instant::ZERO));
        let mut disk = Disk::new(persister.clone());
        disk.restore(&mut core);
        Server { core, disk }
    }

    /// Changes the core and then saves, as the real server does in each of its steps.
    fn step<R>(&mut self, step: impl FnOnce(&mut Replica<VecLog>) -> R) -> R {
        let result = step(&mut self.core);
        self.disk.save(&self.core, None);
        result
    }

    fn handle_request(&mut self, request: RaftRequest) -> RaftReply {
        self.step(|core| core.handle_request(request, Instant::ZERO))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.core)
    }
}

fn entries(terms: &[Term]) -> Vec<Entry> {
    terms.iter().map(|&term| Entry { term, command: Bytes::from(vec![term as u8]) }).collect()
}

fn terms_of(log: &VecLog) -> Vec<Term> {
    (1..=log.last().index).map(|index| log.get(index).unwrap().term).collect()
}

/// The request of a leader with this log, with the entries of the slots `from..to`.
fn append(leaders: &[Term], term: Term, from: usize, to: usize) -> RaftRequest {
    let prev = LogPosition { term: leaders[..from].last().copied().unwrap_or(0), index: from as u64 };
    let entries = entries(&leaders[from..to]);
    RaftRequest::AppendEntries(AppendEntries { term, leader: 1, prev, entries, leader_commit: 0 })
}

/// The leader that the server hears from, until another one follows it.
#[derive(Default)]
struct LatestLeader {
    term: Term,
    log: Vec<Term>,
}

impl LatestLeader {
    /// A random request of the latest leader. If the server has reached a newer term or leads
    /// itself, a new leader comes first. It holds a part of the last leader's log or of the
    /// server's, and entries of its own term.
    fn request(&mut self, core: &Replica<VecLog>, rng: &mut SmallRng) -> RaftRequest {
        let term = core.status().term;
        if self.term <= term || core.status().is_leader {
            let servers = terms_of(core.log());
            let known = if rng.random() { &servers } else { &self.log };
            self.term = term + 1;
            self.log = known[..rng.random_range(0..=known.len())].to_vec();
            self.log.extend(vec![self.term; rng.random_range(0..4)]);
        }
        let from = rng.random_range(0..=self.log.len());
        let to = rng.random_range(from..=self.log.len());
        append(&self.log, self.term, from, to)
    }
}

/// Lets one random thing happen to the server.
fn random_step(core: &mut Replica<VecLog>, leader: &mut LatestLeader, rng: &mut SmallRng) {
    let (now, term, mut outbox) = (core.due(), core.status().term, Outbox::default());
    match rng.random_range(0..8) {
        0 => core.tick(now, &mut outbox),
        1 => {
            let is_refused = rng.random_ratio(1, 10);
            let reply = RequestVoteReply { term: term + u64::from(is_refused), granted: !is_refused };
            core.handle_reply(rng.random_range(1..3), RaftReply::RequestVote(reply), now, &mut outbox);
        }
        2 => {
            let last_log = LogPosition { term: term + 1, index: 1 };
            let candidate = rng.random_range(1..3);
            let request = RequestVote { term: term + rng.random_range(0..2), candidate, last_log };
            core.handle_request(RaftRequest::RequestVote(request), now);
        }
        3 | 4 => drop(core.propose(Bytes::from(vec![0; 3]), &mut outbox)),
        _ => {
            let request = leader.request(core, rng);
            core.handle_request(request, now);
        }
    }
}

/// After any step, a server that crashes comes back with the same term, vote and log. A step is
/// saved once if it changed any of these, and not at all otherwise.
#[test]
fn after_each_step_a_crash_loses_nothing_2c() {
    const RUNS: u64 = 50;
    const STEPS: usize = 300;
    let (mut cuts, mut elections_won) = (0, 0);
    for seed in 0..RUNS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let persister = Arc::new(Persister::new(0));
        let mut server = Server::boot(&persister);
        let mut leader = LatestLeader::default();
        for _ in 0..STEPS {
            let (before, saves, was_leader) = (server.fingerprint(), persister.saves(), server.core.status().is_leader);
            server.step(|core| random_step(core, &mut leader, &mut rng));
            let after = server.fingerprint();
            assert_eq!(
                persister.saves() - saves,
                u64::from(after != before),
                "seed {seed}: from {before:?} to {:?}",
                server.core
            );
            let rebooted = Server::boot(&persister);
            assert_eq!(rebooted.fingerprint(), after, "seed {seed}");
            assert_eq!(rebooted.core.log(), server.core.log(), "seed {seed}");
            cuts += u32::from(after.last.index < before.last.index);
            elections_won += u32::from(server.core.status().is_leader && !was_leader);
            if rng.random_ratio(1, 20) {
                server = rebooted;
            }
        }
    }
    assert!(
        cuts > 100 && elections_won > 100,
        "too little happens to show anything: {cuts} cuts, {elections_won} elections won"
    );
}

/// Remembers how the latest save changes the log: entries forgotten, kept and appended.
#[derive(Default)]
struct LatestSave(Mutex<(usize, usize, usize)>);

impl DiskTap for LatestSave {
    fn saved(&self, _: Instant, _: PeerId, save: &Save, _: &Image, _: Duration) {
        *self.0.lock() = (save.forget, save.keep, save.append.len());
    }
}

/// A save writes only the entries that a step added, no matter how long the log is.
#[test]
fn a_save_costs_what_changed_2c() {
    let persister = Arc::new(Persister::new(0));
    let latest = Arc::new(LatestSave::default());
    persister.set_tap(latest.clone());
    let mut server = Server::boot(&persister);
    let mut save_upon = |request| {
        server.handle_request(request);
        *latest.0.lock()
    };
    let long = vec![1; 1000];
    assert_eq!(save_upon(append(&long, 1, 0, 1000)), (0, 0, 1000));
    assert_eq!(save_upon(append(&[&long[..], &[1]].concat(), 1, 1000, 1001)), (0, 1000, 1), "one more entry");
    let conflicting = [&long[..990], &[2, 2, 2]].concat();
    assert_eq!(save_upon(append(&conflicting, 2, 985, 993)), (0, 990, 3), "a conflict cuts off the end");
    assert_eq!(save_upon(append(&[], 3, 0, 0)), (0, 993, 0), "a new term");
    assert_eq!(persister.saves(), 4);
}

/// A server that crashes after its vote gives no second vote in the same term.
#[test]
fn a_vote_survives_a_crash_2c() {
    let persister = Arc::new(Persister::new(0));
    let ask = |candidate: PeerId| {
        let request = RequestVote { term: 1, candidate, last_log: LogPosition::ZERO };
        let reply = Server::boot(&persister).handle_request(RaftRequest::RequestVote(request));
        let RaftReply::RequestVote(reply) = reply else { panic!("{reply:?}") };
        reply.granted
    };
    assert!(ask(1));
    assert!(!ask(2));
    assert!(ask(1), "the first reply may be lost");
}

/// After a crash a server does not know what is committed. Once a leader tells it, it applies
/// everything again.
#[test]
fn a_restarted_server_learns_again_what_is_committed_2c() {
    let persister = Arc::new(Persister::new(0));
    let hear = |server: &mut Server| {
        let RaftRequest::AppendEntries(request) = append(&[1, 1], 1, 0, 2) else { unreachable!() };
        server.handle_request(RaftRequest::AppendEntries(AppendEntries { leader_commit: 2, ..request }));
        server.core.take_committed().len()
    };
    assert_eq!(hear(&mut Server::boot(&persister)), 2);
    let mut rebooted = Server::boot(&persister);
    assert!(!rebooted.core.has_committed());
    assert_eq!(hear(&mut rebooted), 2);
}

/// A server that cannot read its disk refuses to boot: it must not continue without its promises.
#[test]
#[should_panic(expected = "refuses to boot")]
fn an_unreadable_disk_is_not_an_empty_disk_2c() {
    let persister = Arc::new(Persister::new(0));
    Server::boot(&persister).handle_request(append(&[1], 1, 0, 1));
    let mut image = persister.image().expect("it was saved");
    image.entries[0] = Bytes::from(&image.entries[0][..5]);
    Server::boot(&Arc::new(Persister::from_image(0, image)));
}
