//! A request is answered soon, or refused; nobody waits for what cannot come.

use std::time::Duration;

use labrpc::kv::Answer;
use labrpc::{sim, thread};
use testkit::BackgroundTask;
use testkit::rule::life::{BOUNDED, STUCK};
use testkit::rule::service::{ANSWERED, OFFICE_LOST};
use testkit::script::{AT_ONCE, ReceivedRequest, ScriptedCluster, agrees, append, get, put};

use super::preludes::{NEVER, follower_after, is_done, lead, leader, lonely_leader};
use crate::lab::{LAB, Server};

/// The latest request that carries the log through `index`, unanswered.
#[track_caller]
fn carrying(script: &ScriptedCluster<Server>, index: u64) -> ReceivedRequest {
    const HEARTBEATS: Duration = Duration::from_millis(150);
    let received = script.hear_all(HEARTBEATS).into_iter().rfind(|received| received.request.through().index >= index);
    received.unwrap_or_else(|| panic!("a leader sends again what is unanswered, but not its entries through {index}"))
}

/// What a request is told, which must come at once.
#[track_caller]
fn told_at_once(what: &str, asked: BackgroundTask<Option<Answer>>) -> Answer {
    let reply = asked.join_within(AT_ONCE);
    reply.flatten().unwrap_or_else(|| panic!("{what} is to be answered at once, but is not within {AT_ONCE:?}"))
}

/// A request is answered as soon as its command is applied; several at a time do not wait for each
/// other.
#[test]
fn requests_are_answered_at_once_3a() {
    LAB.rule(&ANSWERED, |world| {
        let script = leader(world);
        script.done(put(0, 1, "k", "v"));
        let together = [put(0, 2, "k", "w"), get(1, 1, "k"), append(2, 1, "other", "x")];
        let asked = together.map(|request| script.ask_kv_meanwhile(request, AT_ONCE));
        for reply in asked.map(BackgroundTask::join) {
            assert!(
                is_done(&reply),
                "three clients ask a leader at once, and one is told {reply:?} within {AT_ONCE:?}"
            );
        }
    });
}

/// A retry is answered, though its command was applied before.
#[test]
fn a_retry_is_answered_3a() {
    LAB.rule(&ANSWERED, |world| {
        let script = follower_after(world, [append(0, 1, "k", "a")]);
        lead(&script);
        script.done(append(0, 1, "k", "a"));
    });
}

/// Who gives up does so for itself alone: a retry of the same operation goes on waiting.
#[test]
fn who_gives_up_does_so_alone_3a() {
    LAB.rule(&ANSWERED, |world| {
        let (script, term) = lonely_leader(world);
        let patience = lab3a_kv::Clerk::PATIENCE;
        let first = script.ask_kv_meanwhile(put(0, 1, "k", "v"), patience);
        thread::sleep(patience / 2);
        let retry = script.ask_kv_meanwhile(put(0, 1, "k", "v"), patience);
        assert!(!is_done(&first.join()), "nothing is committed yet");
        thread::sleep(AT_ONCE);
        let commit =
            script.hear_all(Duration::ZERO).into_iter().rfind(|received| received.request.through().index >= 1);
        let commit = commit.expect("a leader sends what it is asked for");
        let through = commit.request.through().index;
        commit.reply(agrees(term, through));
        let reply = told_at_once("a retry, whose command was committed while it waited,", retry);
        assert_eq!(reply, Ok(String::new()), "the first request has given up, and not this one");
    });
}

/// A leader that loses its office says so at once to all who wait.
#[test]
fn a_lost_office_is_told_at_once_3a() {
    LAB.rule(&OFFICE_LOST, |world| {
        let (script, term) = lonely_leader(world);
        let asked = script.ask_kv_meanwhile(put(0, 1, "k", "v"), NEVER);
        thread::sleep(AT_ONCE);
        script.heartbeat(1, term + 1);
        let reply = told_at_once(&format!("a request of term {term}, when term {} has a leader,", term + 1), asked);
        assert!(reply.is_err(), "its command may be lost and never applied, but the answer is {reply:?}");
    });
}

/// Requests may come in while much is handed over: no two locks wait for each other.
#[test]
fn requests_during_a_long_hand_over_3a() {
    LAB.rule(&STUCK, |world| {
        const BATCH: u64 = 30;
        const LATE: u64 = 40;
        /// A few operations apart: some come in at every stage of the hand-over.
        const APART: Duration = Duration::from_nanos(700);
        let (script, term) = lonely_leader(world);
        let batch: Vec<_> = (0..BATCH).map(|client| script.ask_kv_meanwhile(put(client, 1, "k", "v"), NEVER)).collect();
        let commit = carrying(&script, BATCH);
        script.play_along();
        commit.reply(agrees(term, BATCH));
        let late: Vec<_> = (0..LATE)
            .map(|nth| {
                thread::sleep(APART);
                script.ask_kv_meanwhile(get(BATCH + nth, 1, "k"), NEVER)
            })
            .collect();
        for reply in batch.into_iter().chain(late).map(BackgroundTask::join) {
            let reply = reply.expect("a request that came in while entries were handed over is never answered");
            assert!(is_done(&Some(reply)), "the server leads, and its peers agree to everything");
        }
    });
}

/// A leader that is cut off holds no more threads the longer that lasts.
#[test]
fn an_outage_gathers_no_threads_3a() {
    LAB.rule(&BOUNDED, |world| {
        const RETRY_INTERVAL: Duration = Duration::from_millis(50);
        const RETRIES: u64 = 200;
        /// A thread or two more or less is chance.
        const MORE_MAX: usize = 4;
        let (script, _) = lonely_leader(world);
        let threads_after = |retries| {
            for _ in 0..retries {
                script.ask_kv(put(0, 1, "k", "v"), RETRY_INTERVAL);
            }
            script
                .cluster()
                .observer()
                .and_then(|watch| watch.look(|observed| observed.servers[0].node()))
                .map_or(0, sim::tasks_in)
        };
        let (early, late) = (threads_after(RETRIES), threads_after(RETRIES));
        assert!(
            late <= early + MORE_MAX,
            "one client asks a leader that is cut off again and again: after {RETRIES} times the server has {early} \
             threads, after as many again {late}; a request must give up in the end"
        );
    });
}
