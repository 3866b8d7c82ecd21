//! Two things at almost the same moment, at every distance: the service alone, over a scripted Raft.

use std::time::Duration;

use labrpc::Elect;
use labrpc::kv::Command;
use labrpc::time::Instant;
use testkit::rule::life::SILENT;
use testkit::rule::service::{ANSWERED, EXACTLY_ONCE, LEADERSHIP_LOST};
use testkit::script::{append, get, put};
use testkit::sweep::Sweep;

use super::setup::{READER, cut_off_leader, service};
use crate::lab::{LAB, PATIENCE};

/// Enough for both events, and for what follows from them.
const REACH: Duration = Duration::from_micros(8);
/// A request that is released at once does not wait until its patience is over.
const AT_ONCE: Duration = Duration::from_millis(3);

/// A write and a read.
fn requests() -> [Command; 2] {
    [put(0, 1, "k", "v"), get(0, 1, "k")]
}

/// A request comes at the moment when an earlier copy of its command is applied: it is answered, at the
/// latest when its own copy is.
#[test]
fn a_request_meets_its_command_3a() {
    LAB.rule(&ANSWERED, |world| {
        Sweep::of(world, "an earlier copy of the command is applied", "the request comes").within(REACH).each(
            |offset| {
                for request in requests() {
                    let service = service();
                    let index = service.raft().push(&request);
                    let (raft, copy) = (service.raft().clone(), request.clone());
                    let applied = testkit::sweep::Stimulus::now(move || {
                        raft.commit(index, &copy);
                        labrpc::thread::sleep(AT_ONCE);
                        if raft.last_index() > index {
                            raft.commit(index + 1, &copy);
                        }
                    });
                    let (_, told) = offset.meet(applied, service.is_asked(request.clone()));
                    let right = if request == requests()[0] { "" } else { told_value(&told) };
                    assert_eq!(told, Some(Ok(right.to_string())), "its command was applied twice, once after it came");
                    service.server().shutdown();
                }
            },
        );
    });
}

fn told_value(told: &Option<labrpc::kv::Answer>) -> &str {
    told.as_ref().and_then(|told| told.as_ref().ok()).map_or("", String::as_str)
}

/// A server leads for some microseconds, and a request comes in that time: the request is refused at once, however
/// the three moments lie.
#[test]
fn a_leadership_of_microseconds_3a() {
    LAB.rule(&LEADERSHIP_LOST, |_| {
        /// What an operation of a thread takes.
        const OPERATION: Duration = Duration::from_nanos(100);
        /// Every other operation is enough to meet each gap between two holds of a lock.
        const STEP: usize = 2;
        const OPERATIONS: u32 = 40;
        let service = service();
        let (mut term, mut sequence) = (1, 0);
        for before in (0..OPERATIONS).step_by(STEP) {
            for after in (0..OPERATIONS).step_by(STEP) {
                sequence += 1;
                let request = service.ask_and_go_on(put(0, sequence, "k", "v"));
                labrpc::thread::sleep(OPERATION * before);
                service.raft().set_status(term + 1, true);
                let second = service.ask_and_go_on(put(1, sequence, "k", "v"));
                labrpc::thread::sleep(OPERATION * after);
                term += 2;
                service.raft().set_status(term, false);
                for request in [request, second] {
                    request.expect_refusal(format!("the server is in term {term}, and does not lead it"));
                }
            }
        }
    });
}

/// A request comes at the moment when the leadership is lost: it is refused at once, a read like a write.
#[test]
fn a_request_meets_a_lost_leadership_3a() {
    LAB.rule(&LEADERSHIP_LOST, |world| {
        Sweep::of(world, "the leadership is lost", "a request comes").within(REACH).each(|offset| {
            for request in requests() {
                let service = service();
                let began = Instant::now();
                let (_, told) = offset.meet(service.status_becomes(2, false), service.is_asked(request.clone()));
                let waited = began.elapsed();
                assert!(matches!(told, Some(Err(_))), "another server leads, and the client is told {told:?}");
                assert!(waited < PATIENCE / 2, "another server leads, and the client waits for {waited:?}");
                service.server().shutdown();
            }
        });
    });
}

/// The status changes twice in a row, and the news of the first change comes late: a request of the newest term may have
/// come by then. The server goes on, and the request is refused as soon as its own term is over.
#[test]
fn a_request_meets_late_news_3a() {
    LAB.rule(&LEADERSHIP_LOST, |world| {
        /// The first change is seen before the second one comes.
        const APART: Duration = Duration::from_micros(2);
        /// A request that comes right after the second change has been started before the news of the first.
        const NEWS_DELAY: Duration = Duration::from_micros(6);
        let sweep = Sweep::of(world, "term 2 has begun, and then term 3, which the server leads", "a request comes");
        sweep.within(REACH).each(|offset| {
            for request in requests() {
                let service = service();
                service.let_threads_run();
                service.raft().delay_news(NEWS_DELAY);
                let began = Instant::now();
                let changes = [(Duration::ZERO, 2, false), (APART, 3, true), (AT_ONCE, 4, false)];
                let changes = service.status_becomes_each(changes);
                let (_, told) = offset.meet(changes, service.is_asked(request));
                let waited = began.elapsed();
                assert!(matches!(told, Some(Err(_))), "term 4 has begun, and the client is told {told:?}");
                assert!(waited < PATIENCE / 2, "term 4 has begun, and the client waits for {waited:?}");
                service.server().shutdown();
            }
        });
    });
}

/// A leadership is lost at the moment when a waiting request's command is applied: there is one answer, at once.
#[test]
fn a_command_meets_a_lost_leadership_3a() {
    LAB.rule(&ANSWERED, |world| {
        Sweep::of(world, "the command is applied", "the leadership is lost").within(REACH).each(|offset| {
            let service = service();
            let write = service.ask(put(0, 1, "k", "v"));
            offset.meet(service.is_committed(1, put(0, 1, "k", "v")), service.status_becomes(2, false));
            let told = write.expect_at_once("its command was applied, and its leadership lost");
            assert!(told.is_some(), "the server was not shut down, so the client must be told something");
            service.raft().set_status(3, true);
            service.let_threads_run();
            service.expect_value(get(READER, 1, "k"), "v", "the write was applied");
            service.server().shutdown();
        });
    });
}

/// Two copies of one write come at the same moment: both are answered, and it is done once.
#[test]
fn two_copies_of_a_request_meet_3a() {
    LAB.rule(&EXACTLY_ONCE, |world| {
        Sweep::of(world, "a request comes", "a copy of it comes").within(REACH).each(|offset| {
            let service = service();
            let request = append(0, 1, "k", "v");
            let (raft, copy) = (service.raft().clone(), request.clone());
            // Both copies are in the log by then.
            let applies = world.spawn("applies", move || {
                labrpc::thread::sleep(2 * AT_ONCE);
                (1..=raft.last_index()).for_each(|index| raft.commit(index, &copy));
            });
            let told = offset.meet(service.is_asked(request.clone()), service.is_asked(request));
            applies.join();
            let done = Some(Ok(String::new()));
            assert_eq!(told, (done.clone(), done), "both copies of its command are applied");
            service.expect_value(get(READER, 1, "k"), "v", "one write was asked for, twice");
            service.server().shutdown();
        });
    });
}

/// A request comes at the moment of a shutdown: it ends at once, without an answer or with a refusal.
#[test]
fn a_request_meets_a_shutdown_3a() {
    LAB.rule(&SILENT, |world| {
        service().expect_work();
        Sweep::of(world, "the server is shut down", "a request comes").within(REACH).each(|offset| {
            for request in requests() {
                let service = service();
                let began = Instant::now();
                let (_, told) = offset.meet(service.is_shut_down(), service.is_asked(request));
                let waited = began.elapsed();
                assert!(!matches!(told, Some(Ok(_))), "nothing was applied, and the client is told {told:?}");
                assert!(waited < PATIENCE / 2, "the server is shut down, and the client waits for {waited:?}");
            }
        });
    });
}

/// The server is shut down at the moment when a waiting request's command is applied: the request ends at once.
#[test]
fn a_command_meets_a_shutdown_3a() {
    LAB.rule(&SILENT, |world| {
        service().expect_work();
        Sweep::of(world, "the command is applied", "the server is shut down").within(REACH).each(|offset| {
            let service = service();
            let asked = service.ask(put(0, 1, "k", "v"));
            offset.meet(service.is_committed(1, put(0, 1, "k", "v")), service.is_shut_down());
            asked.expect_at_once("its command was applied, and its server shut down");
        });
    });
}

/// The whole server: a client asks a leader at the moment when a newer term begins. It is refused at once.
#[test]
fn a_client_meets_a_newer_term_3a() {
    LAB.rule(&LEADERSHIP_LOST, |world| {
        Sweep::of(world, "a newer leader's heartbeat arrives", "a client asks").within(REACH).each(|offset| {
            let [_, read] = requests();
            let (script, term) = cut_off_leader(world);
            let newer = script.leader(1).in_term(term + 1).request();
            let began = Instant::now();
            let (_, told) = offset.meet(script.arrives(1, newer), script.client_asks(read));
            let waited = began.elapsed();
            assert!(matches!(told, Some(Err(_))), "nothing was committed, and the client is told {told:?}");
            assert!(waited < PATIENCE / 2, "server 1 leads now, and the client waits for {waited:?}");
            script.crash();
        });
    });
}
