//! What must not grow, however often something has happened: threads, idle messages, memory, the disk, and
//! what a save writes.

use labrpc::{Index, LogPosition, Term, thread};
use testkit::cost::Growth;
use testkit::number;
use testkit::rule::life::BOUNDED;
use testkit::rule::persistence::SAVES;
use testkit::script::{ScriptedCluster, TRAVEL};

use crate::lab::{LAB, boot};

/// A restart leaves nothing behind and writes next to nothing: the log is on disk already.
#[test]
fn restarts_leave_nothing_behind_2c() {
    LAB.simulated(|world| {
        const ENTRIES: usize = 50;
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1).entries_of_terms(&[1; ENTRIES]);
        leader.send().expect_agreement(ENTRIES as Index, "entries from index 1 on fit any log");
        Growth::with_each("restart", script.cluster()).never_idle().repeat(10, |_| {
            script.restart();
            script.leader(1).in_term(1).heartbeat();
        });
    });
}

/// A vote is written over the one before it.
#[test]
fn votes_leave_nothing_behind_2c() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        Growth::with_each("vote", script.cluster()).never_idle().repeat(50, |nth| {
            let candidate = script.candidate(1 + nth as usize % 2).in_term(nth + 1);
            candidate.with_log_through(LogPosition::ZERO).asks_for_vote().expect_vote("nobody has it yet");
        });
    });
}

/// Entries that are replaced leave the disk, too, and a conflict costs no more than the one before.
#[test]
fn conflicts_leave_nothing_behind_2c() {
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

/// A leadership costs a few bytes on disk for term and vote, and they are written over.
#[test]
fn leaderships_leave_nothing_behind_2c() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        Growth::with_each("leadership", script.cluster()).repeat(10, |_| {
            script.lead_anew();
            script.discard_requests();
        });
    });
}

/// A command costs its bytes in memory and on disk, and the thousandth costs no more than the first.
#[test]
fn commands_cost_their_bytes_2c() {
    LAB.simulated(|world| {
        /// In memory, the log, and a copy of the disk's content.
        const HEAP_BYTES_EACH: u64 = 600;
        /// The reference writes 19: a term, a length, and three digits.
        const DISK_BYTES_EACH: u64 = 60;
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        let growth = Growth::with_each("command", script.cluster());
        growth.heap(&BOUNDED, HEAP_BYTES_EACH).disk(&SAVES, DISK_BYTES_EACH).repeat(100, |nth| {
            script.start(number(nth)).expect("it leads");
            thread::sleep(3 * TRAVEL);
            script.discard_requests();
            script.applied();
        });
    });
}
