//! The test kit's cluster and runner.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use labrpc::network::{Link, Service};
use labrpc::sync::Mutex;
use labrpc::wire::WireError;
use labrpc::{Elect, PeerId, Status};
use testkit::{Booted, Cluster, Lab, World};

static LAB: Lab = Lab { package: "testkit", points: include_str!("points.txt"), contract: None };

/// A server that only holds its links, as every server does.
struct Idle {
    status: Status,
    _links: Vec<Link>,
    _canary: Arc<()>,
}

impl Elect for Idle {
    fn status(&self) -> Status {
        self.status
    }
    fn watch(&self, _: Status) -> Option<Status> {
        None
    }
    fn shutdown(&self) {}
}

impl Service for Idle {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(None)
    }
}

fn cluster(world: &World, statuses: Vec<Status>, canary: Arc<()>) -> Cluster<Idle> {
    Cluster::new(world, statuses.len(), move |boot| {
        let status = statuses[boot.me];
        Booted::raft(Idle { status, _links: boot.links, _canary: canary.clone() })
    })
}

const FOLLOWER: Status = Status { term: 1, is_leader: false };
const LEADER: Status = Status { term: 1, is_leader: true };

/// A run drops its servers: a thousand seeds take no more memory than one.
#[test]
fn clusters_leave_nothing_behind() {
    static LEFT: Mutex<Vec<Weak<()>>> = Mutex::new(Vec::new());
    LAB.test(|world| {
        let canary = Arc::new(());
        LEFT.lock().push(Arc::downgrade(&canary));
        let cluster = cluster(world, vec![LEADER, FOLLOWER, FOLLOWER], canary);
        assert_eq!(cluster.one_leader(), 0);
        cluster.restart(1);
    });
    let left = LEFT.lock();
    assert!(
        !left.is_empty() && left.iter().all(|canary| canary.upgrade().is_none()),
        "a server was not dropped at the end of its run"
    );
}

/// Two leaders of one term fail the run.
#[test]
#[should_panic = "a graded test failed"]
fn two_leaders_of_a_term_are_found() {
    LAB.test(|world| {
        cluster(world, vec![LEADER, LEADER, FOLLOWER], Arc::new(())).one_leader();
    });
}

/// A cluster without a leader fails the run.
#[test]
#[should_panic = "a graded test failed"]
fn a_missing_leader_is_found() {
    LAB.test(|world| {
        cluster(world, vec![FOLLOWER, FOLLOWER, FOLLOWER], Arc::new(())).one_leader();
    });
}

/// Every seed is run once.
#[test]
fn every_seed_is_run() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    LAB.test(|_| {
        RUNS.fetch_add(1, Ordering::Relaxed);
    });
    let by_points = 5;
    let wanted = std::env::var("LAB_SEEDS").map_or(by_points, |seeds| seeds.parse().expect("it is checked before"));
    assert_eq!(RUNS.load(Ordering::Relaxed), wanted);
}

/// A test without a line in `points.txt` is refused.
#[test]
#[should_panic = "has no line for unknown_tests_are_refused"]
fn unknown_tests_are_refused() {
    LAB.test(|_| {});
}
