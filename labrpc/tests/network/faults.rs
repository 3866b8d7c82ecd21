//! The faults of a bad network, one by one.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Conditions, Lost, Passage};
use labrpc::thread;
use labrpc::time::Instant;

use crate::ends::{Cluster, IDEAL, LONG, Log, MS, calmly, simulated};

/// Enough messages to distinguish a share of a tenth from a twentieth.
const MANY: u64 = 2000;

/// The share of `part` in `whole`, in thousandths.
fn per_mille(part: usize, whole: usize) -> usize {
    1000 * part / whole
}

/// Requests and replies are each lost at the given rate.
#[test]
fn messages_are_lost_at_the_given_rate() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.set_conditions(Conditions { loss_per_mille: 100, ..IDEAL });
        cluster.send_many(0, 1, MANY, MS);
        thread::sleep(LONG);
        let (served, answered) = (cluster.servers[1].requested().len(), cluster.servers[0].replied().len());
        assert!((880..920).contains(&per_mille(served, MANY as usize)), "{served} of {MANY} served");
        assert!((880..920).contains(&per_mille(answered, served)), "{answered} of {served} answered");
        assert_eq!(cluster.network.counts().lost, MANY - answered as u64);
    });
}

/// At a rate of 1000 per mille every message is lost, and the caller waits for all of its patience.
#[test]
fn every_message_can_be_lost() {
    simulated(|| {
        let cluster = Cluster::new(1);
        cluster.network.set_conditions(Conditions { loss_per_mille: 1000, ..IDEAL });
        let asked = Instant::now();
        assert_eq!(cluster.call(0, 7, 300 * MS), None);
        assert!(asked.elapsed() >= 300 * MS, "the caller does not learn of a loss");
    });
}

/// A doubled request is served twice, and each of its replies may arrive twice.
#[test]
fn requests_and_replies_are_doubled() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.set_conditions(Conditions { duplicates_per_mille: 1000, ..IDEAL });
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        assert_eq!(cluster.servers[1].requested(), [7; 2]);
        assert_eq!(cluster.servers[0].replied(), [7; 4]);
        assert_eq!(cluster.network.counts().doubled, 3, "the request and both replies");
    });
}

/// A caller takes the first reply, and ignores its copy.
#[test]
fn a_doubled_reply_is_taken_once() {
    simulated(|| {
        let cluster = Cluster::new(1);
        cluster.network.set_conditions(Conditions { duplicates_per_mille: 1000, ..Conditions::RELIABLE });
        for number in 0..20 {
            assert_eq!(cluster.call(0, number, LONG), Some(number));
        }
    });
}

/// Messages overtake one another if delays differ, and only then.
#[test]
fn messages_overtake_one_another_if_delays_differ() {
    let arrivals = |conditions| {
        simulated(move || {
            let cluster = Cluster::new(2);
            cluster.network.set_conditions(conditions);
            cluster.send_many(0, 1, 100, MS);
            thread::sleep(LONG);
            cluster.servers[1].requested()
        })
    };
    assert!(!arrivals(Conditions::RELIABLE).is_sorted());
    assert!(arrivals(IDEAL).is_sorted());
}

/// A copy has its own delay: it may arrive before or after other messages.
#[test]
fn a_copy_has_a_delay_of_its_own() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.set_conditions(Conditions { duplicates_per_mille: 1000, ..Conditions::RELIABLE });
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        let times: Vec<_> = cluster.servers[1].requests.lock().iter().map(|&(_, _, at)| at).collect();
        assert!(times[1] - times[0] > MS / 10, "{times:?}");
    });
}

/// A cut is one-way: requests and replies are lost in one direction, and pass in the other.
#[test]
fn a_cut_is_one_way() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.set_cut(0, 1, true);
        assert!(cluster.network.is_cut(0, 1) && !cluster.network.is_cut(1, 0));
        cluster.send(0, 1, 7);
        cluster.send(1, 0, 8);
        thread::sleep(LONG);
        assert!(cluster.servers[1].requested().is_empty(), "the request was cut off");
        assert_eq!(cluster.servers[0].requested(), [8]);
        assert!(cluster.servers[1].replied().is_empty(), "the reply was cut off");
        cluster.network.set_cut(0, 1, false);
        cluster.send(0, 1, 9);
        thread::sleep(LONG);
        assert_eq!((cluster.servers[1].requested(), cluster.servers[0].replied()), (vec![9], vec![9]));
    });
}

/// Messages that are under way when a link is cut are lost.
#[test]
fn a_cut_loses_messages_under_way() {
    calmly(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        cluster.send(0, 1, 7);
        thread::sleep(MS / 2);
        cluster.network.set_cut(0, 1, true);
        thread::sleep(LONG);
        assert_eq!(log.passages(0, 1), [Passage::Sent, Passage::Lost(Lost::Cut)]);
    });
}

/// During a partition messages pass within each side only; afterwards they pass everywhere.
#[test]
fn messages_pass_within_the_sides_of_a_partition() {
    simulated(|| {
        let cluster = Cluster::new(4);
        let side = |server| server / 2;
        let pairs = || (0..4).flat_map(|from| (0..4).filter(move |&to| to != from).map(move |to| (from, to)));
        let set_partition = |is_cut| {
            pairs().filter(|&(from, to)| side(from) != side(to)).for_each(|(from, to)| {
                cluster.network.set_cut(from, to, is_cut);
            });
        };
        set_partition(true);
        pairs().for_each(|(from, to)| cluster.send(from, to, 1));
        thread::sleep(LONG);
        for (at, server) in cluster.servers.iter().enumerate() {
            let heard: Vec<_> = server.requests.lock().iter().map(|&(from, _, _)| from).collect();
            assert_eq!(heard.len(), 1, "server {at} heard from {heard:?}");
            assert_eq!(side(heard[0]), side(at));
        }
        set_partition(false);
        pairs().for_each(|(from, to)| cluster.send(from, to, 2));
        thread::sleep(LONG);
        assert!(cluster.servers.iter().all(|server| server.replied().len() == 4));
    });
}

/// Conditions of one direction of a link override those of the network, until they are removed.
#[test]
fn a_link_may_have_its_own_conditions() {
    calmly(|| {
        let slow = Conditions { delay_min: Duration::from_secs(1), delay_max: Duration::from_secs(1), ..IDEAL };
        let cluster = Cluster::new(2);
        let arrived_after = |from: usize, to: usize| {
            let sent = Instant::now();
            cluster.send(from, to, 7);
            thread::sleep(LONG);
            let arrived = cluster.servers[to].requests.lock().last().map(|&(_, _, at)| at).unwrap();
            arrived - sent
        };
        cluster.network.set_link_conditions(0, 1, Some(slow));
        assert!(arrived_after(0, 1) >= Duration::from_secs(1));
        assert!(arrived_after(1, 0) < 2 * MS, "the other direction");
        cluster.network.set_conditions(IDEAL);
        assert!(arrived_after(0, 1) >= Duration::from_secs(1), "still its own");
        cluster.network.set_link_conditions(0, 1, None);
        assert!(arrived_after(0, 1) < 2 * MS);
    });
}

/// A message travels under the conditions at the time of its sending.
#[test]
fn the_conditions_at_sending_decide() {
    calmly(|| {
        let slow = Conditions { delay_min: 100 * MS, delay_max: 100 * MS, ..IDEAL };
        let cluster = Cluster::new(2);
        cluster.network.set_conditions(slow);
        let sent = Instant::now();
        cluster.send(0, 1, 7);
        cluster.network.set_conditions(IDEAL);
        thread::sleep(LONG);
        assert!(cluster.servers[1].requests.lock()[0].2 - sent >= 100 * MS);
    });
}

/// A call to a server that is down or cut off fails after a random time, before the caller's patience
/// ends.
#[test]
fn a_call_to_an_unreachable_server_fails_after_a_random_time() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.unplug(0);
        cluster.network.set_cut(cluster.client(), 1, true);
        for to in [0, 1] {
            let mut took = Vec::new();
            for number in 0..50 {
                let asked = Instant::now();
                assert_eq!(cluster.call(to, number, LONG), None);
                took.push(asked.elapsed());
            }
            assert!(took.iter().all(|took| *took < 100 * MS), "{took:?}");
            assert!(took.iter().any(|took| *took > 50 * MS) && took.iter().any(|took| *took < 30 * MS), "{took:?}");
        }
        let asked = Instant::now();
        assert_eq!(cluster.call(0, 7, MS), None);
        assert!(asked.elapsed() < 2 * MS, "the caller's own patience counts as well");
    });
}

/// A call whose reply is cut off waits for all of its patience: only a cut of the request fails early.
#[test]
fn a_call_whose_reply_is_cut_off_waits_for_its_patience() {
    simulated(|| {
        let cluster = Cluster::new(1);
        cluster.network.set_cut(0, cluster.client(), true);
        let asked = Instant::now();
        assert_eq!(cluster.call(0, 7, Duration::from_secs(2)), None);
        assert!(asked.elapsed() >= Duration::from_secs(2));
        assert_eq!(cluster.servers[0].requested(), [7], "the request was served");
    });
}
