//! What must not grow, however often something has happened: threads, memory, the work of a request.

use labrpc::thread;
use testkit::cost::Growth;
use testkit::rule::life::BOUNDED;
use testkit::rule::service::WAITERS;
use testkit::script::{ScriptedCluster, get, put};

use crate::lab::{LAB, PATIENCE, boot};
use crate::rules::setup::service;

/// Reads of one client leave nothing behind, however many there were.
#[test]
fn reads_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        let service = service();
        service.do_command(put(0, 1, "k", &"v".repeat(50)));
        Growth::of_service("read", world, None).repeat(100, |nth| {
            service.do_command(get(0, nth + 2, "k"));
        });
    });
}

/// Writes of one client to one key leave nothing behind but the last value.
#[test]
fn writes_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        let service = service();
        Growth::of_service("write", world, None).repeat(100, |nth| {
            service.do_command(put(0, nth + 1, "k", "v"));
        });
    });
}

/// Retries of one write leave nothing behind.
#[test]
fn retries_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        let service = service();
        Growth::of_service("repeated write", world, None).repeat(100, |_| {
            service.do_command(put(0, 1, "k", "v"));
        });
    });
}

/// A client that comes once leaves the number of its last write behind, and not much more.
#[test]
fn clients_leave_little_behind_3a() {
    LAB.simulated(|world| {
        /// The reference keeps two numbers in a map. A last answer and its list are allowed.
        const BYTES_EACH: u64 = 200;
        let service = service();
        Growth::of_service("client", world, None).heap(&BOUNDED, BYTES_EACH).repeat(100, |nth| {
            service.do_command(put(nth, 1, "k", "v"));
            service.do_command(get(nth, 2, "k"));
        });
    });
}

/// A request that gave up leaves nothing behind, even if its command is never applied.
#[test]
fn requests_that_gave_up_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        service().expect_work();
        let service = service();
        Growth::of_service("abandoned request", world, None).heap(&WAITERS, 0).repeat(25, |nth| {
            let asked = service.ask(if nth % 2 == 0 { put(0, nth + 1, "k", "v") } else { get(0, nth + 1, "k") });
            thread::sleep(2 * PATIENCE);
            asked.expect_no_result("its command was not applied");
        });
    });
}

/// A request that is refused, because another server leads, leaves nothing behind.
#[test]
fn refused_requests_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        let service = service();
        service.raft().set_status(2, false);
        Growth::of_service("refused request", world, None).heap(&WAITERS, 0).repeat(50, |nth| {
            service.ask(put(0, nth + 1, "k", "v")).expect_refusal("its server does not lead");
            service.ask(get(1, nth + 1, "k")).expect_refusal("its server does not lead");
        });
    });
}

/// A leadership that is lost while requests wait leaves nothing behind.
#[test]
fn lost_leaderships_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        let service = service();
        Growth::of_service("lost leadership", world, None).heap(&WAITERS, 0).repeat(25, |nth| {
            let term = 3 * nth + 1;
            service.raft().set_status(term, true);
            let waiting = [service.ask(put(0, nth + 1, "k", "v")), service.ask(get(1, nth + 1, "k"))];
            service.raft().set_status(term + 1, false);
            waiting.into_iter().for_each(|asked| asked.expect_refusal("the leadership is lost"));
        });
    });
}

/// The whole server: leaderships, each with a write and a read.
#[test]
fn leaderships_leave_nothing_behind_3a() {
    LAB.simulated(|world| {
        /// The log: two entries for each leadership, in memory and on disk.
        const BYTES_EACH: u64 = 1_500;
        let script = ScriptedCluster::new(world, 3, boot);
        script.agree_to_everything();
        let growth = Growth::with_each("leadership", script.cluster());
        growth.heap(&BOUNDED, BYTES_EACH).disk(&BOUNDED, BYTES_EACH).repeat(10, |nth| {
            script.lead_anew();
            script.do_command(put(0, 2 * nth + 1, "k", "v"));
            script.expect_value(get(0, 2 * nth + 2, "k"), "v", "it was put");
            script.discard_requests();
        });
    });
}
