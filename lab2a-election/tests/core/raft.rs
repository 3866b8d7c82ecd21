//! A server around a protocol that only counts: what a step saves and wakes, and what sleeps on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lab2a_election::Raft;
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;
use labrpc::{Elect, Outbox, PeerId, Protocol, RaftReply, RaftRequest, Status};

/// Long enough for every thread to take its turn.
const A_MOMENT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(10);

/// How often the threads around the protocol have read it.
#[derive(Default)]
struct Looks {
    due: AtomicU64,
    committed: AtomicU64,
    ticks: AtomicU64,
}

/// It is due, and has something committed, when the test says so.
struct Counting {
    looks: Arc<Looks>,
    due: Instant,
    has_committed: bool,
}

impl Protocol for Counting {
    fn tick(&mut self, now: Instant, _: &mut Outbox) {
        self.looks.ticks.fetch_add(1, Ordering::Relaxed);
        self.due = now + LONG;
    }

    fn handle_request(&mut self, _: RaftRequest, _: Instant) -> RaftReply {
        unreachable!("no server asks this one")
    }

    fn handle_reply(&mut self, _: PeerId, _: RaftReply, _: Instant, _: &mut Outbox) {}

    fn due(&self) -> Instant {
        self.looks.due.fetch_add(1, Ordering::Relaxed);
        self.due
    }

    fn has_committed(&self) -> bool {
        self.looks.committed.fetch_add(1, Ordering::Relaxed);
        self.has_committed
    }

    fn status(&self) -> Status {
        Status { term: 0, is_leader: false }
    }
}

/// Runs `body` with a server whose threads have gone to sleep. `save` is called at the end of each
/// of its steps.
fn with_server(save: impl FnMut(&Counting) + Send + 'static, body: impl FnOnce(&Raft<Counting>, &Looks) + Send) {
    let run = || {
        let looks = Arc::new(Looks::default());
        let core = Counting { looks: looks.clone(), due: Instant::now() + LONG, has_committed: false };
        let raft = Raft::spawn(core, save, Vec::new());
        thread::sleep(A_MOMENT);
        body(&raft, &looks);
        raft.shutdown();
    };
    sim::run(Settings::default(), run).0.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A step reads the protocol once before and once after; no other thread has a reason to.
const LOOKS_OF_A_STEP: u64 = 2;

/// The ticker sleeps until it is due, and is woken only if it is due sooner.
#[test]
fn the_ticker_is_woken_when_it_is_due_sooner_2a() {
    with_server(
        |_| {},
        |raft, looks| {
            let before = looks.due.load(Ordering::Relaxed);
            raft.step(|_, _, _| ());
            raft.step(|core, _, _| core.due += LONG);
            thread::sleep(A_MOMENT);
            assert_eq!(looks.due.load(Ordering::Relaxed) - before, 2 * LOOKS_OF_A_STEP, "nothing is due sooner");
            raft.step(|core, now, _| core.due = now);
            thread::sleep(A_MOMENT);
            assert_eq!(looks.ticks.load(Ordering::Relaxed), 1, "it is due now");
        },
    );
}

/// The applier sleeps until something is committed, takes it, and is not woken twice for it.
#[test]
fn the_applier_is_woken_when_something_is_committed_2a() {
    with_server(
        |_| {},
        |raft, looks| {
            let (applier, taken) = (raft.clone(), Arc::new(Mutex::new(0)));
            let count = taken.clone();
            thread::spawn(move || {
                while applier.wait_for_committed(|core| core.has_committed = false).is_some() {
                    *count.lock() += 1;
                }
            });
            thread::sleep(A_MOMENT);
            let before = looks.committed.load(Ordering::Relaxed);
            raft.step(|_, _, _| ());
            thread::sleep(A_MOMENT);
            assert_eq!(looks.committed.load(Ordering::Relaxed) - before, LOOKS_OF_A_STEP, "nothing is committed");
            raft.step(|core, _, _| core.has_committed = true);
            thread::sleep(A_MOMENT);
            assert_eq!(*taken.lock(), 1);
        },
    );
}

/// Each step is saved before it ends, in the state that it has left behind.
#[test]
fn each_step_is_saved_2a() {
    let saved: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let saves = saved.clone();
    let save = move |core: &Counting| saves.lock().push(core.due - Instant::ZERO);
    with_server(save, |raft, _| {
        for seconds in [20, 30] {
            let due = Duration::from_secs(seconds);
            raft.step(|core, _, _| core.due = Instant::ZERO + due);
            assert_eq!(saved.lock().last(), Some(&due), "the step ended without a save");
        }
        assert_eq!(saved.lock().len(), 2, "a step is saved once");
    });
}
