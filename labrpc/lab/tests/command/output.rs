//! What `cargo lab test` prints: JSON, hashes and notes.

use serde_json::{Value, json};

use crate::fake::{FakeCourse, PASSING};

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
