//! A tap sees everything that happens to a message.

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::network::{Conditions, Counts, Lost, Passage};
use labrpc::sim;
use labrpc::time::Instant;
use labrpc::{Port, thread, wire};

use crate::ends::{Cluster, LONG, Log, MS, calmly, simulated};

/// Every message is sent once, in the order of the numbers, and each copy arrives or is lost once.
#[test]
fn a_tap_sees_every_message_sent_and_arriving_or_lost() {
    simulated(|| {
        let cluster = Cluster::new(3);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        let bad = Conditions { duplicates_per_mille: 200, ..Conditions::UNRELIABLE.with_long_reordering() };
        cluster.network.set_conditions(bad);
        for round in 0..100 {
            cluster.network.set_cut(0, 2, round % 3 == 0);
            cluster.send(0, 1, round);
            cluster.send(0, 2, round);
            thread::sleep(10 * MS);
        }
        cluster.network.unplug(1);
        cluster.send(0, 1, 100);
        thread::sleep(LONG);
        check(&log, cluster.network.counts());
    });
}

fn check(log: &Log, counts: Counts) {
    let log = log.0.lock();
    assert!(log.is_sorted_by_key(|&(at, _, _)| at));
    let sent: Vec<_> = log.iter().filter(|(_, _, passage)| *passage == Passage::Sent).collect();
    assert!(sent.iter().map(|(_, message, _)| message.number).eq(0..sent.len() as u64), "numbered in order");
    let mut ends: BTreeMap<u64, Vec<Passage>> = BTreeMap::new();
    for (_, message, passage) in log.iter().filter(|(_, _, passage)| *passage != Passage::Sent) {
        ends.entry(message.number).or_default().push(*passage);
    }
    for (_, message, _) in &sent {
        let ends = &ends[&message.number];
        assert!(ends.len() == 1 || ends.len() == 2, "message {}: {ends:?}", message.number);
        let arrivals = |copy| ends.iter().filter(|&&end| end == Passage::Arrived { copy }).count();
        assert!(arrivals(0) <= 1 && arrivals(1) < ends.len(), "at most one is the copy: {ends:?}");
    }
    let count =
        |is_meant: &dyn Fn(&Passage) -> bool| ends.values().flatten().filter(|end| is_meant(end)).count() as u64;
    assert_eq!(count(&|end| matches!(end, Passage::Lost(_))), counts.lost);
    assert_eq!(ends.values().filter(|ends| ends.len() == 2).count() as u64, counts.doubled);
    for why in [Lost::Dropped, Lost::Cut, Lost::Down] {
        assert!(count(&|end| *end == Passage::Lost(why)) > 0, "nothing was lost because of {why:?}");
    }
    let requests = sent.iter().filter(|(_, message, _)| message.answers.is_none()).count() as u64;
    assert_eq!(requests, counts.requests);
}

/// A reply names the request that it answers, and carries the right bytes.
#[test]
fn a_reply_names_its_request() {
    calmly(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        assert_eq!(cluster.call(0, 8, LONG), Some(8));
        let log = log.0.lock();
        let sent: Vec<_> = log
            .iter()
            .filter(|(_, _, passage)| *passage == Passage::Sent)
            .map(|(_, message, _)| {
                let number = wire::decode::<u64>(&message.bytes).unwrap();
                (message.number, message.answers, message.from, message.to, message.port, number)
            })
            .collect();
        let expected = [
            (0, None, 0, 1, Port::Raft, 7),
            (1, Some(0), 1, 0, Port::Raft, 7),
            (2, None, 2, 0, Port::Kv, 8),
            (3, Some(2), 0, 2, Port::Kv, 8),
        ];
        assert_eq!(sent, expected);
    });
}

/// A tap gets the exact time of each passage.
#[test]
fn a_tap_gets_the_exact_time() {
    calmly(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        thread::sleep(MS);
        let sent = Instant::now();
        cluster.send(0, 1, 7);
        thread::sleep(MS / 2);
        assert_eq!(log.passages(0, 1), [Passage::Sent]);
        thread::sleep(LONG);
        let log = log.0.lock();
        assert!(log[0].0 - sent < MS / 100);
        assert!((MS..MS + MS / 100).contains(&(log[1].0 - sent)), "{:?}", log[1].0 - sent);
    });
}

/// A tap can fail the run, although it is called between the tasks' turns.
#[test]
fn a_tap_can_fail_the_run() {
    struct Strict;
    impl labrpc::network::Tap for Strict {
        fn message(&self, _: Instant, message: &labrpc::network::Message, passage: Passage) {
            if passage == (Passage::Arrived { copy: 0 }) {
                sim::fail(format!("message {} should not have come", message.number));
            }
        }
    }
    let failure = crate::ends::failing(|| {
        let cluster = Cluster::new(2);
        cluster.network.set_tap(Arc::new(Strict));
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
    });
    assert_eq!(failure.message, "message 0 should not have come");
    assert!(failure.at.as_nanos() < 2 * MS.as_nanos() as u64, "at once: {failure}");
}

/// A closed network drops its tap, which may hold the network.
#[test]
fn a_closed_network_drops_its_tap() {
    simulated(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        cluster.network.close();
        assert_eq!(Arc::strong_count(&log), 1, "the network still holds its tap");
    });
}
