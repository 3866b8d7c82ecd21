//! From records to verdicts: a test has passed if each seed that was asked of it is recorded as
//! passed, and has failed in every other case, the lack of records included.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::RunRecord;
use crate::course::LabCrate;
use crate::points::GradedTest;
use crate::request::{SeedChoice, TestRequest};
use crate::test_kind::TestKind;

/// How a test that has met a `todo!` of the handout fails.
pub const NOT_YET_IMPLEMENTED: &str = "not yet implemented: ";

/// Which runs a test owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRuns {
    /// So many seeds, whichever they are.
    Seeds(u64),
    /// This very seed.
    Only(u64),
}

impl ExpectedRuns {
    /// What a test owes after what was asked for.
    pub fn by(test: &GradedTest, request: &TestRequest) -> ExpectedRuns {
        match &request.seeds {
            SeedChoice::Listed | SeedChoice::Count(_) => {
                ExpectedRuns::Seeds(request.seed_count().unwrap_or(test.seeds))
            }
            SeedChoice::Only(seed) => ExpectedRuns::Only(*seed),
            SeedChoice::Replay(token) => ExpectedRuns::Only(token.seed),
        }
    }

    /// How many runs that is.
    pub fn count(self) -> u64 {
        match self {
            ExpectedRuns::Seeds(count) => count,
            ExpectedRuns::Only(_) => 1,
        }
    }

    /// Whether these runs are those.
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
    /// With every seed that it owed.
    Passed,
    /// With this seed, the smallest that failed.
    Failed(u64),
    /// Not at all: the sentence says what became of it.
    Missing(String),
}

/// The judgement on one test.
#[derive(Clone, Debug)]
pub struct TestVerdict {
    /// The test.
    pub test: GradedTest,
    /// Its kind, unless no executable holds it.
    pub kind: Option<TestKind>,
    /// The runs that it owed.
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

    /// What the student is told, unless it passed.
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            TestOutcome::Passed => None,
            TestOutcome::Failed(_) => self.failed_run().and_then(|run| run.failure.as_deref()),
            TestOutcome::Missing(reason) => Some(reason),
        }
    }

    /// What the test says is missing, if it failed for nothing else than a `todo!`.
    pub fn missing_code(&self) -> Option<&str> {
        let failure = self.failed_run()?.failure.as_deref()?;
        let (_, missing) = failure.split_once(NOT_YET_IMPLEMENTED)?;
        missing.lines().next()
    }

    /// The name of the rule that was found broken, if the test named one.
    pub fn rule(&self) -> Option<&str> {
        self.failed_run()?.rule.as_deref()
    }

    /// How much virtual time its servers lived through.
    pub fn virtual_time(&self) -> Duration {
        self.runs.values().map(|run| run.virtual_time).sum()
    }

    /// How much of a processor it took.
    pub fn cpu_time(&self) -> Duration {
        self.runs.values().map(|run| run.cpu_time).sum()
    }
}

/// The judgement on one lab.
#[derive(Debug)]
pub struct LabResult {
    /// The lab.
    pub lab: &'static LabCrate,
    /// Whether its tests could be run at all.
    pub is_built: bool,
    /// A verdict for each test that was meant, in the order of the lab's list.
    pub verdicts: Vec<TestVerdict>,
    /// What went wrong beside the tests; the lab has then not passed.
    pub trouble: Option<String>,
    /// What the lab's author should know.
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

    /// How much virtual time its servers lived through.
    pub fn virtual_time(&self) -> Duration {
        self.verdicts.iter().map(TestVerdict::virtual_time).sum()
    }

    /// How much of a processor its tests took.
    pub fn cpu_time(&self) -> Duration {
        self.verdicts.iter().map(TestVerdict::cpu_time).sum()
    }
}
