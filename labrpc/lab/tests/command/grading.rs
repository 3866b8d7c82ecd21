//! From a command line to a verdict, with shell scripts in place of cargo and the tests.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::fake::{FakeCourse, PASSING, assert_row, is_gone, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// All labs run in course order. If everything passes, the command succeeds.
#[test]
fn a_solved_course_passes() {
    let course = FakeCourse::new();
    let ended = course.lab("test");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_row(&ended.stdout, "2A Who leads? 30/30 2/2 4 4.000 s");
    assert_row(&ended.stdout, "3B How does a service stay small? 30/30 2/2 4 4.000 s");
    assert_row(&ended.stdout, "total 180/180 12/12 24 24.000 s");
    let shown: Vec<&str> = ended.stderr.lines().filter_map(|line| line.get(..2)).collect();
    assert_eq!(shown, ["2A", "2B", "2C", "2D", "3A", "3B"], "a kind that passes gets one line");
    assert!(!ended.stderr.contains('\r') && !ended.stderr.contains('\x1b'), "a file gets no bar and no colour");
    assert_eq!(fs::read_to_string(course.root().join("calls.txt")).unwrap().lines().count(), 1, "one build for all");
}

/// A failed seed costs the test's points, and its report is shown with a replay line.
#[test]
fn a_failed_seed_is_reported() {
    let course = FakeCourse::new();
    course.behave(
        "lab2b-log",
        "run one_2b 1 passed; run one_2b 2 failed 'Two leaders.'; run two_2b 1 passed; run two_2b 2 passed; exit 101",
    );
    let ended = course.lab("test 2b");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2B What was agreed? 20/30 1/2 4");
    assert!(
        ended.stdout.ends_with("\nTwo leaders.\n\n    replay   cargo lab test --replay one_2b:2\n"),
        "{}",
        ended.stdout
    );
}

/// A test without a record of every seed has failed, whatever is printed and however the process
/// ends.
#[test]
fn a_missing_verdict_is_a_failure() {
    let course = FakeCourse::new();
    course.behave(
        "lab2a-election",
        "run one_2a 1 passed; run one_2a 2 passed; run two_2a 1 passed; echo 'test two_2a ... ok'; exit 0",
    );
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 10/30 1/2 3");
    let reason = "No verdict, 1 of 2 seeds recorded: the test process ended with exit status: 0";
    assert!(ended.stdout.contains(reason), "{}", ended.stdout);
    assert!(ended.stdout.contains("    Its last output:\n      test two_2a ... ok\n"), "{}", ended.stdout);
}

/// A test that aborts the process costs only its own points.
#[test]
fn a_crash_costs_only_its_test() {
    let course = FakeCourse::new();
    course.behave(
        "lab2a-election",
        "[ \"$*\" = 'system::cluster::one_2a --exact' ] && { run one_2a 1 passed; run one_2a 2 passed; exit 0; }
         [ \"$*\" = 'system::cluster::two_2a --exact' ] || run two_2a 1 passed
         echo 'stack overflow' >&2; kill -ABRT $$",
    );
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 10/30 1/2 3");
    assert!(ended.stdout.contains("the test process died with signal: 6"), "{}", ended.stdout);
    assert!(ended.stdout.contains("      stack overflow\n"), "{}", ended.stdout);
}

/// A lab whose tests pass alone and crash together has not passed.
#[test]
fn a_crash_of_tests_that_pass_alone_is_trouble() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", &format!("[ $# -gt 2 ] && kill -ABRT $$; {PASSING}"));
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 30/30 2/2 4");
    let trouble = "each test passes alone, but when they ran together, the test process died with signal: 6";
    assert!(ended.stdout.contains(trouble), "{}", ended.stdout);
}

/// A lab has not passed if a test process fails although all its records say `passed`.
#[test]
fn a_contradiction_is_trouble() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", &format!("{}; exit 101", PASSING));
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stdout.contains("every test is recorded as passed, but the test process ended with exit status: 101")
    );
}

/// A lab that does not compile costs only its own points, and cargo's output is shown unchanged.
#[test]
fn a_broken_lab_costs_only_itself() {
    let course = FakeCourse::new();
    course.write("lab2b-log/broken", "");
    let ended = course.lab("test 2a 2b");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 30/30");
    assert_row(&ended.stdout, "2B What was agreed? 0/30 0/2 0");
    let beginning = "error[E0308]: mismatched types in lab2b-log\n\
                     error: lab2b-log could not be built: fix what cargo reports above\n";
    assert!(ended.stderr.starts_with(beginning), "{}", ended.stderr);
}

/// If nothing compiles there is no scoreboard: only cargo's output, one line, and status 1.
#[test]
fn nothing_built_shows_no_board() {
    let course = FakeCourse::new();
    course.write("lab2b-log/broken", "");
    let ended = course.lab("test 2b");
    let words = "error[E0308]: mismatched types in lab2b-log\n\
                 error: lab2b-log could not be built: fix what cargo reports above\n";
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(1), "", words));
    let document: Value = serde_json::from_str(&course.lab("test 2b --json").stdout).unwrap();
    assert_eq!((&document["passed"], &document["score"], &document["points"]), (&json!(false), &json!(0), &json!(30)));
}

/// A listed test that is missing in the binary, or is there twice, has failed. The others run.
#[test]
fn a_test_must_be_in_the_binary_once() {
    let course = FakeCourse::new();
    course.write("lab2a-election/tests/points.txt", "one_2a 10 2\ntwo_2a 20 2\nthree_2a 5 2\n");
    course.write("lab2a-election/tests/graded/chaos.rs", "fn two_2a\n");
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 10/35 1/3 2");
    let twice = "system::chaos::two_2a, system::cluster::two_2a in tests/graded have the same name: rename all but one";
    let nowhere = "no test in tests/graded has this name";
    for reason in [twice, nowhere] {
        let line = format!("    No verdict, 0 of 2 seeds recorded: {reason}\n");
        assert!(ended.stdout.contains(&line), "{}", ended.stdout);
    }
    assert_eq!(ended.stderr.matches("no verdict").count(), 2, "{}", ended.stderr);
}

/// If a test binary cannot list its tests, they have failed, and the reason is shown.
#[test]
fn a_binary_that_cannot_list_its_tests_is_reported() {
    let course = FakeCourse::new();
    course.write("lab2a-election/mute", "");
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    let reason = "tests/graded could not list its tests: it ended with exit status: 3\n";
    assert_eq!(ended.stdout.matches(reason).count(), 1, "{}", ended.stdout);
    assert!(ended.stdout.ends_with("    1 more test fails likewise:\n    two_2a\n"), "{}", ended.stdout);
}

/// A process reports results only for the tests that it was asked to run.
#[test]
fn a_record_of_another_test_does_not_count() {
    let course = FakeCourse::new();
    course.write("lab2a-election/tests/graded/cluster.rs", "fn one_2a\n");
    course.write("lab2a-election/tests/graded/rules.rs", "fn two_2a\n");
    course.behave(
        "lab2a-election",
        "[ $kind = rules ] || for seed in 1 2; do run one_2a $seed passed; run two_2a $seed passed; done",
    );
    let ended = course.lab("test 2a");
    assert_row(&ended.stdout, "2A Who leads? 10/30 1/2 2");
    assert!(!ended.stdout.contains("note"), "{}", ended.stdout);
}

/// An interrupt ends the test process with its children, and leaves no file behind.
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", "sleep 1000 & echo \"$$ $!\" > processes; wait");
    let mut command = course.command("test 2a");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let processes = wait_for("the test process to start", || {
        fs::read_to_string(course.root().join("lab2a-election/processes")).ok().filter(|text| text.ends_with('\n'))
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let lab = child.id().to_string();
    for process in processes.split_whitespace().chain([lab.as_str()]) {
        wait_for("a process to end", || is_gone(process).then_some(()));
    }
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let mut printed = String::new();
    child.stdout.unwrap().read_to_string(&mut printed).unwrap();
    child.stderr.unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
    assert_eq!(fs::read_dir(course.temporary()).unwrap().count(), 0);
}
