//! What must not grow, however often something has happened: threads, idle messages, memory.

use labrpc::{Index, RaftRequest, Term, thread};
use testkit::cost::Growth;
use testkit::number;
use testkit::rule::life::BOUNDED;
use testkit::script::{ScriptedCluster, TRAVEL, agreement, refuses};

use crate::lab::{LAB, boot};

/// A server that has led often is like one that leads for the first time.
#[test]
fn leaderships_leave_nothing_behind_2b() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        Growth::with_each("leadership", script.cluster()).repeat(10, |_| {
            script.lead_anew();
            script.discard_requests();
        });
    });
}

/// Entries that are replaced are gone: a log that is cut again and again stays as large as it is.
#[test]
fn conflicts_leave_nothing_behind_2b() {
    LAB.simulated(|world| {
        const ENTRIES: usize = 5;
        let script = ScriptedCluster::replicating(world, 3, boot);
        Growth::with_each("conflict", script.cluster()).never_idle().repeat(40, |nth| {
            let term: Term = nth + 1;
            let leader = script.leader(1 + nth as usize % 2).in_term(term).entries_of_terms(&[term; ENTRIES]);
            leader.send().expect_agreement(ENTRIES as Index, "entries from index 1 on fit any log");
        });
    });
}

/// The same request, again and again, adds nothing.
#[test]
fn repeated_requests_leave_nothing_behind_2b() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1).entries_of_terms(&[1; 5]).commit(3);
        Growth::with_each("repeated request", script.cluster()).never_idle().repeat(100, |_| {
            leader.send().expect_agreement(5, "entries from index 1 on fit any log");
            script.applied();
        });
    });
}

/// A follower that never gets anywhere costs its leader nothing but requests.
#[test]
fn refusals_leave_nothing_behind_2b() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        script.start(number(1)).expect("it leads");
        // Server 2 has lost its log, and loses whatever it is sent from index 1 on.
        script.answer_with(|peer, request| match request {
            RaftRequest::AppendEntries(append) if peer == 2 => (append.prev.index > 0).then(|| refuses(append.term, 1)),
            request => Some(agreement(request)),
        });
        let heartbeat_interval = script.timing().heartbeat_interval;
        Growth::with_each("refusal", script.cluster()).repeat(20, |_| {
            thread::sleep(heartbeat_interval);
            script.discard_requests();
            script.applied();
        });
    });
}

/// A command costs a leader its bytes, a position, and little else.
#[test]
fn commands_cost_their_bytes_2b() {
    LAB.simulated(|world| {
        /// The reference holds 60 bytes for each: an entry in a list that may be half empty.
        const BYTES_EACH: u64 = 300;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        Growth::with_each("command", script.cluster()).heap(&BOUNDED, BYTES_EACH).repeat(100, |nth| {
            script.start(number(nth)).expect("it leads");
            thread::sleep(3 * TRAVEL);
            script.discard_requests();
            script.applied();
        });
    });
}
