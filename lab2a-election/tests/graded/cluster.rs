//! Lab 2A's graded tests: a cluster that elects, and does nothing else (§5.2).

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::{PeerId, thread};
use testkit::rule::election::{CAMPAIGN, STABLE};
use testkit::script::{expect_rule, expect_rule_eq};

use crate::lab::{LAB, cluster};

/// Twice as long as any election timeout.
const ELECTION_TIMEOUTS: Duration = Duration::from_secs(2);

/// Long enough for every server to hear from its leader.
const HEARTBEATS: Duration = Duration::from_millis(500);

/// A leader is elected, and stays while nothing fails: the term of a healthy cluster does not change.
#[test]
fn initial_election_2a() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        let leader = cluster.one_leader();
        thread::sleep(Duration::from_millis(50)); // the followers learn of the election
        let term = cluster.one_term();
        let what = format!("a leader was elected, but the servers are still in term {term}");
        expect_rule(&CAMPAIGN, term >= 1, what);
        thread::sleep(ELECTION_TIMEOUTS);
        expect_rule_eq(&STABLE, cluster.one_term(), term, "the term changed, though nothing failed");
        expect_rule_eq(&STABLE, cluster.one_leader(), leader, "the leader changed within a term");
    });
}

/// A new leader takes over from one that is cut off; without a majority nobody leads.
#[test]
fn re_election_2a() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        let first = cluster.one_leader();

        cluster.disconnect(first);
        let second = cluster.one_leader();

        // The old leader comes back, and must not disturb the new one.
        cluster.connect(first);
        thread::sleep(HEARTBEATS);
        let second_again = cluster.one_leader();
        let what = "a leader that was cut off came back, and another server leads than before";
        expect_rule_eq(&STABLE, second_again, second, what);

        cluster.disconnect(second);
        cluster.disconnect(cluster.after(second, 1));
        thread::sleep(ELECTION_TIMEOUTS);
        cluster.no_leader();

        cluster.connect(cluster.after(second, 1));
        cluster.one_leader();
        cluster.connect(second);
        cluster.one_leader();
    });
}

/// Whichever minority of seven servers is cut off, the others elect a leader.
#[test]
fn many_elections_2a() {
    LAB.test(|world| {
        const SERVERS: usize = 7;
        const CUT_MAX: u64 = 3;
        let cluster = cluster(world, SERVERS);
        let rng = world.rng("who is cut off");
        cluster.one_leader();
        for round in 0..world.scaled(9, 3) {
            let leader = cluster.one_leader();
            let victim = |nth: u64| match nth {
                0 if round % 2 == 0 => leader, // Chance alone might never choose it.
                _ => rng.random_range(0..SERVERS as u64) as PeerId,
            };
            let victims: BTreeSet<PeerId> = (0..CUT_MAX).map(victim).collect();
            victims.iter().for_each(|&server| cluster.disconnect(server));
            cluster.one_leader();
            victims.iter().for_each(|&server| cluster.connect(server));
        }
        cluster.one_leader();
        let leaderships = cluster.observer().map(|observer| observer.tally().leaderships).unwrap_or_default();
        world.assert_covered("leaders that are lost, and others that are elected", leaderships >= 2);
    });
}
