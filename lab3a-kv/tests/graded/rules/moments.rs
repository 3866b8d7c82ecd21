//! Two things at the very same moment: the service alone, over a Raft that a script plays.

use labrpc::kv::Answer;
use std::time::Duration;

use lab3a_kv::Clerk;
use labrpc::thread::{self, JoinHandle};
use labrpc::time::Instant;
use testkit::rule::life::{RESTS, SILENT};
use testkit::rule::service::{ANSWERED, EARNED, OFFICE_LOST, WAITERS};
use testkit::script::{get, put};

use super::scripted_raft::{Service, commit};
use crate::lab::LAB;

/// Enough for a few threads to take their turns; nothing here travels.
const AT_ONCE: Duration = Duration::from_millis(1);

/// What a request is told, which must come at once.
#[track_caller]
fn told_at_once(what: &str, asked: JoinHandle<Option<Answer>>) -> Option<Answer> {
    thread::sleep(AT_ONCE);
    assert!(asked.is_finished(), "{what}: the request is to be answered at once, but is not within {AT_ONCE:?}");
    asked.join().expect("a request ends with an answer")
}

fn done(value: &str) -> Option<Answer> {
    Some(Ok(value.to_string()))
}

/// Where a command is applied before `start` has returned, its request is answered none the later.
#[test]
fn applied_before_start_returns_3a() {
    LAB.rule(&ANSWERED, |_| {
        let service = Service::with(|_, applied| {
            commit(applied, 1, &put(0, 1, "k", "v"));
            thread::sleep(AT_ONCE);
        });
        let asked = service.ask(put(0, 1, "k", "v"));
        service.settle();
        assert_eq!(told_at_once("its command was applied before start had returned", asked), done(""));
    });
}

/// Where the leadership is lost before `start` has returned, its request is refused none the later.
#[test]
fn lost_before_start_returns_3a() {
    LAB.rule(&OFFICE_LOST, |_| {
        let service = Service::with(|raft, _| {
            raft.stand(2, false);
            thread::sleep(AT_ONCE);
        });
        let asked = service.ask(put(0, 1, "k", "v"));
        service.settle();
        let told = told_at_once("term 2 had begun before start returned from term 1", asked);
        assert!(matches!(told, Some(Err(_))), "nobody has committed anything, and yet it is told {told:?}");
    });
}

/// To lead again is not to lead still: who waits for a command of the older term is refused at once.
#[test]
fn lost_and_regained_3a() {
    LAB.rule(&OFFICE_LOST, |_| {
        let service = Service::new();
        let asked = service.ask(put(0, 1, "k", "v"));
        service.settle();
        service.raft().stand(3, true);
        let told = told_at_once("the server led term 1 and leads term 3 now; another may have led term 2", asked);
        assert!(matches!(told, Some(Err(_))), "nobody has committed anything, and yet it is told {told:?}");
    });
}

/// Who leads again may apply another's command where the request's own would have stood.
#[test]
fn another_command_after_a_new_election_3a() {
    LAB.rule(&EARNED, |_| {
        let service = Service::new();
        let asked = service.ask(put(0, 1, "k", "lost"));
        service.settle();
        service.raft().stand(3, true);
        service.settle();
        service.commit(1, &put(1, 1, "k", "won"));
        service.settle();
        service.commit(2, &put(1, 2, "k", "on"));
        let told = asked.join().expect("a request ends with an answer");
        assert!(!matches!(told, Some(Ok(_))), "its command was lost with term 1, and yet it is told {told:?}");
    });
}

/// A newer leader's command may be applied before it is known that there is one: it answers nobody
/// who waits for another.
#[test]
fn another_command_before_the_loss_is_known_3a() {
    LAB.rule(&EARNED, |_| {
        let service = Service::new();
        let asked = service.ask(get(0, 1, "k"));
        service.settle();
        service.commit(1, &put(1, 1, "k", "another's"));
        service.settle();
        service.raft().stand(2, false);
        let told = asked.join().expect("a request ends with an answer");
        assert!(!matches!(told, Some(Ok(_))), "its own command was never applied, and yet it is told {told:?}");
    });
}

/// Where a term ends at the moment at which a command is applied, its request has one answer all the
/// same, and the service goes on.
#[test]
fn applied_as_the_term_ends_3a() {
    LAB.rule(&ANSWERED, |_| {
        let service = Service::new();
        let asked = service.ask(put(0, 1, "k", "v"));
        service.settle();
        service.commit(1, &put(0, 1, "k", "v"));
        service.raft().stand(2, false);
        let told = told_at_once("its command was applied as term 1 ended", asked);
        assert!(told.is_some(), "the server was not shut down");
        service.raft().stand(3, true);
        service.settle();
        let next = service.ask(put(0, 2, "k", "w"));
        service.settle();
        service.commit(2, &put(0, 2, "k", "w"));
        assert_eq!(told_at_once("the next request", next), done(""));
    });
}

/// Where a request gives up at the moment at which its command is applied, the service goes on.
#[test]
fn applied_as_the_request_gives_up_3a() {
    LAB.rule(&ANSWERED, |_| {
        /// So much of the time around the end of a clerk's patience is tried,
        const AROUND: Duration = Duration::from_micros(20);
        /// in steps of about one operation.
        const STEP: Duration = Duration::from_nanos(150);
        let service = Service::new();
        let mut later = Duration::ZERO;
        for index in 1.. {
            let request = put(0, index, "k", "v");
            let gives_up_at = Instant::now() + Clerk::PATIENCE + later;
            let asked = service.ask(request.clone());
            thread::sleep(gives_up_at - Instant::now());
            service.commit(index, &request);
            let told = told_at_once("its command was applied as it gave up", asked);
            assert!(told.is_some(), "the server was not shut down");
            later += STEP;
            if later > AROUND {
                return;
            }
        }
    });
}

/// Two requests whose commands are applied one right after the other are told each its own result.
#[test]
fn two_results_at_once_3a() {
    LAB.rule(&EARNED, |_| {
        let service = Service::new();
        service.apply(&put(0, 1, "k", "v"));
        service.apply(&put(0, 2, "other", "w"));
        let one = service.ask(get(1, 1, "k"));
        service.settle();
        let other = service.ask(get(2, 1, "other"));
        service.settle();
        service.commit(3, &get(1, 1, "k"));
        service.commit(4, &get(2, 1, "other"));
        assert_eq!(told_at_once("a Get", one), done("v"), "it asked for key k");
        assert_eq!(told_at_once("a Get", other), done("w"), "it asked for key other");
    });
}

/// Requests that have given up leave nothing behind that a later command has to look through.
#[test]
fn who_gave_up_is_forgotten_3a() {
    LAB.rule(&WAITERS, |_| {
        const REQUESTS: usize = 300;
        /// Two operations for each that was left behind would be ten times as much.
        const MORE_MAX: Duration = Duration::from_micros(6);
        let service = Service::in_step();
        let request = put(0, 1, "k", "v");
        let effort = |index| {
            service.commit(index, &request);
            let began = Instant::now();
            service.commit(index + 1, &request);
            began.elapsed()
        };
        let before = effort(1);
        let asked: Vec<_> = (0..REQUESTS).map(|_| service.ask(request.clone())).collect();
        let told = asked.into_iter().map(|asked| asked.join().expect("a request ends with an answer"));
        let refused = told.filter(|told| matches!(told, Some(Err(_)))).count();
        let after = effort(3);
        assert!(
            after <= before + MORE_MAX,
            "{refused} of {REQUESTS} requests have given up; to apply their command took {before:?} before they came, \
             and takes {after:?} now that they are gone: each is to leave nothing behind"
        );
    });
}

/// A server that is shut down lets go of those who wait, and answers nobody any more.
#[test]
fn a_shut_down_server_is_silent_3a() {
    LAB.rule(&SILENT, |_| {
        let service = Service::new();
        let waiting = service.ask(put(0, 1, "k", "v"));
        service.settle();
        service.shut_down();
        let late = service.ask(put(1, 1, "k", "w"));
        for (what, asked) in [("a request that waited", waiting), ("a request that came later", late)] {
            let told = asked.join().expect("a request ends without an answer");
            assert_eq!(told, None, "the server was shut down; {what} is still answered");
        }
    });
}

/// A service that nobody asks anything does nothing, and waits to be told if its leadership ends.
#[test]
fn an_idle_service_rests_3a() {
    LAB.rule(&RESTS, |_| {
        const IDLE: Duration = Duration::from_secs(10);
        /// One look at the beginning, and one that waits.
        const LOOKS_MAX: u64 = 4;
        let service = Service::new();
        thread::sleep(IDLE);
        let looks = service.raft().looks();
        assert!(
            looks <= LOOKS_MAX,
            "in {IDLE:?} without a request or a change, the service looked {looks} times where its Raft stands; \
             `watch` waits until there is something to see"
        );
    });
}
