//! Outcomes that are forced on single messages.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Conditions, ForcedOutcome, Lost, Passage};
use labrpc::sim::{self, Forced, Settings};
use labrpc::thread;
use labrpc::time::Instant;

use crate::ends::{Cluster, IDEAL, LONG, Log, MS};

/// Server 0 sends three requests to server 1, one every 10 ms: messages 0, 2 and 4 if all arrive. Returns which arrived
/// there and when, and what happened to them.
fn three_requests(forced: &[(u64, ForcedOutcome)], prepare: fn(&Cluster)) -> (Vec<(u64, Duration)>, Vec<Passage>, u64) {
    let mut outcomes = Forced::default();
    forced.iter().for_each(|(message, outcome)| outcome.force(&mut outcomes, *message));
    let (result, report) = sim::run(Settings { forced: outcomes, ..Settings::default() }, || {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(log.clone());
        prepare(&cluster);
        let began = Instant::now();
        cluster.send_many(0, 1, 3, 10 * MS);
        thread::sleep(LONG);
        let requests = cluster.servers[1].requests.lock();
        (requests.iter().map(|(_, number, at)| (*number, *at - began)).collect(), log.passages(0, 1))
    });
    let (arrivals, passages) = result.unwrap();
    (arrivals, passages, report.trace)
}

fn numbers((arrivals, ..): &(Vec<(u64, Duration)>, Vec<Passage>, u64)) -> Vec<u64> {
    arrivals.iter().map(|(number, _)| *number).collect()
}

/// One message is lost, and the others arrive as before.
#[test]
fn a_message_is_lost_by_force() {
    let run = three_requests(&[(2, ForcedOutcome::Lost)], |_| ());
    assert_eq!(numbers(&run), [0, 2]);
    assert!(run.1.contains(&Passage::Lost(Lost::Dropped)));
}

/// A late message arrives later by the stated time, even if the network would lose it.
#[test]
fn a_message_is_late_by_force() {
    let late = ForcedOutcome::Late(50 * MS);
    let usual = three_requests(&[], |_| ());
    let run = three_requests(&[(0, late)], |_| ());
    assert_eq!(numbers(&run), [1, 2, 0]);
    let by = run.0[2].1 - usual.0[0].1;
    assert!(by >= 50 * MS && by < 51 * MS, "late by {by:?}");
    let lossy = |cluster: &Cluster| {
        cluster.network.set_conditions(Conditions { loss_per_mille: 1000, ..IDEAL });
    };
    assert_eq!(numbers(&three_requests(&[(1, late)], lossy)), [1]);
}

/// A message arrives at once although the network would lose it, or its link is cut.
#[test]
fn a_message_is_delivered_by_force() {
    let lossy = |cluster: &Cluster| {
        cluster.network.set_conditions(Conditions { loss_per_mille: 1000, ..IDEAL });
    };
    let cut = |cluster: &Cluster| cluster.network.set_cut(0, 1, true);
    for prepare in [lossy as fn(&Cluster), cut] {
        let run = three_requests(&[(1, ForcedOutcome::AtOnce)], prepare);
        assert_eq!(numbers(&run), [1]);
    }
}

/// An outcome that is forced on a message that is never sent changes nothing.
#[test]
fn outcomes_of_other_messages_change_nothing() {
    let (.., usual) = three_requests(&[], |_| ());
    let (.., same) = three_requests(&[(1_000, ForcedOutcome::Lost)], |_| ());
    assert_eq!(usual, same);
}
