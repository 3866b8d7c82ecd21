//! Two things at the same moment: the service alone, over a scripted Raft.

use std::time::Duration;

use labrpc::Elect;
use labrpc::kv::Refusal;
use labrpc::thread;
use labrpc::time::Instant;
use testkit::rule::life::{RESTS, SILENT};
use testkit::rule::service::{ANSWERED, EARNED, LEADERSHIP_LOST, WAITERS};
use testkit::script::{ScriptedRaft, append, get, put};

use super::setup::service;
use crate::lab::{LAB, PATIENCE, SERVERS, serve};

/// Enough time for a few threads to take their turns: no message travels here.
const TURNS: Duration = Duration::from_millis(1);

/// A request is answered at once, even if its command is applied before `start` returns.
#[test]
fn applied_before_start_returns_3a() {
    LAB.rule(&ANSWERED, |_| {
        let service = serve(ScriptedRaft::during_start(&SERVERS, |raft| {
            raft.commit(1, &put(0, 1, "k", "v"));
            thread::sleep(TURNS);
        }));
        let asked = service.ask(put(0, 1, "k", "v"));
        asked.expect_result("", "its command was applied before `start` returned");
    });
}

/// A request is refused at once, even if the leadership is lost before `start` returns.
#[test]
fn lost_before_start_returns_3a() {
    LAB.rule(&LEADERSHIP_LOST, |_| {
        let service = serve(ScriptedRaft::during_start(&SERVERS, |raft| {
            raft.set_status(2, false);
            thread::sleep(TURNS);
        }));
        let asked = service.ask(put(0, 1, "k", "v"));
        asked.expect_refusal("`start` took it in term 1, but term 2 had begun before `start` returned");
    });
}

/// A command that was taken may still take effect when the leadership is lost, so its client is never told that the
/// server has not taken it.
#[test]
fn a_taken_command_is_not_denied_3a() {
    LAB.rule(&LEADERSHIP_LOST, |_| {
        service().expect_work();
        for news in [&[(2, false)][..], &[(2, true)], &[(2, false), (3, true)]] {
            let early = news.to_vec();
            let during = serve(ScriptedRaft::during_start(&SERVERS, move |raft| {
                early.iter().for_each(|(term, is_leader)| raft.set_status(*term, *is_leader));
                thread::sleep(TURNS);
            }));
            for (service, when) in [(service(), "after"), (during, "before")] {
                let asked = service.ask(put(0, 1, "k", "v"));
                if when == "after" {
                    news.iter().for_each(|(term, is_leader)| service.raft().set_status(*term, *is_leader));
                }
                let told = asked.expect_at_once("`start` took the command in term 1, and that term is over");
                assert!(
                    told != Some(Err(Refusal::NotLeader)),
                    "`start` took the command in term 1, and that term ended {when} `start` returned; the client is \
                     told that this server has not taken it"
                );
                service.server().shutdown();
            }
        }
    });
}

/// A server that leads again refuses the requests of its earlier term at once: it did not lead all the
/// time.
#[test]
fn a_regained_leadership_refuses_old_requests_3a() {
    LAB.rule(&LEADERSHIP_LOST, |_| {
        let service = service();
        let asked = service.ask(put(0, 1, "k", "v"));
        service.raft().set_status(3, true);
        asked.expect_refusal("the server led term 1 and leads term 3 now; another server may have led term 2");
    });
}

/// A server that leads again may apply another client's command at the index where the request's own
/// command was.
#[test]
fn another_command_after_a_new_election_3a() {
    LAB.rule(&EARNED, |_| {
        service().expect_work();
        let service = service();
        let asked = service.ask(put(0, 1, "k", "lost"));
        service.raft().set_status(3, true);
        service.let_threads_run();
        service.commit(1, &put(1, 1, "k", "won"));
        service.raft().commit(2, &put(1, 2, "k", "on"));
        asked.expect_no_result("its command was lost when term 1 ended, and two other commands were applied");
    });
}

/// A newer leader's command may be applied before the service knows that its server no longer leads.
/// Applying that command answers no request for another command.
#[test]
fn another_command_before_the_loss_is_known_3a() {
    LAB.rule(&EARNED, |_| {
        service().expect_work();
        let service = service();
        let asked = service.ask(get(0, 1, "k"));
        service.commit(1, &put(1, 1, "k", "another's"));
        service.raft().set_status(2, false);
        asked.expect_no_result("its own command was never applied");
    });
}

/// If a term ends at the moment when a command is applied, its request gets one answer, and the
/// service goes on.
#[test]
fn applied_as_the_term_ends_3a() {
    LAB.rule(&ANSWERED, |_| {
        let service = service();
        let asked = service.ask(put(0, 1, "k", "v"));
        service.raft().commit(1, &put(0, 1, "k", "v"));
        service.raft().set_status(2, false);
        let told = asked.expect_at_once("its command was applied when term 1 ended");
        assert!(told.is_some(), "the server was not shut down, so the client must be told something");
        service.raft().set_status(3, true);
        service.let_threads_run();
        let next = service.ask(put(0, 2, "k", "w"));
        service.raft().commit(2, &put(0, 2, "k", "w"));
        next.expect_result("", "the server leads term 3, and the command was applied");
    });
}

/// If a request gives up at the moment when its command is applied, the service goes on.
#[test]
fn applied_as_the_request_gives_up_3a() {
    LAB.rule(&ANSWERED, |_| {
        /// The commands are applied at most this long after the request gives up.
        const AROUND: Duration = Duration::from_micros(20);
        /// Each command is applied this much later than the one before: about one operation.
        const STEP: Duration = Duration::from_nanos(150);
        let service = service();
        let mut later = Duration::ZERO;
        for index in 1.. {
            let request = put(0, index, "k", "v");
            let gives_up_at = Instant::now() + PATIENCE + later;
            let asked = service.ask_and_go_on(request.clone());
            thread::sleep(gives_up_at - Instant::now());
            service.raft().commit(index, &request);
            let told = asked.expect_at_once("its command was applied when it gave up");
            assert!(told.is_some(), "the server was not shut down, so the client must be told something");
            later += STEP;
            if later > AROUND {
                return;
            }
        }
    });
}

/// Two requests whose commands are applied one right after the other are told their own results.
#[test]
fn two_results_at_once_3a() {
    LAB.rule(&EARNED, |_| {
        let service = service();
        service.apply(&put(0, 1, "k", "v"));
        service.apply(&put(0, 2, "other", "w"));
        let one = service.ask(get(1, 1, "k"));
        let other = service.ask(get(2, 1, "other"));
        service.raft().commit(3, &get(1, 1, "k"));
        service.raft().commit(4, &get(2, 1, "other"));
        one.expect_result("v", "it reads key k");
        other.expect_result("w", "it reads key other");
    });
}

/// Requests that have given up leave nothing behind that slows later commands down.
#[test]
fn abandoned_requests_leave_nothing_behind_3a() {
    LAB.rule(&WAITERS, |_| {
        const REQUESTS: usize = 300;
        /// Two operations for each abandoned request would take ten times as long.
        const MORE_MAX: Duration = Duration::from_micros(6);
        service().expect_work();
        let service = serve(ScriptedRaft::in_step(&SERVERS));
        let request = put(0, 1, "k", "v");
        let effort = |index| {
            service.raft().commit(index, &request);
            let began = Instant::now();
            service.raft().commit(index + 1, &request);
            began.elapsed()
        };
        let before = effort(1);
        let asked: Vec<_> = (0..REQUESTS).map(|_| service.ask_and_go_on(request.clone())).collect();
        let refused = asked.into_iter().filter_map(|asked| asked.wait()).filter(Result::is_err).count();
        let after = effort(3);
        assert!(
            after <= before + MORE_MAX,
            "{refused} of {REQUESTS} requests have given up: applying their command took {before:?} before they came, \
             and {after:?} after they gave up"
        );
    });
}

/// A server that is shut down ends all waiting requests without an answer, and answers no later request.
#[test]
fn a_shut_down_server_is_silent_3a() {
    LAB.rule(&SILENT, |_| {
        service().expect_work();
        let service = service();
        let waiting = service.ask(put(0, 1, "k", "v"));
        service.server().shutdown();
        let late = service.ask_and_go_on(put(1, 1, "k", "w"));
        waiting.expect_no_answer("the server was shut down while this request waited");
        late.expect_no_answer("the server was shut down before this request came");
    });
}

/// What holds for a leader holds for every role: a server that is shut down answers no request, of whatever kind. One that
/// did not lead may still refuse, which is true, and sends the client on.
#[test]
fn every_role_is_silent_after_a_shutdown_3a() {
    LAB.rule(&SILENT, |_| {
        service().expect_work();
        for (role, statuses) in [
            ("led", &[][..]),
            ("followed", &[(2, false)]),
            ("led again", &[(2, false), (3, true)]),
            ("had lost its leadership just before", &[(2, false), (3, true), (4, false)]),
        ] {
            for request in [put(0, 1, "k", "v"), append(0, 1, "k", "v"), get(0, 1, "k")] {
                let service = service();
                for (term, is_leader) in statuses {
                    service.let_threads_run();
                    service.raft().set_status(*term, *is_leader);
                }
                service.server().shutdown();
                let late = service.ask_and_go_on(request);
                let why = format!("the server {role}, and was shut down before this request came");
                match statuses.last() {
                    Some((_, false)) => late.expect_no_result(why),
                    _ => late.expect_no_answer(why),
                }
            }
        }
    });
}

/// A service without requests does not poll: it waits until Raft's status changes.
#[test]
fn an_idle_service_sleeps_3a() {
    LAB.rule(&RESTS, |_| {
        const IDLE: Duration = Duration::from_secs(10);
        /// A service needs one read at the beginning, and one in `watch`. Twice as many are allowed.
        const READS_MAX: u64 = 4;
        service().expect_work();
        let service = service();
        thread::sleep(IDLE);
        let reads = service.raft().status_reads();
        assert!(
            reads <= READS_MAX,
            "in {IDLE:?} without a request or a change, the service asked {reads} times for its Raft's status; `watch` \
             waits until the status changes"
        );
    });
}
