//! Lab 2B's graded tests: a cluster that agrees on a log (§5.3, §5.4).

use std::collections::BTreeSet;
use std::iter;
use std::time::Duration;

use labrpc::{Bytes, Index, PeerId, thread};
use testkit::rule::election::{IDLE_TRAFFIC, STABLE};
use testkit::rule::replication::{APPEND_TRAFFIC, START};
use testkit::script::{expect_rule, expect_rule_eq};
use testkit::{Cluster, Tally, number};

use crate::lab::{LAB, Server, cluster};

/// After this time an election is over, as in MIT's tests.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// What has happened so far. On real threads nothing is counted.
#[track_caller]
fn tally(cluster: &Cluster<Server>) -> Tally {
    cluster.observer().map(|observer| observer.tally()).unwrap_or_default()
}

/// In a healthy cluster each command is applied at the next index, and nothing else is.
#[test]
fn basic_agree_2b() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        for index in 1..=3 {
            cluster.none_applied(index);
            let at = cluster.one_at_once(&number(100 * index), 3);
            expect_rule_eq(&START, at, index, "the index of the next command, in a log that holds commands only");
        }
    });
}

/// A command travels to each other server about once.
#[test]
fn rpc_bytes_2b() {
    LAB.test(|world| {
        const SERVERS: usize = 3;
        const COMMANDS: u64 = 10;
        const COMMAND_BYTES: u64 = 5000;
        /// For heartbeats, votes and everything else.
        const OTHER_BYTES: u64 = 50_000;
        let cluster = cluster(world, SERVERS);
        cluster.one_at_once(&number(99), SERVERS);
        let before = cluster.network().counts().bytes;
        for index in 2..2 + COMMANDS {
            let command = Bytes::from(vec![index as u8; COMMAND_BYTES as usize]);
            expect_rule_eq(&START, cluster.one_at_once(&command, SERVERS), index, "the index of the next command");
        }
        let sent = cluster.network().counts().bytes - before;
        let allowed = SERVERS as u64 * COMMANDS * COMMAND_BYTES + OTHER_BYTES;
        let what = format!("{COMMANDS} commands of {COMMAND_BYTES} bytes cost {sent} bytes, of {allowed} allowed");
        expect_rule(&APPEND_TRAFFIC, sent <= allowed, what);
    });
}

/// The leader goes on as followers are lost, one by one, until the majority is gone.
#[test]
fn follower_failure_2b() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        cluster.one_at_once(&number(101), 3);
        let leader = cluster.one_leader();
        cluster.disconnect(cluster.after(leader, 1));
        cluster.one_at_once(&number(102), 2);
        thread::sleep(ELECTION_TIMEOUT);
        cluster.one_at_once(&number(103), 2);

        let leader = cluster.one_leader();
        cluster.disconnect(cluster.after(leader, 1));
        cluster.disconnect(cluster.after(leader, 2));
        let at = cluster.start_command(leader, number(104)).expect("a leader takes commands, majority or not");
        expect_rule_eq(&START, at.index, 4, "the index of the next command, after three that were applied");
        thread::sleep(2 * ELECTION_TIMEOUT);
        cluster.none_applied(4);
    });
}

/// The cluster goes on as leaders are lost, one by one, until the majority is gone.
#[test]
fn leader_failure_2b() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        cluster.one_at_once(&number(101), 3);
        cluster.disconnect(cluster.one_leader());
        cluster.one(&number(102), 2);
        thread::sleep(ELECTION_TIMEOUT);
        cluster.one(&number(103), 2);
        let last = cluster.applied_logs().last_applied();
        expect_rule_eq(&START, last, 3, "the last index that was applied, of three commands");

        cluster.disconnect(cluster.one_leader());
        for server in cluster.servers() {
            cluster.start_command(server, number(104));
        }
        thread::sleep(2 * ELECTION_TIMEOUT);
        cluster.none_applied(4);
    });
}

/// A follower that was cut off catches up.
#[test]
fn fail_agree_2b() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        cluster.one_at_once(&number(101), 3);
        let follower = cluster.after(cluster.one_leader(), 1);
        cluster.disconnect(follower);
        cluster.one_at_once(&number(102), 2);
        cluster.one_at_once(&number(103), 2);
        thread::sleep(ELECTION_TIMEOUT);
        cluster.one_at_once(&number(104), 2);
        cluster.one_at_once(&number(105), 2);

        // It has campaigned without success, so its newer term deposes the leader.
        cluster.connect(follower);
        cluster.one(&number(106), 3);
        thread::sleep(ELECTION_TIMEOUT);
        cluster.one_at_once(&number(107), 3);
    });
}

/// Without a majority nothing is committed, and the commands that were taken may be replaced later.
#[test]
fn fail_no_agree_2b() {
    LAB.test(|world| {
        let cluster = cluster(world, 5);
        cluster.one_at_once(&number(10), 5);
        let leader = cluster.one_leader();
        let lost: Vec<PeerId> = (1..=3).map(|steps| cluster.after(leader, steps)).collect();
        lost.iter().for_each(|&server| cluster.disconnect(server));
        let at = cluster.start_command(leader, number(20)).expect("a leader takes commands, majority or not");
        expect_rule_eq(&START, at.index, 2, "the index of the next command, after one that was applied");
        thread::sleep(2 * ELECTION_TIMEOUT);
        cluster.none_applied(2);

        lost.iter().for_each(|&server| cluster.connect(server));
        // A server that was cut off may have a newer term, and depose a leader right after it was found.
        let take = || cluster.start_command(cluster.one_leader(), number(30));
        let at = iter::repeat_with(take).take(lost.len()).flatten().next().expect("a leader takes commands");
        let what = format!("index 2 was never committed, so the next is 2 or 3, not {}", at.index);
        expect_rule(&START, (2..=3).contains(&at.index), what);
        cluster.one(&number(1000), 5);
    });
}

/// Commands that are started at once, in one term, all take effect.
#[test]
fn concurrent_starts_2b() {
    LAB.test(|world| {
        const TRIES: usize = 5;
        const STARTS: u64 = 5;
        let cluster = cluster(world, 3);
        for _ in 0..TRIES {
            let leader = cluster.one_leader();
            let Some(first) = cluster.start_command(leader, number(1)) else { continue };
            let starts = (0..STARTS).map(|n| {
                let cluster = cluster.clone();
                world.spawn(&format!("start {n}"), move || cluster.start_command(leader, number(100 + n)))
            });
            let started: Vec<_> = starts.collect::<Vec<_>>().into_iter().map(|start| start.join()).collect();
            if started.iter().any(|at| at.is_none_or(|at| at.term != first.term)) {
                continue; // the leader was lost meanwhile
            }
            let indices: BTreeSet<Index> = started.iter().flatten().map(|at| at.index).collect();
            let what = format!("two commands were given the same index: {started:?}");
            expect_rule(&START, indices.len() as u64 == STARTS, what);
            let wait = |index| cluster.wait_applied(index, 3, Some(first.term));
            let Some(applied) = indices.into_iter().map(wait).collect::<Option<BTreeSet<Bytes>>>() else { continue };
            let asked: BTreeSet<Bytes> = (0..STARTS).map(|n| number(100 + n)).collect();
            expect_rule_eq(&START, applied, asked, "what was applied of the commands that were started at once");
            return;
        }
        expect_rule(&STABLE, false, format!("the term changed {TRIES} times, though nothing failed"));
    });
}

/// A leader that was cut off comes back with entries that nobody else has.
#[test]
fn rejoin_2b() {
    LAB.test(|world| {
        let cluster = cluster(world, 3);
        cluster.one_at_once(&number(101), 3);
        let first = cluster.one_leader();
        cluster.disconnect(first);
        for n in 102..=104 {
            cluster.start_command(first, number(n));
        }
        let what = "the index of the next command, where nobody knows what the lost leader took";
        expect_rule_eq(&START, cluster.one(&number(103), 2), 2, what);

        let second = cluster.one_leader();
        cluster.disconnect(second);
        cluster.connect(first);
        cluster.one(&number(104), 2);
        cluster.connect(second);
        cluster.one(&number(105), 3);
        world.assert_covered("a leader that comes back, after another has led", tally(&cluster).leaderships >= 3);
    });
}

/// A leader finds quickly where two logs differ, even if that is far back (§5.3, the last paragraphs).
#[test]
fn backup_2b() {
    LAB.test(|world| {
        const COMMANDS: u64 = 50;
        let cluster = cluster(world, 5);
        let mut fresh = (0..).map(number);
        let mut next = || fresh.next().expect("numbers do not run out");
        let pause = Duration::from_millis(500);
        let agree = |command| {
            cluster.one(&command, 3);
        };
        let feed = |server, commands: Vec<Bytes>| {
            for command in commands {
                cluster.start_command(server, command);
            }
            thread::sleep(pause);
        };

        cluster.one(&next(), 5);
        // The leader and one follower get entries that cannot be committed,
        let first = cluster.one_leader();
        let [fellow, others @ ..] = [1, 2, 3, 4].map(|steps| cluster.after(first, steps));
        others.iter().for_each(|&server| cluster.disconnect(server));
        feed(first, (0..COMMANDS).map(|_| next()).collect());
        [first, fellow].iter().for_each(|&server| cluster.disconnect(server));
        // the other three commit many,
        others.iter().for_each(|&server| cluster.connect(server));
        (0..COMMANDS).for_each(|_| agree(next()));
        // and of these, two get more entries that cannot be committed.
        let second = cluster.one_leader();
        let other = if others[0] == second { others[1] } else { others[0] };
        cluster.disconnect(other);
        feed(second, (0..COMMANDS).map(|_| next()).collect());

        // The first two come back with the one that missed those.
        cluster.servers().for_each(|server| cluster.disconnect(server));
        [first, fellow, other].iter().for_each(|&server| cluster.connect(server));
        (0..COMMANDS).for_each(|_| agree(next()));
        cluster.servers().for_each(|server| cluster.connect(server));
        cluster.one(&next(), 5);
        let Tally { conflicts, leaderships, .. } = tally(&cluster);
        world.assert_covered("logs that differ far back, in several terms", conflicts > 0 && leaderships >= 3);
    });
}

/// Elections, agreement and idleness each cost few messages.
#[test]
fn count_2b() {
    LAB.test(|world| {
        const SERVERS: u64 = 3;
        const TRIES: usize = 5;
        const COMMANDS: u64 = 10;
        /// Heartbeats and late requests, for each server.
        const SPARE: u64 = 3;
        let cluster = cluster(world, SERVERS as usize);
        let requests = || cluster.network().counts().requests;
        let leader = cluster.one_leader();
        let for_election = requests();
        let what = format!("the first election took {for_election} requests, not 1 to 30");
        expect_rule(&IDLE_TRAFFIC, (1..=30).contains(&for_election), what);

        let agreed = (0..TRIES).any(|_| {
            let leader =
                if cluster.leaders().values().any(|&now| now == leader) { leader } else { cluster.one_leader() };
            let before = requests();
            let Some(first) = cluster.start_command(leader, number(1)) else { return false };
            for n in 1..=COMMANDS + 1 {
                match cluster.start_command(leader, number(1000 + n)) {
                    Some(at) if at.term == first.term => {
                        expect_rule_eq(&START, at.index, first.index + n, "indices have a gap");
                    }
                    _ => return false,
                }
            }
            for n in 1..=COMMANDS + 1 {
                let Some(command) = cluster.wait_applied(first.index + n, SERVERS as usize, Some(first.term)) else {
                    return false;
                };
                let what = "the applied command is not the one that was started with this index";
                expect_rule_eq(&START, command, number(1000 + n), what);
            }
            let (taken, allowed) = (requests() - before, (COMMANDS + 1 + SPARE) * SERVERS);
            let what = format!("agreement on {COMMANDS} commands took {taken} requests, of {allowed} allowed");
            expect_rule(&APPEND_TRAFFIC, taken <= allowed, what);
            true
        });
        expect_rule(&STABLE, agreed, format!("the term changed {TRIES} times, though nothing failed"));

        let before = requests();
        thread::sleep(Duration::from_secs(1));
        let (taken, allowed) = (requests() - before, SERVERS * 20);
        let what = format!("a second of idleness took {taken} requests, of {allowed} allowed");
        expect_rule(&IDLE_TRAFFIC, taken <= allowed, what);
    });
}
