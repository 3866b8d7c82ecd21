//! What holds for a write holds for a read: each test here does the same with a Put, an Append and a Get.

use std::time::Duration;

use labrpc::kv::{ClientId, Command};
use labrpc::{KvClient, thread};
use testkit::rule::service::{ANSWERED, EARNED, EXACTLY_ONCE, LEADERSHIP_LOST, NUMBERED};
use testkit::script::{AT_ONCE, ScriptedServers, append, at, expect_eq, get, put};

use super::setup::{NEVER, READER, cut_off_leader, is_done, leader, service};
use crate::lab::{LAB, PATIENCE, clerk};

/// One operation of each kind, as operation `sequence` of client 0.
fn each_kind(sequence: u64) -> [Command; 3] {
    [put(0, sequence, "k", "v"), append(0, sequence, "k", "v"), get(0, sequence, "k")]
}

/// A leadership that is lost is told to all that wait.
#[test]
fn every_kind_is_told_of_a_lost_leadership_3a() {
    LAB.rule(&LEADERSHIP_LOST, |_| {
        for request in each_kind(1) {
            let service = service();
            let asked = service.ask(request);
            service.raft().set_status(2, false);
            asked.expect_refusal("term 2 has begun, and another server leads it");
            labrpc::Elect::shutdown(service.server());
        }
    });
}

/// A server that does not lead refuses at once.
#[test]
fn every_kind_is_refused_by_a_follower_3a() {
    LAB.rule(&LEADERSHIP_LOST, |_| {
        let service = service();
        service.raft().set_status(2, false);
        for request in each_kind(1) {
            service.ask(request).expect_refusal("its server does not lead");
        }
    });
}

/// A request gives up when its command is not committed, and a later retry is answered.
#[test]
fn every_kind_gives_up_and_is_answered_later_3a() {
    LAB.rule(&ANSWERED, |_| {
        for request in each_kind(1) {
            let service = service();
            let first = service.ask(request.clone());
            thread::sleep(2 * PATIENCE);
            first.expect_no_result("its command was not committed while it waited");
            let retry = service.ask(request.clone());
            [1, 2].into_iter().for_each(|index| service.raft().commit(index, &request));
            retry.expect_result("", "both copies of its command are applied, and nothing was written before");
            let value = if request == each_kind(1)[2] { "" } else { "v" };
            service.expect_value(
                get(READER, 1, "k"),
                value,
                "the operation was asked for once, and its log holds two copies",
            );
            labrpc::Elect::shutdown(service.server());
        }
    });
}

/// Several requests for one command wait, and all of them are told its result.
#[test]
fn every_copy_of_a_request_is_answered_3a() {
    LAB.rule(&ANSWERED, |_| {
        for request in each_kind(2) {
            let service = service();
            service.apply(&put(0, 1, "k", "old"));
            let asked: Vec<_> = (0..3).map(|_| service.ask(request.clone())).collect();
            (2..=4).for_each(|index| service.raft().commit(index, &request));
            let value = if request == each_kind(2)[2] { "old" } else { "" };
            asked.into_iter().for_each(|asked| asked.expect_result(value, "a copy of its command is applied"));
            labrpc::Elect::shutdown(service.server());
        }
    });
}

/// A read answers with a value that its key had while the client waited: at the earliest when the Get was applied.
#[test]
fn a_read_has_its_place_in_the_log_3a() {
    LAB.rule(&EARNED, |_| {
        let service = service();
        service.apply(&put(0, 1, "k", "before"));
        let read = service.ask(get(1, 1, "k"));
        let write = service.ask(put(0, 2, "k", "after"));
        service.raft().commit(2, &get(1, 1, "k"));
        service.raft().commit(3, &put(0, 2, "k", "after"));
        let value = read.expect_any_result("the Get was applied");
        let had = ["before", "after"];
        assert!(
            had.contains(&value.as_str()),
            "while the client waited, its key had the values {had:?}, and the client is told {value:?}"
        );
        write.expect_result("", "the Put was applied");
        service.expect_value(get(1, 2, "k"), "after", "the second Put was applied");
    });
}

/// A read that is replaced in the log is not told anything.
#[test]
fn another_command_in_the_place_of_a_read_3a() {
    LAB.rule(&EARNED, |world| {
        let (script, term) = cut_off_leader(world);
        let lost = script.ask_kv_meanwhile(get(0, 1, "k"), NEVER);
        thread::sleep(AT_ONCE);
        assert_eq!(script.disk().last(), at(1, term), "a Get goes through the log as well");
        let answer = script.leader(1).in_term(term + 1).commands([put(1, 1, "k", "won")]).commit(1).send();
        answer.expect_agreement(1, format!("an entry of term {} replaces the one of term {term}", term + 1));
        let reply = lost.join();
        assert!(!is_done(&reply), "client 0's Get was replaced in the log, but the client is told {reply:?}");
    });
}

/// A clerk repeats each kind of operation as it was, until it is done: same number, same key, same value.
#[test]
fn a_clerk_repeats_every_kind_3a() {
    LAB.rule(&NUMBERED, |world| {
        const PATIENCE_MAX: Duration = Duration::from_secs(1);
        let script = ScriptedServers::new(world, 3);
        let work = script.run_clerk(clerk(ClientId(7), script.links(0)), |clerk| {
            clerk.put("k", "a");
            clerk.append("k", "b");
            clerk.get("k")
        });
        let of = |sequence, op: &str| match op {
            "a Put" => put(7, sequence, "k", "a"),
            "an Append" => append(7, sequence, "k", "b"),
            _ => get(7, sequence, "k"),
        };
        for op in ["a Put", "an Append", "a Get"] {
            let first = script.expect_request(PATIENCE_MAX, "the clerk has an operation to send");
            let right = of(first.request.sequence, op);
            expect_eq(op, &first.request, &right, "this is what the client asks for");
            first.refuse();
            let second = script.expect_request(PATIENCE_MAX, "the first server has refused");
            expect_eq(op, &second.request, &right, "a repetition is the same operation");
            drop(second); // It is never answered.
            let third = script.expect_request(PATIENCE_MAX, "the second server does not answer");
            expect_eq(op, &third.request, &right, "a repetition is the same operation");
            third.done(if op == "a Get" { "ab" } else { "" });
        }
        assert_eq!(work.join_within(AT_ONCE), Some("ab".to_string()), "the Get is done, with this result");
    });
}

/// Retries of each kind through the whole server: a write is done once, a read reads.
#[test]
fn every_kind_may_be_repeated_3a() {
    LAB.rule(&EXACTLY_ONCE, |world| {
        let script = leader(world);
        for _ in 0..2 {
            script.expect_value(append(0, 1, "k", "a"), "", "a write returns nothing");
        }
        for _ in 0..2 {
            script.expect_value(get(0, 2, "k"), "a", "one Append was made, and sent twice");
        }
        for _ in 0..2 {
            script.expect_value(put(0, 3, "k", "b"), "", "a write returns nothing");
        }
        script.expect_value(append(0, 1, "k", "a"), "", "a write returns nothing");
        script.expect_value(get(READER, 1, "k"), "b", "after an Append came a Put, and then copies of both");
    });
}
