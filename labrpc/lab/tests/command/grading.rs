//! From a command line to a verdict, with shell scripts in the place of cargo and of the tests.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::fake::{FakeCourse, PASSING, is_gone, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The rows of the scoreboard, with single spaces.
fn rows(stdout: &str) -> Vec<String> {
    stdout.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>().join(" ")).collect()
}

fn assert_row(stdout: &str, beginning: &str) {
    assert!(rows(stdout).iter().any(|row| row.starts_with(beginning)), "no row `{beginning}` in\n{stdout}");
}

/// All labs are run in course order; if everything passes, so does the command.
#[test]
fn a_solved_course_passes() {
    let course = FakeCourse::new();
    let ended = course.lab("");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_row(&ended.stdout, "2A Who leads? 30/30 2/2 4 4.000 s");
    assert_row(&ended.stdout, "3B How does a service stay small? 30/30 2/2 4 4.000 s");
    assert_row(&ended.stdout, "total 180/180 12/12 24 24.000 s");
    let shown: Vec<&str> = ended.stderr.lines().filter_map(|line| line.get(..2)).collect();
    assert_eq!(shown, ["2A", "2B", "2C", "2D", "3A", "3B"], "what passes is told by its kind");
    assert!(!ended.stderr.contains('\r') && !ended.stderr.contains('\x1b'), "no bar and no colour in a file");
    assert_eq!(fs::read_to_string(course.root().join("calls.txt")).unwrap().lines().count(), 1, "one build for all");
}

/// A failed seed costs the test's points, and its report is shown with what replays it.
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

/// A test without a complete record has failed, whatever is printed and however the process ends.
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

/// A test that takes the process down is told from the tests that only went down with it.
#[test]
fn a_crash_costs_only_its_test() {
    let course = FakeCourse::new();
    course.behave(
        "lab2a-election",
        "[ \"$*\" = 'cluster::one_2a --exact' ] && { run one_2a 1 passed; run one_2a 2 passed; exit 0; }
         [ \"$*\" = 'cluster::two_2a --exact' ] || run two_2a 1 passed
         echo 'stack overflow' >&2; kill -ABRT $$",
    );
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 10/30 1/2 3");
    assert!(ended.stdout.contains("the test process died with signal: 6"), "{}", ended.stdout);
    assert!(ended.stdout.contains("      stack overflow\n"), "{}", ended.stdout);
}

/// Tests that pass alone and crash together have not passed: somebody would run into it.
#[test]
fn a_crash_of_all_together_is_trouble() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", &format!("[ $# -gt 2 ] && kill -ABRT $$; {PASSING}"));
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 30/30 2/2 4");
    let trouble = "each test passes alone, but when they ran together, the test process died with signal: 6";
    assert!(ended.stdout.contains(trouble), "{}", ended.stdout);
}

/// A process that fails though all its records say otherwise is not believed.
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

/// A lab that does not compile costs its own points and no others; cargo's words are not touched.
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

/// If nothing compiles there is no scoreboard: cargo's words, one line, and status 1.
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

/// Only the chosen tests are run and counted, by the way that cargo would run them.
#[test]
fn chosen_tests_are_run_alone() {
    let course = FakeCourse::new();
    course.behave(
        "lab2a-election",
        "echo \"$*|$PWD|$CARGO_MANIFEST_DIR|$LAB_WORLD\" > seen; for seed in 1 2; do run two_2a $seed passed; done",
    );
    let ended = course.lab("test TWO_2A --release");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_row(&ended.stdout, "total 20/20 1/1 2");
    let folder = course.root().join("lab2a-election").display().to_string();
    let seen = fs::read_to_string(course.root().join("lab2a-election/seen")).unwrap();
    assert_eq!(seen, format!("cluster::two_2a --exact|{folder}|{folder}|sim\n"));
    let call = fs::read_to_string(course.root().join("calls.txt")).unwrap();
    let expected =
        "test --no-run --message-format=json-render-diagnostics --test graded --package lab2a-election --release\n";
    assert_eq!(call, expected);
}

/// A lab's tests are of four kinds, and may be in modules of these: the kinds are run one after the
/// other, and the verdicts stand in the order of the list.
#[test]
fn tests_of_four_kinds_are_run() {
    let course = FakeCourse::new();
    let points = ["four_2a 4 1", "three_2a 3 1", "two_2a 2 1", "one_2a 1 1"].join("\n");
    course.write("lab2a-election/tests/points.txt", &points);
    course.write("lab2a-election/tests/graded/cost.rs", "fn four_2a\n");
    course.write("lab2a-election/tests/graded/chaos.rs", "fn three_2a\n");
    course.write("lab2a-election/tests/graded/cluster.rs", "fn two_2a\n");
    course.write("lab2a-election/tests/graded/rules.rs", "fn votes::one_2a\n");
    let script = "echo \"$*\" >> seen; run ${1##*::} 1 failed 'Nobody leads.' vote-once";
    course.behave("lab2a-election", script);
    let ended = course.lab("test 2a --json");
    let seen = fs::read_to_string(course.root().join("lab2a-election/seen")).unwrap();
    let expected = ["rules::votes::one_2a", "cluster::two_2a", "chaos::three_2a", "cost::four_2a"];
    let seen: Vec<&str> = seen.lines().filter_map(|line| line.strip_suffix(" --exact")).collect();
    assert_eq!(seen, expected);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let tests = document["labs"][0]["tests"].as_array().unwrap();
    let shown = tests.iter().map(|test| json!([test["test"], test["kind"], test["verdict"], test["rule"]]));
    let expected = [("four_2a", "cost"), ("three_2a", "chaos"), ("two_2a", "cluster"), ("one_2a", "rules")];
    let expected = expected.map(|(test, kind)| json!([test, kind, "failed", "vote-once"]));
    assert_eq!(shown.collect::<Vec<Value>>(), expected);
}

/// A kind can be asked for, of one lab or of all: no other lab is built, and no other test is run.
#[test]
fn a_kind_is_run_alone() {
    let course = FakeCourse::new();
    course.write("lab2b-log/tests/points.txt", "one_2b 10 2\ntwo_2b 20 2\nthree_2b 5 2\n");
    course.write("lab2b-log/tests/graded/rules.rs", "fn three_2b\n");
    course.behave("lab2b-log", "echo $kind >> seen; for seed in 1 2; do run three_2b $seed passed; done");
    for selector in ["rules", "2b:rules", "lab2b-log:rules"] {
        let _ = fs::remove_file(course.root().join("calls.txt"));
        let ended = course.lab(&format!("test {selector}"));
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_row(&ended.stdout, "2B What was agreed? 5/5 1/1 2");
        assert_row(&ended.stdout, "total 5/5 1/1 2");
        let call = fs::read_to_string(course.root().join("calls.txt")).unwrap();
        assert!(call.ends_with("--test graded --package lab2b-log\n"), "{call}");
    }
    assert_eq!(fs::read_to_string(course.root().join("lab2b-log/seen")).unwrap(), "rules\nrules\nrules\n");
    assert_row(&course.lab("test 2b:rules 2a").stdout, "total 35/35 3/3 6");
}

/// A listed test that no kind has, or two have, has failed, and the others are run.
#[test]
fn a_test_without_a_place_is_missing() {
    let course = FakeCourse::new();
    course.write("lab2a-election/tests/points.txt", "one_2a 10 2\ntwo_2a 20 2\nthree_2a 5 2\n");
    course.write("lab2a-election/tests/graded/chaos.rs", "fn two_2a\n");
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    assert_row(&ended.stdout, "2A Who leads? 10/35 1/3 2");
    let twice = "chaos::two_2a, cluster::two_2a in tests/graded have the same name: rename all but one";
    let nowhere = "no test in tests/graded has this name";
    for reason in [twice, nowhere] {
        let line = format!("    No verdict, 0 of 2 seeds recorded: {reason}\n");
        assert!(ended.stdout.contains(&line), "{}", ended.stdout);
    }
    assert_eq!(ended.stderr.matches("no verdict").count(), 2, "{}", ended.stderr);
}

/// A test binary that cannot even list its tests costs them, and the reason is shown.
#[test]
fn a_mute_executable_is_told_of() {
    let course = FakeCourse::new();
    course.write("lab2a-election/mute", "");
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    let reason = "tests/graded could not list its tests: it ended with exit status: 3\n";
    assert_eq!(ended.stdout.matches(reason).count(), 2, "{}", ended.stdout);
}

/// The options reach the tests through the environment, whose own values are passed over aloud.
#[test]
fn options_reach_the_tests() {
    let course = FakeCourse::new();
    let script =
        "echo \"$LAB_SEEDS|$LAB_REPLAY|$LAB_WORLD\" >> seen; for seed in 1 2 3 7; do run one_2a $seed passed; done";
    course.behave("lab2a-election", script);
    for (arguments, seen) in [
        ("test one_2a", "||sim\n"),
        ("test one_2a --seeds 3", "3||sim\n"),
        ("test one_2a --seed 7", "|one_2a:7|sim\n"),
        ("test --replay one_2a:7:k3f9", "|one_2a:7:k3f9|sim\n"),
        ("test one_2a --world real", "1||real\n"),
        ("test one_2a --world real --seeds 3", "3||real\n"),
    ] {
        let _ = fs::remove_file(course.root().join("lab2a-election/seen"));
        let output = course.command(arguments).env("LAB_SEEDS", "9").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}");
        assert_eq!(fs::read_to_string(course.root().join("lab2a-election/seen")).unwrap(), seen, "{arguments}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let is_graded = !["--seed ", "--replay", "--world"].iter().any(|option| arguments.contains(option));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(!stdout.contains("not graded"), is_graded, "{arguments}: {stdout}");
        assert!(stderr.starts_with("note: LAB_SEEDS=9 has no effect here: use --seeds 9\n"), "{stderr}");
    }
}

/// What a replayed run prints is shown, and only then, for somebody is looking into it.
#[test]
fn a_replay_shows_what_is_printed() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", "echo \"a clue of $*\"; run one_2a 2 failed 'Two leaders.'; exit 101");
    let replayed = course.lab("test --replay one_2a:2");
    assert!(replayed.stderr.contains("a clue of cluster::one_2a --exact --nocapture\n"), "{}", replayed.stderr);
    assert!(!course.lab("test one_2a --seed 2").stderr.contains("a clue"));
}

/// A token that only the test kit can tell from a lawful one is refused in its words.
#[test]
fn a_refused_token_is_misuse() {
    let course = FakeCourse::new();
    course.behave(
        "lab2a-election",
        "echo running 1 test; echo \"LAB_REPLAY=$LAB_REPLAY: it keeps too much\" >&2; exit 2",
    );
    let ended = course.lab("test --replay one_2a:1:kzz");
    let complaint = "error: LAB_REPLAY=one_2a:1:kzz: it keeps too much\n";
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(2), "", complaint));
    assert_eq!(course.lab("test one_2a").status, Some(1), "without a token, it is a test's failure");
}

/// More seeds are asked for than reported: the verdict is missing.
#[test]
fn every_seed_asked_for_is_owed() {
    let course = FakeCourse::new();
    let ended = course.lab("test one_2a --seeds 3");
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("No verdict, 2 of 3 seeds recorded"), "{}", ended.stdout);
}

/// The document on standard output is whole, and nothing else is there.
#[test]
fn json_is_all_of_standard_output() {
    let course = FakeCourse::new();
    course.behave(
        "lab2a-election",
        "echo noise; run one_2a 2 failed 'Two leaders.'; run two_2a 1 passed; run two_2a 2 passed",
    );
    let ended = course.lab("test 2a 2b --json");
    assert_eq!(ended.status, Some(1));
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&document["score"], &document["points"]), (&json!(50), &json!(60)));
    let test = &document["labs"][0]["tests"][0];
    assert_eq!(
        (&test["test"], &test["failing_seed"], &test["token"]),
        (&json!("one_2a"), &json!(2), &json!("one_2a:2"))
    );
    assert_eq!(test["failure"], "Two leaders.");
}

/// Hashes come one run a line in course order, and nothing else does.
#[test]
fn hashes_are_all_of_standard_output() {
    let course = FakeCourse::new();
    let ended = course.lab("test two_2b one_2a two_2a --hash");
    assert_eq!(ended.status, Some(0));
    let expected: String = ["one_2a", "two_2a", "two_2b"]
        .iter()
        .flat_map(|test| [1, 2].map(|seed| format!("{test}\t{seed}\t{seed:016}\n")))
        .collect();
    assert_eq!(ended.stdout, expected);
}

/// The author hears of a test that is there, or reports, and is not listed.
#[test]
fn an_unlisted_test_is_noted() {
    let course = FakeCourse::new();
    course.write("lab2a-election/tests/graded/rules.rs", "fn new_2a\n");
    course.behave("lab2a-election", &format!("{PASSING}; run newer_2a 1 passed"));
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(0));
    let unlisted = "earns no points: lab2a-election/tests/points.txt does not list it\n";
    let notes = format!("note: lab 2a: `rules::new_2a` {unlisted}\nnote: lab 2a: `newer_2a` {unlisted}");
    assert!(ended.stdout.ends_with(&notes), "{}", ended.stdout);
    assert!(!course.lab("test one_2a").stdout.contains("note"), "nobody asked for the whole lab");
}

/// A line of the report that makes no sense is passed over, and told of once, even if the tests
/// are run again.
#[test]
fn a_senseless_line_is_noted() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", "[ $# -gt 2 ] && echo nonsense >> \"$LAB_REPORT\"; exit 101");
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    let note = "note: lab 2a: a line of the report was ignored: it is not JSON";
    assert_eq!(ended.stdout.matches(note).count(), 1, "{}", ended.stdout);
}

/// A process speaks only for the tests that it was asked to run.
#[test]
fn a_record_of_another_test_settles_nothing() {
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
