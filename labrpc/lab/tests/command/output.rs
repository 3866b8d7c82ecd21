//! What `cargo lab test` prints: JSON, hashes and notes.

use std::fs;

use serde_json::{Value, json};

use crate::fake::{FakeCourse, PASSING, assert_row};

/// Standard output is one JSON document and nothing else.
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

/// Standard output is one line with a hash for each run, in course order, and nothing else.
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

/// A test that is in the binary or in a report, and is not listed, gets a note.
#[test]
fn an_unlisted_test_is_noted() {
    let course = FakeCourse::new();
    course.write("lab2a-election/tests/graded/rules.rs", "fn new_2a\n");
    course.behave("lab2a-election", &format!("{PASSING}; run newer_2a 1 passed"));
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(0));
    let unlisted = "earns no points: lab2a-election/tests/points.txt does not list it\n";
    let notes = format!("note: lab 2a: `rules::new_2a` {unlisted}\nnote: lab 2a: `newer_2a` {unlisted}");
    assert!(ended.stdout.contains(&notes), "{}", ended.stdout);
    assert!(!course.lab("test one_2a").stdout.contains("note"), "there are notes only for a whole lab");
}

/// A malformed line of the report is ignored. It gets one note, even if the tests run again.
#[test]
fn a_malformed_line_is_noted() {
    let course = FakeCourse::new();
    course.behave("lab2a-election", "[ $# -gt 2 ] && echo nonsense >> \"$LAB_REPORT\"; exit 101");
    let ended = course.lab("test 2a");
    assert_eq!(ended.status, Some(1));
    let note = "note: lab 2a: a line of the report was ignored: it is not JSON";
    assert_eq!(ended.stdout.matches(note).count(), 1, "{}", ended.stdout);
}

/// Failures of one cause are one report, rules first; the board says where to begin.
#[test]
fn failures_are_grouped() {
    let course = FakeCourse::new();
    let tests =
        |prefix: &str, count: usize| -> Vec<String> { (1..=count).map(|nth| format!("{prefix}{nth}_2a")).collect() };
    let (rules, cluster) = (tests("rule", 30), tests("cluster", 12));
    let lines = |names: &[String], before: &str, after: &str| -> String {
        names.iter().map(|name| format!("{before}{name}{after}\n")).collect()
    };
    let points = lines(&cluster, "", " 1 1") + &lines(&rules, "", " 1 1");
    course.write("lab2a-election/tests/points.txt", &points);
    course.write("lab2a-election/tests/graded/rules.rs", &lines(&rules, "fn ", ""));
    course.write("lab2a-election/tests/graded/cluster.rs", &lines(&cluster, "fn ", ""));
    let failed = lines(&rules, "run ", " 1 failed 'It voted twice.' vote-once vote-once rule")
        + &lines(&cluster, "run ", " 1 failed 'It panicked.' '' lab2a-election/src/raft.rs:87 panic");
    course.behave("lab2a-election", &failed);
    let ended = course.lab("test 2a");
    assert_eq!((ended.status, ended.stdout.matches("It voted twice.").count()), (Some(1), 1), "{}", ended.stdout);
    let begin = "\nBegin with rule1_2a: of the 42 tests that failed, it says most about the mistake.\n";
    assert!(ended.stdout.contains(begin), "{}", ended.stdout);
    let more = "    29 more tests fail likewise (vote-once):\n    rule2_2a, rule3_2a, ";
    assert!(ended.stdout.contains(more), "{}", ended.stdout);
    let more = "    11 more tests fail likewise (lab2a-election/src/raft.rs:87):\n    cluster2_2a, ";
    assert!(ended.stdout.contains(more), "{}", ended.stdout);
    let lines = ended.stdout.lines().count() + ended.stderr.lines().count();
    assert!(lines <= 40, "{lines} lines:\n{}{}", ended.stderr, ended.stdout);
}

/// After two tests that do not come to an end at one place, the rest of the lab is not run, and the board
/// says which tests these are. The next lab is run.
#[test]
fn endless_loops_end_a_lab() {
    let course = FakeCourse::new();
    course.write("lab2a-election/tests/points.txt", "one_2a 1 1\ntwo_2a 1 1\nthree_2a 1 1\nfour_2a 1 1\n");
    course.write("lab2a-election/tests/graded/rules.rs", "fn one_2a\nfn two_2a\nfn three_2a\n");
    course.write("lab2a-election/tests/graded/cluster.rs", "fn four_2a\n");
    course.behave(
        "lab2a-election",
        "echo $kind >> seen; for test in one two; do run ${test}_2a 1 failed 'no end' '' tick stuck; done; sleep 1000",
    );
    let ended = course.lab("test 2a 2b");
    assert_eq!(ended.status, Some(1));
    let not_run = "FAILED  2 tests of lab 2A: not run, because 2 tests did not come to an end, each in tick:\n\n    \
                   three_2a, four_2a\n";
    assert!(ended.stdout.contains(not_run), "{}", ended.stdout);
    assert_row(&ended.stdout, "2B What was agreed? 30/30 2/2");
    assert_eq!(fs::read_to_string(course.root().join("lab2a-election/seen")).unwrap(), "rules\n");
    let document: Value = serde_json::from_str(&course.lab("test 2a --json").stdout).unwrap();
    assert_eq!(document["labs"][0]["tests"][3]["verdict"], "missing");
}

/// A green board names the next lab, its page and its command.
#[test]
fn a_green_board_leads_to_the_next_lab() {
    let course = FakeCourse::new();
    let next = "\nLab 2A is done. More seeds find rare mistakes: cargo lab test 2a --seeds 1000\n\
                Next: lab 2B, What was agreed? Read docs/lab2b.md, then: cargo lab test 2b\n";
    let ended = course.lab("test 2a");
    assert!(ended.stdout.ends_with(next), "{}", ended.stdout);
    assert!(course.lab("test one_2a").stdout.ends_with("\nNext: all tests of lab 2A: cargo lab test 2a\n"));
    assert!(!course.lab("test 2a --world real").stdout.contains("Next"));
}

/// A pipe gets no colour, unless the environment asks for it; `NO_COLOR` has the last word.
#[test]
fn colours_follow_the_environment() {
    let course = FakeCourse::new();
    for (variables, is_coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let mut command = course.command("test 2a");
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.stdout.contains(&0x1b), is_coloured, "{variables:?}");
    }
}
