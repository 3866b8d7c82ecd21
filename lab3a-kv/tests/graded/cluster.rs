//! Lab 3A's graded tests: clients of a replicated store, which must look like a single one to them (§8).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kvkit::load::{self, Plan};
use labrpc::network::Conditions;
use labrpc::{PeerId, thread};
use testkit::World;
use testkit::rule::service::{ANSWERED, EARNED, EXACTLY_ONCE, LINEARIZABLE};
use testkit::script::{expect_rule, expect_rule_eq};

use crate::lab::{LAB, store};

#[track_caller]
fn load(world: &World, servers: usize, plan: Plan) {
    let store = store(world, servers);
    load::run(&store, plan);
    let tally = store.cluster().observer().map(|observer| observer.tally()).unwrap_or_default();
    let is_lossy = plan.conditions.loss_per_mille > 0;
    world.assert_covered("messages that are lost", !is_lossy || tally.lost > 0);
    world.assert_covered("messages that come twice", !is_lossy || tally.doubled > 0);
    world.assert_covered("a change of leaders", !plan.partitions || tally.leaderships > 1);
    world.assert_covered("servers that come back", !plan.crashes || tally.reboots > 0);
}

/// One client, five servers, nothing fails.
#[test]
fn basic_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(1)));
}

/// An operation takes less time than a heartbeat: the store does not wait for one.
#[test]
fn speed_3a() {
    LAB.test(|world| load::speed(&store(world, 3)));
}

/// Five clients at once.
#[test]
fn concurrent_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5)));
}

/// Five clients over a network that loses requests and replies.
#[test]
fn unreliable_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5).unreliable()));
}

/// Five clients append to one key over an unreliable network: each Append takes effect exactly once.
#[test]
fn unreliable_one_key_3a() {
    LAB.test(|world| {
        const CLIENTS: usize = 5;
        const APPENDS: usize = 10;
        let store = store(world, 3);
        store.cluster().set_conditions(Conditions::UNRELIABLE);
        store.clerk().put("k", "start");
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut clerk = store.clerk();
                world.spawn(&format!("client {client}"), move || {
                    (0..APPENDS).for_each(|nth| clerk.append("k", &format!("x {client} {nth} y")));
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join());

        let value = store.clerk().get("k");
        for client in 0..CLIENTS {
            let places = (0..APPENDS).map(|nth| {
                let written = format!("x {client} {nth} y");
                let found: Vec<usize> = value.match_indices(&written).map(|(place, _)| place).collect();
                let what = format!("how often {written:?} is in {value:?}");
                expect_rule_eq(&EXACTLY_ONCE, found.len(), 1, what);
                found[0]
            });
            let what = format!("the Appends of client {client} are out of order in {value:?}");
            expect_rule(&LINEARIZABLE, places.is_sorted(), what);
        }
        store.check_linearizable();
    });
}

/// A leader that is cut off with a minority does nothing for its clients. Once the cut has healed, all are
/// answered.
#[test]
fn one_partition_3a() {
    LAB.test(|world| {
        const ANSWER_PATIENCE: Duration = Duration::from_secs(3);
        let store = store(world, 5);
        let cluster = store.cluster();
        store.clerk().put("1", "13");

        let leader = cluster.one_leader();
        let minority = [leader, cluster.after(leader, 1)];
        let majority: Vec<PeerId> = cluster.servers().filter(|server| !minority.contains(server)).collect();
        let sides: Vec<usize> = cluster.servers().map(|server| usize::from(minority.contains(&server))).collect();
        cluster.partition(&sides);

        // Progress in the majority.
        let (mut on_majority, _) = store.confined_clerk(&majority);
        on_majority.put("1", "14");
        let expect_value = |got: String, expected: &str, what| {
            expect_rule_eq(&LINEARIZABLE, got, expected.to_string(), what);
        };
        expect_value(on_majority.get("1"), "14", "the value that the majority has written");

        // None in the minority.
        let answered = Arc::new(AtomicUsize::new(0));
        let (mut putter, free_putter) = store.confined_clerk(&minority);
        let (mut getter, free_getter) = store.confined_clerk(&minority);
        let (put_done, get_done) = (answered.clone(), answered.clone());
        let put = world.spawn("the minority's Put", move || {
            putter.put("1", "15");
            put_done.fetch_add(1, Ordering::Relaxed);
        });
        let get = world.spawn("the minority's Get", move || {
            let value = getter.get("1");
            get_done.fetch_add(1, Ordering::Relaxed);
            value
        });
        thread::sleep(Duration::from_secs(1));
        expect_rule_eq(&EARNED, answered.load(Ordering::Relaxed), 0, "how many operations a minority has answered");
        expect_value(
            on_majority.get("1"),
            "14",
            "the majority's value, which the minority's operations must not change",
        );
        on_majority.put("1", "16");
        expect_value(on_majority.get("1"), "16", "the majority's value, since it goes on meanwhile");

        // Completion after the cut has healed.
        cluster.heal();
        free_putter();
        free_getter();
        let has_put = put.join_within(ANSWER_PATIENCE).is_some();
        expect_rule(&ANSWERED, has_put, "the cut has healed, but the minority's Put is not answered");
        let has_got = get.join_within(ANSWER_PATIENCE).is_some();
        expect_rule(&ANSWERED, has_got, "the cut has healed, but the minority's Get is not answered");
        expect_value(store.clerk().get("1"), "15", "the value of the Put that was answered last");
        store.check_linearizable();
    });
}

/// Partitions come and go, with one client.
#[test]
fn many_partitions_one_client_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(1).partitioned()));
}

/// Partitions come and go, with five clients.
#[test]
fn many_partitions_many_clients_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5).partitioned()));
}

/// All servers crash and come back, with one client.
#[test]
fn persist_one_client_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(1).crashing()));
}

/// All servers crash and come back, with five clients.
#[test]
fn persist_concurrent_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5).crashing()));
}

/// Crashes, and an unreliable network.
#[test]
fn persist_concurrent_unreliable_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5).unreliable().crashing()));
}

/// Crashes, and partitions.
#[test]
fn persist_partition_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5).crashing().partitioned()));
}

/// Crashes, partitions, and an unreliable network.
#[test]
fn persist_partition_unreliable_3a() {
    LAB.test(|world| load(world, 5, Plan::calm(5).unreliable().crashing().partitioned()));
}

/// All of that with fifteen clients that share their keys, so that only the whole history shows a mistake.
#[test]
fn persist_partition_unreliable_linearizable_3a() {
    let plan = Plan::calm(15).unreliable().crashing().partitioned().sharing_keys();
    LAB.test(|world| load(world, 7, plan));
}
