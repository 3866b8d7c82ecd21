//! `cargo lab` alone: where the work stands, from what the last runs have left.

use std::fs;

use crate::fake::{Ended, FakeCourse, LABS, PASSING};
use serde_json::{Value, json};

/// A workspace in which each lab has a `todo!`, as in a handout.
fn handout() -> FakeCourse {
    let course = FakeCourse::new();
    fs::remove_file(course.root().join("docs/handout-readme.md")).unwrap();
    for (id, package) in LABS {
        let lab = id.to_uppercase();
        let line = "#![allow(unused, reason = \"at first, places with a todo!: 1, lines: 2; delete this line with the last todo!\")]";
        course
            .write(&format!("{package}/src/lib.rs"), &format!("{line}\ntodo!(\"lab {lab}: §5: vote (src/lib.rs)\")\n"));
    }
    course
}

/// The last lines of what was printed.
fn advice(ended: &Ended) -> &str {
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    ended.stdout.split_once("\n\n").map(|(_, rest)| rest.split_once("\n\n").map_or(rest, |(_, advice)| advice)).unwrap()
}

/// The row of a lab, with single spaces.
fn row(ended: &Ended, title: &str) -> String {
    let row = ended.stdout.lines().find(|line| line.starts_with(title));
    row.unwrap_or_else(|| panic!("{title}: {}", ended.stdout)).split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// In a fresh handout nothing is built, and the first lab is named with its page and its file.
#[test]
fn a_fresh_handout_says_where_to_begin() {
    let course = handout();
    let ended = course.lab("");
    let beginning = "Raft Labs, guided track\n\nNothing is written yet. Begin with lab 2A, Who leads? It takes about an evening.\n\n  \
                     1. Read §1 to §5 of the Raft paper, then docs/getting-started.md.\n  2. cargo lab watch 2a   builds it, which \
                     takes half a minute to two minutes once, and tests it at each save.\n  3. Read docs/lab2a.md, and write \
                     its first rule, in lab2a-election/src/election.rs.\n";
    assert_eq!(ended.stdout, beginning);
    assert!(!course.root().join("calls.txt").exists(), "nothing is built");
    // Also after a run: it said nothing new.
    course.behave(
        "lab2a-election",
        "for test in one two; do run ${test}_2a 1 failed 'not yet implemented: lab 2A: vote'; done",
    );
    assert_eq!(course.lab("test 2a").status, Some(1));
    assert!(course.lab("").stdout.starts_with("Raft Labs, guided track\n\nNothing is written yet."));
}

/// From the first line of code to the next lab: what to run, what to write, what to look at, what comes next.
#[test]
fn each_step_leads_to_the_next() {
    let course = handout();
    course.write("lab2a-election/src/lib.rs", "fn vote() {}\ntodo!(\"lab 2A: lead\")\n");
    let ended = course.lab("");
    assert!(row(&ended, "2A").ends_with("0/30 points 0/2 tests not run yet, 1 to write"), "{}", ended.stdout);
    assert!(row(&ended, "2B").ends_with(" not begun"), "{}", ended.stdout);
    let run = "cargo lab test 2a, or at each save: cargo lab watch 2a\n";
    assert_eq!(advice(&ended), format!("Next: run the tests of lab 2A: {run}"));

    course.behave(
        "lab2a-election",
        "for test in one two; do run ${test}_2a 1 failed 'not yet implemented: lab 2A: lead'; done",
    );
    course.lab("test 2a");
    let waiting = "  2 tests wait for this code:\n      lab 2A: lead\n      a hint:               cargo lab hint\n";
    assert_eq!(advice(&course.lab("")), format!("Next, in lab 2A:\n{waiting}\nThen: {run}"));

    course.write("lab2a-election/src/lib.rs", "fn vote() {}\n");
    course.write("lab2a-election/src/more.rs", "fn lead() {}\n");
    let ended = course.lab("");
    let changed = "FAILED just now; changed since: lab2a/lib.rs, lab2a/more.rs";
    assert!(row(&ended, "2A").ends_with(changed), "{}", ended.stdout);
    assert_eq!(advice(&ended), format!("Next: run the tests of lab 2A again: {run}{waiting}"));

    course.behave(
        "lab2a-election",
        "run one_2a 1 passed; run one_2a 2 passed; run two_2a 2 failed 'It voted twice.' vote-once vote-once rule",
    );
    course.lab("test 2a");
    let ended = course.lab("");
    assert!(row(&ended, "2A").ends_with("10/30 points 1/2 tests FAILED just now"), "{}", ended.stdout);
    let look = "  two_2a failed (vote-once)\n      its report:           cargo lab test two_2a\n      event by event:       cargo lab \
                replay two_2a:2\n      a hint:               cargo lab hint two_2a\n";
    assert_eq!(advice(&ended), format!("Next, in lab 2A:\n{look}\nThen: {run}"));

    course.behave("lab2a-election", PASSING);
    course.lab("test two_2a");
    let ended = course.lab("");
    assert!(row(&ended, "2A").ends_with("30/30 points 2/2 tests ok just now"), "{}", ended.stdout);
    let next = "Next: lab 2B, What was agreed? Read docs/lab2b.md, then: cargo lab test 2b\n";
    assert_eq!(advice(&ended), next);
}

/// While tests wait for code, the board and the status name the next place in the order of the page, though every test
/// reaches another one first.
#[test]
fn the_next_place_is_the_first_of_the_page() {
    let course = handout();
    let file = "lab2a-election/src/lib.rs";
    let place = |item: &str| json!({ "file": file, "item": item, "rule": "§5", "hints": ["Think."] });
    let places = ["timer", "vote", "step"].map(place);
    course.write("labrpc/hints.json", &json!({ "version": 1, "places": places }).to_string());
    let todo = |item: &str| format!("todo!(\"lab 2A: §5: {item} ({file})\")\n");
    course.write(file, &format!("fn timer() {{}}\n{}{}", todo("step"), todo("vote")));
    let missing = format!("not yet implemented: lab 2A: §5: step ({file})");
    course.behave("lab2a-election", &format!("for test in one two; do run ${{test}}_2a 1 failed '{missing}'; done"));
    let board = course.lab("test 2a").stdout;
    let next = format!(
        "        lab 2A: §5: step ({file})\n\nWrite next, in the order of docs/lab2a.md:\n\n    lab 2A: §5: vote ({file})\n    \
         check it: cargo test -p lab2a-election --test core\n"
    );
    assert!(board.contains(&next), "{board}");
    let status = course.lab("").stdout;
    let next = format!(
        "  2 tests wait for code. Write next, in the order of docs/lab2a.md:\n      lab 2A: §5: vote ({file})\n      \
         check it:             cargo test -p lab2a-election --test core\n      a hint:               cargo lab hint\n"
    );
    assert!(status.contains(&next), "{status}");
    let hint = course.lab("hint").stdout;
    assert!(hint.starts_with(&format!("Hint 1 of 2: `vote` in {file}\n")), "{hint}");
    course.write(file, &format!("fn timer() {{}}\n{}fn vote() {{}}\n", todo("step")));
    assert!(course.lab("").stdout.contains(&format!(":\n      lab 2A: §5: step ({file})\n      check it:")));
}

/// What is not graded as usual is not remembered, and a damaged memory is none.
#[test]
fn only_graded_runs_are_remembered() {
    let course = FakeCourse::new();
    for arguments in ["test one_2a --seed 1", "test 2a --world real", "test --replay one_2a:1", "test 2a --seeds 1"] {
        course.lab(arguments);
        let ended = course.lab("");
        assert!(row(&ended, "2A").contains("0/30 points 0/2 tests"), "{arguments}: {}", ended.stdout);
    }
    course.lab("test");
    let ended = course.lab("");
    assert!(
        ended.stdout.starts_with("Raft Labs, the course itself: 180 of 180 points when the tests ran last\n"),
        "{}",
        ended.stdout
    );
    assert_eq!(advice(&ended), "All labs are done. More seeds find rare mistakes: cargo lab test --seeds 1000\n");
    course.write("target/cargo-lab/last-results.json", "{}");
    assert!(course.lab("").stdout.contains(": the tests have not run yet\n"));
}

/// Programs get the same as one document, also without the word `status`.
#[test]
fn the_status_is_a_document() {
    let course = handout();
    course.write("lab2a-election/src/lib.rs", "fn vote() {}\n");
    course.lab("test one_2a");
    let ended = course.lab("status --json");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&document["version"], &document["track"], &document["handout"]),
        (&json!(1), &json!("guided"), &json!(true))
    );
    assert_eq!((&document["score"], &document["points"]), (&json!(10), &json!(180)));
    let lab = &document["labs"][0];
    assert_eq!(
        (&lab["lab"], &lab["begun"], &lab["tests_passed"], &lab["tests_total"]),
        (&json!("2a"), &json!(true), &json!(1), &json!(2))
    );
    assert_eq!((&lab["changed_since"], &document["labs"][1]["ran_at_seconds"]), (&json!([]), &Value::Null));
    assert_eq!(course.lab("--json").stdout, ended.stdout);
}
