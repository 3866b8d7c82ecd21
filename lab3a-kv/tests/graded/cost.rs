//! What lab 3A's operations cost: messages, saves, work and threads, counted exactly.
//!
//! Each budget is two to three times what the reference needs, which its comment says.

mod growth;

use std::time::Duration;

use kvkit::RecordedClerk;
use labrpc::{PeerId, thread};
use testkit::cost::Meter;
use testkit::rule::election::STABLE;
use testkit::rule::life::{BOUNDED, RESTS};
use testkit::rule::service::{CLIENT_TRAFFIC, PATIENT_CLERK};
use testkit::script::expect_rule_eq;

use crate::lab::{LAB, store};

/// Ticker, applier, service, the thread that watches terms, and the harness's own: five a server in the
/// reference, fifteen in all. A thread for each request would be hundreds.
const THREADS_MAX: u64 = 40;

/// One client's operations, one after another, in a cluster where nothing fails.
#[test]
fn one_client_costs_3a() {
    LAB.simulated(|world| {
        const WRITES: u64 = 100;
        /// The reference sends 342: for each write one to the leader, and one to each follower;
        /// the rest are heartbeats.
        const REQUESTS_MAX: u64 = 800;
        /// 36,600 in the reference: of each write, three copies and their answers.
        const BYTES_MAX: u64 = 100_000;
        /// 300 in the reference: each server saves each entry once.
        const SAVES_MAX: u64 = 600;
        /// 26,100 in the reference: the entry, and a head of a few numbers.
        const SAVED_BYTES_MAX: u64 = 60_000;
        /// 8,300 in the reference: locks, sends and waits of about ten threads.
        const OPERATIONS_MAX: u64 = 25_000;
        let store = store(world, 3);
        let mut clerk = store.clerk();
        clerk.put("k", "v"); // Finds the leader.
        let term = store.cluster().one_term();
        let meter = Meter::start(store.cluster());
        (0..WRITES).for_each(|_| clerk.put("k", "v"));
        let spent = meter.read();
        spent.at_most(&CLIENT_TRAFFIC, "requests for 100 Puts", spent.requests, REQUESTS_MAX);
        spent.at_most(&CLIENT_TRAFFIC, "bytes sent for 100 Puts", spent.bytes, BYTES_MAX);
        spent.at_most(&CLIENT_TRAFFIC, "saves for 100 Puts", spent.saves, SAVES_MAX);
        spent.at_most(&CLIENT_TRAFFIC, "bytes saved for 100 Puts", spent.saved_bytes, SAVED_BYTES_MAX);
        spent.at_most(&CLIENT_TRAFFIC, "operations for 100 Puts", spent.operations, OPERATIONS_MAX);
        expect_rule_eq(&STABLE, store.cluster().one_term(), term, "there was an election, though nothing failed");
    });
}

/// Many clients at once: commands that come together are sent together.
#[test]
fn many_clients_cost_3a() {
    LAB.simulated(|world| {
        const CLIENTS: u64 = 20;
        const WRITES_EACH: u64 = 20;
        /// The reference sends 510 for these 400 writes: one each to the leader, and few between servers.
        const REQUESTS_MAX: u64 = 1_200;
        /// 504 in the reference: the leader saves each command as it comes, followers many at once.
        const SAVES_MAX: u64 = 1_200;
        /// 18,500 in the reference.
        const OPERATIONS_MAX: u64 = 50_000;
        let store = store(world, 3);
        let mut clerks: Vec<RecordedClerk> = (0..CLIENTS).map(|_| store.clerk()).collect();
        clerks.iter_mut().for_each(|clerk| clerk.put("k", "v")); // Each finds the leader.
        let term = store.cluster().one_term();
        let meter = Meter::start(store.cluster());
        let work = |mut clerk: RecordedClerk| {
            let name = format!("client {}", clerk.number());
            world.spawn(&name, move || (0..WRITES_EACH).for_each(|_| clerk.put("k", "v")))
        };
        let clients: Vec<_> = clerks.into_iter().map(work).collect();
        clients.into_iter().for_each(|client| client.join());
        let spent = meter.read();
        spent.at_most(&CLIENT_TRAFFIC, "requests for 400 Puts of 20 clients", spent.requests, REQUESTS_MAX);
        spent.at_most(&CLIENT_TRAFFIC, "saves for 400 Puts of 20 clients", spent.saves, SAVES_MAX);
        spent.at_most(&CLIENT_TRAFFIC, "operations for 400 Puts of 20 clients", spent.operations, OPERATIONS_MAX);
        expect_rule_eq(&STABLE, store.cluster().one_term(), term, "there was an election, though nothing failed");
    });
}

/// A service without requests.
#[test]
fn idleness_costs_3a() {
    LAB.simulated(|world| {
        const IDLE: Duration = Duration::from_secs(60);
        /// 16,800 in the reference: two heartbeats every 100 ms, and their answers.
        const OPERATIONS_MAX: u64 = 40_000;
        let store = store(world, 3);
        store.clerk().put("k", "v");
        let meter = Meter::start(store.cluster());
        thread::sleep(IDLE);
        let spent = meter.read();
        spent.at_most(&RESTS, "operations in an idle minute", spent.operations, OPERATIONS_MAX);
        spent.at_most(&BOUNDED, "threads in an idle cluster of three", spent.threads, THREADS_MAX);
    });
}

/// A client of a cluster without a leader.
#[test]
fn no_leader_costs_3a() {
    LAB.simulated(|world| {
        const OUTAGE: Duration = Duration::from_secs(20);
        /// The reference's clerk asks 456 times: a round takes 30 ms, and then it pauses for 100 ms. Without
        /// a pause it would ask 2,000 times.
        const ASKED_MAX: u64 = 1_200;
        let store = store(world, 3);
        let cluster = store.cluster();
        let mut clerk = store.clerk();
        clerk.put("k", "v");
        let leader = cluster.one_leader();
        cluster.partition(&[0, 1, 2]);
        cluster.restart(leader); // Otherwise it would still lead, alone, and keep the client waiting.
        let asked = || cluster.servers().map(|server| cluster.network().served(server)).sum::<u64>();
        let before = asked();
        let client = world.spawn("the client", move || clerk.put("k", "w"));
        let meter = Meter::start(cluster);
        thread::sleep(OUTAGE);
        let what = "times that one client asks in 20 s without a leader";
        meter.read().at_most(&PATIENT_CLERK, what, asked() - before, ASKED_MAX);
        cluster.heal();
        client.join();
    });
}

/// A leader that is cut off, with a client that reaches no other server.
#[test]
fn a_cut_off_leader_costs_3a() {
    LAB.simulated(|world| {
        const OUTAGE: Duration = Duration::from_secs(60);
        let store = store(world, 3);
        let cluster = store.cluster();
        store.clerk().put("k", "v");
        let leader: PeerId = cluster.one_leader();
        let sides: Vec<usize> = cluster.servers().map(|server| usize::from(server == leader)).collect();
        cluster.partition(&sides);
        let (mut clerk, reach_all) = store.confined_clerk(&[leader]);
        let client = world.spawn("the client", move || clerk.put("k", "w"));
        let meter = Meter::start(cluster);
        thread::sleep(OUTAGE);
        let spent = meter.read();
        spent.at_most(&BOUNDED, "threads after a minute's outage", spent.threads, THREADS_MAX);
        cluster.heal();
        reach_all();
        client.join();
    });
}
