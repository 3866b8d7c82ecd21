//! Which rule, hint and places a failure gets.

use std::sync::Arc;
use std::time::Duration;

use labrpc::codec::OwnTypes;
use labrpc::sim::{self, Keep};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;

use super::*;
use crate::contract::{Contract, TEST_TIMING};
use crate::environment::Mode;
use crate::rule::election::{STATUS, VOTE_ONCE};
use crate::rule::replication::{COMMIT_AT_ONCE, MAJORITY_COMMIT};
use crate::rule::snapshots::CUTS;
use crate::runner::{Recorded, run_simulated};
use crate::script::{expect_rule, late, look_at, prepare};
use crate::token::Token;
use crate::world::World;

static LAB: Lab = Lab::guided("lab2d-snapshot");
static OPEN: Contract = Contract::new(TEST_TIMING).open(&OwnTypes);
const OPEN_LAB: Lab = Lab { contract: Some(&OPEN), ..Lab::guided("lab2d-snapshot") };

/// The rule that is named, and the report, of a test of `vote-once` in lab 2D.
fn named(body: impl Fn() + Send + Sync) -> (Option<&'static str>, String) {
    named_in(&VOTE_ONCE, body)
}

fn named_in(tested: &'static Rule, body: impl Fn() + Send + Sync) -> (Option<&'static str>, String) {
    let token = Token::of_seed("cause", 1);
    let failed =
        run_simulated(&token, Keep::All, Recorded::Nothing, None, &|_: &World| body()).0.expect_err("it fails");
    (failed.rule(Some(tested)).map(|rule| rule.name), failed.story(Some(tested), &LAB))
}

/// Entries that are applied late break no rule about order or disks. Where time is the rule, they break that.
#[test]
fn late_entries_are_late() {
    let is_late = || {
        late();
        panic!("entry 2 is not applied");
    };
    for tested in NOT_ABOUT_TIME {
        let (rule, story) = named_in(tested, is_late);
        assert_eq!(rule, Some("apply-at-once"), "in a test of {}", tested.name);
        assert!(story.contains("`step` in lab2a-election/src/raft.rs"), "{story}");
    }
    for tested in [&COMMIT_AT_ONCE, &MAJORITY_COMMIT] {
        assert_eq!(named_in(tested, is_late).0, Some(tested.name));
    }
    let another = || {
        late();
        expect_rule(&STATUS, false, "it changed");
    };
    assert_eq!(named_in(&DURABLE, another).0, Some("status"));
}

/// A failed step is about the test's rule, unless it says that it is about another one.
#[test]
fn a_step_names_its_rule() {
    let (rule, story) = named(|| panic!("two votes"));
    assert_eq!(rule, Some("vote-once"));
    assert!(story.contains("two votes") && story.contains("Look at: "), "{story}");
    assert_eq!(named(|| expect_rule(&STATUS, false, "it changed")).0, Some("status"));
    let (_, story) = named(|| {
        look_at(&CUTS);
        panic!("a wrong base");
    });
    assert!(story.contains("Look at: `compact` in lab2d-snapshot/src/compacting.rs"), "{story}");
}

/// A step that only prepares the test names no rule of the test, and a later step does again.
#[test]
fn a_preparation_is_told_as_such() {
    let (rule, story) = named(|| {
        look_at(&CUTS);
        let _elected = prepare("server 0 becomes the leader");
        panic!("no heartbeat");
    });
    assert_eq!(rule, None);
    assert!(story.contains("only prepares the test: server 0 becomes the leader"), "{story}");
    assert!(!story.contains("Look at") && !story.contains("Hint"), "{story}");
    let later = named(|| {
        prepare("server 0 becomes the leader").done();
        panic!("two votes");
    });
    assert_eq!(later.0, Some("vote-once"));
}

/// The files of a server of free design are not known, so no kind of failure names places that its hint has.
#[test]
fn the_open_track_names_no_places_of_the_guided_one() {
    let violation = Violation::new(&VOTE_ONCE, "server 0 votes twice").look_at(&CUTS);
    let causes = [
        FailureCause::Violation(violation),
        FailureCause::Deadlocked,
        FailureCause::CaughtCrash,
        FailureCause::Step(None, Some(&CUTS)),
        FailureCause::Step(Some(&STATUS), None),
        FailureCause::Late(None),
        FailureCause::Setup("server 0 becomes the leader", Some(&STATUS), None),
    ];
    let failure = failure_at("", "it failed", "the test");
    for cause in causes {
        let shown = |lab: &Lab| {
            let (story, tested) = (cause.story(&failure, Some(&VOTE_ONCE), lab), Some(&VOTE_ONCE));
            (story.contains("Look at: "), cause.places(&failure, tested, lab).is_empty(), story.contains("Hint: "))
        };
        assert_eq!(shown(&LAB), (true, false, true), "{cause:?}");
        assert_eq!(shown(&OPEN_LAB), (false, true, true), "{cause:?}");
    }
}

/// A reply of another type has a rule of its own, and the call that expects it is the place to look at.
#[test]
fn a_reply_of_another_type_is_at_its_call() {
    let message = "9 bytes from sender 3 do not decode as u64: they end, in the call at lab2a-election/src/raft.rs:7:9";
    let failure = Failure { kind: FailureKind::Undecodable, ..failure_at("", message, "server 0") };
    let cause = FailureCause::of(&failure, &Reporter::new(Mode::Simulated));
    assert_eq!(cause.rule(Some(&VOTE_ONCE)).map(|rule| rule.name), Some("messages-decode"));
    let place = SeenPlace { file: "lab2a-election/src/raft.rs".into(), item: None, line: Some(7) };
    assert_eq!(cause.places(&failure, None, &OPEN_LAB), [place]);
}

/// A codec that does not fit is in one known file of the open track.
#[test]
fn a_codec_that_does_not_fit_is_in_its_file() {
    let cause = FailureCause::Violation(Violation::new(&rule::life::CODEC, "it loses the term"));
    let failure = failure_at("", "it failed", "the test");
    let file = format!("{}/src/codec.rs", OPEN_LAB.package);
    assert!(cause.story(&failure, None, &OPEN_LAB).ends_with(&format!("\nLook at: {file}")));
    assert_eq!(cause.places(&failure, None, &OPEN_LAB)[0].file, file);
    assert_eq!(cause.places(&failure, None, &Lab { package: "open", ..OPEN_LAB }), []);
}

/// A student's own lines are named in both tracks.
#[test]
fn the_open_track_names_the_lines_of_a_panic() {
    let failure = failure_at("lab2b-log/src/log.rs:7:9", "an index", "server 0");
    let panicked = FailureCause::Panicked;
    assert_eq!(panicked.places(&failure, None, &OPEN_LAB).len(), panicked.places(&failure, None, &LAB).len());
    assert!(!panicked.places(&failure, None, &OPEN_LAB).is_empty());
}

fn failure_at(place: &str, message: &str, node: &str) -> Failure {
    Failure {
        kind: FailureKind::Panic,
        message: message.into(),
        at: Instant::ZERO,
        node: node.into(),
        task: String::new(),
        place: place.into(),
        backtrace: String::new(),
        tasks: Vec::new(),
    }
}

/// No check of a test can be told as a panic of the server.
#[test]
#[should_panic(expected = "no step of a test can be about `server-runs-on`")]
fn no_test_is_about_a_panic() {
    LAB.rule(&rule::life::RUNS, |_| {});
}

/// A deadlock is told as a deadlock, with the rule of the test only as where it came up.
#[test]
fn a_deadlock_is_no_broken_promise_of_the_paper() {
    let (rule, story) = named(|| {
        let lock = Mutex::new(());
        let _first = lock.lock();
        drop(lock.lock());
    });
    assert_eq!(rule, Some("never-stuck"));
    assert!(story.contains("It came up in a test of vote-once"), "{story}");
}

/// Locks that are taken in opposite orders, and threads without end, have rules of their own.
#[test]
fn lock_orders_and_crowds_are_told_as_such() {
    let in_server =
        |work: fn()| move || sim::spawn_in(sim::new_node("server 0"), "boot", move || drop(thread::spawn(work)));
    let (rule, story) = named(|| {
        in_server(|| {
            let locks = Arc::new((Mutex::new(()), Mutex::new(())));
            let for_other = Arc::clone(&locks);
            thread::spawn(move || drop((for_other.0.lock(), for_other.1.lock())));
            thread::sleep(Duration::from_millis(1));
            drop((locks.1.lock(), locks.0.lock()));
        })();
        thread::sleep(Duration::from_millis(2));
    });
    assert_eq!(rule, Some("locks-in-one-order"));
    assert!(story.contains("in opposite orders") && story.contains("It came up in a test of vote-once"), "{story}");
    let (rule, story) = named(|| {
        in_server(|| {
            loop {
                thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
            }
        })();
        thread::sleep(Duration::from_millis(2));
    });
    assert_eq!(rule, Some("bounded-work"));
    assert!(story.contains("threads at the same time"), "{story}");
}

/// A panic of a lab's own code is none of the test's checks, in whatever thread it is.
#[test]
fn a_labs_own_panic_is_told_as_such() {
    let cause = |place: &str, message: &str, node: &str| {
        let cause = FailureCause::of(&failure_at(place, message, node), &Reporter::new(Mode::Simulated));
        cause.rule(Some(&VOTE_ONCE)).map(|rule| rule.name)
    };
    assert_eq!(cause("lab2b-log/src/log.rs:7:9", "an index", "server 0"), Some("server-runs-on"));
    assert_eq!(cause("lab3a-kv/src/clerk.rs:7:9", "an index", "clerk"), Some("server-runs-on"));
    assert_eq!(cause("labrpc/src/wire.rs:7:9", "a length", "server 0"), Some("server-runs-on"));
    assert_eq!(cause("lab2b-log/tests/graded/main.rs:7:9", "a check", "the test"), Some("vote-once"));
    // A check in a task of the server's node, such as a service that a test plays, or a visit.
    assert_eq!(cause("lab2b-log/tests/graded/main.rs:7:9", "a check", "server 0"), Some("vote-once"));
    assert_eq!(cause("labrpc/testkit/src/script/steps.rs:7:9", "a check", "server 0"), Some("vote-once"));
    assert_eq!(cause("labrpc/kvkit/src/recorded.rs:7:9", "a check", "server 0"), Some("vote-once"));
    assert_eq!(cause("lab2b-log/src/log.rs:7:9", "not yet implemented: lab 2B", "server 0"), None);
}
