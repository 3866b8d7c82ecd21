//! The world of one run of a test: simulated or real, with all chance from one seed.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use labrpc::network::Network;
use labrpc::sim::{self, Kind, Name, NodeId, Stamp, draw, mix};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;
use rustc_hash::FxHashMap;

use crate::contract::{Contract, Track};
use crate::environment::Mode;
use crate::report::Reporter;
use crate::rule::life::HAPPENED;
use crate::task::{PendingResult, with_result};
use crate::violation::Violation;

/// The name of a server's node, followed by the server's number.
pub(crate) const SERVER_LABEL: &str = "server ";

/// The name of the node in which a clerk among scripted servers runs.
pub(crate) const CLERK_LABEL: &str = "clerk";

/// The world of one run. Clones are the same world.
#[derive(Clone)]
pub struct World {
    mode: Mode,
    seed: u64,
    began: Instant,
    /// How the bytes of the lab's servers are read; `None` if the lab registered no contract.
    contract: Option<&'static Contract>,
    reporter: Reporter,
    networks: Arc<Mutex<Vec<Network>>>,
    /// For each purpose of the test, the stamp of its latest draw.
    stamps: Arc<std::sync::Mutex<FxHashMap<u64, Stamp>>>,
    /// The crashes that the test has made so far.
    crashes: Arc<AtomicU64>,
    /// A hash of the test's name.
    test: u64,
}

impl World {
    pub(crate) fn new(
        mode: Mode,
        seed: u64,
        test: &str,
        contract: Option<&'static Contract>,
        reporter: Reporter,
    ) -> World {
        World {
            mode,
            seed,
            began: Instant::now(),
            contract,
            reporter,
            networks: Arc::default(),
            stamps: Arc::default(),
            crashes: Arc::default(),
            test: hash_of(test),
        }
    }

    /// True for every second seed, beginning with the first.
    pub(crate) fn is_first_of_two(&self) -> bool {
        self.seed % 2 == 1
    }

    /// Whether time is virtual here.
    pub fn is_simulated(&self) -> bool {
        self.mode == Mode::Simulated
    }

    /// The run's seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The first value in a simulation, the second on real threads, where time is expensive.
    pub fn scaled<T>(&self, simulated: T, real: T) -> T {
        if self.is_simulated() { simulated } else { real }
    }

    /// The time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A new network with `ends` ends, in this world.
    pub fn network(&self, ends: usize) -> Network {
        let network = Network::new(ends, self.seed);
        self.networks.lock().push(network.clone());
        network
    }

    /// The number of the next crash that the test makes, from 1.
    pub(crate) fn next_crash(&self) -> u64 {
        self.crashes.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many requests were sent in this world so far.
    pub(crate) fn requests(&self) -> u64 {
        self.networks.lock().iter().map(|network| network.counts().requests).sum()
    }

    /// Random bits by name, for values that have no calm value.
    pub(crate) fn seed_of(&self, what: u64, when: u64) -> u64 {
        if self.is_simulated() { sim::seed_of(what, when) } else { draw(self.seed, Name::new(Kind::Seed, what, when)) }
    }

    /// A random generator for one purpose of the test. Two generators for the same purpose share one sequence.
    pub fn rng(&self, purpose: &str) -> TestRng {
        TestRng { world: self.clone(), purpose: mix(self.test, hash_of(purpose)) }
    }

    /// How the bytes of the lab's servers are read; `None` if the lab registered no contract.
    pub(crate) fn contract(&self) -> Option<&'static Contract> {
        self.contract
    }

    /// The number of a server's own threads now. In the open track, those that wait for a reply are not counted.
    pub fn threads_in(&self, node: NodeId) -> usize {
        self.contract.map_or(Track::Guided, |contract| contract.track).threads_in(node)
    }

    /// Where broken rules are reported.
    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Ends the run because a rule is broken. Only the first report counts.
    pub fn report_violation(&self, violation: Violation) {
        self.reporter.violation(violation);
    }

    /// On real threads: panics if a broken rule was reported meanwhile.
    pub(crate) fn raise_reported(&self) {
        self.reporter.raise();
    }

    /// Fails the run as vacuous if the thing that the test is about did not happen. The check is
    /// skipped on real threads, where events are not counted.
    pub fn assert_covered(&self, what: &str, has_happened: bool) {
        if self.is_simulated() && !has_happened {
            let violation = Violation::new(&HAPPENED, format!("this test is about {what}, but there was none"));
            self.report_violation(Violation { missing: Some(what.into()), ..violation });
        }
    }

    /// Starts a thread of the test, such as a client. Failures name it.
    pub fn spawn<T: Send + 'static>(&self, name: &str, body: impl FnOnce() -> T + Send + 'static) -> BackgroundTask<T> {
        let (task, result) = with_result(body);
        match self.mode {
            Mode::Simulated => sim::spawn_named(sim::new_node(name), name.to_string(), hash_of(name), task),
            Mode::Real => drop(thread::spawn(task)),
        }
        BackgroundTask { result }
    }
}

/// A thread of the test, see [`World::spawn`].
pub struct BackgroundTask<T> {
    result: PendingResult<T>,
}

impl<T> BackgroundTask<T> {
    /// Waits for the thread's result.
    ///
    /// # Panics
    ///
    /// When the thread panicked.
    #[track_caller]
    pub fn join(self) -> T {
        self.result.wait().expect("the thread ended with a panic")
    }

    /// Waits for the thread's result, but no longer than `patience`.
    pub fn join_within(self, patience: Duration) -> Option<T> {
        self.result.wait_within(patience)
    }
}

/// A random generator for one purpose of a test, see [`World::rng`].
///
/// A draw is named by its purpose, by the millisecond of virtual time in which it is made, and by
/// its place among the purpose's draws in that millisecond. So a draw does not depend on the draws of
/// earlier milliseconds.
#[derive(Clone)]
pub struct TestRng {
    world: World,
    purpose: u64,
}

impl TestRng {
    /// A random number in `range`, which must not be empty. It has no calm value, because it is not a fault.
    pub fn random_range(&self, range: Range<u64>) -> u64 {
        range.start + self.world.seed_of(self.purpose, self.next_stamp()) % (range.end - range.start)
    }

    /// A fault: `calm` if the run leaves it out, else what `wild` makes of the random bits.
    pub fn fault<T: PartialEq>(&self, calm: T, wild: impl FnOnce(u64) -> T) -> T {
        let name = Name::new(Kind::Fault, self.purpose, self.next_stamp());
        if self.world.is_simulated() { sim::decide(name, calm, wild) } else { wild(draw(self.world.seed, name)) }
    }

    /// Whether the test does the `nth` of the things that it would do for this purpose. False if the run leaves it out.
    pub fn does(&self, nth: u64) -> bool {
        /// Distinguishes these decisions from draws of values.
        const DOES: u64 = 1;
        let name = Name::new(Kind::Workload, mix(self.purpose, DOES), nth);
        !self.world.is_simulated() || sim::decide(name, false, |_| true)
    }

    /// As [`random_range`](TestRng::random_range), where one value makes the simplest run: it is `calm` if the run
    /// leaves the choice out.
    pub fn random_range_or(&self, calm: u64, range: Range<u64>) -> u64 {
        let stamp = self.next_stamp();
        let value = range.start + self.world.seed_of(self.purpose, stamp) % (range.end - range.start);
        let name = Name::new(Kind::Workload, self.purpose, stamp);
        if self.world.is_simulated() { sim::decide(name, calm, |_| value) } else { value }
    }

    /// When the next draw is made, and which one of that millisecond it is.
    fn next_stamp(&self) -> u64 {
        let now_ns = Instant::now().as_nanos();
        // The standard library's lock: taking it is no operation of the simulation.
        let mut stamps = self.world.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.entry(self.purpose).or_default().next(now_ns)
    }
}

/// A number for a text: FNV-1a.
pub(crate) fn hash_of(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
