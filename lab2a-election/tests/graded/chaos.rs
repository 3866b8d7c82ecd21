//! Lab 2A under random faults: every oracle on, and a leader soon after they end.

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::thread;
use testkit::chaos::{self, Faults};
use testkit::rule::election::STABLE;

use crate::lab::{LAB, cluster};

/// Clusters of one to seven servers, even ones too, whose links suffer all that links can suffer.
#[test]
fn random_faults_2a() {
    LAB.simulated(|world| {
        chaos::elections(&cluster(world, chaos::any_size(world)), Faults::OF_LINKS);
    });
}

/// While one message in ten is lost, and one in fifty comes twice, a leader stays in office: it takes
/// several heartbeats in a row to doubt it.
#[test]
fn lossy_links_2a() {
    LAB.rule(&STABLE, |world| {
        const WATCHED: Duration = Duration::from_secs(20);
        /// One would be too few: now and then enough heartbeats in a row are lost. A server that doubts
        /// its leader after one, as with the paper's 150 ms and heartbeats of 100 ms, takes dozens.
        const ELECTIONS_MAX: u64 = 6;
        let cluster = cluster(world, 5);
        cluster.set_conditions(Conditions::UNRELIABLE);
        let leader = cluster.one_leader();
        let before = cluster.status(leader).expect("it is up").term;
        thread::sleep(WATCHED);
        let terms = cluster.servers().filter_map(|server| cluster.status(server)).map(|status| status.term);
        let elections = terms.max().expect("all are up") - before;
        assert!(elections <= ELECTIONS_MAX, "in {WATCHED:?} of a lossy network there were {elections} elections");
    });
}
