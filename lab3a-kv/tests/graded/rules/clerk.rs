//! A clerk finds whoever leads, and asks no more than it needs to.

use std::time::Duration;

use lab3a_kv::Clerk;
use labrpc::kv::{Answer, ClientId, CommandId, KvClient, Refusal};
use labrpc::time::Instant;
use testkit::rule::service::{CLIENT_TRAFFIC, EARNED, KNOWN_LEADER, NEXT_SERVER, NUMBERED, PATIENT_CLERK};
use testkit::script::{ClerkRequest, ScriptedServers};

use crate::lab::LAB;

const SERVERS: usize = 3;
/// An answer's way to the clerk, and its next question's way to a server; and a little.
const AT_ONCE: Duration = Duration::from_millis(5);
/// No clerk waits longer for a server that is silent.
const PATIENCE_MAX: Duration = Duration::from_secs(1);

fn clerk(script: &ScriptedServers) -> Clerk {
    Clerk::new(ClientId(7), script.links(0))
}

#[track_caller]
fn next(script: &ScriptedServers, why: &str, patience: Duration) -> ClerkRequest {
    script.hear(patience).unwrap_or_else(|| panic!("the clerk asks nobody within {patience:?}, {why}"))
}

fn done(value: &str) -> Answer {
    Ok(value.into())
}

/// A clerk that hears nothing, or is refused, asks the next server.
#[test]
fn the_next_server_3a() {
    LAB.rule(&NEXT_SERVER, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let value = script.work(world, clerk(&script), |clerk| clerk.get("k"));
        let silent = next(&script, "though it has something to ask", PATIENCE_MAX).server;
        let refusing = next(&script, "though the first server is silent", PATIENCE_MAX);
        let second = refusing.server;
        assert_ne!(second, silent, "server {silent} is silent, and the clerk asks it again");
        refusing.reply(Err(Refusal::NotLeader));
        let answering = next(&script, "though the second server has refused", AT_ONCE);
        let third = answering.server;
        assert!(third != silent && third != second, "{silent} is silent, {second} refuses, and the clerk asks {third}");
        answering.reply(done("v"));
        assert_eq!(value.join_within(AT_ONCE), Some("v".to_string()), "server {third} has answered");
    });
}

/// A refusal is no answer: the clerk asks on.
#[test]
fn a_refusal_is_no_answer_3a() {
    LAB.rule(&EARNED, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let value = script.work(world, clerk(&script), |clerk| clerk.get("k"));
        next(&script, "though it has something to ask", PATIENCE_MAX).reply(Err(Refusal::NotLeader));
        next(&script, "though it was refused", PATIENCE_MAX).reply(done("v"));
        assert_eq!(value.join_within(AT_ONCE), Some("v".to_string()), "the second server has answered");
    });
}

/// A clerk asks first whoever answered last.
#[test]
fn the_leader_is_remembered_3a() {
    LAB.rule(&KNOWN_LEADER, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let work = script.work(world, clerk(&script), |clerk| {
            clerk.put("k", "v");
            clerk.get("k")
        });
        for _ in 1..SERVERS {
            next(&script, "though it was refused", PATIENCE_MAX).reply(Err(Refusal::NotLeader));
        }
        let leading = next(&script, "though the others have refused", PATIENCE_MAX);
        let leader = leading.server;
        leading.reply(done(""));
        let again = next(&script, "though it has another operation", PATIENCE_MAX);
        assert_eq!(again.server, leader, "server {leader} answered last, and is to be asked first");
        again.reply(done("v"));
        assert_eq!(work.join_within(AT_ONCE), Some("v".to_string()));
    });
}

/// All that a clerk asks for one operation, the last time with success.
fn asks_of_one_operation(script: &ScriptedServers, refusals: usize) -> Vec<CommandId> {
    let mut asks = Vec::new();
    for nth in 0..=refusals {
        let asked = next(script, "though it has an operation to do", PATIENCE_MAX);
        asks.push((asked.request.client, asked.request.sequence));
        asked.reply(if nth < refusals { Err(Refusal::NotLeader) } else { done("") });
    }
    asks
}

/// Every operation has a number of its own, reads too, and keeps it however often it is asked for.
#[test]
fn one_number_one_operation_3a() {
    LAB.rule(&NUMBERED, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let work = script.work(world, clerk(&script), |clerk| {
            clerk.append("k", "a");
            clerk.get("k");
            clerk.get("k");
            clerk.put("k", "b");
        });
        let mut latest = 0;
        for (operation, refusals) in [("an Append", 1), ("a Get", 0), ("a second Get", 4), ("a Put", 1)] {
            let asks = asks_of_one_operation(&script, refusals);
            let (client, number) = asks[0];
            for ask in &asks {
                assert_eq!(*ask, (client, number), "{operation} is asked for again, as another operation: {asks:?}");
            }
            assert!(number > latest, "{operation} has number {number}, after an operation with number {latest}");
            latest = number;
        }
        assert!(work.join_within(AT_ONCE).is_some(), "every operation was answered");
    });
}

/// Two clerks are two clients, whenever they were made.
#[test]
fn clerks_are_told_apart_3a() {
    LAB.rule(&NUMBERED, |world| {
        let script = ScriptedServers::new(world, SERVERS);
        let clerks = [1, 2].map(|number| Clerk::new(ClientId(number), script.links(number as usize)));
        let names = clerks.map(|clerk| {
            let work = script.work(world, clerk, |clerk| clerk.put("k", "v"));
            let asked = next(&script, "though it has something to ask", PATIENCE_MAX);
            let client = asked.request.client;
            asked.reply(done(""));
            assert!(work.join_within(AT_ONCE).is_some(), "the operation was answered");
            client
        });
        assert_ne!(names[0], names[1], "one's write would be taken for a copy of the other's");
    });
}

/// A clerk that finds no leader rests once it has asked all servers, and not before; and however long
/// that goes on, it does not rest for long.
#[test]
fn a_rest_between_rounds_3a() {
    LAB.rule(&PATIENT_CLERK, |world| {
        const ROUNDS: usize = 12;
        /// A round of refusals takes six milliseconds: less rest than this is hardly any.
        const REST_MIN: Duration = Duration::from_millis(10);
        /// An election takes up to a second; who sleeps through it and the next is late.
        const REST_MAX: Duration = Duration::from_secs(1);
        let script = ScriptedServers::new(world, SERVERS);
        let _work = script.work(world, clerk(&script), |clerk| clerk.get("k"));
        let mut refused_at: Option<Instant> = None;
        for round in 1..=ROUNDS {
            for nth in 1..=SERVERS {
                let asked = next(&script, &format!("in round {round}, though all have refused"), 2 * REST_MAX);
                let rested = refused_at.map(|at| asked.at - at);
                match rested {
                    Some(rested) if nth == 1 => assert!(
                        rested >= REST_MIN && rested <= REST_MAX,
                        "after {} rounds of refusals the clerk rested {rested:?} before the next; {REST_MIN:?} to \
                         {REST_MAX:?} would be right",
                        round - 1
                    ),
                    Some(rested) => assert!(
                        rested <= AT_ONCE,
                        "the clerk rested {rested:?} though it had not asked all servers yet: one of them may lead"
                    ),
                    None => {}
                }
                refused_at = Some(Instant::now());
                asked.reply(Err(Refusal::NotLeader));
            }
        }
    });
}

/// A clerk asks one server at a time.
#[test]
fn one_server_at_a_time_3a() {
    LAB.rule(&CLIENT_TRAFFIC, |world| {
        /// A healthy leader has long answered.
        const A_WHILE: Duration = Duration::from_millis(20);
        let script = ScriptedServers::new(world, SERVERS);
        let work = script.work(world, clerk(&script), |clerk| clerk.get("k"));
        let asked = next(&script, "though it has something to ask", PATIENCE_MAX);
        let also = script.hear(A_WHILE).map(|also| also.server);
        assert_eq!(
            also, None,
            "server {} was asked {A_WHILE:?} ago, and may lead; another is asked, too",
            asked.server
        );
        asked.reply(done("v"));
        assert_eq!(work.join_within(AT_ONCE), Some("v".to_string()));
    });
}
