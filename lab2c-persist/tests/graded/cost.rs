//! What lab 2C's servers spend on their disks. Budgets are two to three times what the reference needs.

mod growth;

use std::time::Duration;

use labrpc::{Index, thread};
use testkit::cost::Meter;
use testkit::rule::election::STABLE;
use testkit::rule::persistence::SAVES;
use testkit::rule::replication::NOT_AGAIN;
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

/// Agrees on `commands` commands, one after another.
#[track_caller]
fn agree(cluster: &Cluster<Server>, commands: u64) {
    for n in 1..=commands {
        cluster.one_at_once(&number(n), SERVERS);
    }
}

/// Each server saves a command once: its bytes and a small head, however long the log is.
#[test]
fn saves_per_command_2c() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 100;
        /// The reference needs 300: one on each server.
        const SAVES_MAX: u64 = 600;
        /// The reference needs 15,276: some 51 a save, for a head, and a command of three digits with its term.
        const SAVED_BYTES_MAX: u64 = 38_000;
        let cluster = cluster_with_a_command(world);
        let term = cluster.one_term();
        for hundred in 1..=3 {
            let meter = Meter::start(&cluster);
            agree(&cluster, COMMANDS);
            let spent = meter.read();
            let which = format!("100 commands, after {} others", (hundred - 1) * COMMANDS);
            spent.at_most(&SAVES, &format!("saves for {which}"), spent.saves, SAVES_MAX);
            spent.at_most(&SAVES, &format!("bytes saved for {which}"), spent.saved_bytes, SAVED_BYTES_MAX);
        }
        expect_rule_eq(&STABLE, cluster.one_term(), term, "there was an election, which costs saves of its own");
    });
}

/// Commands that come together are saved together: a follower saves once for each request.
#[test]
fn saves_of_a_burst_2c() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 200;
        /// The leader saves each command before `start` returns. The reference's followers
        /// save twice each. If they saved one by one, each command would cost two more.
        const SAVES_MAX: u64 = 2 * COMMANDS;
        let cluster = cluster_with_a_command(world);
        let (term, leader) = (cluster.one_term(), cluster.one_leader());
        let meter = Meter::start(&cluster);
        for n in 1..=COMMANDS {
            cluster.start_command(leader, number(n)).expect("the leader takes commands");
        }
        cluster.wait_applied(1 + COMMANDS as Index, SERVERS, None);
        let spent = meter.read();
        spent.at_most(&SAVES, "saves for 200 commands at once", spent.saves, SAVES_MAX);
        expect_rule_eq(&STABLE, cluster.one_term(), term, "there was an election, which costs saves of its own");
    });
}

/// While nothing happens, nothing is saved.
#[test]
fn idle_servers_save_nothing_2c() {
    LAB.simulated(|world| {
        let cluster = cluster_with_a_command(world);
        let term = cluster.one_term();
        let meter = Meter::start(&cluster);
        thread::sleep(Duration::from_secs(30));
        let spent = meter.read();
        spent.at_most(&SAVES, "saves in 30 idle seconds", spent.saves, 0);
        expect_rule_eq(&STABLE, cluster.one_term(), term, "there was an election, which costs saves of its own");
    });
}

/// A restarted server has its log from its disk: it need not be sent or saved again.
#[test]
fn a_restart_costs_little_2c() {
    LAB.simulated(|world| {
        const COMMANDS: u64 = 300;
        /// The reference sends 1,520: twenty heartbeats and their answers, and no entry. The log would
        /// take 5,700 more.
        const BYTES_MAX: u64 = 4_500;
        /// A server that has read its log may write it back once.
        const SAVES_MAX: u64 = 1;
        let cluster = cluster_with_a_command(world);
        agree(&cluster, COMMANDS);
        let (term, leader) = (cluster.one_term(), cluster.one_leader());
        let meter = Meter::start(&cluster);
        cluster.restart(cluster.after(leader, 1));
        thread::sleep(Duration::from_secs(1));
        cluster.wait_applied(1 + COMMANDS as Index, SERVERS, None);
        let spent = meter.read();
        spent.at_most(&NOT_AGAIN, "bytes sent while a follower comes back", spent.bytes, BYTES_MAX);
        spent.at_most(&SAVES, "saves while a follower comes back", spent.saves, SAVES_MAX);
        expect_rule_eq(&STABLE, cluster.one_term(), term, "there was an election, which costs saves of its own");
    });
}
