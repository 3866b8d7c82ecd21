//! `cargo lab bugs`, with shell scripts in place of cargo and the tests: the "solution" of a lab is
//! the word in its src/lib.rs, and a script decides how the tests react to that word.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::fake::{Ended, FakeCourse, LABS, is_gone, wait_for};

/// How the tests react to a word: they pass with `good` and `other`; the other words say how they
/// fail.
const JUDGE: &str = "\
fail() { run $1 $2 failed $3 $4; failed=\"$failed $1\"; }
word=$(cat src/lib.rs)
echo \"$word $kind ${LAB_SEEDS:-all}\" >> SEEN
case $word:$kind:${LAB_SEEDS:-all} in
at-once:rules:*) fail one_$lab 1 'Votes-twice.' vote-once ;;
late:*:1) ;;
late:rules:*) fail one_$lab 2 Odd. odd ;;
two:rules:*) fail one_$lab 1 Odd. odd; fail three_$lab 1 Votes-twice. vote-once ;;
dies:rules:*) echo stack overflow; kill -ABRT $$ ;;
dear:cost:*) fail two_$lab 1 Dear. ;;
esac
for test; do
    test=${test##*::}
    case \"$failed --exact\" in
    *$test*) ;;
    *) run $test 1 passed; run $test 2 passed ;;
    esac
done";

/// Labs whose solution is the word `good`, with two rules tests and a cost test.
fn course() -> FakeCourse {
    let course = FakeCourse::new();
    let judge = JUDGE.replace("SEEN", &course.beside("seen").display().to_string());
    for (id, package) in LABS {
        course.write(&format!("{package}/tests/points.txt"), &format!("one_{id} 1 2\nthree_{id} 1 2\ntwo_{id} 1 2\n"));
        fs::remove_file(course.root().join(package).join("tests/graded/cluster.rs")).unwrap();
        course.write(&format!("{package}/tests/graded/rules.rs"), &format!("fn one_{id}\nfn three_{id}\n"));
        course.write(&format!("{package}/tests/graded/cost.rs"), &format!("fn two_{id}\n"));
        course.write(&format!("{package}/Cargo.toml"), "");
        course.write(&format!("{package}/src/lib.rs"), "good\n");
        course.behave(package, &judge);
    }
    course
}

/// An entry of a list that replaces the solution by another word.
fn entry(kind: &str, package: &str, id: &str, word: &str) -> String {
    let rules = if kind == "bug" { "rules = [\"vote-once\"]\n" } else { "" };
    format!(
        "[[{kind}]]\nid = \"{id}\"\nwhat = \"It is {word}.\"\n{rules}\
         edits = [{{ file = \"{package}/src/lib.rs\", find = \"good\", replace = \"{word}\" }}]\n\n"
    )
}

fn list(course: &FakeCourse, package: &str, entries: &[(&str, &str, &str)]) {
    let text: String = entries.iter().map(|(kind, id, word)| entry(kind, package, id, word)).collect();
    course.write(&format!("{package}/bugs.toml"), &text);
}

fn seen(course: &FakeCourse) -> Vec<String> {
    let seen = fs::read_to_string(course.beside("seen")).unwrap_or_default();
    let _ = fs::remove_file(course.beside("seen"));
    seen.lines().map(str::to_string).collect()
}

/// The rows of the table without the times, with single spaces.
fn rows(ended: &Ended) -> Vec<String> {
    let table = ended.stdout.lines().skip(2).take_while(|line| !line.is_empty());
    table
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[..words.len() - 2].join(" ")
        })
        .collect()
}

fn assert_nothing_left(course: &FakeCourse) {
    assert_eq!(fs::read_dir(course.temporary()).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(course.root().join("lab2a-election/src/lib.rs")).unwrap(), "good\n");
}

/// The table has each bug with the test that caught it. Bad verdicts are explained below it.
#[test]
fn every_verdict_is_shown() {
    let course = course();
    list(
        &course,
        "lab2a-election",
        &[
            ("bug", "A01", "at-once"),
            ("bug", "A02", "late"),
            ("bug", "A03", "other"),
            ("bug", "A04", "dear"),
            ("bug", "A05", "two"),
            ("bug", "A06", "dies"),
            ("lawful", "slow", "other"),
        ],
    );
    list(&course, "lab2b-log", &[("lawful", "fast", "at-once")]);
    let ended = course.lab("bugs");
    let expected = [
        "2A A01 caught one_2a (rules) 1 vote-once",
        "2A A02 caught one_2a (rules) 2 odd ≠ vote-once",
        "2A A03 MISSED",
        "2A A04 caught two_2a (cost) 1 none ≠ vote-once",
        "2A A05 caught three_2a (rules) 1 vote-once",
        "2A A06 caught one_2a (rules) none ≠ vote-once",
        "2A slow passed",
        "2B fast FALSE ALARM one_2b (rules) 1 vote-once",
    ];
    assert_eq!(rows(&ended), expected, "{ended:?}");
    let end = "
MISSED  A03: It is other. (lab2a-election/bugs.toml:13)

FALSE ALARM  fast: It is at-once. (lab2b-log/bugs.toml:1)

    Votes-twice.

the failure names ≠ the bug changes
    A01  none ≠ none
    A02  none ≠ none
    A04  none ≠ none
    A05  none ≠ none
    A06  none ≠ none

5 of 6 caught; 4 on the first seed; 2 with the right rule; 0 with the right place; 1 of 2 lawful variants passed
";
    assert!(ended.stdout.ends_with(end), "{}", ended.stdout);
    assert_eq!(ended.status, Some(1));
    assert_eq!(ended.stderr.lines().count(), 8, "without a bar, each has a line: {}", ended.stderr);
    assert_nothing_left(&course);
}

/// If every bug is caught and no lawful variant is, the command succeeds. The page and the document
/// say so, and do not depend on the number of jobs.
#[test]
fn all_caught_is_success() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "at-once"), ("bug", "A02", "late"), ("lawful", "slow", "other")]);
    let text = fs::read_to_string(course.root().join("lab2a-election/bugs.toml")).unwrap();
    course
        .write("lab2a-election/bugs.toml", &(text + "[[unplantable]]\nid = \"K14\"\nreason = \"Rust forbids it.\"\n"));
    let mut pages = Vec::new();
    for jobs in ["1", "3"] {
        let ended = course.lab(&format!("bugs --json --markdown page.md --jobs {jobs}"));
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        let verdicts = document["tried"].as_array().unwrap().iter();
        let verdicts: Vec<Value> =
            verdicts.map(|tried| json!([tried["id"], tried["verdict"], tried["seed"], tried["rule"]])).collect();
        let expected = [
            json!(["A01", "caught", 1, "vote-once"]),
            json!(["A02", "caught", 2, "odd"]),
            json!(["slow", "passed", null, null]),
        ];
        assert_eq!(verdicts, expected);
        assert_eq!(document["unplantable"][0]["id"], "K14");
        pages.push(fs::read_to_string(course.root().join("page.md")).unwrap());
    }
    assert_eq!(pages[0], pages[1]);
    for line in [
        "2 of 2 caught; 1 on the first seed; 1 with the right rule; 0 with the right place; 1 of 1 lawful variants passed.\n",
        "| A02 | It is late. | `one_2a` (rules) | 2 | odd ≠ vote-once | none ≠ none |\n",
        "| 2A | slow | It is other. | passed |\n",
        "| 2A | K14 | Rust forbids it. |\n",
    ] {
        assert!(pages[0].contains(line), "{}", pages[0]);
    }
    assert_nothing_left(&course);
}

/// Each kind runs with one seed first, then with all. Nothing runs after a test has failed.
#[test]
fn nothing_runs_after_a_failure() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "at-once"), ("bug", "A02", "late"), ("lawful", "slow", "other")]);
    let reference = ["good rules 1", "good cost 1"];
    for (arguments, expected) in [
        ("bugs A01", vec!["at-once rules 1"]),
        ("bugs A02", vec!["late rules 1", "late cost 1", "late rules all"]),
        ("bugs A02 --seeds 2", vec!["late rules 1", "late cost 1", "late rules 2"]),
        ("bugs A02 --seeds 1", vec!["late rules 1", "late cost 1"]),
        ("bugs slow", vec!["other rules all", "other cost all"]),
    ] {
        course.lab(arguments);
        assert_eq!(seen(&course), [&reference[..], &expected].concat(), "{arguments}");
    }
    // The five labs after 2A have the word "good" as their own solution.
    course.lab("bugs A02 --all-labs --seeds 1");
    let seen = seen(&course);
    let judged_later = seen.iter().filter(|line| line.starts_with("good")).count();
    assert_eq!((judged_later, seen.len()), (6 * 2 + 5 * 2, 6 * 2 * 2), "{seen:?}");
}

/// A lawful variant is judged by the labs from its own to the last one in which it is lawful.
#[test]
fn a_variant_may_be_lawful_until_a_lab() {
    let course = course();
    for (until, labs) in [("", 5), ("until = \"2c\"\n", 2), ("until = \"2b\"\n", 1)] {
        let text = entry("lawful", "lab2b-log", "slow", "other").replace("edits", &format!("{until}edits"));
        course.write("lab2b-log/bugs.toml", &text);
        assert_eq!(course.lab("bugs --lawful --all-labs").status, Some(0), "{until}");
        // The solution is judged first; both kinds of each lab.
        assert_eq!(seen(&course).len(), 2 * labs * 2, "{until}");
    }
}

/// The list of known mistakes has every test that ran, and those that fail with a bug, of all kinds. A bug that is tried
/// again replaces what was written of it, and others keep it.
#[test]
fn known_mistakes_are_written() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "two"), ("bug", "A02", "dear"), ("lawful", "slow", "other")]);
    let mistakes = |arguments: &str| -> Value {
        assert_eq!(course.lab(arguments).status, Some(0), "{arguments}");
        let text = fs::read_to_string(course.root().join("lab2a-election/tests/known-mistakes.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let document = mistakes("bugs A02 --known-mistakes");
    assert_eq!((&document["lab"], &document["tests"]), (&json!("2a"), &json!(["one_2a", "three_2a", "two_2a"])));
    assert_eq!(document["mistakes"].as_array().unwrap().len(), 1);
    let document = mistakes("bugs --known-mistakes");
    let red = |by: &str, test: usize| json!({ "by": by, "places": [], "tests": [test] });
    let mistake = |id: &str, word: &str, red: Value| json!({ "id": id, "what": format!("It is {word}."), "rules": ["vote-once"], "changes": [], "red": red });
    let expected = json!([
        mistake("A01", "two", json!([red("odd", 0), red("vote-once", 1)])),
        mistake("A02", "dear", json!([red("no reason", 2)])),
    ]);
    assert_eq!(document["mistakes"], expected);
    assert!(seen(&course).iter().all(|line| !line.starts_with("other")), "no lawful variant is planted");
}

/// The hints are measured by leaving each known mistake out. A list that is out of date is an error.
#[test]
fn hints_are_measured() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "two"), ("bug", "A02", "at-once"), ("bug", "A03", "dear")]);
    assert_eq!(course.lab("bugs --known-mistakes").status, Some(0));
    let ended = course.lab("bugs --hints");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let total = ended.stdout.lines().last().unwrap().split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(total.starts_with("total 3 "), "{total}");
    let document: Value = serde_json::from_str(&course.lab("bugs --hints --json").stdout).unwrap();
    assert_eq!((&document["total"]["mistakes"], &document["mistakes"][2]["likely"]), (&json!(3), &json!([])));

    let out_of_date = |what: &str| {
        let ended = course.lab("bugs --hints");
        let message = format!(
            "error: lab2a-election/tests/known-mistakes.json {what}: write it anew with `cargo lab bugs 2a --known-mistakes`\n"
        );
        assert_eq!((ended.status, ended.stderr), (Some(1), message));
    };
    list(&course, "lab2a-election", &[("bug", "A01", "two"), ("bug", "A02", "at-once")]);
    out_of_date("has A03, which is planted no longer");
    list(&course, "lab2a-election", &[("bug", "A01", "two"), ("bug", "A02", "dear"), ("bug", "A03", "dear")]);
    out_of_date("has another A02 than the list of bugs");
    list(&course, "lab2a-election", &["A01", "A02", "A03", "A04"].map(|id| ("bug", id, "dear")));
    out_of_date("has another A01 than the list of bugs");
    course.write("lab2b-log/bugs.toml", &entry("bug", "lab2b-log", "B01", "dear"));
    course.write("lab2a-election/bugs.toml", "");
    let ended = course.lab("bugs --hints");
    assert!(ended.stderr.contains("has A01, which is planted no longer"), "{ended:?}");
}

/// A bug that does not compile is an error of its list. It is reported after all others were tried.
#[test]
fn a_bug_must_compile() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "BROKEN"), ("bug", "A02", "at-once")]);
    let ended = course.lab("bugs --markdown page.md --jobs 1");
    assert_eq!(ended.status, Some(2));
    assert_eq!(rows(&ended), ["2A A01 NOT BUILT", "2A A02 caught one_2a (rules) 1 vote-once"]);
    let words = "error[E0308]: mismatched types in lab2a-election\n\
                 error: lab2a-election/bugs.toml:1: A01: it does not compile, see the compiler's errors above\n";
    assert!(ended.stderr.ends_with(words), "{}", ended.stderr);
    assert!(!course.root().join("page.md").exists(), "an incomplete page is not written");
    assert_nothing_left(&course);
}

/// An edit of a file that the tests are not built from is refused.
#[test]
fn an_edited_file_must_be_compiled() {
    let course = course();
    course.write("docs/page.md", "good\n");
    let entry = entry("bug", "lab2a-election", "A01", "bad").replace("lab2a-election/src/lib.rs", "docs/page.md");
    course.write("lab2a-election/bugs.toml", &entry);
    let ended = course.lab("bugs");
    let reason = "A01: the tests of lab 2a are not built from docs/page.md: edit a file that they depend on\n";
    assert!(ended.stderr.ends_with(reason), "{}", ended.stderr);
    assert_eq!(ended.status, Some(2));
    list(&course, "lab2a-election", &[("bug", "A01", "at-once")]);
    course.write("lab2a-election/fresh", "");
    let ended = course.lab("bugs");
    assert!(ended.stderr.ends_with(
        "A01: the tests of lab 2a are not built from lab2a-election/src/lib.rs: edit a file that they depend on\n"
    ));
}

/// If the course fails without a bug, none is planted.
#[test]
fn the_solution_must_pass() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "at-once")]);
    course.behave("lab2a-election", "run one_2a 1 failed 'Nobody leads.'; run two_2a 1 passed; run three_2a 1 passed");
    let ended = course.lab("bugs");
    let message = "error: the course fails without any bug planted: one_2a with seed 1\nNobody leads.\n";
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(1), "", message));
    course.write("lab2a-election/broken", "");
    let ended = course.lab("bugs");
    let message = "error[E0308]: mismatched types in lab2a-election\n\
                   error: lab2a-election does not compile: fix it before you plant bugs\n";
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(1), "", message));
    assert_nothing_left(&course);
}

/// A spread is taken evenly from all lists.
#[test]
fn a_spread_is_planted() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "at-once"), ("bug", "A02", "at-once"), ("bug", "A03", "at-once")]);
    list(&course, "lab2b-log", &[("lawful", "slow", "other")]);
    let ended = course.lab("bugs --spread 2");
    assert_eq!(rows(&ended), ["2A A01 caught one_2a (rules) 1 vote-once", "2A A03 caught one_2a (rules) 1 vote-once"]);
    assert_eq!(rows(&course.lab("bugs --lawful")), ["2B slow passed"]);
}

/// An interrupt ends all processes, and leaves no file behind.
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let course = course();
    list(&course, "lab2a-election", &[("bug", "A01", "endless"), ("bug", "A02", "endless")]);
    let processes = course.beside("processes");
    let judge = JUDGE.replace("SEEN", "/dev/null");
    let endless = format!("grep -q endless src/lib.rs && {{ echo $$ >> {}; sleep 1000; }}", processes.display());
    course.behave("lab2a-election", &format!("{endless}\n{judge}"));
    let mut command = course.command("bugs --jobs 2");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = wait_for("both test processes to start", || {
        fs::read_to_string(&processes).ok().filter(|text| text.lines().count() == 2)
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let lab = child.id().to_string();
    for process in started.split_whitespace().chain([lab.as_str()]) {
        wait_for("a process to end", || is_gone(process).then_some(()));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut printed = String::new();
    child.stdout.unwrap().read_to_string(&mut printed).unwrap();
    child.stderr.unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
    assert_nothing_left(&course);
}
