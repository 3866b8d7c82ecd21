//! The results for programs: one JSON document on standard output.
//!
//! The document. `version` rises when a field is removed or changes its meaning.
//!
//! | field | meaning |
//! |---|---|
//! | `version` | 1 |
//! | `passed` | whether every test passed and nothing else went wrong; the exit status is then 0 |
//! | `graded` | whether the tests ran as they are graded; false for `--seed`, `--replay` and `--world real` |
//! | `score`, `points` | earned and attainable points of all labs that ran; `score` is null if not graded |
//! | `options` | `seeds`, `seed` and `replay` as on the command line or null, `world` (`sim`, `real`), `profile` (`dev`, `release`) |
//! | `virtual_ns`, `cpu_ns`, `real_ns` | sums over the labs: virtual time, processor time, wall-clock time |
//! | `labs` | the labs that ran, in course order |
//!
//! A lab:
//!
//! | field | meaning |
//! |---|---|
//! | `lab`, `package` | `2a`, `lab2a-election` |
//! | `passed`, `score`, `points` | as above, for this lab |
//! | `tests_passed`, `tests_total`, `seeds_run` | counts |
//! | `trouble` | a problem outside of the tests, such as a lab that does not compile, or null |
//! | `notes` | notes for the course's author, usually none |
//! | `virtual_ns`, `cpu_ns`, `real_ns` | sums over the tests; the wall-clock time is that of the test processes |
//! | `tests` | the chosen tests, in the order of the lab's `tests/points.txt` |
//!
//! A test:
//!
//! | field | meaning |
//! |---|---|
//! | `test` | its name |
//! | `kind` | `rules`, `cluster`, `chaos` or `cost`; null if the test was not found or not built |
//! | `verdict` | `passed`, `failed`, or `missing` if there is no result, which counts as failed |
//! | `score`, `points` | as above, for this test: all or nothing |
//! | `seeds_expected`, `seeds_run` | how many seeds it had to run, how many are recorded |
//! | `failing_seed`, `token` | the smallest seed that failed and the token that replays it, or null |
//! | `rule` | the name of the rule that this seed broke, such as `vote-once`; null if none was named |
//! | `failure` | the report for the student, of several lines, or null |
//! | `virtual_ns`, `cpu_ns` | sums over the seeds |

use std::time::Duration;

use serde_json::{Value, json};

use crate::course::test_kind::TestKind;
use crate::grade::CourseResult;
use crate::grade::verdict::{LabResult, TestOutcome, TestVerdict};
use crate::request::{SeedChoice, TestRequest};

/// The version of the document.
const VERSION: u64 = 1;

/// The document, with a line break at the end.
pub fn render(results: &CourseResult, request: &TestRequest) -> String {
    format!("{:#}\n", document(results, request))
}

fn document(results: &CourseResult, request: &TestRequest) -> Value {
    let labs = &results.labs;
    let (mut seeds, mut seed, mut replay) = (None, None, None);
    match &request.seeds {
        SeedChoice::Listed => {}
        SeedChoice::Count(count) => seeds = Some(*count),
        SeedChoice::Only(only) => seed = Some(*only),
        SeedChoice::Replay(token) => replay = Some(token.to_string()),
    }
    json!({
        "version": VERSION,
        "passed": results.is_passed(),
        "graded": results.is_graded,
        "score": results.is_graded.then(|| results.score()),
        "points": results.points(),
        "options": {
            "seeds": seeds,
            "seed": seed,
            "replay": replay,
            "world": request.world.name(),
            "profile": request.profile.name(),
        },
        "virtual_ns": nanoseconds(labs.iter().map(LabResult::virtual_time).sum()),
        "cpu_ns": nanoseconds(labs.iter().map(LabResult::cpu_time).sum()),
        "real_ns": nanoseconds(labs.iter().map(|lab| lab.real_time).sum()),
        "labs": labs.iter().map(|lab| lab_value(lab, results.is_graded)).collect::<Vec<Value>>(),
    })
}

fn lab_value(result: &LabResult, is_graded: bool) -> Value {
    json!({
        "lab": result.lab.id,
        "package": result.lab.package,
        "passed": result.is_passed(),
        "score": is_graded.then(|| result.score()),
        "points": result.points(),
        "tests_passed": result.tests_passed(),
        "tests_total": result.verdicts.len(),
        "seeds_run": result.seeds(),
        "trouble": result.trouble,
        "notes": result.notes,
        "virtual_ns": nanoseconds(result.virtual_time()),
        "cpu_ns": nanoseconds(result.cpu_time()),
        "real_ns": nanoseconds(result.real_time),
        "tests": result.verdicts.iter().map(|verdict| test_value(verdict, is_graded)).collect::<Vec<Value>>(),
    })
}

fn test_value(verdict: &TestVerdict, is_graded: bool) -> Value {
    let failed_run = verdict.failed_run();
    json!({
        "test": verdict.test.name,
        "kind": verdict.kind.map(TestKind::name),
        "verdict": match verdict.outcome {
            TestOutcome::Passed => "passed",
            TestOutcome::Failed(_) => "failed",
            TestOutcome::Missing(_) | TestOutcome::NotRun(_) => "missing",
        },
        "score": is_graded.then(|| verdict.score()),
        "points": verdict.test.points,
        "seeds_expected": verdict.expected.count(),
        "seeds_run": verdict.runs.len(),
        "failing_seed": failed_run.map(|run| run.seed),
        "token": failed_run.map(|run| &run.token),
        "rule": verdict.rule(),
        "failure": verdict.failure(),
        "virtual_ns": nanoseconds(verdict.virtual_time()),
        "cpu_ns": nanoseconds(verdict.cpu_time()),
    })
}

/// A time in whole nanoseconds. A `u64` of them lasts for five centuries.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;

    /// The document has all that a grading script needs about each test, and the whole report.
    #[test]
    fn a_script_finds_all_it_needs() {
        let results =
            CourseResult { labs: vec![examples::lab_with_each_outcome()], is_graded: true, ..CourseResult::default() };
        let document: Value = serde_json::from_str(&render(&results, &TestRequest::default())).unwrap();
        assert_eq!(document["passed"], false);
        assert_eq!((&document["score"], &document["points"]), (&json!(10), &json!(60)));
        let lab = &document["labs"][0];
        assert_eq!((&lab["lab"], &lab["tests_passed"], &lab["tests_total"]), (&json!("2a"), &json!(1), &json!(3)));
        let expected = json!([
            {
                "test": "initial_election_2a", "kind": "rules", "verdict": "passed", "score": 10, "points": 10,
                "seeds_expected": 2, "seeds_run": 2, "failing_seed": null, "token": null, "rule": null, "failure": null,
                "virtual_ns": 3_000_000_000_u64, "cpu_ns": 3_000_000,
            },
            {
                "test": "many_elections_2a", "kind": "cluster", "verdict": "failed", "score": 0, "points": 20,
                "seeds_expected": 3, "seeds_run": 2, "failing_seed": 2, "token": "many_elections_2a:2",
                "rule": "vote-once", "failure": examples::VOTED_TWICE,
                "virtual_ns": 3_000_000_000_u64, "cpu_ns": 3_000_000,
            },
            {
                "test": "reelection_2a", "kind": null, "verdict": "missing", "score": 0, "points": 30,
                "seeds_expected": 5, "seeds_run": 1, "failing_seed": null, "token": null, "rule": null,
                "failure": "No verdict, 1 of 5 seeds recorded: the test process died with signal: 6",
                "virtual_ns": 1_000_000_000, "cpu_ns": 1_000_000,
            },
        ]);
        assert_eq!(lab["tests"], expected);
    }

    /// A run with one seed earns no points, and the document has that seed.
    #[test]
    fn one_seed_is_not_graded() {
        let results =
            CourseResult { labs: vec![examples::lab_with_each_outcome()], is_graded: false, ..CourseResult::default() };
        let request = TestRequest { seeds: SeedChoice::Only(7), ..TestRequest::default() };
        let document = document(&results, &request);
        assert_eq!((&document["graded"], &document["score"]), (&json!(false), &Value::Null));
        assert_eq!(document["options"]["seed"], 7);
        assert_eq!(document["labs"][0]["tests"][0]["score"], Value::Null);
    }
}
