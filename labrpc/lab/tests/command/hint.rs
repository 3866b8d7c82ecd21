//! `cargo lab hint`: a rung with each call, about what failed last or about a place to write.

use std::fs;

use serde_json::{Value, json};

use crate::fake::{FakeCourse, LABS};

const LIB: &str = "lab2a-election/src/lib.rs";

/// Three mistakes: `two_2a` fails with each, by other rules.
fn known_mistakes() -> String {
    let mistake = |id: &str, what: &str, rule: &str, place: usize, red: Value| json!({ "id": id, "what": what, "rules": [rule], "changes": [place], "red": red });
    let red = |by: &str, tests: &[usize]| json!({ "by": by, "places": [], "tests": tests });
    let document = json!({
        "version": 1,
        "lab": "2a",
        "tests": ["one_2a", "two_2a"],
        "places": [format!("{LIB}: tick"), format!("{LIB}: vote")],
        "mistakes": [
            mistake("A01", "It votes twice.", "vote-once", 1, json!([red("vote-once", &[0, 1])])),
            mistake("A02", "It never campaigns.", "campaign-in-time", 0, json!([red("campaign-in-time", &[0])])),
            mistake("A03", "It never sleeps.", "bounded-work", 0, json!([red("bounded-work", &[1])])),
        ],
    });
    document.to_string()
}

/// A workspace with two places to write, and known mistakes of lab 2A.
fn workspace() -> FakeCourse {
    let course = FakeCourse::new();
    fs::remove_file(course.root().join("docs/handout-readme.md")).unwrap();
    for (_, package) in LABS {
        course.write(&format!("{package}/src/lib.rs"), "/// Votes once.\nfn vote() {}\n");
    }
    let place = |lab: &str, item: &str, hints: &[&str]| json!({ "file": format!("{lab}/src/lib.rs"), "item": item, "rule": "Figure 2", "hints": hints });
    let places = [
        place("lab2a-election", "vote", &["Whom?", "Once."]),
        place("lab2a-election", "tick", &[]),
        place("lab2b-log", "tick", &["When?"]),
    ];
    course.write("labrpc/hints.json", &json!({ "version": 1, "places": places }).to_string());
    course.write("lab2a-election/tests/known-mistakes.json", &known_mistakes());
    course
}

/// Both tests of lab 2A fail by these rules.
fn fail(course: &FakeCourse, one: &str, two: &str) {
    let script = format!("run one_2a 1 failed Wrong. {one} {one} rule; run two_2a 1 failed Wrong. {two} {two} rule");
    course.behave("lab2a-election", &script);
    assert_eq!(course.lab("test 2a").status, Some(1));
}

/// What a hint says, on standard output.
fn hint(course: &FakeCourse, arguments: &str) -> String {
    let ended = course.lab(&format!("hint {arguments}"));
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    ended.stdout
}

/// From the rule to the function to the mistake, and no further; another failure begins with the rule again.
#[test]
fn each_call_says_more() {
    let course = workspace();
    fail(&course, "vote-once", "vote-once");
    let expected = "\
Hint 1 of 3: one_2a of lab 2A

    It breaks the rule vote-once: A server votes for at most one candidate in a term.
    Read Figure 2, RequestVote rule 2; §5.2.
    Then: does a server forget its vote while the term stays the same, or vote for another one after it voted for itself?
    One more test of lab 2A fails.
    Its report: cargo lab test one_2a; event by event: cargo lab replay one_2a:1

The next hint says where it may be: cargo lab hint one_2a
";
    assert_eq!(hint(&course, ""), expected);
    let second = hint(&course, "one_2a");
    let where_ = "    Look at `vote` in lab2a-election/src/lib.rs.\n    Known mistakes that fail like yours, ";
    assert!(second.starts_with("Hint 2 of 3: ") && second.contains(where_), "{second}");
    for _ in 0..2 {
        let last = hint(&course, "one");
        let what = "A known mistake fails like yours. Is this so in your code?\n    - It votes twice.\n";
        assert!(last.starts_with("Hint 3 of 3: ") && last.contains(what), "{last}");
        assert!(last.ends_with("From the first one on: cargo lab hint one_2a --restart\n"), "{last}");
    }
    assert!(hint(&course, "--restart").starts_with("Hint 1 of 3: "));
    assert!(hint(&course, "").starts_with("Hint 2 of 3: "), "a restart counts as the first");
    assert!(hint(&course, "two").starts_with("Hint 1 of 3: "), "another test has hints of its own");
    fail(&course, "campaign-in-time", "vote-once");
    assert!(hint(&course, "one").starts_with("Hint 1 of 3: "), "another rule begins again");
}

/// In the open track a hint names rules and no function.
#[test]
fn the_open_track_has_rules_in_place_of_functions() {
    let course = workspace();
    course.write("lab2a-election/tests/graded/lab.rs", "Contract::new().open(CODEC)\n");
    fail(&course, "vote-once", "vote-once");
    hint(&course, "");
    let second = hint(&course, "");
    let part =
        "where a server keeps this:\n    - vote-once: A server votes for at most one candidate in a term (Figure 2, ";
    assert!(second.contains(part) && !second.contains("lib.rs"), "{second}");
}

/// If mistakes that fail alike are in four functions, a hint says that it does not decide, and what would.
#[test]
fn a_hint_that_cannot_decide_says_so() {
    let course = workspace();
    let functions = ["due", "lead", "tick", "vote"];
    let red = json!([{ "by": "heartbeats", "places": [], "tests": [0, 1] }]);
    let mistake = |nth: usize| json!({ "id": format!("A{nth}"), "what": "Late.", "rules": ["heartbeats"], "changes": [nth], "red": red });
    let document = json!({
        "version": 1,
        "lab": "2a",
        "tests": ["one_2a", "two_2a"],
        "places": functions.map(|function| format!("{LIB}: {function}")),
        "mistakes": [mistake(0), mistake(1), mistake(2), mistake(3)],
    });
    course.write("lab2a-election/tests/known-mistakes.json", &document.to_string());
    fail(&course, "heartbeats", "heartbeats");
    assert!(hint(&course, "one").ends_with("The next hint says which functions are possible: cargo lab hint one_2a\n"));
    let second = hint(&course, "one");
    let expected = "\
Hint 2 of 3: one_2a of lab 2A

    What failed does not decide which function it is. The likeliest first:
    - `due` in lab2a-election/src/lib.rs
    - `lead` in lab2a-election/src/lib.rs
    - `tick` in lab2a-election/src/lib.rs
    - `vote` in lab2a-election/src/lib.rs
    To decide: which of them ran last before the failure, and which should have run?
    Event by event: cargo lab replay one_2a:1

The next hint says what mistakes like this were: cargo lab hint one_2a
";
    assert_eq!(second, expected);
    let document: Value = serde_json::from_str(&hint(&course, "two --restart --json")).unwrap();
    assert_eq!(document["kind"], "rule");
    let document: Value = serde_json::from_str(&hint(&course, "two --json")).unwrap();
    assert_eq!(document["kind"], "possible-functions");
    assert_eq!(document["items"], json!(functions.map(|function| format!("{LIB}: {function}"))));
}

/// A failure that is like none that is known stops at the rule, and says so.
#[test]
fn an_unknown_mistake_has_no_hint_but_the_rule() {
    let course = workspace();
    fail(&course, "heartbeats", "idle-traffic");
    assert!(hint(&course, "two").contains("The next hint says whether a known mistake is like it: "));
    let second = hint(&course, "two");
    assert!(second.starts_with("Hint 2 of 2: "), "{second}");
    let further = "\
    No known mistake fails like yours.
    Run the lab's core tests, which are smaller: cargo test -p lab2a-election --test core
    If they pass, look at the run event by event: cargo lab replay two_2a:1
";
    assert!(second.contains(further), "{second}");
    course.write("lab2a-election/tests/graded/lab.rs", "Contract::new().open(CODEC)\n");
    let second = hint(&course, "two");
    assert!(second.contains("yours.\n    Look at the run event by event: ") && !second.contains("core"), "{second}");
}

/// A test that waits for a `todo!` leads to the hints of that place. They need no run.
#[test]
fn places_have_hints() {
    let course = workspace();
    let first = "\
Hint 1 of 3: `vote` in lab2a-election/src/lib.rs

    The rule: Figure 2.
    What it has to do, from the doc comment above it:
        Votes once.

The next hint says more: cargo lab hint vote
";
    assert_eq!(hint(&course, "vote"), first);
    let missing = "not yet implemented: lab 2A: Figure 2: vote (lab2a-election/src/lib.rs)";
    course.behave("lab2a-election", &format!("for test in one two; do run ${{test}}_2a 1 failed '{missing}'; done"));
    course.lab("test 2a");
    assert!(hint(&course, "").contains("\n    Whom?\n"), "the place is remembered, whatever asks for it");
    assert!(hint(&course, "two").contains("\n    Once.\n"));
    assert!(hint(&course, "2a:tick").starts_with("Hint 1 of 1: `tick` in lab2a-election/src/lib.rs\n"));
    assert!(hint(&course, "lab2b-log/src/lib.rs:tick").contains("The next hint says more: cargo lab hint 2b:tick\n"));
}

/// If there is nothing to hint at, a line says why, and what would be right.
#[test]
fn nothing_to_hint_at_is_said() {
    let course = workspace();
    let about = "\na hint about a function that is yours to write needs no run: cargo lab hint vote\n";
    assert_eq!(hint(&course, ""), format!("no test has run yet: cargo lab test 2a{about}"));
    assert_eq!(hint(&course, "2b"), format!("the tests of lab 2B have not run yet: cargo lab test 2b{about}"));
    assert_eq!(hint(&course, "one_2b"), "one_2b has not run yet: cargo lab test one_2b\n");
    course.lab("test 2a");
    assert_eq!(hint(&course, ""), "every test that has run passed when it ran last: no hint is needed\n");
    assert_eq!(hint(&course, "2a"), "every test of lab 2A passed when it ran last: no hint is needed\n");
    assert_eq!(hint(&course, "two_2a"), "two_2a passed when it ran last: no hint is needed\n");
}

/// A hint about an older state of the code says so.
#[test]
fn a_changed_file_is_named() {
    let course = workspace();
    fail(&course, "vote-once", "vote-once");
    course.write(LIB, "fn vote() { once() }\n");
    let note = format!("note: you have changed {LIB} since these tests ran: cargo lab test 2a\nHint 1 of 3: ");
    let first = hint(&course, "");
    assert!(first.starts_with(&note), "{first}");
}

/// The document has what the text says, and what it names.
#[test]
fn programs_get_a_document() {
    let course = workspace();
    let read = |arguments: &str| -> Value { serde_json::from_str(&hint(&course, arguments)).unwrap() };
    let none = read("--json");
    assert_eq!((&none["version"], &none["about"]), (&json!(1), &Value::Null));
    assert!(none["message"].as_str().unwrap().starts_with("no test has run yet"));
    fail(&course, "vote-once", "vote-once");
    let first = read("--json");
    assert_eq!(first["about"], "one_2a");
    assert_eq!((&first["rung"], &first["rungs"], &first["kind"]), (&json!(1), &json!(3), &json!("rule")));
    assert_eq!(first["items"], json!(["vote-once"]));
    let kinds: Vec<Value> = (0..2).map(|_| read("--json")).map(|hint| json!([hint["kind"], hint["items"]])).collect();
    assert_eq!(kinds, [json!(["function", [format!("{LIB}: vote")]]), json!(["mistake", ["A01"]])]);
}

/// A function that several labs have is that of the lab at hand.
#[test]
fn a_name_means_the_function_of_the_lab_at_hand() {
    let course = workspace();
    assert!(hint(&course, "tick").starts_with("Hint 1 of 1: `tick` in lab2a-election/src/lib.rs\n"));
    course.lab("test 2a");
    assert!(hint(&course, "tick").starts_with("Hint 1 of 2: `tick` in lab2b-log/src/lib.rs\n"));
}

/// A name that means nothing, or several places, is refused with what would be right; damaged files are named.
#[test]
fn wrong_names_are_refused() {
    let course = workspace();
    let more = "lab2a-election/src/more.rs";
    course.write(more, "fn vote() {}\n");
    let places = [LIB, more].map(|file| json!({ "file": file, "item": "vote", "rule": "Figure 2", "hints": [] }));
    course.write("labrpc/hints.json", &json!({ "version": 1, "places": places }).to_string());
    for (arguments, status, message) in [
        ("vote", 2, "`vote` is 2 functions: write lib.rs:vote or more.rs:vote"),
        ("voted", 2, "`voted` is no test, no lab, and no function that is yours to write: did you mean `vote`?"),
        ("one two", 2, "`one` and `two` are two things: `cargo lab hint` is about one test, function or lab"),
        (
            "--restrat",
            2,
            "`cargo lab hint` has no option `--restrat`: did you mean `--restart`? (options: --restart, --json, --help)",
        ),
    ] {
        let ended = course.lab(&format!("hint {arguments}"));
        assert_eq!((ended.status, ended.stderr), (Some(status), format!("error: {message}\n")), "{arguments}");
    }
    fail(&course, "vote-once", "vote-once");
    course.write("lab2a-election/tests/known-mistakes.json", "{}");
    let ended = course.lab("hint");
    let message =
        "error: lab2a-election/tests/known-mistakes.json is not a list of known mistakes of version 1: get it again\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), message));
    course.write("labrpc/hints.json", "[]");
    let message = "error: labrpc/hints.json is damaged: take it from your first commit\n";
    assert_eq!(course.lab("hint vote").stderr, message);
}
