//! MIT's generic test of labs 3A and 3B: rounds of load with faults, and a check at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::thread;
use testkit::chaos::{Faults, random_faults};
use testkit::rule::service::{ANSWERED, LINEARIZABLE, SMALL, WORTHWHILE};
use testkit::script::expect_rule;
use testkit::{Awaited, BackgroundTask, TestRng, UntypedCluster, Wait, waited_for};

use crate::recorded::{RecordedClerk, RecordedStore};
use crate::values::{difference, value};

/// What a run of the load test does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many clients work at the same time.
    pub clients: usize,
    /// The conditions of the network.
    pub conditions: Conditions,
    /// Whether all servers crash at the end of each round.
    pub crashes: bool,
    /// Whether the servers are partitioned at random, again and again.
    pub partitions: bool,
    /// The random faults that occur, if any.
    pub random_faults: Option<Faults>,
    /// Whether clients share keys. If not, each client has a key of its own, and knows its value.
    pub shared_keys: bool,
    /// The size in bytes that the saved Raft state should stay near; `None` if logs are not compacted.
    pub raft_state_bytes_max: Option<usize>,
}

impl Plan {
    /// `clients` clients on a reliable network, without faults.
    pub const fn calm(clients: usize) -> Plan {
        Plan {
            clients,
            conditions: Conditions::RELIABLE,
            crashes: false,
            partitions: false,
            random_faults: None,
            shared_keys: false,
            raft_state_bytes_max: None,
        }
    }

    /// The same plan on MIT's unreliable network.
    pub const fn unreliable(self) -> Plan {
        Plan { conditions: Conditions::UNRELIABLE, ..self }
    }

    /// The same plan with a crash of all servers in each round.
    pub const fn crashing(self) -> Plan {
        Plan { crashes: true, ..self }
    }

    /// The same plan with random partitions.
    pub const fn partitioned(self) -> Plan {
        Plan { partitions: true, ..self }
    }

    /// The same plan with random faults of these kinds.
    pub const fn with_random_faults(self, faults: Faults) -> Plan {
        Plan { random_faults: Some(faults), ..self }
    }

    /// The same plan with keys that all clients share.
    pub const fn sharing_keys(self) -> Plan {
        Plan { shared_keys: true, ..self }
    }

    /// The same plan with servers that compact their logs.
    pub const fn compacting(self, raft_state_bytes_max: usize) -> Plan {
        Plan { raft_state_bytes_max: Some(raft_state_bytes_max), ..self }
    }
}

/// While entries are being replicated, a server's saved state may be this many times its limit.
const RAFT_STATE_SLACK: usize = 8;
/// After the faults have ended, a client's last operation may take this long.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two partitions, after the last one, and after a crash.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause between two partitions is longer by up to this much.
const PAUSE_SPREAD_MS: u64 = 200;

/// How long a client waits where the run leaves out an operation: about as long as an operation takes.
const LEFT_OUT: Duration = Duration::from_millis(20);

/// Runs the load test on a store, and checks all answers.
///
/// # Panics
///
/// When an answer is wrong, or a server keeps too much state.
#[track_caller]
pub fn run(store: &RecordedStore, plan: Plan) {
    let world = store.servers().world().clone();
    store.servers().set_conditions(plan.conditions);
    let rounds = world.scaled(3, 1);
    let left_out = Arc::new(AtomicU64::new(0));
    for round in 0..rounds {
        let expected = load(store, plan, round, &left_out);
        if !plan.shared_keys {
            check_own_keys(store, &expected);
        }
        check_sizes(store, plan);
    }
    let asked = plan.clients as u64 * rounds;
    // An operation that the run leaves out would have been answered.
    let answered = store.answered() as u64 + left_out.load(Ordering::Relaxed);
    // With random faults, a client may have to wait until they end.
    let asked = if plan.random_faults.is_some() { asked - 1 } else { asked };
    let what =
        format_args!("only {answered} operations were answered in {rounds} rounds with {} clients", plan.clients);
    expect_rule(&ANSWERED, answered > asked, what);
    store.check_linearizable();
}

/// One round: clients work while faults occur, and then the faults end. Returns the value that each key must have.
#[track_caller]
fn load(store: &RecordedStore, plan: Plan, round: u64, left_out: &Arc<AtomicU64>) -> Vec<String> {
    let cluster = store.servers();
    let world = cluster.world();
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<BackgroundTask<String>> = (0..plan.clients)
        .map(|number| {
            let rng = world.rng(&format!("client {number} of round {round}"));
            let client = LoadClient { clerk: store.clerk(), number, round, plan, rng, left_out: left_out.clone() };
            let is_over = is_over.clone();
            world.spawn(&format!("client {number} of round {round}"), move || client.work(&is_over))
        })
        .collect();
    let partitioner = plan.partitions.then(|| {
        let (store, rng, is_over) = (store.clone(), world.rng(&format!("sides of round {round}")), is_over.clone());
        world.spawn(&format!("partitioner of round {round}"), move || partition(store.servers(), &rng, &is_over))
    });
    let duration = world.scaled(Duration::from_secs(5), PAUSE) + if plan.partitions { PAUSE } else { Duration::ZERO };
    match plan.random_faults {
        Some(faults) => {
            random_faults(cluster, &world.rng(&format!("faults of round {round}")), faults, duration, || ())
        }
        None => thread::sleep(duration),
    }
    is_over.store(true, Ordering::Relaxed);
    if let Some(partitioner) = partitioner {
        partitioner.join();
        cluster.heal();
        thread::sleep(PAUSE);
    }
    if plan.crashes {
        cluster.servers().for_each(|server| cluster.crash(server));
        thread::sleep(PAUSE);
        cluster.servers().for_each(|server| cluster.start(server));
    }
    let mut values = Vec::new();
    for client in clients {
        let value = client.join_within(ANSWER_PATIENCE);
        if value.is_none() {
            waited_for(Wait::new(Awaited::Answer(None), ANSWER_PATIENCE).among(cluster.servers()));
        }
        expect_rule(&ANSWERED, value.is_some(), "all faults have ended, but a client still gets no answer");
        values.extend(value);
    }
    values
}

struct LoadClient {
    clerk: RecordedClerk,
    number: usize,
    round: u64,
    plan: Plan,
    rng: TestRng,
    /// Counts the operations that the run leaves out.
    left_out: Arc<AtomicU64>,
}

impl LoadClient {
    /// Works until the round is over. Returns the value that the client's own key must have.
    fn work(mut self, is_over: &AtomicBool) -> String {
        let own_key = self.number.to_string();
        let mut expected = String::new();
        if !self.plan.shared_keys {
            expected = value(self.number, self.round, 0);
            self.clerk.put(&own_key, &expected);
        }
        for nth in 1.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            if !self.rng.does(nth) {
                self.left_out.fetch_add(1, Ordering::Relaxed);
                thread::sleep(LEFT_OUT);
                continue;
            }
            let percent = self.rng.random_range(0..100);
            match self.plan.shared_keys {
                true => self.ask_shared(nth, percent),
                false => self.ask_own(&own_key, &mut expected, nth, percent),
            }
        }
        expected
    }

    /// Half of the operations are writes, and a tenth of these are Puts.
    fn ask_shared(&mut self, nth: u64, percent: u64) {
        let key = self.rng.random_range(0..self.plan.clients as u64).to_string();
        match percent {
            0..45 => self.clerk.append(&key, &value(self.number, self.round, nth)),
            45..50 => self.clerk.put(&key, &value(self.number, self.round, nth)),
            _ => drop(self.clerk.get(&key)),
        }
    }

    fn ask_own(&mut self, key: &str, expected: &mut String, nth: u64, percent: u64) {
        if percent < 50 {
            let value = value(self.number, self.round, nth);
            self.clerk.append(key, &value);
            expected.push_str(&value);
            return;
        }
        let seen = self.clerk.get(key);
        if seen != *expected {
            let what = difference(&seen, expected);
            let what = format!("only one client writes to key {key:?}, but it does not read what it wrote: {what}");
            expect_rule(&LINEARIZABLE, false, what);
        }
    }
}

/// Splits the servers into two sides at random, again and again. Perhaps neither side has a majority.
fn partition(cluster: &UntypedCluster, rng: &TestRng, is_over: &AtomicBool) {
    thread::sleep(PAUSE);
    while !is_over.load(Ordering::Relaxed) {
        let bits = rng.fault(0, |bits| bits);
        let sides: Vec<usize> = cluster.servers().map(|server| (bits >> server & 1) as usize).collect();
        cluster.partition(&sides);
        let extra_ms = rng.fault(0, |bits| (bits >> 32) % PAUSE_SPREAD_MS);
        thread::sleep(PAUSE + Duration::from_millis(extra_ms));
    }
}

const ONCE_IN_ORDER: &str = "each Append must take effect once, in order";

/// Checks that another clerk reads what each client wrote.
#[track_caller]
fn check_own_keys(store: &RecordedStore, expected: &[String]) {
    let mut clerk = store.clerk();
    for (key, expected) in expected.iter().enumerate() {
        let seen = clerk.get(&key.to_string());
        if seen != *expected {
            let what = difference(&seen, expected);
            let what = format!("key \"{key}\" does not hold what its client wrote: {what}; {ONCE_IN_ORDER}");
            expect_rule(&LINEARIZABLE, false, what);
        }
    }
}

/// Checks that servers keep their saved state small.
#[track_caller]
fn check_sizes(store: &RecordedStore, plan: Plan) {
    match plan.raft_state_bytes_max {
        Some(limit) => {
            let largest = store.raft_state_bytes_max();
            let what = format_args!(
                "a server's saved Raft state has {largest} bytes, more than {RAFT_STATE_SLACK} times its limit of {limit}"
            );
            expect_rule(&SMALL, largest <= RAFT_STATE_SLACK * limit, what);
        }
        None => {
            let largest = store.snapshot_bytes_max();
            let what = format_args!("no snapshots were asked for, but one of {largest} bytes was saved");
            expect_rule(&WORTHWHILE, largest == 0, what);
        }
    }
}

/// MIT's speed test: a thousand Appends, one after another.
///
/// # Panics
///
/// When they take more than 33.3 ms each, or one is lost or applied twice.
#[track_caller]
pub fn speed(store: &RecordedStore) {
    const EACH_MAX: Duration = Duration::from_micros(33_300);
    let world = store.servers().world();
    let appends = world.scaled(1000, 30);
    let mut clerk = store.clerk();
    clerk.get("x"); // Finds the leader.
    let mut expected = String::new();
    let began = world.elapsed();
    for nth in 0..appends {
        let value = format!("x 0 {nth} y");
        clerk.append("x", &value);
        expected.push_str(&value);
    }
    let each = (world.elapsed() - began) / appends;
    let what = format_args!(
        "an operation took {each:?}, more than {EACH_MAX:?}: three operations must fit into one heartbeat interval"
    );
    expect_rule(&ANSWERED, each <= EACH_MAX, what);
    let seen = clerk.get("x");
    if seen != expected {
        expect_rule(&LINEARIZABLE, false, format!("{}; {ONCE_IN_ORDER}", difference(&seen, &expected)));
    }
    store.check_linearizable();
}
