//! Example results, for the tests of the modules that show them.

use std::time::Duration;

use super::record::RunRecord;
use super::run_results::RunResults;
use super::verdict::LabResult;
use crate::course::LABS;
use crate::course::points::GradedTest;
use crate::course::test_kind::TestKind;
use crate::request::{ReplayToken, TestRequest};

/// A run that takes `seed` virtual seconds and `seed` milliseconds of processor time.
pub fn run(test: &str, seed: u64, failure: Option<&str>) -> RunRecord {
    RunRecord {
        test: test.to_string(),
        seed,
        seeds: 5,
        failure: failure.map(str::to_string),
        rule: failure.map(|_| "vote-once".to_string()),
        places: Vec::new(),
        trace: format!("{seed:016x}"),
        virtual_time: Duration::from_secs(seed),
        cpu_time: Duration::from_millis(seed),
        token: ReplayToken::of(test, seed).to_string(),
        cause: failure.map(|_| "rule".to_string()),
        group: failure.map(|_| "vote-once".to_string()),
    }
}

/// A line of a list of graded tests.
pub fn test(name: &str, points: u64, seeds: u64) -> GradedTest {
    GradedTest { name: name.to_string(), points, seeds }
}

/// The result of a lab with these records. The first test is of one kind, the second of another,
/// and the others are not in the test binary.
pub fn lab(lab: usize, tests: &[GradedTest], records: Vec<RunRecord>, reasons: &[(&str, &str)]) -> LabResult {
    let mut run_results = RunResults::new(tests, &TestRequest::default());
    records
        .into_iter()
        .for_each(|record| assert!(run_results.add(record), "an example has records of its own tests only"));
    reasons.iter().for_each(|(test, reason)| run_results.set_reason(test, reason));
    tests
        .iter()
        .zip([TestKind::Rules, TestKind::Cluster])
        .for_each(|(test, kind)| run_results.set_kind(&test.name, kind));
    run_results.finish(&LABS[lab], true, Duration::from_millis(310))
}

/// A report as the test kit writes it.
pub const VOTED_TWICE: &str = "\
2A  many elections … FAILED   seed 2 of 3, virtual time 2.000 s

    Server 3 voted twice in term 9.

    replay   LAB_REPLAY=many_elections_2a:2 cargo test
";

/// Lab 2A with one test that passed, one that failed and one without a verdict.
pub fn lab_with_each_outcome() -> LabResult {
    let tests = [test("initial_election_2a", 10, 2), test("many_elections_2a", 20, 3), test("reelection_2a", 30, 5)];
    let records = vec![
        run("initial_election_2a", 1, None),
        run("initial_election_2a", 2, None),
        run("many_elections_2a", 1, None),
        run("many_elections_2a", 2, Some(VOTED_TWICE)),
        run("reelection_2a", 1, None),
    ];
    lab(0, &tests, records, &[("reelection_2a", "the test process died with signal: 6")])
}
