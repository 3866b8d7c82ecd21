//! What lab 2D's servers spend, and what they drop. Budgets are two to three times what the
//! reference needs.

mod growth;

use std::time::Duration;

use labrpc::{Bytes, Index, thread};
use testkit::cluster::SNAPSHOT_INTERVAL;
use testkit::cost::Meter;
use testkit::rule::election::STABLE;
use testkit::rule::persistence::SAVES;
use testkit::rule::snapshots::{CUT, SNAPSHOT_TRAFFIC};
use testkit::script::expect_rule_eq;
use testkit::{Cluster, World, number};

use crate::lab::{LAB, Server, cluster};

const SERVERS: usize = 3;

/// Three servers that have agreed on a first command.
#[track_caller]
fn cluster_with_a_command(world: &World) -> Cluster<Server> {
    let cluster = cluster(world, SERVERS);
    cluster.one(&number(0), SERVERS);
    cluster
}

/// Agrees on `commands` commands, one after another, on at least `servers` servers.
#[track_caller]
fn agree(cluster: &Cluster<Server>, commands: u64, servers: usize) {
    for n in 1..=commands {
        cluster.one_at_once(&number(n), servers);
    }
}

/// How many snapshots leaders have sent.
#[track_caller]
fn snapshots_sent(cluster: &Cluster<Server>) -> u64 {
    cluster.observer().expect("a simulation has an observer").tally().snapshots_sent
}

/// However many commands there were, a log holds only what came since its service's last snapshot.
#[test]
fn logs_stay_small_2d() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 200;
        /// What comes between two snapshots, and what is on its way then. The reference holds
        /// 265 bytes at most: a head of 41, and ten entries.
        const RAFT_STATE_BYTES_MAX: u64 = 650;
        let cluster = cluster_with_a_command(world);
        let meter = Meter::start(&cluster);
        let mut largest = 0;
        for n in 1..=COMMANDS {
            cluster.one_at_once(&number(n), SERVERS);
            largest = largest.max(cluster.raft_state_bytes_max() as u64);
        }
        meter.read().at_most(&CUT, "bytes of Raft's state", largest, RAFT_STATE_BYTES_MAX);
    });
}

/// If no follower falls behind, hardly any snapshot is sent, and each costs one save on each server.
#[test]
fn snapshots_without_faults_2d() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 100;
        /// The reference saves each command once on each server, and each of ten snapshots: 330 times.
        const SAVES_MAX: u64 = 660;
        /// The reference sends one only if an older reply arrives right after a cut, while the reply for
        /// the last entries is still on its way. That happens at three cuts of ten at most.
        const SNAPSHOTS_MAX: u64 = 5;
        let cluster = cluster_with_a_command(world);
        let term = cluster.one_term();
        let meter = Meter::start(&cluster);
        agree(&cluster, COMMANDS, SERVERS);
        let spent = meter.read();
        spent.at_most(&SAVES, "saves for 100 commands and ten snapshots", spent.saves, SAVES_MAX);
        let snapshots = snapshots_sent(&cluster);
        spent.at_most(&SNAPSHOT_TRAFFIC, "snapshots sent though no follower fell behind", snapshots, SNAPSHOTS_MAX);
        expect_rule_eq(&STABLE, cluster.one_term(), term, "there was an election, which costs saves of its own");
    });
}

/// A follower that was down for long is sent one snapshot, the entries after it, and little else.
#[test]
fn a_snapshot_costs_its_bytes_2d() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 25;
        /// The service's state grows by this much with each command.
        const COMMAND_BYTES: usize = 4_000;
        /// The reference sends one, of some 80 kB, and five entries more.
        const SNAPSHOTS_MAX: u64 = 2;
        const BYTES_MAX: u64 = 300_000;
        let cluster = cluster_with_a_command(world);
        let (term, leader) = (cluster.one_term(), cluster.one_leader());
        let away = cluster.after(leader, 1);
        cluster.crash(away);
        for n in 1..=COMMANDS {
            let mut command = number(n).to_vec();
            command.resize(COMMAND_BYTES, b'.');
            cluster.one_at_once(&Bytes::from(command), SERVERS - 1);
        }
        let (meter, sent_before) = (Meter::start(&cluster), snapshots_sent(&cluster));
        cluster.start(away);
        cluster.wait_applied(1 + COMMANDS as Index, SERVERS, None);
        thread::sleep(Duration::from_secs(1));
        let spent = meter.read();
        let snapshots = snapshots_sent(&cluster) - sent_before;
        spent.at_most(&SNAPSHOT_TRAFFIC, "snapshots for one follower", snapshots, SNAPSHOTS_MAX);
        spent.at_most(&SNAPSHOT_TRAFFIC, "bytes for one follower", spent.bytes, BYTES_MAX);
        expect_rule_eq(&STABLE, cluster.one_term(), term, "there was an election, which costs messages of its own");
    });
}

/// While a server is down for a minute, the leader sends it heartbeats, and nothing large.
#[test]
fn an_outage_costs_heartbeats_2d() {
    LAB.simulated(|world| {
        const OUTAGE: Duration = Duration::from_secs(60);
        /// The reference sends 1,200: ten a second to each follower.
        const REQUESTS_MAX: u64 = 2_400;
        let cluster = cluster_with_a_command(world);
        let (term, leader) = (cluster.one_term(), cluster.one_leader());
        cluster.crash(cluster.after(leader, 1));
        agree(&cluster, 2 * SNAPSHOT_INTERVAL, SERVERS - 1);
        let meter = Meter::start(&cluster);
        thread::sleep(OUTAGE);
        let spent = meter.read();
        spent.at_most(&SNAPSHOT_TRAFFIC, "requests while a follower is down", spent.requests, REQUESTS_MAX);
        let now = cluster.status(leader).map(|status| status.term);
        expect_rule_eq(&STABLE, now, Some(term), "the leader's term, though nothing has failed that could depose it");
    });
}
