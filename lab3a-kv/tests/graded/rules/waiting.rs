//! A request is answered soon, or refused. No client waits for an answer that cannot come.

use std::time::Duration;

use labrpc::kv::Answer;
use labrpc::thread;
use testkit::BackgroundTask;
use testkit::rule::life::{BOUNDED, STUCK};
use testkit::rule::service::{ANSWERED, LEADERSHIP_LOST};
use testkit::script::{AT_ONCE, ReceivedRequest, ScriptedCluster, agrees, append, expect_rule, get, put};

use super::setup::{NEVER, cut_off_leader, follower_after, is_done, lead, leader};
use crate::lab::{LAB, PATIENCE, Server};

/// The latest request that carries the log through `index`, unanswered.
#[track_caller]
fn request_through(script: &ScriptedCluster<Server>, index: u64) -> ReceivedRequest {
    const HEARTBEATS: Duration = Duration::from_millis(150);
    let received = script.requests_within(HEARTBEATS).into_iter();
    let latest = received.rev().find(|received| received.request.through().index >= index);
    latest.expect("a leader repeats its unanswered entries with each heartbeat")
}

/// The answer to a request, which must come at once.
#[track_caller]
fn answered_at_once(what: &str, asked: BackgroundTask<Option<Answer>>) -> Answer {
    match asked.join_within(AT_ONCE).flatten() {
        Some(answer) => answer,
        None => panic!("{what} must be answered at once, and is not answered within {AT_ONCE:?}"),
    }
}

/// A request is answered as soon as its command is applied. Requests that come at the same time do not
/// wait for one another.
#[test]
fn requests_are_answered_at_once_3a() {
    LAB.rule(&ANSWERED, |world| {
        let script = leader(world);
        script.do_command(put(0, 1, "k", "v"));
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

/// A retry is answered, even if its command was applied before.
#[test]
fn a_retry_is_answered_3a() {
    LAB.rule(&ANSWERED, |world| {
        let script = follower_after(world, [append(0, 1, "k", "a")]);
        lead(&script);
        script.do_command(append(0, 1, "k", "a"));
    });
}

/// A request that times out does not end a retry of the same operation, which goes on waiting.
#[test]
fn a_timeout_ends_only_its_own_request_3a() {
    LAB.rule(&ANSWERED, |world| {
        let (script, term) = cut_off_leader(world);
        let patience = PATIENCE;
        let first = script.ask_kv_meanwhile(put(0, 1, "k", "v"), patience);
        thread::sleep(patience / 2);
        let retry = script.ask_kv_meanwhile(put(0, 1, "k", "v"), patience);
        assert!(!is_done(&first.join()), "nothing is committed yet");
        thread::sleep(AT_ONCE);
        let received = script.requests_within(Duration::ZERO).into_iter();
        let latest = received.rev().find(|received| received.request.through().index >= 1);
        let latest = latest.expect("a leader sends the commands of its clients");
        let through = latest.request.through().index;
        latest.reply(agrees(term, through));
        let answer = answered_at_once("a retry whose command was committed while it waited", retry);
        assert_eq!(answer, Ok(String::new()), "the first request has timed out, and the retry has not");
    });
}

/// A leader that loses its leadership refuses all waiting requests at once.
#[test]
fn a_lost_leadership_is_told_at_once_3a() {
    LAB.rule(&LEADERSHIP_LOST, |world| {
        let (script, term) = cut_off_leader(world);
        let asked = script.ask_kv_meanwhile(put(0, 1, "k", "v"), NEVER);
        thread::sleep(AT_ONCE);
        script.leader(1).in_term(term + 1).heartbeat();
        let answer =
            answered_at_once(&format!("a request of term {term}, once term {} has a leader,", term + 1), asked);
        assert!(answer.is_err(), "its command may be lost and never applied, but the client is told {answer:?}");
    });
}

/// Requests may come in while many entries are applied: no two locks wait for each other.
#[test]
fn requests_during_a_long_apply_3a() {
    LAB.rule(&STUCK, |world| {
        const BATCH: u64 = 30;
        const LATE: u64 = 40;
        /// A few operations, so that some requests come in at every stage of applying.
        const APART: Duration = Duration::from_nanos(700);
        let (script, term) = cut_off_leader(world);
        let batch: Vec<_> = (0..BATCH).map(|client| script.ask_kv_meanwhile(put(client, 1, "k", "v"), NEVER)).collect();
        let received = request_through(&script, BATCH);
        script.agree_to_everything();
        received.reply(agrees(term, BATCH));
        let late: Vec<_> = (0..LATE)
            .map(|nth| {
                thread::sleep(APART);
                script.ask_kv_meanwhile(get(BATCH + nth, 1, "k"), NEVER)
            })
            .collect();
        for reply in batch.into_iter().chain(late).map(BackgroundTask::join) {
            // Whatever else is wrong: two locks that wait for each other end the run by themselves.
            expect_rule(
                &ANSWERED,
                is_done(&reply),
                format!("the server leads, and the others agree to everything, but a client is told {reply:?}"),
            );
        }
    });
}

/// A leader that is cut off does not need more and more threads.
#[test]
fn an_outage_piles_up_no_threads_3a() {
    LAB.rule(&BOUNDED, |world| {
        const RETRY_INTERVAL: Duration = Duration::from_millis(50);
        const RETRIES: u64 = 200;
        /// The number of threads may differ by this much by chance.
        const MORE_MAX: usize = 4;
        let (script, _) = cut_off_leader(world);
        let threads_after = |retries| {
            for _ in 0..retries {
                script.ask_kv(put(0, 1, "k", "v"), RETRY_INTERVAL);
            }
            script.threads()
        };
        let (early, late) = (threads_after(RETRIES), threads_after(RETRIES));
        assert!(
            late <= early + MORE_MAX,
            "one client asks a leader that is cut off again and again: after {RETRIES} requests the server has {early} \
             threads, and after {RETRIES} more it has {late}; each request must give up in the end"
        );
    });
}
