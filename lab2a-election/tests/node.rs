//! The node, around a protocol that only counts: who is woken by a step, and who sleeps on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lab2a_election::Node;
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;
use labrpc::{Elect, Outbox, PeerId, Protocol, Standing};

/// Long enough for every thread to take its turn.
const A_MOMENT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(10);

/// How often the threads around it have looked at the protocol.
#[derive(Default)]
struct Looks {
    due: AtomicU64,
    ready: AtomicU64,
    ticks: AtomicU64,
}

/// It is due when the test says so, and ready when the test says so.
struct Counting {
    looks: Arc<Looks>,
    due: Instant,
    is_ready: bool,
}

impl Protocol for Counting {
    type Request = ();
    type Reply = ();

    fn tick(&mut self, now: Instant, _: &mut Outbox<()>) {
        self.looks.ticks.fetch_add(1, Ordering::Relaxed);
        self.due = now + LONG;
    }

    fn handle(&mut self, (): (), _: Instant) {}

    fn absorb(&mut self, _: PeerId, (): (), _: Instant, _: &mut Outbox<()>) {}

    fn due(&self) -> Instant {
        self.looks.due.fetch_add(1, Ordering::Relaxed);
        self.due
    }

    fn is_ready(&self) -> bool {
        self.looks.ready.fetch_add(1, Ordering::Relaxed);
        self.is_ready
    }

    fn standing(&self) -> Standing {
        Standing { term: 0, is_leader: false }
    }
}

/// Runs `body` with a node whose threads have gone to sleep.
fn with_node(body: impl FnOnce(&Node<Counting>, &Looks) + Send) {
    let run = || {
        let looks = Arc::new(Looks::default());
        let core = Counting { looks: looks.clone(), due: Instant::now() + LONG, is_ready: false };
        let node = Node::spawn(core, Vec::new());
        thread::sleep(A_MOMENT);
        body(&node, &looks);
        node.shutdown();
    };
    sim::run(Settings::default(), run).0.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A step looks once before and once after; nobody else has a reason to.
const LOOKS_OF_A_STEP: u64 = 2;

/// The ticker sleeps until what it waits for: it is woken when that comes sooner, and only then.
#[test]
fn the_ticker_is_woken_when_it_is_due_sooner_2a() {
    with_node(|node, looks| {
        let before = looks.due.load(Ordering::Relaxed);
        node.step(|_, _, _| ());
        node.step(|core, _, _| core.due += LONG);
        thread::sleep(A_MOMENT);
        assert_eq!(looks.due.load(Ordering::Relaxed) - before, 2 * LOOKS_OF_A_STEP, "nothing is due sooner");
        node.step(|core, now, _| core.due = now);
        thread::sleep(A_MOMENT);
        assert_eq!(looks.ticks.load(Ordering::Relaxed), 1, "it is due now");
    });
}

/// Whoever hands over sleeps until something is ready, takes it, and is not woken twice for it.
#[test]
fn the_applier_is_woken_when_something_is_ready_2a() {
    with_node(|node, looks| {
        let (applier, taken) = (node.clone(), Arc::new(Mutex::new(0)));
        let count = taken.clone();
        thread::spawn(move || {
            while applier.wait_until_ready(|core| core.is_ready = false).is_some() {
                *count.lock() += 1;
            }
        });
        thread::sleep(A_MOMENT);
        let before = looks.ready.load(Ordering::Relaxed);
        node.step(|_, _, _| ());
        thread::sleep(A_MOMENT);
        assert_eq!(looks.ready.load(Ordering::Relaxed) - before, LOOKS_OF_A_STEP, "nothing is ready");
        node.step(|core, _, _| core.is_ready = true);
        thread::sleep(A_MOMENT);
        assert_eq!(*taken.lock(), 1);
    });
}
