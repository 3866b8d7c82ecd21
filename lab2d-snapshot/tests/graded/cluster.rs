//! Lab 2D's graded tests: a cluster whose services take snapshots at every tenth entry, so that
//! followers who fall behind need them (§7).

use labrpc::Bytes;
use labrpc::network::Conditions;
use testkit::cluster::SNAPSHOT_INTERVAL;
use testkit::rule::persistence::REMEMBERS;
use testkit::rule::snapshots::CUT;
use testkit::script::{expect_rule, expect_rule_eq};
use testkit::{World, number};

use crate::lab::{self, LAB};

const SERVERS: usize = 3;
/// A log that is cut every ten entries of a few bytes each stays far below this.
const RAFT_STATE_BYTES_MAX: usize = 2000;

/// What happens to a server in each round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Cut,
    Crash,
}

/// In each round one server misses more entries than the others keep.
#[track_caller]
fn fall_behind(world: &World, conditions: Conditions, fault: Fault) {
    let cluster = lab::cluster(world, SERVERS);
    cluster.set_conditions(conditions);
    let rng = world.rng("how many commands");
    let mut numbers = (0..).map(number);
    let mut next = || numbers.next().expect("numbers do not run out");
    cluster.one(&next(), SERVERS);
    let mut leader = cluster.one_leader();
    for round in 0..world.scaled(30, 5) {
        // Every third round it is the leader that falls behind.
        let other = cluster.after(leader, 1);
        let (victim, sender) = if round % 3 == 1 { (leader, other) } else { (other, leader) };
        match fault {
            Fault::None => {}
            Fault::Cut => cluster.disconnect(victim),
            Fault::Crash => cluster.crash(victim),
        }
        let others = if fault == Fault::None { SERVERS } else { SERVERS - 1 };
        if fault != Fault::None {
            cluster.one(&next(), others);
        }
        let commands: Vec<Bytes> =
            (0..SNAPSHOT_INTERVAL / 2 + rng.random_range(0..SNAPSHOT_INTERVAL)).map(|_| next()).collect();
        for command in commands {
            cluster.start_command(sender, command);
        }
        cluster.one(&next(), others);
        let largest = cluster.raft_state_bytes_max();
        let what = format!(
            "a server's saved Raft state has {largest} bytes, though a snapshot is taken every {SNAPSHOT_INTERVAL} entries"
        );
        expect_rule(&CUT, largest < RAFT_STATE_BYTES_MAX, what);
        match fault {
            Fault::None => continue,
            Fault::Cut => cluster.connect(victim),
            Fault::Crash => cluster.start(victim),
        }
        cluster.one(&next(), SERVERS);
        leader = cluster.one_leader();
    }
    if fault != Fault::None {
        let is_behind = cluster.applied_logs().snapshots_installed() > 0;
        world.assert_covered("servers that fall behind, and are given a snapshot", is_behind);
    }
}

/// Nobody falls behind: snapshots are taken, and logs are cut.
#[test]
fn snapshot_basic_2d() {
    LAB.test(|world| fall_behind(world, Conditions::RELIABLE, Fault::None));
}

/// A server that was cut off is given a snapshot.
#[test]
fn snapshot_install_2d() {
    LAB.test(|world| fall_behind(world, Conditions::RELIABLE, Fault::Cut));
}

/// The same over an unreliable network.
#[test]
fn snapshot_install_unreliable_2d() {
    LAB.test(|world| fall_behind(world, Conditions::UNRELIABLE, Fault::Cut));
}

/// A server that crashed is given a snapshot.
#[test]
fn snapshot_install_crash_2d() {
    LAB.test(|world| fall_behind(world, Conditions::RELIABLE, Fault::Crash));
}

/// The same over an unreliable network.
#[test]
fn snapshot_install_un_crash_2d() {
    LAB.test(|world| fall_behind(world, Conditions::UNRELIABLE, Fault::Crash));
}

/// All servers crash at once, and come back from their snapshots and what follows them.
#[test]
fn snapshot_all_crash_2d() {
    LAB.test(|world| {
        let cluster = lab::cluster(world, SERVERS);
        let rng = world.rng("how many commands");
        let mut numbers = (0..).map(number);
        let mut next = || numbers.next().expect("numbers do not run out");
        cluster.one(&next(), SERVERS);
        for _ in 0..5 {
            for _ in 0..SNAPSHOT_INTERVAL / 2 + rng.random_range(0..SNAPSHOT_INTERVAL) {
                cluster.one(&next(), SERVERS);
            }
            let before = cluster.one(&next(), SERVERS);
            cluster.servers().for_each(|server| cluster.crash(server));
            cluster.servers().for_each(|server| cluster.start(server));
            let after = cluster.one(&next(), SERVERS);
            let what = format!("entry {before} was agreed on before the crash, but the next one is entry {after}");
            expect_rule(&REMEMBERS, after > before, what);
        }
        world.assert_covered("boots from a snapshot", cluster.applied_logs().snapshots_installed() > 0);
    });
}

/// A snapshot that a server booted from is still on its disk after the next save.
#[test]
fn snapshot_init_2d() {
    LAB.test(|world| {
        let cluster = lab::cluster(world, SERVERS);
        let crash_all = || {
            cluster.servers().for_each(|server| cluster.crash(server));
            cluster.servers().for_each(|server| cluster.start(server));
        };
        for n in 0..=SNAPSHOT_INTERVAL {
            cluster.one(&number(n), SERVERS);
        }
        crash_all();
        // A single command, so that each server saves once, and takes no snapshot.
        cluster.one(&number(100), SERVERS);
        crash_all();
        let last = cluster.one(&number(101), SERVERS);
        let what = "the index of the next command, after all commands before the crashes";
        expect_rule_eq(&REMEMBERS, last, SNAPSHOT_INTERVAL + 3, what);
        world.assert_covered("boots from a snapshot", cluster.applied_logs().snapshots_installed() > 0);
    });
}
