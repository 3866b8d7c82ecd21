//! Lab 2A under random faults: every oracle on, and a leader soon after they end.

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::thread;
use testkit::chaos::{self, Faults};
use testkit::rule::election::STABLE;

use crate::lab::{LAB, cluster};

/// Clusters of two to seven servers elect leaders while links fail in every way that links can.
#[test]
fn random_faults_2a() {
    LAB.simulated(|world| {
        // A server alone may lead whatever else it does.
        let size = chaos::any_size(world).max(2);
        chaos::elections(&cluster(world, size), Faults::OF_LINKS);
    });
}

/// A leader stays while one message in ten is lost and one in fifty arrives twice: only several lost
/// heartbeats in a row start an election.
#[test]
fn lossy_links_2a() {
    LAB.rule(&STABLE, |world| {
        const WATCHED: Duration = Duration::from_secs(20);
        /// Now and then enough heartbeats in a row are lost. A server that campaigns after a single lost
        /// heartbeat, as with the paper's 150 ms and heartbeats of 100 ms, causes dozens of elections.
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
