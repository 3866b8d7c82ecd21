//! The results of one lab's runs as they come in, and the verdicts that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::endless::EndlessRuns;
use super::record::RunRecord;
use super::verdict::{ExpectedRuns, LabResult, TestOutcome, TestVerdict};
use crate::course::LabCrate;
use crate::course::points::GradedTest;
use crate::course::test_kind::TestKind;
use crate::request::TestRequest;

/// The results of one lab's runs as they come in.
#[derive(Debug)]
pub struct RunResults {
    tests: Vec<TestResults>,
    /// The runs that did not come to an end by themselves.
    endless: EndlessRuns,
    /// Tests that have records although they were not chosen.
    unrequested: BTreeSet<String>,
    failures: usize,
    trouble: Option<String>,
    notes: Vec<String>,
}

/// The results of one test so far.
#[derive(Debug)]
struct TestResults {
    test: GradedTest,
    kind: Option<TestKind>,
    expected: ExpectedRuns,
    runs: BTreeMap<u64, RunRecord>,
    /// Why it will have no verdict.
    reason: Option<String>,
    /// Why it was not run.
    not_run: Option<String>,
}

impl RunResults {
    /// No results yet of these tests.
    pub fn new(tests: &[GradedTest], request: &TestRequest) -> RunResults {
        let test_results = |test: &GradedTest| TestResults {
            test: test.clone(),
            kind: None,
            expected: ExpectedRuns::by(test, request),
            runs: BTreeMap::new(),
            reason: None,
            not_run: None,
        };
        RunResults {
            tests: tests.iter().map(test_results).collect(),
            endless: EndlessRuns::default(),
            unrequested: BTreeSet::new(),
            failures: 0,
            trouble: None,
            notes: Vec::new(),
        }
    }

    /// How many runs are expected of all tests together.
    pub fn expected_count(&self) -> u64 {
        self.tests.iter().map(|test_results| test_results.expected.count()).sum()
    }

    /// Sets the kind of a test.
    pub fn set_kind(&mut self, test: &str, kind: TestKind) {
        if let Some(test_results) = self.test_mut(test) {
            test_results.kind = Some(kind);
        }
    }

    /// Adds a record, and returns whether its test is one of the chosen. A seed that has failed
    /// once stays failed, whatever is recorded later.
    pub fn add(&mut self, record: RunRecord) -> bool {
        let tests = &mut self.tests;
        let Some(test_results) = tests.iter_mut().find(|test_results| test_results.test.name == record.test) else {
            self.ignore(record);
            return false;
        };
        self.failures += usize::from(record.failure.is_some());
        if record.is_refusal() {
            self.endless.note_refusal();
            return true;
        }
        self.endless.count(&record);
        let has_failed = test_results.runs.get(&record.seed).is_some_and(|earlier| earlier.failure.is_some());
        if !has_failed {
            test_results.runs.insert(record.seed, record);
        }
        true
    }

    /// Notes a record of a test that was not asked for. It changes no verdict.
    pub fn ignore(&mut self, record: RunRecord) {
        self.failures += usize::from(record.failure.is_some());
        self.unrequested.insert(record.test);
    }

    /// Sets the reason why a test has no verdict.
    pub fn set_reason(&mut self, test: &str, reason: &str) {
        if let Some(test_results) = self.test_mut(test) {
            test_results.reason = Some(reason.to_string());
        }
    }

    /// Says that these tests are not run, and why. Those that have a verdict already keep it.
    pub fn set_not_run(&mut self, tests: &[String], why: &str) {
        for test in tests {
            if let Some(test_results) = self.test_mut(test).filter(|test_results| test_results.outcome().is_none()) {
                test_results.not_run = Some(format!("not run, because {why}"));
            }
        }
    }

    /// Why no further test of the lab should run, if too many runs did not come to an end by themselves.
    pub fn reason_to_stop(&self) -> Option<String> {
        self.endless.reason_to_stop()
    }

    /// A process that ran only one test ended after a long time, without a result.
    pub fn count_slow_death(&mut self) {
        self.endless.count_slow_death();
    }

    /// Sets what went wrong outside of the tests. The first problem is kept.
    pub fn report_trouble(&mut self, trouble: String) {
        self.trouble.get_or_insert(trouble);
    }

    /// Adds a note for the lab's author.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// How many records say `failed`, of all tests.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The tests that have records and were not chosen.
    pub fn unrequested(&self) -> impl Iterator<Item = &str> {
        self.unrequested.iter().map(String::as_str)
    }

    /// The verdict on a test, if its records decide it.
    pub fn verdict_on(&self, name: &str) -> Option<TestVerdict> {
        let test_results = self.tests.iter().find(|test_results| test_results.test.name == name)?;
        test_results.outcome().map(|outcome| test_results.verdict(outcome))
    }

    /// A verdict on every test. Tests that are not decided are missing.
    pub fn verdicts(&self) -> Vec<TestVerdict> {
        let outcome = |test_results: &TestResults| test_results.outcome().unwrap_or_else(|| test_results.missing());
        self.tests.iter().map(|test_results| test_results.verdict(outcome(test_results))).collect()
    }

    /// The result of the lab.
    pub fn finish(self, lab: &'static LabCrate, is_built: bool, real_time: Duration) -> LabResult {
        let verdicts = self.verdicts();
        let RunResults { trouble, notes, .. } = self;
        LabResult { lab, is_built, is_whole: false, is_begun: true, verdicts, trouble, notes, real_time }
    }

    fn test_mut(&mut self, test: &str) -> Option<&mut TestResults> {
        self.tests.iter_mut().find(|test_results| test_results.test.name == test)
    }
}

impl TestResults {
    /// How the test ended, if its records decide it.
    fn outcome(&self) -> Option<TestOutcome> {
        match self.runs.values().find(|run| run.failure.is_some()) {
            Some(run) => Some(TestOutcome::Failed(run.seed)),
            None if self.expected.is_met_by(&self.runs) => Some(TestOutcome::Passed),
            None => None,
        }
    }

    fn missing(&self) -> TestOutcome {
        if let Some(reason) = &self.not_run {
            return TestOutcome::NotRun(reason.clone());
        }
        let reason = self.reason.as_deref().unwrap_or("it was not run");
        let (recorded, expected) = (self.runs.len(), self.expected.count());
        TestOutcome::Missing(format!("No verdict, {recorded} of {expected} seeds recorded: {reason}"))
    }

    fn verdict(&self, outcome: TestOutcome) -> TestVerdict {
        TestVerdict {
            test: self.test.clone(),
            kind: self.kind,
            expected: self.expected,
            outcome,
            runs: self.runs.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples::{run, test};
    use crate::request::SeedChoice;

    const NAME: &str = "a_2a";

    fn outcome(seeds: SeedChoice, records: Vec<RunRecord>) -> TestOutcome {
        let request = TestRequest { seeds, ..TestRequest::default() };
        let mut run_results = RunResults::new(&[test(NAME, 10, 3)], &request);
        records.into_iter().for_each(|record| assert!(run_results.add(record)));
        run_results.verdicts().remove(0).outcome
    }

    fn passed(seeds: impl IntoIterator<Item = u64>) -> Vec<RunRecord> {
        seeds.into_iter().map(|seed| run(NAME, seed, None)).collect()
    }

    /// A test passes with all the seeds that are expected of it, and has no verdict with one less.
    #[test]
    fn every_seed_must_pass() {
        assert_eq!(outcome(SeedChoice::Listed, passed(1..=3)), TestOutcome::Passed);
        let missing = |count| TestOutcome::Missing(format!("No verdict, {count} seeds recorded: it was not run"));
        assert_eq!(outcome(SeedChoice::Listed, passed(1..=2)), missing("2 of 3"));
        assert_eq!(outcome(SeedChoice::Listed, passed([1, 1, 1])), missing("1 of 3"));
        assert_eq!(outcome(SeedChoice::Listed, passed([])), missing("0 of 3"));
        assert_eq!(outcome(SeedChoice::Count(4), passed(1..=3)), missing("3 of 4"));
        assert_eq!(outcome(SeedChoice::Count(2), passed(1..=2)), TestOutcome::Passed);
    }

    /// A replay needs its own seed: the success of another seed does not count.
    #[test]
    fn a_replay_needs_its_seed() {
        assert_eq!(outcome(SeedChoice::Only(9), passed([9])), TestOutcome::Passed);
        assert!(matches!(outcome(SeedChoice::Only(9), passed([1])), TestOutcome::Missing(_)));
        let token = SeedChoice::Replay(crate::request::ReplayToken::of(NAME, 4));
        assert_eq!(outcome(token, passed([4])), TestOutcome::Passed);
    }

    /// One failed seed fails the test at once and finally. The verdict names the smallest.
    #[test]
    fn one_failure_is_enough() {
        let failed = |seed| run(NAME, seed, Some("broken"));
        assert_eq!(outcome(SeedChoice::Listed, vec![failed(3), failed(2), run(NAME, 1, None)]), TestOutcome::Failed(2));
        assert_eq!(outcome(SeedChoice::Listed, vec![failed(2), run(NAME, 2, None)]), TestOutcome::Failed(2));
    }

    /// Points are all or nothing, test by test.
    #[test]
    fn points_are_all_or_nothing() {
        let result = crate::grade::examples::lab_with_each_outcome();
        assert_eq!((result.score(), result.points(), result.tests_passed(), result.seeds()), (10, 60, 1, 5));
        assert!(!result.is_passed());
    }

    /// A record of a test that was not chosen changes no verdict, but is noted.
    #[test]
    fn unrequested_tests_are_noted() {
        let mut run_results = RunResults::new(&[test(NAME, 10, 1)], &TestRequest::default());
        assert!(!run_results.add(run("b_2a", 1, Some("broken"))));
        assert!(run_results.add(run(NAME, 1, None)));
        assert_eq!(run_results.verdicts()[0].outcome, TestOutcome::Passed);
        assert_eq!(run_results.unrequested().collect::<Vec<&str>>(), ["b_2a"]);
        assert_eq!(run_results.failures(), 1);
    }
}
