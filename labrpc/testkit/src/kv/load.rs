//! MIT's generic test of labs 3A and 3B: rounds of load, with faults, and a check at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::{Elect, thread};

use super::{KvCluster, RecordedClerk};
use crate::chaos::{Faults, random_faults};
use crate::world::{BackgroundTask, TestRng};

/// What a run of the load test does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many clients ask at once.
    pub clients: usize,
    /// How bad the network is.
    pub conditions: Conditions,
    /// Whether all servers crash at the end of each round.
    pub crashes: bool,
    /// Whether the servers are split at random, again and again.
    pub partitions: bool,
    /// Whether any fault may come at any time.
    pub random_faults: Option<Faults>,
    /// Whether clients share keys; else each has its own, and knows what it must hold.
    pub shared_keys: bool,
    /// The size that the saved Raft state should be kept near; `None` if nothing is compacted.
    pub raft_state_bytes_max: Option<usize>,
}

impl Plan {
    /// So many clients on a reliable network, and no faults.
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

    /// On MIT's unreliable network.
    pub const fn unreliable(self) -> Plan {
        Plan { conditions: Conditions::UNRELIABLE, ..self }
    }

    /// With a crash of all servers in each round.
    pub const fn crashing(self) -> Plan {
        Plan { crashes: true, ..self }
    }

    /// With random partitions.
    pub const fn partitioned(self) -> Plan {
        Plan { partitions: true, ..self }
    }

    /// With any of these faults at any time.
    pub const fn with_random_faults(self, faults: Faults) -> Plan {
        Plan { random_faults: Some(faults), ..self }
    }

    /// With keys that all clients share.
    pub const fn sharing_keys(self) -> Plan {
        Plan { shared_keys: true, ..self }
    }

    /// With servers that compact their logs.
    pub const fn compacting(self, raft_state_bytes_max: usize) -> Plan {
        Plan { raft_state_bytes_max: Some(raft_state_bytes_max), ..self }
    }
}

/// A server's saved state may be so many times as large as it should be, while entries are under way.
const RAFT_STATE_SLACK: usize = 8;
/// Clients whose last operation is still open after the faults have ended get so long.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// Between two partitions, and after the last one, and after a crash.
const PAUSE: Duration = Duration::from_secs(1);
/// Partitions come a little irregularly.
const PAUSE_SPREAD_MS: u64 = 200;

/// Runs the load test on a store, and checks everything that can be known about its answers.
///
/// # Panics
///
/// When the store broke a promise.
#[track_caller]
pub fn run<S: Elect>(store: &KvCluster<S>, plan: Plan) {
    let world = store.cluster().world().clone();
    store.cluster().set_conditions(plan.conditions);
    let rounds = world.scaled(3, 1);
    for round in 0..rounds {
        let expected = load(store, plan, round);
        if !plan.shared_keys {
            check_own_keys(store, &expected);
        }
        check_sizes(store, plan);
    }
    let asked = plan.clients as u64 * rounds;
    let answered = store.answered();
    // In a storm, a client may have to wait for all of it to pass.
    let asked = if plan.random_faults.is_some() { asked - 1 } else { asked };
    assert!(answered as u64 > asked, "only {answered} answers in {rounds} rounds with {} clients", plan.clients);
    store.check_linearizable();
}

/// One round: clients and faults together, then all is healed. Gives what each key must hold.
fn load<S: Elect>(store: &KvCluster<S>, plan: Plan, round: u64) -> Vec<String> {
    let cluster = store.cluster();
    let world = cluster.world();
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<BackgroundTask<String>> = (0..plan.clients)
        .map(|number| {
            let rng = world.rng(&format!("client {number} of round {round}"));
            let client = LoadClient { clerk: store.clerk(), number, round, plan, rng };
            let is_over = is_over.clone();
            world.spawn(&format!("client {number} of round {round}"), move || client.work(&is_over))
        })
        .collect();
    let partitioner = plan.partitions.then(|| {
        let (store, rng, is_over) = (store.clone(), world.rng(&format!("sides of round {round}")), is_over.clone());
        world.spawn(&format!("partitioner of round {round}"), move || partition(&store, &rng, &is_over))
    });
    let duration = world.scaled(Duration::from_secs(5), PAUSE) + if plan.partitions { PAUSE } else { Duration::ZERO };
    match plan.random_faults {
        Some(faults) => random_faults(cluster, &world.rng(&format!("storm of round {round}")), faults, duration, || ()),
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
    let join = |client: BackgroundTask<String>| {
        client.join_within(ANSWER_PATIENCE).expect("every fault has ended, but a client waits in vain for its answer")
    };
    clients.into_iter().map(join).collect()
}

struct LoadClient {
    clerk: RecordedClerk,
    number: usize,
    round: u64,
    plan: Plan,
    rng: TestRng,
}

impl LoadClient {
    /// Asks and asks until the round is over. Gives what its own key must hold.
    fn work(mut self, is_over: &AtomicBool) -> String {
        let own_key = self.number.to_string();
        let mut expected = String::new();
        if !self.plan.shared_keys {
            expected = self.value(0);
            self.clerk.put(&own_key, &expected);
        }
        for nth in 1.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let percent = self.rng.random_range(0..100);
            match self.plan.shared_keys {
                true => self.ask_shared(nth, percent),
                false => self.ask_own(&own_key, &mut expected, nth, percent),
            }
        }
        expected
    }

    /// Half of the operations write, a tenth of those by Put.
    fn ask_shared(&mut self, nth: u64, percent: u64) {
        let key = self.rng.random_range(0..self.plan.clients as u64).to_string();
        match percent {
            0..45 => self.clerk.append(&key, &self.value(nth)),
            45..50 => self.clerk.put(&key, &self.value(nth)),
            _ => drop(self.clerk.get(&key)),
        }
    }

    fn ask_own(&mut self, key: &str, expected: &mut String, nth: u64, percent: u64) {
        if percent < 50 {
            let value = self.value(nth);
            self.clerk.append(key, &value);
            expected.push_str(&value);
            return;
        }
        let seen = self.clerk.get(key);
        assert!(
            seen == *expected,
            "nobody else writes to key {key:?}, but its only client reads other than it wrote: {} (§8)",
            difference(&seen, expected)
        );
    }

    /// A value that is written once in the whole run, and is no other's beginning.
    fn value(&self, nth: u64) -> String {
        format!("x {} {}.{nth} y", self.number, self.round)
    }
}

/// Splits the servers into two sides at random. No side need hold a majority.
fn partition<S: Elect>(store: &KvCluster<S>, rng: &TestRng, is_over: &AtomicBool) {
    thread::sleep(PAUSE);
    while !is_over.load(Ordering::Relaxed) {
        let bits = rng.fault(0, |bits| bits);
        let sides: Vec<usize> = store.cluster().servers().map(|server| (bits >> server & 1) as usize).collect();
        store.cluster().partition(&sides);
        let extra_ms = rng.fault(0, |bits| (bits >> 32) % PAUSE_SPREAD_MS);
        thread::sleep(PAUSE + Duration::from_millis(extra_ms));
    }
}

/// Another clerk must read what each client wrote.
#[track_caller]
fn check_own_keys<S: Elect>(store: &KvCluster<S>, expected: &[String]) {
    let mut clerk = store.clerk();
    for (key, expected) in expected.iter().enumerate() {
        let seen = clerk.get(&key.to_string());
        assert!(
            seen == *expected,
            "key \"{key}\" does not hold what its client wrote: {}; each Append must take effect once, in order (§8)",
            difference(&seen, expected)
        );
    }
}

/// Where two long values part ways, and how they go on from there.
fn difference(seen: &str, expected: &str) -> String {
    /// Enough to see the write in question and its neighbours.
    const SHOWN_CHARS: usize = 40;
    let equal = seen.bytes().zip(expected.bytes()).take_while(|(own, other)| own == other).count();
    // From the beginning of the write in which they part.
    let from = seen[..equal.min(seen.len())].rfind('x').unwrap_or(0);
    let rest = |value: &str| match value.get(from..) {
        None | Some("") => "ends there".to_string(),
        Some(rest) if rest.len() <= SHOWN_CHARS => format!("goes on with {rest:?}"),
        Some(rest) => format!("goes on with {:?}", rest.chars().take(SHOWN_CHARS).chain(['…']).collect::<String>()),
    };
    format!(
        "after {from} bytes in common, the value that was read {}, and the right one {}",
        rest(seen),
        rest(expected)
    )
}

#[track_caller]
fn check_sizes<S: Elect>(store: &KvCluster<S>, plan: Plan) {
    match plan.raft_state_bytes_max {
        Some(limit) => {
            let largest = store.raft_state_bytes_max();
            assert!(
                largest <= RAFT_STATE_SLACK * limit,
                "a server's saved Raft state has {largest} bytes, more than {RAFT_STATE_SLACK} times the {limit} that \
                 it is to be kept near (§7)"
            );
        }
        None => {
            let largest = store.snapshot_bytes_max();
            assert_eq!(largest, 0, "nothing asked for snapshots, but one of {largest} bytes was saved");
        }
    }
}

/// MIT's speed test: a thousand Appends, one after another.
///
/// # Panics
///
/// When they take more than 33.3 ms each, or one is lost or doubled.
#[track_caller]
pub fn speed<S: Elect>(store: &KvCluster<S>) {
    const EACH_MAX: Duration = Duration::from_micros(33_300);
    let world = store.cluster().world();
    let appends = world.scaled(1000, 30);
    let mut clerk = store.clerk();
    clerk.get("x"); // finds the leader
    let mut expected = String::new();
    let began = world.elapsed();
    for nth in 0..appends {
        let value = format!("x 0 {nth} y");
        clerk.append("x", &value);
        expected.push_str(&value);
    }
    let each = (world.elapsed() - began) / appends;
    assert!(each <= EACH_MAX, "an operation took {each:?}: more than {EACH_MAX:?} is not better than one a heartbeat");
    let seen = clerk.get("x");
    assert!(seen == expected, "{}; each Append must take effect once, in order (§8)", difference(&seen, &expected));
    store.check_linearizable();
}
