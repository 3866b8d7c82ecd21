//! What must not grow, however often something has happened: threads, memory, the disk, and what a save
//! writes.

use std::time::Duration;

use testkit::cost::Growth;
use testkit::rule::life::BOUNDED;
use testkit::rule::service::{COMPACT_SNAPSHOT, SMALL, WORTHWHILE};
use testkit::script::{ScriptedCluster, append, get, put};

use crate::lab::{LAB, boot};
use crate::rules::setup::{service, service_with_disk, snapshot_of};

/// A value that makes each snapshot far larger than an operation.
const LARGE_BYTES: usize = 2_000;

/// The log is cut again and again, so a small store stays small: in memory, on disk, and in what it
/// saves. Half of the operations are reads.
#[test]
fn operations_leave_nothing_behind_3b() {
    LAB.simulated(|world| {
        /// The log is short right after a cut, and long right before one.
        const BYTES_EACH: u64 = 10;
        let (service, disk) = service_with_disk(Duration::ZERO);
        service.do_command(put(1, 1, "large", &"x".repeat(LARGE_BYTES)));
        let growth = Growth::of_service("operation", world, Some(disk)).saved(&WORTHWHILE);
        growth.heap(&BOUNDED, BYTES_EACH).disk(&SMALL, BYTES_EACH).repeat(200, |nth| {
            service.do_command(if nth % 2 == 0 { put(0, nth + 1, "k", "v") } else { get(0, nth + 1, "k") });
        });
    });
}

/// The whole server, Raft and service: what was cut is gone, in memory and on disk.
#[test]
fn a_server_stays_as_small_as_its_store_3b() {
    LAB.simulated(|world| {
        /// The log is short right after a cut, and long right before one.
        const HEAP_BYTES_EACH: u64 = 20;
        const DISK_BYTES_EACH: u64 = 5;
        let script = ScriptedCluster::new(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        script.do_command(put(1, 1, "large", &"x".repeat(LARGE_BYTES)));
        let growth = Growth::with_each("operation", script.cluster()).saved(&WORTHWHILE);
        growth.heap(&BOUNDED, HEAP_BYTES_EACH).disk(&SMALL, DISK_BYTES_EACH).repeat(150, |nth| {
            script.do_command(if nth % 2 == 0 { put(0, nth + 1, "k", "v") } else { get(0, nth + 1, "k") });
            script.discard_requests();
        });
    });
}

/// Of the snapshots that a leader sends, the service keeps the last store and nothing else.
#[test]
fn installed_snapshots_leave_nothing_behind_3b() {
    LAB.simulated(|world| {
        service().expect_work();
        let service = service();
        let store = |nth: u64| snapshot_of([put(0, nth, "k", &"v".repeat(200))]);
        Growth::of_service("installed snapshot", world, None).repeat(50, |nth| {
            service.install(10 * (nth + 1), store(nth + 1));
            service.let_threads_run();
        });
    });
}

/// A restart from a snapshot leaves nothing behind, and the snapshot is not written again.
#[test]
fn restarts_leave_nothing_behind_3b() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::new(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        for nth in 1..=60 {
            script.do_command(append(0, nth, "k", "v"));
        }
        world.assert_covered("a snapshot", script.persister().snapshot_bytes() > 0);
        let growth = Growth::with_each("restart", script.cluster()).never_idle().saved(&WORTHWHILE);
        growth.disk(&COMPACT_SNAPSHOT, 0).repeat(10, |_| {
            script.restart();
            script.lead_anew();
            script.discard_requests();
        });
    });
}
