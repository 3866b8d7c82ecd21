//! The presets of MIT's network: unreliable, long reordering, long delays.

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::thread;
use labrpc::time::Instant;

use crate::ends::{Cluster, LONG, MS, simulated};

const MANY: u64 = 2000;

/// The round-trip times of the replies that came.
fn round_trips(conditions: Conditions) -> Vec<Duration> {
    simulated(move || {
        let cluster = Cluster::new(2);
        cluster.network.set_conditions(conditions);
        let began = Instant::now();
        cluster.send_many(0, 1, MANY, MS);
        thread::sleep(LONG);
        let replies = cluster.servers[0].replies.lock();
        // Sending takes one or two operations of virtual time, far less than a millisecond.
        replies.iter().map(|&(_, number, at)| at - (began + MS * number as u32)).collect()
    })
}

fn share(round_trips: &[Duration], is_meant: impl Fn(&Duration) -> bool) -> f64 {
    round_trips.iter().filter(|took| is_meant(took)).count() as f64 / MANY as f64
}

/// Reliable: every message arrives once, within 10 ms each way.
#[test]
fn reliable_loses_nothing_and_takes_10_ms_at_most() {
    let took = round_trips(Conditions::RELIABLE);
    assert_eq!(took.len() as u64, MANY);
    assert!(took.iter().all(|took| (MS * 2..MS * 21).contains(took)));
}

/// Unreliable: a tenth of the requests and a tenth of the replies are lost, and some arrive twice.
#[test]
fn unreliable_loses_a_tenth_each_way() {
    let took = round_trips(Conditions::UNRELIABLE);
    let replies = took.len() as f64 / MANY as f64;
    // 0.9² arrive, and 2 % of all messages are doubled each way.
    assert!((0.81..0.88).contains(&replies), "{replies} replies per request");
    assert!(took.iter().all(|took| *took < MS * 73));
    assert!(share(&took, |took| *took > MS * 30) > 0.3, "delays reach up to 36 ms each way");
}

/// Long reordering: two replies in three are held back, for 200 ms to 2.2 s more.
#[test]
fn long_reordering_holds_replies_back() {
    let took = round_trips(Conditions::RELIABLE.with_long_reordering());
    assert_eq!(took.len() as u64, MANY);
    let held = share(&took, |took| *took >= MS * 200);
    assert!((0.64..0.70).contains(&held), "{held} were held");
    assert!(took.iter().all(|took| *took < MS * 2221));
    assert!(share(&took, |took| *took > MS * 1000) > 0.05, "some are held for more than a second");
    assert_eq!(share(&took, |took| (MS * 21..MS * 200).contains(took)), 0.0, "a reply is held or it is not");
}

/// Long delays: a call to a server that is down hangs for up to seven seconds.
#[test]
fn long_delays_make_calls_to_a_down_server_hang() {
    simulated(|| {
        let cluster = Cluster::new(1);
        cluster.network.set_conditions(Conditions::RELIABLE.with_long_delays());
        cluster.network.unplug(0);
        let mut longest = Duration::ZERO;
        for number in 0..30 {
            let asked = Instant::now();
            assert_eq!(cluster.call(0, number, LONG), None);
            longest = longest.max(asked.elapsed());
        }
        assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&longest), "{longest:?}");
    });
}

/// Presets can be combined.
#[test]
fn presets_can_be_combined() {
    let all = Conditions::UNRELIABLE.with_long_reordering().with_long_delays();
    assert_eq!(all.loss_per_mille, Conditions::UNRELIABLE.loss_per_mille);
    assert_eq!(all.held_replies_per_mille, Conditions::RELIABLE.with_long_reordering().held_replies_per_mille);
    assert_eq!(all.unreachable_max, Conditions::RELIABLE.with_long_delays().unreachable_max);
}
