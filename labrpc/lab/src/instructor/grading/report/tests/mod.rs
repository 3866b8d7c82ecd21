//! Each format is read back, and checked against what its readers ask for.

use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;

use super::*;
use crate::instructor::grading::result::{Conditions, LabEnding, TestFailure};

mod schema;

fn passed(test: &str, points: u64) -> TestGrade {
    TestGrade {
        test: test.to_string(),
        points,
        score: points,
        seeds: 4,
        passed_seeds: 4,
        failed_seeds: vec![],
        failure: None,
    }
}

fn failed(test: &str, points: u64, seed: u64, rule: &str, report: &str) -> TestGrade {
    let failure = TestFailure {
        rule: Some(rule.to_string()),
        report: report.to_string(),
        token: Some(format!("{test}:{seed}")),
        story: None,
    };
    let passed_seeds = seed - 100;
    TestGrade { score: 0, passed_seeds, failed_seeds: vec![seed], failure: Some(failure), ..passed(test, points) }
}

fn lab(id: &str, ending: LabEnding, tests: Vec<TestGrade>) -> LabGrade {
    let points = if tests.is_empty() { 50 } else { tests.iter().map(|test| test.points).sum() };
    let score = tests.iter().map(|test| test.score).sum();
    LabGrade { lab: id.to_string(), points, score, ending, notes: vec![], known_mistakes: vec![], tests }
}

fn graded(name: &str, labs: Vec<LabGrade>) -> GradedSubmission {
    let outcome = SubmissionOutcome::Graded(labs);
    let source = format!("../in/{name}.zip");
    GradedSubmission { name: name.to_string(), source, digest: Some("d".to_string()), milliseconds: 1_500, outcome }
}

/// A report that a hostile student may have written.
const HOSTILE: &str = "Two leaders.\n<script>alert(1)</script> ]]> \u{1b}[31m \u{0} &amp; \"quoted\", = 'x'";

fn cohort() -> Cohort {
    let rules = vec![
        passed("vote_once_2a", 10),
        failed("lead_2a", 20, 102, "election-safety", HOSTILE),
        failed("wait_2a", 5, 102, "election-safety", "Again."),
        failed("panic_2a", 5, 100, "liveness", "It panics."),
    ];
    let alice = graded("alice", vec![lab("2a", LabEnding::Ran, vec![passed("vote_once_2a", 10)])]);
    let bob = graded(
        "=HYPERLINK(\"http://x\")",
        vec![
            lab("2a", LabEnding::Ran, rules),
            lab("2b", LabEnding::CompileError("error[E0308]: <T>".to_string()), vec![]),
            lab("2c", LabEnding::NotBegun, vec![]),
        ],
    );
    let refused = SubmissionOutcome::Refused("it is an empty file".to_string());
    let fault = SubmissionOutcome::GraderFault("disk full".to_string());
    let conditions = Conditions {
        first_seed: 100,
        seeds: Some(4),
        track: "guided".to_string(),
        labs: ["2a", "2b", "2c"].map(str::to_string).to_vec(),
        sandbox: "none".to_string(),
        grader: "0.1.0 abc".to_string(),
    };
    let submissions = vec![
        alice.clone(),
        bob,
        GradedSubmission { name: "carol".to_string(), outcome: refused, ..alice.clone() },
        GradedSubmission { name: "dave".to_string(), outcome: fault, ..alice },
    ];
    Cohort { conditions, submissions }
}

/// A cohort of one of the submissions.
fn only(name: &str) -> Cohort {
    let mut cohort = cohort();
    cohort.submissions.retain(|submission| submission.name.contains(name));
    cohort
}

/// A cohort of this submission.
fn of_one(submission: GradedSubmission) -> Cohort {
    Cohort { submissions: vec![submission], ..cohort() }
}

/// The worst seed is that with most failed tests; a test is flaky if it passed with some seeds and failed with others.
#[test]
fn seeds_are_compared() {
    let cohort = cohort();
    let bob = &cohort.submissions[1];
    assert_eq!((bob.worst_seed(), bob.flaky_tests(), bob.flake_rate()), (Some((102, 2)), (2, 4), 0.5));
    let alice = &cohort.submissions[0];
    assert_eq!((alice.worst_seed(), alice.flaky_tests(), alice.flake_rate()), (None, (0, 1), 0.0));
}

/// The model is read back from its JSON.
#[test]
fn the_model_is_read_back() {
    let document: Value = serde_json::from_str(&text(Format::Json, &cohort()).unwrap()).unwrap();
    let submissions: Vec<GradedSubmission> = serde_json::from_value(document["submissions"].clone()).unwrap();
    assert_eq!(submissions, cohort().submissions);
    let conditions: Conditions = serde_json::from_value(document["conditions"].clone()).unwrap();
    assert_eq!((conditions, &document["version"]), (cohort().conditions, &Value::from(1)));
}

/// A spreadsheet gets a line for each submission, no formula, and an empty cell where there is no grade.
#[test]
fn a_spreadsheet_is_read_back() {
    let table = text(Format::Csv, &cohort()).unwrap();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_string).collect();
    let columns = "submission,outcome,score,points,2A,2B,2C,worst seed,flake rate,rules broken,notes,source";
    assert_eq!(header.join(","), columns);
    let rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_string).collect()).collect();
    assert_eq!(rows[0].join("|"), "alice|graded|10|10|10||||0.000|||../in/alice.zip");
    let told = "'=HYPERLINK(\"http://x\")|graded|10|140|10|0|0|102|0.500|election-safety, liveness|\
                2B: it does not compile; 2C: not begun|../in/=HYPERLINK(\"http://x\").zip";
    assert_eq!(rows[1].join("|"), told);
    assert_eq!(rows[2].join("|"), "carol|refused|||||||||| it is an empty file|../in/alice.zip".replace("| it", "it"));
    assert_eq!(rows[3][1], "grader fault");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{table}");
}

/// nextest's own reader takes the document; failures, errors and what was not begun are told apart.
#[test]
fn junit_is_read_back() {
    let document = text(Format::Junit, &cohort()).unwrap();
    let report = Report::deserialize_from_str(&document).unwrap();
    let suites: Vec<&str> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    let bob = |lab: &str| format!("=HYPERLINK(\"http://x\")/{lab}::graded");
    let expected = [
        "alice/lab2a-election::graded".to_string(),
        bob("lab2a-election"),
        bob("lab2b-log"),
        bob("lab2c-persist"),
        "carol".to_string(),
        "dave".to_string(),
    ];
    assert_eq!(suites, expected);
    let counts: Vec<_> = report.test_suites.iter().map(|suite| (suite.tests, suite.failures, suite.errors)).collect();
    let expected = [(1, 0, 0), (4, 3, 0), (1, 0, 1), (1, 0, 0), (1, 0, 1), (1, 0, 1)];
    assert_eq!(counts, expected);
    let is_skipped = |case: &quick_junit::TestCase| matches!(case.status, TestCaseStatus::Skipped { .. });
    assert!(is_skipped(&report.test_suites[3].test_cases[0]) && !is_skipped(&report.test_suites[2].test_cases[0]));
    let case = &report.test_suites[1].test_cases[1];
    assert_eq!((case.name.as_str(), case.classname.as_ref().unwrap().as_str()), ("lead_2a", "lab2a-election::graded"));
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, message, description, .. } = &case.status else {
        panic!("{case:?}");
    };
    assert_eq!(message.as_ref().unwrap().as_str(), "Two leaders.");
    assert!(description.as_ref().unwrap().as_str().contains("<script>alert(1)</script> ]]>"));
    let property =
        |name: &str| case.properties.iter().find(|property| property.name.as_str() == name).unwrap().value.as_str();
    assert_eq!((property("points"), property("score"), property("failed-seeds")), ("20", "0", "102"));
    assert_eq!((property("rule"), property("token")), ("election-safety", "lead_2a:102"));
}

/// Gradescope's document has what its specification asks for, and no score beyond the points.
#[test]
fn gradescope_takes_the_document() {
    let read = |name: &str| -> Value { serde_json::from_str(&text(Format::Gradescope, &only(name)).unwrap()).unwrap() };
    for name in ["alice", "HYPER", "carol"] {
        schema::assert_valid(include_str!("../schemas/gradescope.json"), &read(name));
    }
    let bob = read("HYPER");
    assert_eq!((&bob["score"], &bob["execution_time"]), (&Value::from(10), &Value::from(2)));
    let tests: Vec<(&str, &str, u64, u64)> = bob["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| {
            let text = |key: &str| test[key].as_str().unwrap();
            (text("number"), text("name"), test["score"].as_u64().unwrap(), test["max_score"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("1.1", "2A vote_once_2a", 10, 10),
        ("1.2", "2A lead_2a", 0, 20),
        ("1.3", "2A wait_2a", 0, 5),
        ("1.4", "2A panic_2a", 0, 5),
        ("2.1", "2B", 0, 50),
        ("3.1", "2C", 0, 50),
    ];
    assert_eq!(tests, expected);
    let output = bob["tests"][1]["output"].as_str().unwrap();
    assert!(
        output.ends_with("\nIt passed with 2 seeds before it failed.\n\nRun it again: cargo lab replay lead_2a:102\n")
    );
    assert!(bob["output"].as_str().unwrap().starts_with("The seeds of each test began with 100.\n"));
    assert_eq!(read("carol")["output"], "Your submission was not graded: it is an empty file\n");
    assert_eq!(read("carol")["score"], 0);
    // A score that the model does not allow is cut.
    let mut cohort = only("alice");
    let SubmissionOutcome::Graded(labs) = &mut cohort.submissions[0].outcome else { panic!() };
    labs[0].tests[0].score = 99;
    let document: Value = serde_json::from_str(&text(Format::Gradescope, &cohort).unwrap()).unwrap();
    assert_eq!((&document["score"], &document["tests"][0]["score"]), (&Value::from(10), &Value::from(10)));
}

/// A grader's fault is no grade, and a format for one submission does not take several.
#[test]
fn what_has_no_grade_has_no_document() {
    for format in [Format::Gradescope, Format::Classroom50] {
        let error = text(format, &only("dave")).unwrap_err();
        assert_eq!(error.to_string(), "dave: the grader failed: disk full");
        let error = text(format, &cohort()).unwrap_err();
        assert!(error.to_string().ends_with("is for one submission, and there are 4: use --out for a file for each"));
    }
}

/// Classroom 50's document has the keys of its schema, and no other at the top.
#[test]
fn classroom50_takes_the_document() {
    let variable = |name: &str| {
        let value = match name {
            "SUBMISSION_TAG" => "submit/2026-06-01T14-32-05Z-a1b2c3d",
            "COMMIT_URL" => "https://example.org/commit/1",
            "REVIEW_URL" | "ASSIGNMENT_TYPE" | "OWNER" => "",
            _ => "given",
        };
        Some(value.to_string())
    };
    let schema = include_str!("../schemas/classroom50.json");
    for name in ["alice", "HYPER", "carol"] {
        let document = classroom50::render(&only(name).submissions[0], variable).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        schema::assert_valid(schema, &document);
        assert_eq!((&document["owner"], &document["review"]), (&Value::from("given"), &document["commit"]));
        let mut longer = document.clone();
        longer["extra"] = Value::from(1);
        assert!(schema::errors(schema, &longer).iter().any(|error| error.contains("extra")), "the schema is a check");
    }
    let without = |missing: &'static str| move |name: &str| variable(name).filter(|_| name != missing);
    let error = classroom50::render(&only("alice").submissions[0], without("CLASSROOM")).unwrap_err();
    assert!(error.to_string().starts_with("CLASSROOM is not set"), "{error}");
}

/// A folder gets a file for all, or one for each that has a grade.
#[test]
fn a_folder_gets_files() {
    let scratch = crate::scratch::Scratch::new("report").unwrap();
    write(&[Format::Csv, Format::Junit, Format::Gradescope], &cohort(), scratch.path()).unwrap();
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(scratch.path()), ["grades.csv", "gradescope", "junit.xml"]);
    let files = names(&scratch.path().join("gradescope"));
    assert_eq!((files.len(), &files[1][..], &files[2][..]), (3, "alice.json", "carol.json"));
}

/// On a terminal, tests that break one rule share a line.
#[test]
fn a_table_groups_tests_by_rule() {
    let failing = |nth: u64| failed(&format!("t{nth}_2a"), 1, 101, "vote-once", "Twice.");
    let tests = (0..5).map(failing).chain([failed("late_2a", 1, 101, "liveness", "Late.")]).collect();
    let shown = text(Format::Table, &of_one(graded("eve", vec![lab("2a", LabEnding::Ran, tests)]))).unwrap();
    let lines = "  2A    0/6\n      vote-once: t0_2a, t1_2a, t2_2a and 2 more\n      liveness: late_2a\n";
    assert!(shown.ends_with(lines), "{shown}");
}

/// The page says which known mistakes a lab fails like, and how many labs fail like each.
#[test]
fn a_page_names_known_mistakes() {
    let mistake = "A03 It votes <twice>.".to_string();
    let tests = vec![failed("vote_once_2a", 10, 101, "vote-once", "Twice.")];
    let lab = LabGrade { known_mistakes: vec![mistake], ..lab("2a", LabEnding::Ran, tests) };
    let page = text(Format::Html, &of_one(graded("eve", vec![lab]))).unwrap();
    assert!(page.contains("<li>A03 It votes &lt;twice&gt;.</li>"), "{page}");
    assert!(
        page.contains("<th scope=\"row\">2A A03 It votes &lt;twice&gt;.</th><td class=\"number\">1</td>"),
        "{page}"
    );
}
