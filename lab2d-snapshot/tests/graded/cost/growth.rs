//! What must not grow, however often something has happened: threads, idle messages, memory, the disk, and
//! what a save writes.

use std::time::Duration;

use labrpc::{Bytes, Index, RaftRequest, thread};
use testkit::cost::{Growth, Meter};
use testkit::number;
use testkit::rule::persistence::SAVES;
use testkit::rule::snapshots::CUT;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agreement, at, refuses};

use crate::lab::{LAB, Server, boot};

/// Entries between two snapshots.
const INTERVAL: Index = 10;

/// A snapshot without an answer is sent again within this time.
const AGAIN: Duration = Duration::from_secs(2);

/// A snapshot that is always as large, whatever it covers.
fn snapshot(through: Index) -> Bytes {
    let mut state = vec![b'.'; 500];
    let text = through.to_string();
    state[..text.len()].copy_from_slice(text.as_bytes());
    state.into()
}

/// A leader takes a round of commands, and its service takes a snapshot of them.
fn cut(script: &ScriptedCluster<Server>) {
    for _ in 0..INTERVAL {
        script.start(number(7)).expect("it leads");
        thread::sleep(3 * TRAVEL);
    }
    let last = script.disk().last().index;
    script.snapshot(last, snapshot(last));
    script.discard_requests();
    script.applied();
}

/// What a snapshot covers is gone, in memory and on disk. A snapshot costs its own bytes, and not those
/// of the snapshots before it.
#[test]
fn snapshots_leave_nothing_behind_2d() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        cut(&script);
        Growth::with_each("snapshot", script.cluster()).heap(&CUT, 0).disk(&CUT, 0).repeat(10, |_| cut(&script));
    });
}

/// A follower cuts its log as well, and its saves write only what is new.
#[test]
fn a_followers_snapshots_leave_nothing_behind_2d() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let cut = |nth: Index| {
            let last = (nth + 1) * INTERVAL;
            let prev = at(nth * INTERVAL, nth.min(1));
            let leader = script.leader(1).in_term(1).after(prev).entries_of_terms(&[1; INTERVAL as usize]);
            leader.commit(last).send().expect_agreement(last, "the entries follow its log");
            thread::sleep(TRAVEL);
            script.snapshot(last, snapshot(last));
            script.applied();
        };
        let growth = Growth::with_each("snapshot", script.cluster()).never_idle();
        growth.heap(&CUT, 0).disk(&CUT, 0).repeat(20, cut);
    });
}

/// Only the latest of a leader's snapshots stays, in memory and on disk.
#[test]
fn installed_snapshots_leave_nothing_behind_2d() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let growth = Growth::with_each("installed snapshot", script.cluster()).never_idle();
        growth.disk(&CUT, 0).repeat(20, |nth| {
            let through = (nth + 1) * INTERVAL;
            let leader = script.leader(1).in_term(1);
            leader.install_snapshot(at(through, 1), snapshot(through)).expect_agreement(through, "it is new");
            // Entries that come after it are replaced by the next one.
            let answer = leader.after(at(through, 1)).entries_of_terms(&[1; 3]).send();
            answer.expect_agreement(through + 3, "they follow the snapshot");
            thread::sleep(TRAVEL);
            script.applied();
        });
    });
}

/// A snapshot that is sent, and never answered, leaves nothing behind.
#[test]
fn sent_snapshots_leave_nothing_behind_2d() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        // Server 2 votes, and says nothing else until the log is cut.
        script.answer_with(|peer, request| match request {
            RaftRequest::RequestVote(_) => Some(agreement(request)),
            request => (peer == 1).then(|| agreement(request)),
        });
        script.lead_anew();
        cut(&script);
        script.answer_with(|peer, request| match request {
            RaftRequest::AppendEntries(append) if peer == 2 => Some(refuses(append.term, 1)),
            request => (peer == 1).then(|| agreement(request)),
        });
        Growth::with_each("sent snapshot", script.cluster()).repeat(25, |_| {
            let is_snapshot = |received: &ReceivedRequest| received.is_snapshot();
            drop(script.expect_request("a snapshot for server 2, again and again", AGAIN, is_snapshot));
            script.discard_requests();
        });
    });
}

/// A restart with a snapshot leaves nothing behind, and writes next to nothing.
#[test]
fn restarts_leave_nothing_behind_2d() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1);
        leader.install_snapshot(at(20, 1), snapshot(20)).expect_agreement(20, "it is new");
        let answer = leader.after(at(20, 1)).entries_of_terms(&[1; 30]).send();
        answer.expect_agreement(50, "they follow the snapshot");
        Growth::with_each("restart", script.cluster()).never_idle().repeat(10, |_| {
            script.restart();
            script.leader(1).in_term(1).heartbeat();
            thread::sleep(TRAVEL);
            script.applied();
        });
    });
}

/// A save writes what is new, however large the snapshot on disk is: the snapshot is not written again.
#[test]
fn saves_after_a_snapshot_cost_their_own_bytes_2d() {
    LAB.simulated(|world| {
        const SNAPSHOT_BYTES: usize = 50_000;
        const ENTRIES: u64 = 20;
        /// The reference writes 1,200.
        const SAVED_BYTES_MAX: u64 = 10_000;
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1);
        leader.install_snapshot(at(20, 1), vec![b'.'; SNAPSHOT_BYTES].into()).expect_agreement(20, "it is new");
        let meter = Meter::start(script.cluster());
        for nth in 0..ENTRIES {
            let (term, prev) = (1 + nth, at(20 + nth, nth.max(1)));
            let leader = script.leader(1).in_term(term).after(prev).entries_of_terms(&[term]);
            leader.send().expect_agreement(21 + nth, "it follows its log");
        }
        let what = "bytes saved for twenty entries after a snapshot of 50,000 bytes";
        meter.read().at_most(&SAVES, what, meter.read().saved_bytes, SAVED_BYTES_MAX);
    });
}
