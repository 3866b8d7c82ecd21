//! Lab 2C's graded tests: a cluster whose servers crash, and come back with what they saved
//! (Figure 2, persistent state).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::{Bytes, PeerId, thread};
use testkit::rule::persistence::REMEMBERS;
use testkit::rule::replication::{APPLY_ORDER, START};
use testkit::script::{expect_rule, expect_rule_eq};
use testkit::{Cluster, Tally, World, number};

use crate::lab::{LAB, Server, cluster};

/// After this time an election is over, as in MIT's tests.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Figure 8 needs three leaders in a row. With this many leaders there are enough opportunities.
const MANY_LEADERSHIPS: u64 = 20;

/// What has happened so far. On real threads nothing is counted.
#[track_caller]
fn tally(cluster: &Cluster<Server>) -> Tally {
    cluster.observer().map(|observer| observer.tally()).unwrap_or_default()
}

/// Servers crash and come back, one after another and all at once, and the log is still there.
#[test]
fn persist1_2c() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        cluster.one(&number(11), 3);
        cluster.servers().for_each(|server| cluster.crash(server));
        cluster.servers().for_each(|server| cluster.start(server));
        cluster.one(&number(12), 3);

        cluster.restart(cluster.one_leader());
        cluster.one(&number(13), 3);

        let leader = cluster.one_leader();
        cluster.disconnect(leader);
        expect_rule_eq(&START, cluster.one(&number(14), 2), 4, "the index of the next command, after three");
        cluster.restart(leader);
        cluster.connect(leader);
        cluster.wait_applied(4, 3, None); // the restarted server catches up

        let follower = cluster.after(cluster.one_leader(), 1);
        cluster.disconnect(follower);
        cluster.one(&number(15), 2);
        cluster.restart(follower);
        cluster.connect(follower);
        cluster.one(&number(16), 3);
        let last = cluster.applied_logs().last_applied();
        expect_rule_eq(&START, last, 6, "the last index that was applied, of six commands");
    });
}

/// Majorities change from round to round, and only saved state connects them.
#[test]
fn persist2_2c() {
    LAB.test(|world| {
        let cluster = cluster(world, 5);
        let mut numbers = (11..).map(number);
        let mut next = || numbers.next().expect("numbers do not run out");
        for _ in 0..world.scaled(5, 1) {
            cluster.one(&next(), 5);
            let leader = cluster.one_leader();
            let [a, b, c, d] = [1, 2, 3, 4].map(|steps| cluster.after(leader, steps));
            [a, b].iter().for_each(|&server| cluster.disconnect(server));
            cluster.one(&next(), 3);
            [leader, c, d].iter().for_each(|&server| cluster.disconnect(server));

            // Two servers that missed the last command meet one that has it, and all three have crashed.
            for server in [a, b] {
                cluster.restart(server);
                cluster.connect(server);
            }
            thread::sleep(ELECTION_TIMEOUT);
            cluster.restart(c);
            cluster.connect(c);
            cluster.one(&next(), 3);
            [d, leader].iter().for_each(|&server| cluster.connect(server));
        }
        cluster.one(&number(1000), 5);
    });
}

/// A leader and a follower crash; the leader comes back to a server that was cut off.
#[test]
fn persist3_2c() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        cluster.one(&number(101), 3);
        let leader = cluster.one_leader();
        let [absent, other] = [2, 1].map(|steps| cluster.after(leader, steps));
        cluster.disconnect(absent);
        cluster.one(&number(102), 2);
        [leader, other].iter().for_each(|&server| cluster.crash(server));
        cluster.connect(absent);
        cluster.start(leader);
        cluster.one(&number(103), 2);
        cluster.start(other);
        cluster.one(&number(104), 3);
    });
}

/// The pause between two faults of Figure 8: one in ten is long, the others are very short.
#[track_caller]
fn pause(world: &World) -> Duration {
    let rng = world.rng("pauses");
    let is_long = rng.random_range(0..10) == 0;
    Duration::from_millis(rng.random_range(0..if is_long { 500 } else { 13 }))
}

/// Leaders crash as soon as they have taken a command. Logs get many entries of old terms, and none of
/// them may be committed by counting copies (§5.4.2, Figure 8).
#[test]
fn figure_8_2c() {
    LAB.test(|world| {
        const SERVERS: u64 = 5;
        const MAJORITY: usize = 3;
        let cluster = cluster(world, SERVERS as usize);
        let rng = world.rng("who comes back");
        cluster.one(&number(0), 1);
        for round in 0..world.scaled(1000, 100) {
            let took = |&server: &PeerId| cluster.start_command(server, number(1 + round)).is_some();
            let leader = cluster.servers().filter(took).last();
            thread::sleep(pause(world));
            if let Some(leader) = leader.filter(|&leader| cluster.is_up(leader)) {
                cluster.crash(leader);
            }
            let up = cluster.servers().filter(|&server| cluster.is_up(server)).count();
            let server = rng.random_range(0..SERVERS) as PeerId;
            if up < MAJORITY && !cluster.is_up(server) {
                cluster.start(server);
            }
        }
        cluster.servers().filter(|&server| !cluster.is_up(server)).for_each(|server| cluster.start(server));
        cluster.one(&number(100_000), 5);
        world.assert_covered("leaders lost, one after another", tally(&cluster).leaderships > MANY_LEADERSHIPS);
    });
}

/// Agreement goes on over a network that loses, delays and doubles messages.
#[test]
fn unreliable_agree_2c() {
    LAB.test(|world| {
        const AT_ONCE: u64 = 5;
        let cluster = cluster(world, 5);
        cluster.set_conditions(Conditions::UNRELIABLE);
        let mut parts = Vec::new();
        for round in 1..world.scaled(50, 10) {
            for n in 1..AT_ONCE {
                let cluster = cluster.clone();
                let command = number(100 * round + n);
                parts.push(world.spawn(&format!("client {n} of round {round}"), move || cluster.one(&command, 1)));
            }
            cluster.one(&number(100 * round), 1);
        }
        cluster.set_conditions(Conditions::RELIABLE);
        for part in parts {
            part.join();
        }
        cluster.one(&number(100_000), 5);
        let Tally { lost, doubled, .. } = tally(&cluster);
        world.assert_covered("messages that are lost, and others that come twice", lost > 0 && doubled > 0);
    });
}

/// Figure 8 over an unreliable network: leaders are cut off instead of crashed, and old replies come late.
#[test]
fn figure_8_unreliable_2c() {
    LAB.test(|world| {
        const SERVERS: u64 = 5;
        const MAJORITY: usize = 3;
        let rounds = world.scaled(1000, 100);
        let cluster = cluster(world, SERVERS as usize);
        let (cuts, returns) = (world.rng("who is cut off"), world.rng("who comes back"));
        cluster.set_conditions(Conditions::UNRELIABLE);
        cluster.one(&number(0), 1);
        for round in 0..rounds {
            if round == rounds / 5 {
                cluster.set_conditions(Conditions::UNRELIABLE.with_long_reordering());
            }
            let took = |&server: &PeerId| cluster.start_command(server, number(1 + round)).is_some();
            let leader = cluster.servers().filter(took).filter(|&server| cluster.is_connected(server)).last();
            thread::sleep(pause(world));
            if let Some(leader) = leader.filter(|_| cuts.fault(false, |bits| bits.is_multiple_of(2))) {
                cluster.disconnect(leader);
            }
            let server = returns.random_range(0..SERVERS) as PeerId;
            if cluster.reachable().len() < MAJORITY {
                cluster.connect(server);
            }
        }
        cluster.servers().for_each(|server| cluster.connect(server));
        cluster.one(&number(100_000), 5);
        world.assert_covered("leaders cut off with entries that another one replaced", tally(&cluster).cut > 0);
    });
}

/// Servers come and go while clients write: nothing that was applied is ever lost.
#[test]
fn reliable_churn_2c() {
    LAB.test(|world| churn(world, Conditions::RELIABLE));
}

/// The same over an unreliable network.
#[test]
fn unreliable_churn_2c() {
    LAB.test(|world| churn(world, Conditions::UNRELIABLE));
}

#[track_caller]
fn churn(world: &World, conditions: Conditions) {
    const SERVERS: u64 = 5;
    const CLIENTS: u64 = 3;
    const ROUND: Duration = Duration::from_millis(700);
    let cluster = cluster(world, SERVERS as usize);
    cluster.set_conditions(conditions);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients = (0..CLIENTS).map(|client| {
        let (cluster, is_over) = (cluster.clone(), is_over.clone());
        world.spawn(&format!("client {client}"), move || submit(&cluster, client, &is_over))
    });
    let clients: Vec<_> = clients.collect();
    let rng = world.rng("churn");
    for _ in 0..world.scaled(20, 4) {
        // Each fault is drawn separately, and so is its victim.
        let fault = |one_in: u64| {
            rng.fault(None, |bits| bits.is_multiple_of(one_in).then_some((bits >> 32) as usize % SERVERS as usize))
        };
        if let Some(server) = fault(5) {
            cluster.disconnect(server);
        }
        if let Some(server) = fault(2) {
            if !cluster.is_up(server) {
                cluster.start(server);
            }
            cluster.connect(server);
        }
        if let Some(server) = fault(5).filter(|&server| cluster.is_up(server)) {
            cluster.crash(server);
        }
        thread::sleep(ROUND);
    }
    cluster.set_conditions(Conditions::RELIABLE);
    for server in cluster.servers() {
        if !cluster.is_up(server) {
            cluster.start(server);
        }
        cluster.connect(server);
    }
    is_over.store(true, Ordering::Relaxed);
    let promised: Vec<Bytes> = clients.into_iter().flat_map(|client| client.join()).collect();
    thread::sleep(ELECTION_TIMEOUT);
    let last = cluster.one(&number(u64::MAX), SERVERS as usize);
    let kept = cluster.applied_logs().commands();
    expect_rule_eq(&APPLY_ORDER, kept.len() as u64, last, "how many entries were applied, through the last one");
    for command in promised {
        let what = format!("{command:?} was applied, and no server has it any more");
        expect_rule(&REMEMBERS, kept.contains(&command), what);
    }
}

/// Offers one command after another to every server. Returns those that were applied.
#[track_caller]
fn submit(cluster: &Cluster<Server>, client: u64, is_over: &AtomicBool) -> Vec<Bytes> {
    /// No two clients use the same number.
    const NUMBERS: u64 = 1_000_000;
    const LOOKS_MS: [u64; 5] = [10, 20, 50, 100, 200];
    let mut applied = Vec::new();
    for command in (client * NUMBERS..).map(number) {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let offer = |server| cluster.start_command(server, command.clone());
        let Some(at) = cluster.servers().filter_map(offer).last() else {
            thread::sleep(Duration::from_millis(79 + 17 * client));
            continue;
        };
        for look_ms in LOOKS_MS {
            if let (_, Some(found)) = cluster.applied_logs().applied_at(at.index) {
                applied.extend(Some(found).filter(|found| *found == command));
                break;
            }
            thread::sleep(Duration::from_millis(look_ms));
        }
    }
    applied
}
