//! What servers spend: messages, bytes, saves, operations, threads, memory. In virtual time they are
//! counted exactly, and compared with budgets.
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
//! // Two requests per command, one to each follower, and the heartbeats.
//! spent.at_most(&APPEND_TRAFFIC, "requests for 100 commands", spent.requests, 500);
//! # }
//! ```

mod growth;
#[cfg(test)]
mod tests;

use std::time::Duration;

use labrpc::sim;
use labrpc::time::Instant;

use crate::cluster::UntypedCluster;
use crate::report::Reporter;
use crate::rule::Rule;
use crate::violation::Violation;

pub use growth::Growth;

/// What a cluster has spent so far.
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
pub struct Meter<'a> {
    cluster: &'a UntypedCluster,
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
    /// Bytes that these saves wrote.
    pub saved_bytes: u64,
    /// Operations of the facade: locks, sends, waits, reads of the clock.
    pub operations: u64,
    /// Threads that are alive in servers now.
    pub threads: u64,
    /// Memory in use now, beyond what was in use at the start.
    pub heap_bytes: u64,
    /// The peak of memory in use since the start, beyond what was in use then.
    pub heap_bytes_peak: u64,
}

fn read(cluster: &UntypedCluster) -> Reading {
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

impl<'a> Meter<'a> {
    /// Starts counting.
    pub fn start(cluster: &'a UntypedCluster) -> Meter<'a> {
        sim::heap_forget_peak();
        Meter { cluster, began: Instant::now(), before: read(cluster) }
    }

    /// What was spent since the start.
    pub fn read(&self) -> Spent {
        let (now, before) = (read(self.cluster), self.before);
        let (observer, world) = (self.cluster.observer(), self.cluster.world());
        let threads = observer.map(|observer| {
            observer.look(|observed| {
                let nodes = observed.servers.iter().filter_map(|server| server.node());
                nodes.map(|node| world.threads_in(node) as u64).sum()
            })
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
            threads: threads.unwrap_or_default(),
            heap_bytes: bytes(now.heap_bytes),
            heap_bytes_peak: bytes(sim::heap_bytes_peak()),
        }
    }
}

impl Spent {
    /// Compares one figure with its budget. A figure above the budget breaks the rule.
    pub fn at_most(&self, rule: &'static Rule, what: &str, spent: u64, budget: u64) {
        log::info!("{what}: {spent} of {budget}");
        if spent > budget {
            self.reporter.violation(Violation::new(rule, format!("{what}: {spent}, but at most {budget} are allowed")));
        }
    }
}
