//! The world that one run of a test lives in: simulated or real, with chance from one seed.

use std::any::Any;
use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use labrpc::channel::{self, Receiver};
use labrpc::network::Network;
use labrpc::sim::{self, Failure, FailureKind, Kind, Name, Stamp, draw, mix};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;
use rustc_hash::FxHashMap;

use crate::codec::Codec;
use crate::environment::Mode;
use crate::observer::Observer;
use crate::rule::life::HAPPENED;
use crate::violation::Violation;

/// The world of one run. Clones are the same one.
#[derive(Clone)]
pub struct World {
    mode: Mode,
    seed: u64,
    began: Instant,
    /// How the bytes of the lab's servers are read.
    codec: Option<&'static dyn Codec>,
    /// The first broken rule.
    violation: Arc<OnceLock<Violation>>,
    /// The first broken promise that was seen on real threads.
    complaint: Arc<Mutex<Option<String>>>,
    networks: Arc<Mutex<Vec<Network>>>,
    /// For each purpose of the test, the name of its latest draw.
    stamps: Arc<std::sync::Mutex<FxHashMap<u64, Stamp>>>,
    /// A hash of the test's name.
    test: u64,
}

impl World {
    pub(crate) fn new(
        mode: Mode,
        seed: u64,
        test: &str,
        codec: Option<&'static dyn Codec>,
        violation: Arc<OnceLock<Violation>>,
    ) -> World {
        World {
            mode,
            seed,
            began: Instant::now(),
            codec,
            violation,
            complaint: Arc::default(),
            networks: Arc::default(),
            stamps: Arc::default(),
            test: hash_of(test),
        }
    }

    /// Whether time is virtual here.
    pub fn is_simulated(&self) -> bool {
        self.mode == Mode::Simulated
    }

    /// What takes long in real time is done less often there.
    pub fn scaled<T>(&self, simulated: T, real: T) -> T {
        if self.is_simulated() { simulated } else { real }
    }

    /// How long the run has taken.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A network with so many ends, in this world.
    pub fn network(&self, ends: usize) -> Network {
        let network = Network::new(ends, self.seed);
        self.networks.lock().push(network.clone());
        network
    }

    /// How many requests were sent in this world so far.
    pub(crate) fn requests(&self) -> u64 {
        self.networks.lock().iter().map(|network| network.counts().requests).sum()
    }

    /// Random bits by name, for what has no calm value.
    pub(crate) fn seed_of(&self, what: u64, when: u64) -> u64 {
        if self.is_simulated() { sim::seed_of(what, when) } else { draw(self.seed, Name::new(Kind::Seed, what, when)) }
    }

    /// Who watches so many servers, of which these are real: only in virtual time, where every
    /// moment is known, and only with eyes.
    pub(crate) fn observer(&self, size: usize, real: impl Fn(usize) -> bool) -> Option<Observer> {
        let codec = self.codec.filter(|_| self.is_simulated())?;
        Some(Observer::new(self, codec, size, real))
    }

    /// Chance for one purpose of the test. Two sources for the same purpose continue each other.
    pub fn rng(&self, purpose: &str) -> TestRng {
        TestRng { world: self.clone(), purpose: mix(self.test, hash_of(purpose)) }
    }

    /// How the bytes of the lab's servers are read.
    pub(crate) fn codec(&self) -> Option<&'static dyn Codec> {
        self.codec
    }

    /// A broken rule ends the run. The first one counts.
    pub(crate) fn report_violation(&self, violation: Violation) {
        let text = violation.to_string();
        let _ = self.violation.set(violation);
        self.fail(text);
    }

    /// Fails the run as vacuous if what it is to exercise did not happen. On real threads, where
    /// nobody counts, it is taken to have happened.
    pub fn assert_covered(&self, what: &str, has_happened: bool) {
        if self.is_simulated() && !has_happened {
            self.report_violation(Violation::new(&HAPPENED, format!("this test is about {what}, but there was none")));
        }
    }

    /// The rule that was broken first, if any was.
    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.get().cloned()
    }

    /// A broken promise ends the run: in a simulation at once, on real threads at the next look.
    pub(crate) fn fail(&self, message: String) {
        match self.mode {
            Mode::Simulated => sim::fail(message),
            Mode::Real => drop(self.complaint.lock().get_or_insert(message)),
        }
    }

    /// On real threads: panics if a promise was broken meanwhile.
    pub(crate) fn complain(&self) {
        let complaint = self.complaint.lock().clone();
        if let Some(complaint) = complaint {
            panic!("{complaint}");
        }
    }

    pub(crate) fn failure_of(&self, payload: Box<dyn Any + Send>) -> Failure {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()));
        Failure {
            kind: FailureKind::Panic,
            message: text.unwrap_or_else(|| "a panic".into()),
            at: Instant::ZERO + self.elapsed(),
            node: String::new(),
            task: String::new(),
            place: String::new(),
            backtrace: String::new(),
        }
    }

    /// Starts a thread that plays a part of its own, such as a client: failures name it.
    pub fn spawn<T: Send + 'static>(&self, part: &str, body: impl FnOnce() -> T + Send + 'static) -> BackgroundTask<T> {
        let (done, result) = channel::bounded(1);
        let play = move || drop(done.send(body()));
        match self.mode {
            Mode::Simulated => sim::spawn_named(sim::new_node(part), part.to_string(), hash_of(part), play),
            Mode::Real => drop(thread::spawn(play)),
        }
        BackgroundTask { result }
    }
}

/// A part that a thread plays, see [`World::spawn`].
pub struct BackgroundTask<T> {
    result: Receiver<T>,
}

impl<T> BackgroundTask<T> {
    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When the thread panicked.
    pub fn join(self) -> T {
        self.result.recv().expect("the thread ended with a panic")
    }

    /// Waits for its end, but no longer than `patience`.
    pub fn join_within(self, patience: Duration) -> Option<T> {
        self.result.recv_timeout(patience).ok()
    }
}

/// Chance for one purpose of a test, see [`World::rng`].
///
/// A draw is named by its purpose, by the millisecond of virtual time in which it is made, and by
/// its place among the purpose's draws in that millisecond. So a draw does not depend on how many
/// there were before.
#[derive(Clone)]
pub struct TestRng {
    world: World,
    purpose: u64,
}

impl TestRng {
    /// A number of the range, which must not be empty. It has no calm value: it is part of what the test does.
    pub fn random_range(&self, range: Range<u64>) -> u64 {
        range.start + self.world.seed_of(self.purpose, self.next_stamp()) % (range.end - range.start)
    }

    /// A fault: `calm` if the run leaves it out, else what `wild` makes of the random bits.
    pub fn fault<T: PartialEq>(&self, calm: T, wild: impl FnOnce(u64) -> T) -> T {
        let name = Name::new(Kind::Fault, self.purpose, self.next_stamp());
        if self.world.is_simulated() { sim::decide(name, calm, wild) } else { wild(draw(self.world.seed, name)) }
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
