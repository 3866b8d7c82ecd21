//! Verdicts. A test has passed if every expected seed is recorded as passed. In every other case it
//! has failed, also if records are missing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::RunRecord;
use crate::course::LabCrate;
use crate::course::points::GradedTest;
use crate::course::test_kind::TestKind;
use crate::request::{SeedChoice, TestRequest};

/// The beginning of the panic message of a `todo!`.
pub const NOT_YET_IMPLEMENTED: &str = "not yet implemented: ";

/// The runs that are expected of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRuns {
    /// This many seeds, whichever they are.
    Seeds(u64),
    /// This seed.
    Only(u64),
}

impl ExpectedRuns {
    /// The runs that a request expects of a test.
    pub fn by(test: &GradedTest, request: &TestRequest) -> ExpectedRuns {
        match &request.seeds {
            SeedChoice::Listed | SeedChoice::Count(_) => {
                ExpectedRuns::Seeds(request.seed_count().unwrap_or(test.seeds))
            }
            SeedChoice::Only(seed) => ExpectedRuns::Only(*seed),
            SeedChoice::Replay(token) => ExpectedRuns::Only(token.seed),
        }
    }

    /// How many runs there are.
    pub fn count(self) -> u64 {
        match self {
            ExpectedRuns::Seeds(count) => count,
            ExpectedRuns::Only(_) => 1,
        }
    }

    /// Whether these runs are all that is expected.
    pub fn is_met_by(self, runs: &BTreeMap<u64, RunRecord>) -> bool {
        match self {
            ExpectedRuns::Seeds(count) => runs.len() as u64 >= count,
            ExpectedRuns::Only(seed) => runs.contains_key(&seed),
        }
    }
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed with every expected seed.
    Passed,
    /// It failed; this is the smallest seed that failed.
    Failed(u64),
    /// It has no result; the sentence says why.
    Missing(String),
    /// It was not run; the sentence says why.
    NotRun(String),
}

/// The verdict on one test.
#[derive(Clone, Debug)]
pub struct TestVerdict {
    /// The test.
    pub test: GradedTest,
    /// Its kind, if the test binary has the test.
    pub kind: Option<TestKind>,
    /// The runs that were expected.
    pub expected: ExpectedRuns,
    /// How it ended.
    pub outcome: TestOutcome,
    /// The runs that were recorded, by seed.
    pub runs: BTreeMap<u64, RunRecord>,
}

impl TestVerdict {
    /// Whether its points are earned.
    pub fn is_passed(&self) -> bool {
        self.outcome == TestOutcome::Passed
    }

    /// The points that it earned: all or none.
    pub fn score(&self) -> u64 {
        if self.is_passed() { self.test.points } else { 0 }
    }

    /// The run with which it failed.
    pub fn failed_run(&self) -> Option<&RunRecord> {
        match self.outcome {
            TestOutcome::Failed(seed) => self.runs.get(&seed),
            _ => None,
        }
    }

    /// The report for the student, if the test did not pass.
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            TestOutcome::Passed => None,
            TestOutcome::Failed(_) => self.failed_run().and_then(|run| run.failure.as_deref()),
            TestOutcome::Missing(reason) | TestOutcome::NotRun(reason) => Some(reason),
        }
    }

    /// The message of the `todo!` that the test failed at, if it did.
    pub fn missing_code(&self) -> Option<&str> {
        let failure = self.failed_run()?.failure.as_deref()?;
        let (_, missing) = failure.split_once(NOT_YET_IMPLEMENTED)?;
        missing.lines().next()
    }

    /// The name of the rule that was broken, if the test named one.
    pub fn rule(&self) -> Option<&str> {
        self.failed_run()?.rule.as_deref()
    }

    /// What it has in common with failures of the same cause: a rule, a place, or the reason for which it
    /// has no result. A failure without any is a cause by itself.
    pub fn group(&self) -> &str {
        match &self.outcome {
            TestOutcome::Passed | TestOutcome::Failed(_) => {
                self.failed_run().and_then(|run| run.group.as_deref()).unwrap_or(&self.test.name)
            }
            TestOutcome::Missing(reason) | TestOutcome::NotRun(reason) => reason,
        }
    }

    /// Whether it was not run.
    pub fn is_not_run(&self) -> bool {
        matches!(self.outcome, TestOutcome::NotRun(_))
    }

    /// How much virtual time it took.
    pub fn virtual_time(&self) -> Duration {
        self.runs.values().map(|run| run.virtual_time).sum()
    }

    /// How much processor time it took.
    pub fn cpu_time(&self) -> Duration {
        self.runs.values().map(|run| run.cpu_time).sum()
    }
}

/// The result of one lab.
#[derive(Debug)]
pub struct LabResult {
    /// The lab.
    pub lab: &'static LabCrate,
    /// Whether the lab could be built.
    pub is_built: bool,
    /// Whether every graded test of the lab was chosen.
    pub is_whole: bool,
    /// Whether the student has begun to write it. If not, it is not built and not run.
    pub is_begun: bool,
    /// The verdicts on the chosen tests, in the order of the lab's list.
    pub verdicts: Vec<TestVerdict>,
    /// What went wrong outside of the tests. The lab has not passed if this is set.
    pub trouble: Option<String>,
    /// Notes for the lab's author.
    pub notes: Vec<String>,
    /// How long its test processes ran.
    pub real_time: Duration,
}

impl LabResult {
    /// Whether every test passed and nothing else went wrong.
    pub fn is_passed(&self) -> bool {
        self.trouble.is_none() && self.verdicts.iter().all(TestVerdict::is_passed)
    }

    /// The points that were earned.
    pub fn score(&self) -> u64 {
        self.verdicts.iter().map(TestVerdict::score).sum()
    }

    /// The points that could be earned.
    pub fn points(&self) -> u64 {
        self.verdicts.iter().map(|verdict| verdict.test.points).sum()
    }

    /// How many tests passed.
    pub fn tests_passed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.is_passed()).count()
    }

    /// How many runs were recorded.
    pub fn seeds(&self) -> usize {
        self.verdicts.iter().map(|verdict| verdict.runs.len()).sum()
    }

    /// How much virtual time it took.
    pub fn virtual_time(&self) -> Duration {
        self.verdicts.iter().map(TestVerdict::virtual_time).sum()
    }

    /// How much processor time its tests took.
    pub fn cpu_time(&self) -> Duration {
        self.verdicts.iter().map(TestVerdict::cpu_time).sum()
    }
}
