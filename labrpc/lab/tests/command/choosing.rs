//! Which tests `cargo lab test` runs, and how the options reach them.

use std::fs;

use serde_json::{Value, json};

use crate::fake::{FakeCourse, assert_row};

/// Only the chosen tests run and count. They run in the environment that cargo would give them.
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
    assert_eq!(seen, format!("system::cluster::two_2a --exact|{folder}|{folder}|sim\n"));
    let call = fs::read_to_string(course.root().join("calls.txt")).unwrap();
    let expected =
        "test --no-run --message-format=json-render-diagnostics --test graded --package lab2a-election --release\n";
    assert_eq!(call, expected);
}

/// A lab's tests are of four kinds, and may be in modules of these. The kinds run one after the
/// other, and the verdicts are in the order of the list.
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
    let expected =
        ["rules::votes::one_2a", "system::cluster::two_2a", "system::chaos::three_2a", "system::cost::four_2a"];
    let seen: Vec<&str> = seen.lines().filter_map(|line| line.strip_suffix(" --exact")).collect();
    assert_eq!(seen, expected);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let tests = document["labs"][0]["tests"].as_array().unwrap();
    let shown = tests.iter().map(|test| json!([test["test"], test["kind"], test["verdict"], test["rule"]]));
    let expected = [("four_2a", "cost"), ("three_2a", "chaos"), ("two_2a", "cluster"), ("one_2a", "rules")];
    let expected = expected.map(|(test, kind)| json!([test, kind, "failed", "vote-once"]));
    assert_eq!(shown.collect::<Vec<Value>>(), expected);
}

/// A kind can be chosen, of one lab or of all. No other lab is built, and no other test runs.
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

/// A test that is named with its lab runs alone, also by a part of its name.
#[test]
fn a_test_narrows_its_lab() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", "echo $* >> seen; for seed in 1 2; do run one_2a $seed passed; done");
    for arguments in ["test 2a one_2a", "test one_2a 2a", "test 2A one"] {
        let ended = course.lab(arguments);
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_row(&ended.stdout, "total 10/10 1/1 2");
    }
    let seen = fs::read_to_string(course.root().join("lab2a-election/seen")).unwrap();
    assert_eq!(seen, "system::cluster::one_2a --exact\n".repeat(3));
}

/// A part of several tests' names runs them all, and says how many they are.
#[test]
fn a_part_of_names_runs_all_that_have_it() {
    let course = FakeCourse::new();
    let ended = course.lab("test ne_2");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.starts_with("4 tests have `ne_2` in their names\n"), "{}", ended.stderr);
    assert_row(&ended.stdout, "total 40/40 4/4 8");
}

/// A token in the environment is refused: all tests would run, and not the one that is asked for.
#[test]
fn a_token_in_the_environment_is_refused() {
    let course = FakeCourse::new();
    for (arguments, status) in [("test 2a", 2), ("test --replay one_2a:1", 0)] {
        let output = course.command(arguments).env("LAB_REPLAY", "one_2a:1").output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments}");
    }
    let output = course.command("test 2a").env("LAB_REPLAY", "one_2a:1").output().unwrap();
    let message = "error: LAB_REPLAY=one_2a:1 has no effect here: run `cargo lab test --replay one_2a:1`, or unset the variable\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
}

/// The options reach the tests through the environment. The caller's own values are ignored with a
/// note.
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

/// The output of a replayed run is shown. That of other runs is not.
#[test]
fn a_replay_shows_what_is_printed() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", "echo \"a clue of $*\"; run one_2a 2 failed 'Two leaders.'; exit 101");
    let replayed = course.lab("test --replay one_2a:2");
    assert!(replayed.stderr.contains("a clue of system::cluster::one_2a --exact --nocapture\n"), "{}", replayed.stderr);
    course.behave(
        "lab2a-election",
        "echo running 1 test; echo a clue; echo 'Two leaders.'; run one_2a 2 failed 'Two leaders.'; exit 101",
    );
    let replayed = course.lab("test --replay one_2a:2");
    let printed = format!("{}{}", replayed.stderr, replayed.stdout);
    assert_eq!(printed.matches("Two leaders.").count(), 1, "{printed}");
    assert!(printed.contains("a clue") && printed.contains("FAILED seed 2, virtual") && !printed.contains("running"));
    assert!(!course.lab("test one_2a --seed 2").stderr.contains("a clue"));
}

/// If the test kit refuses a token, its message is shown.
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

/// If fewer seeds are reported than requested, the verdict is missing.
#[test]
fn every_requested_seed_must_be_reported() {
    let course = FakeCourse::new();
    let ended = course.lab("test one_2a --seeds 3");
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("No verdict, 2 of 3 seeds recorded"), "{}", ended.stdout);
}
