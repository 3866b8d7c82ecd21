//! What is measured: pieces of work, each in several sizes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use labrpc::thread;
use solved::{LOGS, LogServer, STORES, logs, store};
use testkit::{Cluster, Contract, World, measure, number};

use crate::checker;

/// A piece of work in several sizes.
pub struct Work {
    pub name: &'static str,
    /// What the sizes count.
    pub unit: &'static str,
    pub sizes: &'static [usize],
    /// One more size, which takes minutes.
    pub large: usize,
    /// Does the work with oracles (`true`) or without.
    pub run: fn(usize, bool) -> Cost,
    /// Whether there are oracles in it.
    pub has_oracles: bool,
}

/// What a piece of work took.
pub struct Cost {
    pub seconds: f64,
    /// Anything else that is worth telling.
    pub note: String,
}

const SERVERS: usize = 3;
/// Enough clients to keep a store busy.
const CLIENTS: usize = 10;
/// How long clients work.
const PERIOD: Duration = Duration::from_secs(5);

/// Everything that is measured.
pub fn all() -> Vec<Work> {
    let oracles = |name, unit, sizes, large, run| Work { name, unit, sizes, large, run, has_oracles: true };
    let checker = |name, sizes, large, run| Work { name, unit: "operations", sizes, large, run, has_oracles: false };
    vec![
        oracles("2C, 300 commands", "servers", &[3, 7, 15, 31], 63, servers),
        oracles("2C, log, bursts of 1,000", "entries", &[1_000, 10_000, 100_000], 1_000_000, log),
        oracles("2C, one burst", "entries", &[1_250, 5_000, 20_000], 50_000, burst),
        oracles("3B, 5 s", "clients", &[3, 10, 30, 100], 300, clients),
        oracles("3B, filling keys, then 5 s", "keys", &[300, 1_000, 3_000, 10_000], 30_000, keys),
        oracles("3B, filling keys", "keys", &[300, 1_000, 3_000, 10_000], 30_000, filling),
        checker("checker, unique values, one key", &[1_000, 10_000, 100_000], 1_000_000, checker::unique),
        checker("checker, ten values, one key", &[100, 1_000, 10_000], 100_000, checker::ten_values),
    ]
}

fn run(name: &str, contract: &'static Contract, with_oracles: bool, body: impl Fn(&World) + Send + Sync) -> f64 {
    measure(name, with_oracles.then_some(contract), body).cpu_time.as_secs_f64()
}

fn servers(size: usize, with_oracles: bool) -> Cost {
    const COMMANDS: u64 = 300;
    let seconds = run("servers", &LOGS, with_oracles, |world| {
        let cluster = logs(world, size);
        (0..COMMANDS).for_each(|nth| assert!(cluster.one(&number(nth), size) > nth));
    });
    Cost { seconds, note: String::new() }
}

/// Gives all commands to the leader at once, and waits until every server has applied them.
fn burst_of(cluster: &Cluster<LogServer>, commands: std::ops::Range<usize>) {
    let leader = cluster.one_leader();
    let mut last = 0;
    for nth in commands {
        last = cluster.start_command(leader, number(nth as u64)).expect("it leads").index;
    }
    while cluster.applied_logs().applied_at(last).0 < SERVERS {
        thread::sleep(Duration::from_millis(10));
    }
}

fn log(size: usize, with_oracles: bool) -> Cost {
    const BURST: usize = 1_000;
    let seconds = run("log", &LOGS, with_oracles, |world| {
        let cluster = logs(world, SERVERS);
        (0..size).step_by(BURST).for_each(|first| burst_of(&cluster, first..first + BURST));
    });
    Cost { seconds, note: String::new() }
}

fn burst(size: usize, with_oracles: bool) -> Cost {
    let seconds = run("burst", &LOGS, with_oracles, |world| burst_of(&logs(world, SERVERS), 0..size));
    Cost { seconds, note: String::new() }
}

/// `clients` clients write and read `keys` keys for a while.
fn work_of(world: &World, store: &kvkit::RecordedStore, clients: usize, keys: usize) {
    let is_over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (mut clerk, is_over) = (store.clerk(), is_over.clone());
            let rng = world.rng(&format!("client {client}"));
            world.spawn(&format!("client {client}"), move || {
                let mut nth = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let key = rng.random_range(0..keys as u64).to_string();
                    match nth % 2 {
                        0 => clerk.put(&key, &format!("x {client} {nth} y")),
                        _ => drop(clerk.get(&key)),
                    }
                    nth += 1;
                }
            })
        })
        .collect();
    thread::sleep(PERIOD);
    is_over.store(true, Ordering::Relaxed);
    tasks.into_iter().for_each(|task| task.join());
}

fn clients(size: usize, with_oracles: bool) -> Cost {
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let seconds = run("clients", &STORES, with_oracles, |world| {
        let store = store(world, SERVERS);
        work_of(world, &store, size, size);
        answered.store(store.answered(), Ordering::Relaxed);
    });
    let answered = answered.load(Ordering::Relaxed);
    Cost { seconds, note: format!("{answered} operations, {:.0} µs each", seconds * 1e6 / answered as f64) }
}

/// Writes every key once.
fn fill(world: &World, store: &kvkit::RecordedStore, keys: usize) {
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let mut clerk = store.clerk();
            world.spawn(&format!("filler {client}"), move || {
                (client..keys).step_by(CLIENTS).for_each(|key| clerk.put(&key.to_string(), &format!("f {key} y")));
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join());
}

fn keys(size: usize, with_oracles: bool) -> Cost {
    let seconds = run("keys", &STORES, with_oracles, |world| {
        let store = store(world, SERVERS);
        fill(world, &store, size);
        work_of(world, &store, CLIENTS, size);
    });
    Cost { seconds, note: String::new() }
}

fn filling(size: usize, with_oracles: bool) -> Cost {
    let seconds = run("filling", &STORES, with_oracles, |world| {
        let store = store(world, SERVERS);
        fill(world, &store, size);
    });
    Cost { seconds, note: String::new() }
}
