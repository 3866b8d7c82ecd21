//! What servers spend: messages, bytes, saves, operations, threads, memory. Counted exactly, since
//! time is virtual, and held against budgets.
//!
//! ```no_run
//! # fn example<R: labrpc::Replicate>(cluster: &testkit::Cluster<R>) {
//! use testkit::cost::Meter;
//! use testkit::rule::replication::APPEND_TRAFFIC;
//!
//! let meter = Meter::start(cluster);
//! for n in 0..100 {
//!     cluster.one(&testkit::number(n), 3);
//! }
//! let spent = meter.read();
//! // Two requests a command, one to each follower; and heartbeats beside them.
//! spent.at_most(&APPEND_TRAFFIC, "requests for 100 commands", spent.requests, 500);
//! # }
//! ```

use std::time::Duration;

use labrpc::sim;
use labrpc::time::Instant;
use labrpc::{Elect, PeerId};

use crate::cluster::Cluster;
use crate::report::Reporter;
use crate::rule::Rule;
use crate::violation::Violation;

/// Reads what a cluster has spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reading {
    requests: u64,
    bytes: u64,
    saves: u64,
    saved_bytes: u64,
    operations: u64,
    heap_bytes: isize,
}

/// Counts from one moment on.
pub struct Meter<'a, R: Elect> {
    cluster: &'a Cluster<R>,
    began: Instant,
    before: Reading,
}

/// What was spent between two moments.
#[derive(Clone)]
pub struct Spent {
    reporter: Reporter,
    /// Virtual time.
    pub time: Duration,
    /// Requests that servers and clerks sent.
    pub requests: u64,
    /// Bytes of requests and replies.
    pub bytes: u64,
    /// Saves of all servers.
    pub saves: u64,
    /// Bytes that they wrote.
    pub saved_bytes: u64,
    /// Operations of the facade: locks, sends, waits, reads of the clock.
    pub operations: u64,
    /// Threads that are alive in servers now.
    pub threads: u64,
    /// Memory that is held now, beyond what was held before.
    pub heap_bytes: u64,
    /// The most memory that was held in between, beyond what was held before.
    pub heap_bytes_peak: u64,
}

fn read<R: Elect>(cluster: &Cluster<R>) -> Reading {
    let counts = cluster.network().counts();
    let sum =
        |each: fn(&labrpc::Persister) -> u64| cluster.servers().map(|server| each(&cluster.persister(server))).sum();
    Reading {
        requests: counts.requests,
        bytes: counts.bytes,
        saves: sum(|disk| disk.saves()),
        saved_bytes: sum(|disk| disk.saved_bytes()),
        operations: sim::operations(),
        heap_bytes: sim::heap_bytes(),
    }
}

impl<'a, R: Elect> Meter<'a, R> {
    /// Begins to count.
    pub fn start(cluster: &'a Cluster<R>) -> Meter<'a, R> {
        sim::heap_forget_peak();
        Meter { cluster, began: Instant::now(), before: read(cluster) }
    }

    /// What was spent since.
    pub fn read(&self) -> Spent {
        let (now, before) = (read(self.cluster), self.before);
        let observed = self.cluster.observer().map(|observer| {
            observer.look(|observed| nodes(observed.servers.len(), |server| observed.servers[server].node()))
        });
        let bytes = |bytes: isize| u64::try_from(bytes - before.heap_bytes).unwrap_or_default();
        Spent {
            reporter: self.cluster.world().reporter().clone(),
            time: self.began.elapsed(),
            requests: now.requests - before.requests,
            bytes: now.bytes - before.bytes,
            saves: now.saves - before.saves,
            saved_bytes: now.saved_bytes - before.saved_bytes,
            operations: now.operations - before.operations,
            threads: observed.into_iter().flatten().map(|node| sim::tasks_in(node) as u64).sum(),
            heap_bytes: bytes(now.heap_bytes),
            heap_bytes_peak: bytes(sim::heap_bytes_peak()),
        }
    }
}

fn nodes(size: usize, node: impl Fn(PeerId) -> Option<sim::NodeId>) -> Vec<sim::NodeId> {
    (0..size).filter_map(node).collect()
}

impl Spent {
    /// Holds one figure against its budget; beyond it, the rule is broken.
    pub fn at_most(&self, rule: &'static Rule, what: &str, spent: u64, budget: u64) {
        log::info!("{what}: {spent} of {budget}");
        if spent > budget {
            self.reporter.violation(Violation::new(rule, format!("{what}: {spent}, where {budget} are plenty")));
        }
    }
}
