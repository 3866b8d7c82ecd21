//! Errors in a lab's list of known bugs: each is one line with file and line number, and status 2.

use crate::fake::FakeCourse;

const FILE: &str = "lab2a-election/bugs.toml";

const GOOD: &str = r#"
[[bug]]
id = "A01"
what = "It is bad."
rules = ["vote-once", "one-leader"]
edits = [{ file = "lab2a-election/src/lib.rs", find = '''
good
''', replace = "bad" }]

[[lawful]]
id = "slow-votes"
what = "It is slow."
edits = [{ file = "lab2a-election/src/lib.rs", find = "go", replace = "slow" }]

[[unplantable]]
id = "K14"
reason = "It is not possible."
"#;

fn course() -> FakeCourse {
    let course = FakeCourse::new();
    course.write("lab2a-election/src/lib.rs", "one\ngood\ngood deed\n");
    course.write(FILE, &GOOD.replace("find = \"go\"", "find = \"deed\"").replace("'''\ngood\n'''", "'''\none\n'''"));
    course
}

/// `--list` shows what is listed, and builds nothing.
#[test]
fn a_list_is_shown() {
    let course = course();
    let ended = course.lab("bugs --list");
    let expected = "\
2A  A01         vote-once, one-leader  It is bad.
2A  slow-votes  lawful                 It is slow.
2A  K14         not plantable          It is not possible.
";
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), expected, ""));
    assert_eq!(course.lab("bugs --list --lawful").stdout, "2A  slow-votes  lawful  It is slow.\n");
    assert_eq!(course.lab("bugs --list a01").stdout, "2A  A01  vote-once, one-leader  It is bad.\n");
}

/// All chosen edits that do not fit exactly once are reported before anything is built.
#[test]
fn edits_must_fit() {
    let course = course();
    course.write(FILE, GOOD);
    let never =
        "A01: the text to find occurs more than once in lab2a-election/src/lib.rs: add the line above or below it";
    course.write("lab2a-election/src/lib.rs", "good\ngood\n");
    let twice = "slow-votes: the text to find occurs more than once in lab2a-election/src/lib.rs: add the line above or below it";
    for arguments in ["bugs", "bugs --list"] {
        let ended = course.lab(arguments);
        let errors = format!("error: {FILE}:6: {never}\nerror: {FILE}:13: {twice}\n");
        assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr), (Some(2), "", errors), "{arguments}");
    }
    course.write("lab2a-election/src/lib.rs", "good\n");
    assert_eq!(course.lab("bugs --list").status, Some(0));
    course.write("lab2a-election/src/lib.rs", "mango\n");
    let never = "A01: the text to find is not in lab2a-election/src/lib.rs: copy it from there, with its spaces";
    assert_eq!(course.lab("bugs --list").stderr, format!("error: {FILE}:6: {never}\n"));
    assert_eq!(course.lab("bugs --list slow-votes").status, Some(0), "only chosen edits must fit");
}

/// The message for each mistake in a list has the file, the line and the correction.
#[test]
fn mistakes_are_reported_with_their_lines() {
    let keys = "(keys: id, what, rules, edits)";
    let cases = [
        (
            "[[bug]]",
            "[[bugs]]",
            "2: the list has no key `bugs`: did you mean `bug`? (keys: bug, lawful, unplantable)".to_string(),
        ),
        ("[[bug]]", "[bug]", "2: `bug` is not a list of tables: begin each with a line `[[bug]]`".to_string()),
        (
            "what = \"It is bad.\"",
            "wat = \"It is bad.\"",
            format!("2: this bug has no `what`\n4: a [[bug]] has no key `wat`: did you mean `what`? {keys}"),
        ),
        ("id = \"A01\"\n", "", "2: this bug has no `id`".to_string()),
        ("\"A01\"", "\"A 1\"", "3: `A 1` is not an id: use letters, digits and hyphens".to_string()),
        ("\"A01\"", "\"lab2a\"", "3: `lab2a` is the name of a lab: choose another id".to_string()),
        ("\"A01\"", "1", "3: `id` is not a string: put it in quotes".to_string()),
        ("\"It is bad.\"", "\"\"", "4: `what` is not a sentence: write one line".to_string()),
        ("\"It is bad.\"", "\"It\\nis bad.\"", "4: `what` is not a sentence: write one line".to_string()),
        ("[\"vote-once\", \"one-leader\"]", "[]", "5: `rules` is empty: name the rule that the bug breaks".to_string()),
        (
            "[\"vote-once\", \"one-leader\"]",
            "\"vote-once\"",
            "5: `rules` is not a list of names: write [\"vote-once\"]".to_string(),
        ),
        ("\"slow-votes\"", "\"a01\"", format!("11: the id `a01` is taken by {FILE}:3: choose another")),
        ("\"K14\"", "\"A01\"", format!("16: the id `A01` is taken by {FILE}:3: choose another")),
        (
            "replace = \"bad\"",
            "with = \"bad\"",
            "6: this edit has no `replace`\n8: an edit has no key `with` (keys: file, find, replace)".to_string(),
        ),
        (
            "what = \"It is slow.\"",
            "what = \"It is slow.\"\nuntil = \"1a\"",
            "13: `until` is no lab from here on: write one of 2a, 2b, 2c, 2d, 3a, 3b".to_string(),
        ),
        ("find = \"go\"", "find = \"\"", "13: `find` is empty: an edit replaces one text with another".to_string()),
        (
            "find = \"go\"",
            "find = \"slow\"",
            "13: `find` and `replace` are the same: an edit replaces one text with another".to_string(),
        ),
        (
            "[{ file = \"lab2a-election/src/lib.rs\", find = \"go\", replace = \"slow\" }]",
            "[]",
            "13: `edits` is empty: a variant needs at least one edit".to_string(),
        ),
        (
            "[{ file = \"lab2a-election/src/lib.rs\", find = \"go\", replace = \"slow\" }]",
            "[\"x\"]",
            "13: `edits` is not a list of edits: write [{ file = \"…\", find = \"…\", replace = \"…\" }]".to_string(),
        ),
        (
            "reason",
            "rules",
            "15: this unplantable has no `reason`\n17: a [[unplantable]] has no key `rules` (keys: id, reason)"
                .to_string(),
        ),
        ("id = \"K14\"", "id = \"K14", "16: invalid basic string, expected `\"`".to_string()),
    ];
    let course = course();
    for (from, to, complaints) in cases {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        course.write(FILE, &text);
        let ended = course.lab("bugs --list");
        let expected: String = complaints.lines().map(|line| format!("error: {FILE}:{line}\n")).collect();
        assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr), (Some(2), "", expected), "{to}");
    }
}

/// Ids are unique in the whole course.
#[test]
fn ids_are_unique_in_the_course() {
    let course = course();
    course.write("lab2b-log/bugs.toml", "[[unplantable]]\nid = \"a01\"\nreason = \"It is not possible.\"\n");
    let ended = course.lab("bugs --list");
    let expected = format!("error: lab2b-log/bugs.toml:2: the id `a01` is taken by {FILE}:3: choose another\n");
    assert_eq!((ended.status, ended.stderr), (Some(2), expected));
}
