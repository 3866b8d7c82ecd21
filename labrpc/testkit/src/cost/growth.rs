//! Does a server grow with what it has done? Repeats something, and compares what servers hold and send
//! after a few repetitions and after four times as many.

use std::sync::Arc;
use std::time::Duration;

use labrpc::sim::{self, NodeId};
use labrpc::{PeerId, Persister, thread};

use crate::cluster::UntypedCluster;
use crate::rule::Rule;
use crate::rule::election::IDLE_TRAFFIC;
use crate::rule::life::{BOUNDED, RESTS};
use crate::rule::persistence::SAVES;
use crate::violation::Violation;
use crate::world::World;

/// Requires that servers do not grow with the number of repetitions of something.
///
/// ```no_run
/// # fn example<R: labrpc::Compact>(script: &testkit::script::ScriptedCluster<R>) {
/// use testkit::cost::Growth;
///
/// Growth::with_each("heartbeat", script.cluster()).repeat(100, |_| {
///     script.leader(1).in_term(1).heartbeat();
/// });
/// # }
/// ```
pub struct Growth<'a> {
    subject: Subject<'a>,
    /// What is repeated, as a singular noun.
    what: &'static str,
    heap: GrowthLimit,
    disk: GrowthLimit,
    saved: &'static Rule,
    idle: Option<Duration>,
}

/// Whose growth is watched.
enum Subject<'a> {
    /// The real servers of a cluster.
    Cluster(&'a UntypedCluster),
    /// One server without a network, in the node of the test itself.
    Service { world: &'a World, disk: Option<Arc<Persister>> },
}

/// What one repetition may add, and the rule that is broken if it adds more.
#[derive(Clone, Copy)]
struct GrowthLimit {
    rule: &'static Rule,
    bytes_each: u64,
}

/// How many times the first count the repetitions are in the end.
const TIMES: u64 = 4;
/// All that is under way is handled, answered or given up within this time, and no election timer runs out.
const SETTLE: Duration = Duration::from_millis(300);
/// So long is looked how much is sent while nothing happens.
const IDLE: Duration = Duration::from_secs(1);
/// A message that is handled or waits for its answer at the moment of the measurement may have a thread.
const THREADS_SLACK: u64 = 8;
/// Lists and tables grow in leaps: half of this, and a leak of a few words for each repetition, is
/// not told apart from it.
const HEAP_SLACK_BYTES: u64 = 1 << 10;
/// A number that has more digits takes more bytes.
const DISK_SLACK_BYTES: u64 = 64;

/// What the servers hold and send at one moment.
struct Footprint {
    servers: Vec<ServerFootprint>,
    idle: Option<IdleTraffic>,
}

struct ServerFootprint {
    server: PeerId,
    threads: u64,
    heap_bytes: u64,
    disk_bytes: u64,
}

#[derive(Clone, Copy)]
struct IdleTraffic {
    requests: u64,
    operations: u64,
}

impl<'a> Growth<'a> {
    /// Watches how the real servers of a cluster grow with each `what`, a singular noun.
    pub fn with_each(what: &'static str, cluster: &'a UntypedCluster) -> Growth<'a> {
        Growth::new(what, Subject::Cluster(cluster), Some(IDLE))
    }

    /// Watches how a service over a [`ScriptedRaft`](crate::script::ScriptedRaft) grows with each `what`. It
    /// runs in the test's own node, so the test must keep nothing either.
    pub fn of_service(what: &'static str, world: &'a World, disk: Option<Arc<Persister>>) -> Growth<'a> {
        Growth::new(what, Subject::Service { world, disk }, None)
    }

    fn new(what: &'static str, subject: Subject<'a>, idle: Option<Duration>) -> Growth<'a> {
        let (heap, disk) = (GrowthLimit { rule: &BOUNDED, bytes_each: 0 }, GrowthLimit { rule: &SAVES, bytes_each: 0 });
        Growth { subject, what, heap, disk, saved: &SAVES, idle }
    }

    /// Each repetition may leave this many bytes in memory. More breaks `rule`.
    pub fn heap(self, rule: &'static Rule, bytes_each: u64) -> Self {
        Growth { heap: GrowthLimit { rule, bytes_each }, ..self }
    }

    /// Each repetition may leave this many bytes on each disk. More breaks `rule`.
    pub fn disk(self, rule: &'static Rule, bytes_each: u64) -> Self {
        Growth { disk: GrowthLimit { rule, bytes_each }, ..self }
    }

    /// The rule that is broken if later repetitions save more than earlier ones.
    pub fn saved(self, rule: &'static Rule) -> Self {
        Growth { saved: rule, ..self }
    }

    /// The servers are not idle between repetitions, for example because they have no leader then.
    pub fn never_idle(self) -> Self {
        Growth { idle: None, ..self }
    }

    /// Repeats `step` `few` times, and then until it was done four times as often. `step` is told how
    /// often it was called before. If the servers have grown meanwhile, a rule is broken.
    pub fn repeat(&self, few: u64, mut step: impl FnMut(u64)) {
        let before = self.saved_bytes();
        (0..few).for_each(&mut step);
        let saved_first = self.saved_bytes() - before;
        let earlier = self.measure();
        (few..(TIMES - 1) * few).for_each(&mut step);
        let before = self.saved_bytes();
        ((TIMES - 1) * few..TIMES * few).for_each(&mut step);
        let saved_last = self.saved_bytes() - before;
        let later = self.measure();
        self.compare(few, &earlier, &later);
        self.compare_saves(few, saved_first, saved_last);
    }

    fn saved_bytes(&self) -> u64 {
        self.servers().into_iter().filter_map(|(_, _, disk)| Some(disk?.saved_bytes())).sum()
    }

    /// The servers that are up, their nodes and their disks.
    fn servers(&self) -> Vec<(PeerId, NodeId, Option<Arc<Persister>>)> {
        match &self.subject {
            Subject::Cluster(cluster) => {
                let observer = cluster.observer().expect("growth is measured in virtual time, and with a contract");
                // The observer is locked while one looks, so the disks are asked afterwards.
                let up: Vec<(PeerId, NodeId)> = observer.look(|observed| {
                    let servers = observed.servers.iter().enumerate().filter(|(_, server)| server.is_real);
                    servers.filter_map(|(server, state)| Some((server, state.node()?))).collect()
                });
                up.into_iter().map(|(server, node)| (server, node, Some(cluster.persister(server)))).collect()
            }
            Subject::Service { disk, .. } => vec![(0, NodeId::TEST, disk.clone())],
        }
    }

    fn world(&self) -> &World {
        match &self.subject {
            Subject::Cluster(cluster) => cluster.world(),
            Subject::Service { world, .. } => world,
        }
    }

    fn measure(&self) -> Footprint {
        thread::sleep(SETTLE);
        let servers = self.servers().into_iter().map(|(server, node, disk)| ServerFootprint {
            server,
            threads: self.world().threads_in(node) as u64,
            heap_bytes: u64::try_from(sim::heap_bytes_in(node)).unwrap_or_default(),
            disk_bytes: disk.map_or(0, |disk| (disk.raft_state_bytes() + disk.snapshot_bytes()) as u64),
        });
        let servers = servers.collect();
        Footprint { servers, idle: self.idle.map(|idle| self.idle_traffic(idle)) }
    }

    fn idle_traffic(&self, idle: Duration) -> IdleTraffic {
        let read = || (self.world().requests(), sim::operations());
        let (requests, operations) = read();
        thread::sleep(idle);
        let (requests_then, operations_then) = read();
        IdleTraffic { requests: requests_then - requests, operations: operations_then - operations }
    }

    fn compare(&self, few: u64, earlier: &Footprint, later: &Footprint) {
        for (before, after) in earlier.servers.iter().zip(&later.servers) {
            let server = before.server;
            log::info!(
                "{few} and {} {}: server {server} has {} and {} threads, {} and {} bytes in memory, {} and {} on disk",
                TIMES * few,
                plural(self.what),
                before.threads,
                after.threads,
                before.heap_bytes,
                after.heap_bytes,
                before.disk_bytes,
                after.disk_bytes
            );
            if after.threads > before.threads + THREADS_SLACK {
                let leaves = if after.threads - before.threads >= (TIMES - 1) * few {
                    format!("each {} leaves a thread behind", self.what)
                } else {
                    "some of them leave a thread behind".to_string()
                };
                self.report(
                    &BOUNDED,
                    few,
                    &format!("server {server} has"),
                    "threads",
                    (before.threads, after.threads),
                    &leaves,
                );
            }
            self.compare_bytes(
                few,
                self.heap,
                HEAP_SLACK_BYTES,
                (&format!("server {server} holds"), "bytes of memory"),
                (before.heap_bytes, after.heap_bytes),
            );
            self.compare_bytes(
                few,
                self.disk,
                DISK_SLACK_BYTES,
                (&format!("the disk of server {server} holds"), "bytes"),
                (before.disk_bytes, after.disk_bytes),
            );
        }
        if let (Some(before), Some(after)) = (earlier.idle, later.idle) {
            self.compare_idle(few, before, after);
        }
    }

    /// What the servers do while nothing happens must not grow.
    fn compare_idle(&self, few: u64, before: IdleTraffic, after: IdleTraffic) {
        log::info!(
            "idle requests {} and {}, operations {} and {}",
            before.requests,
            after.requests,
            before.operations,
            after.operations
        );
        let more = "more is done while nothing happens";
        if after.requests > before.requests + before.requests / 2 + 4 {
            self.report(
                &IDLE_TRAFFIC,
                few,
                "the servers send",
                "requests in an idle second",
                (before.requests, after.requests),
                more,
            );
        }
        if after.operations > before.operations * 2 + 100 {
            self.report(
                &RESTS,
                few,
                "the servers make",
                "operations in an idle second",
                (before.operations, after.operations),
                more,
            );
        }
    }

    fn compare_bytes(
        &self,
        few: u64,
        limit: GrowthLimit,
        slack: u64,
        (who, what): (&str, &str),
        (before, after): (u64, u64),
    ) {
        let repetitions = (TIMES - 1) * few;
        if after <= before + slack + repetitions * limit.bytes_each {
            return;
        }
        let each = (after - before).div_ceil(repetitions);
        let allowed = match limit.bytes_each {
            0 => String::new(),
            bytes => format!(", where at most {bytes} are allowed"),
        };
        let leaves = format!("each {} leaves some {each} bytes behind{allowed}", self.what);
        self.report(limit.rule, few, who, what, (before, after), &leaves);
    }

    fn compare_saves(&self, few: u64, first: u64, last: u64) {
        log::info!("the first {few} {} saved {first} bytes, the last {few} {last}", plural(self.what));
        if last <= first + first / 2 + few * DISK_SLACK_BYTES / 8 {
            return;
        }
        let what = format!(
            "the first {few} {whats} saved {first} bytes, and after {} {whats} another {few} saved {last} bytes: a {} \
             costs more, the more there were before it",
            (TIMES - 1) * few,
            self.what,
            whats = plural(self.what)
        );
        self.world().report_violation(Violation::new(self.saved, what));
    }

    fn report(&self, rule: &'static Rule, few: u64, who: &str, what: &str, (before, after): (u64, u64), leaves: &str) {
        let text = format!(
            "after {few} {} {who} {before} {what}, after {} {who} {after}: {leaves}",
            plural(self.what),
            TIMES * few
        );
        self.world().report_violation(Violation::new(rule, text));
    }
}

fn plural(noun: &str) -> String {
    format!("{noun}s")
}
