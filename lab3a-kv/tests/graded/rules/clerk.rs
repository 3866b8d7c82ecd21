//! A clerk finds the leader, and asks no more than it needs to.

use std::time::Duration;

use labrpc::KvClient;
use labrpc::kv::{ClientId, CommandId, Op};
use labrpc::time::Instant;
use testkit::TapedClerk;
use testkit::rule::service::{
    CLERK_RETURNS, CLIENT_TRAFFIC, EARNED, KNOWN_LEADER, NEXT_SERVER, NUMBERED, PATIENT_CLERK,
};
use testkit::script::{ScriptedServers, expect_rule};

use crate::lab::{self, LAB};

const SERVERS: usize = 3;
/// An answer reaches the clerk, and its next request reaches a server, within this time.
const AT_ONCE: Duration = Duration::from_millis(5);
/// No clerk waits longer for a server that does not answer.
const PATIENCE_MAX: Duration = Duration::from_secs(1);
const HAS_WORK: &str = "the clerk has an operation to send";

#[track_caller]
fn clerk(script: &ScriptedServers) -> TapedClerk {
    lab::clerk(ClientId(7), script.links(0))
}

/// A clerk that gets no answer, or is refused, asks the next server.
#[test]
fn a_clerk_asks_the_next_server_3a() {
    LAB.rule(&NEXT_SERVER, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let value = script.run_clerk(clerk(&script), |clerk| clerk.get("k"));
        let silent = script.expect_request(PATIENCE_MAX, HAS_WORK).server;
        let refusing = script.expect_request(PATIENCE_MAX, "the first server does not answer");
        let second = refusing.server;
        assert_ne!(second, silent, "server {silent} does not answer, and the clerk asks it again");
        refusing.refuse();
        let answering = script.expect_request(AT_ONCE, "the second server has refused");
        let third = answering.server;
        assert!(
            third != silent && third != second,
            "server {silent} does not answer, server {second} refuses, and the clerk asks server {third}"
        );
        answering.done("v");
        assert_eq!(value.join_within(AT_ONCE), Some("v".to_string()), "server {third} has answered");
    });
}

/// A refusal is no result: the clerk goes on asking.
#[test]
fn a_refusal_is_no_answer_3a() {
    LAB.rule(&EARNED, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let value = script.run_clerk(clerk(&script), |clerk| clerk.get("k"));
        script.expect_request(PATIENCE_MAX, HAS_WORK).refuse();
        script.expect_request(PATIENCE_MAX, "the first server has refused").done("v");
        assert_eq!(value.join_within(AT_ONCE), Some("v".to_string()), "the second server has answered");
    });
}

/// A clerk begins its next operation with the server that did the last one.
#[test]
fn the_leader_is_remembered_3a() {
    LAB.rule(&KNOWN_LEADER, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let work = script.run_clerk(clerk(&script), |clerk| {
            clerk.put("k", "v");
            clerk.get("k")
        });
        for _ in 1..SERVERS {
            script.expect_request(PATIENCE_MAX, HAS_WORK).refuse();
        }
        let leading = script.expect_request(PATIENCE_MAX, "all servers but one have refused");
        let leader = leading.server;
        leading.done("");
        let again = script.expect_request(PATIENCE_MAX, "the clerk has a second operation to send");
        assert_eq!(again.server, leader, "server {leader} did the last operation, so it should be asked first");
        again.done("v");
        assert_eq!(work.join_within(AT_ONCE), Some("v".to_string()), "server {leader} has answered");
    });
}

/// All requests of one operation: `refusals` of them are refused, and the last one is done.
#[track_caller]
fn requests_of_one_operation(script: &ScriptedServers, op: &Op, refusals: usize) -> Vec<CommandId> {
    let mut ids = Vec::new();
    for nth in 0..=refusals {
        let asked = script.expect_request(PATIENCE_MAX, HAS_WORK);
        let asks_for = &asked.request.op;
        expect_rule(
            &CLERK_RETURNS,
            asks_for == op,
            format!("the clerk is called for {op:?}, and asks for {asks_for:?}"),
        );
        ids.push(asked.request.id());
        if nth < refusals { asked.refuse() } else { asked.done("") }
    }
    ids
}

/// What the clerk is called for.
fn each_operation() -> [Op; 3] {
    let key = || "k".to_string();
    [Op::Append { key: key(), value: "a".into() }, Op::Get { key: key() }, Op::Put { key: key(), value: "b".into() }]
}

/// Every operation has a number of its own, reads included, and keeps it however often it is repeated.
#[test]
fn each_operation_has_its_own_number_3a() {
    LAB.rule(&NUMBERED, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let work = script.run_clerk(clerk(&script), |clerk| {
            clerk.append("k", "a");
            clerk.get("k");
            clerk.get("k");
            clerk.put("k", "b");
        });
        let mut latest = 0;
        let [append, get, put] = each_operation();
        let operations = [("an Append", &append, 1), ("a Get", &get, 0), ("a second Get", &get, 4), ("a Put", &put, 1)];
        for (operation, op, refusals) in operations {
            let ids = requests_of_one_operation(&script, op, refusals);
            let (client, number) = ids[0];
            for id in &ids {
                assert_eq!(*id, (client, number), "{operation} is repeated as another operation: {ids:?}");
            }
            assert!(
                number > latest,
                "{operation} has number {number}, and the operation before it had number {latest}"
            );
            latest = number;
        }
        let is_over = work.join_within(AT_ONCE).is_some();
        let what =
            format!("every operation was answered, and the clerk has not returned from the last one after {AT_ONCE:?}");
        expect_rule(&CLERK_RETURNS, is_over, what);
    });
}

/// Clerks with different ids send different client ids, in whichever bits the ids differ.
#[test]
fn two_clerks_are_two_clients_3a() {
    LAB.rule(&NUMBERED, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let ids = [1, 2, 1 << 32 | 1, 1 << 63 | 1, u64::MAX, u64::MAX >> 32];
        let clerks = (1..).zip(ids).map(|(end, id)| lab::clerk(ClientId(id), script.links(end)));
        let clients = clerks.map(|clerk| {
            let work = script.run_clerk(clerk, |clerk| clerk.put("k", "v"));
            let asked = script.expect_request(PATIENCE_MAX, HAS_WORK);
            let client = asked.request.client;
            asked.done("");
            let what = format!("the Put was answered, and the clerk has not returned from it after {AT_ONCE:?}");
            expect_rule(&CLERK_RETURNS, work.join_within(AT_ONCE).is_some(), what);
            client
        });
        let mut clients: Vec<ClientId> = clients.collect();
        clients.sort_unstable();
        clients.dedup();
        assert_eq!(
            clients.len(),
            ids.len(),
            "with the same client id, the write of one clerk would be taken for a copy of the other's: the clerks {ids:?} \
             call themselves {clients:?}"
        );
    });
}

/// A clerk that finds no leader pauses after it has asked all servers, and not earlier. The pause stays
/// short, even after many rounds.
#[test]
fn a_clerk_pauses_between_rounds_3a() {
    LAB.rule(&PATIENT_CLERK, |world| {
        const ROUNDS: usize = 12;
        /// A round of refusals takes six milliseconds: a shorter pause hardly matters.
        const PAUSE_MIN: Duration = Duration::from_millis(10);
        /// An election takes up to a second. A clerk that sleeps longer is late.
        const PAUSE_MAX: Duration = Duration::from_secs(1);
        let script = ScriptedServers::new(world, SERVERS);
        let _work = script.run_clerk(clerk(&script), |clerk| clerk.get("k"));
        let mut refused_at: Option<Instant> = None;
        for round in 1..=ROUNDS {
            for nth in 1..=SERVERS {
                let asked =
                    script.expect_request(2 * PAUSE_MAX, format!("this is round {round}, and all have refused"));
                let paused = refused_at.map(|at| asked.at - at);
                match paused {
                    Some(paused) if nth == 1 => assert!(
                        paused >= PAUSE_MIN && paused <= PAUSE_MAX,
                        "after {} rounds of refusals the clerk paused for {paused:?}, and not for {PAUSE_MIN:?} to \
                         {PAUSE_MAX:?}",
                        round - 1
                    ),
                    Some(paused) => assert!(
                        paused <= AT_ONCE,
                        "the clerk paused for {paused:?} before it had asked all servers: another server may lead"
                    ),
                    None => {}
                }
                refused_at = Some(Instant::now());
                asked.refuse();
            }
        }
    });
}

/// A clerk asks one server at a time.
#[test]
fn one_server_at_a_time_3a() {
    LAB.rule(&CLIENT_TRAFFIC, |world| {
        /// A healthy leader answers much earlier.
        const A_WHILE: Duration = Duration::from_millis(20);
        let script = ScriptedServers::new(world, SERVERS);
        let work = script.run_clerk(clerk(&script), |clerk| clerk.get("k"));
        let asked = script.expect_request(PATIENCE_MAX, HAS_WORK);
        let other = script.next_request(A_WHILE).map(|other| other.server);
        assert_eq!(
            other, None,
            "the clerk asked server {} less than {A_WHILE:?} ago, and now asks another one as well",
            asked.server
        );
        asked.done("v");
        assert_eq!(work.join_within(AT_ONCE), Some("v".to_string()), "its server has answered");
    });
}
