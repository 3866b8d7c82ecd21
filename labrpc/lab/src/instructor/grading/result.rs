//! What grading has found: one model, from which every report is made.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How submissions were graded: equal for all of one grading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// The first seed of every test.
    pub first_seed: u64,
    /// How many seeds each test ran; `None` for the numbers that `tests/points.txt` lists.
    pub seeds: Option<u64>,
    /// Whose design the submissions follow: `guided` or `open`.
    pub track: String,
    /// The short names of the labs that were graded.
    pub labs: Vec<String>,
    /// What the submitted code ran in.
    pub sandbox: String,
    /// The fingerprint of the course that graded: its tests and its grader.
    pub grader: String,
}

/// A submission, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradedSubmission {
    /// What it is called: see `cohort/names`.
    pub name: String,
    /// Where it was, as the instructor has written it.
    pub source: String,
    /// The digest of the files that counted; `None` if there are none.
    pub digest: Option<String>,
    /// How long grading it took.
    pub milliseconds: u64,
    /// What came of it.
    pub outcome: SubmissionOutcome,
}

impl GradedSubmission {
    /// The result of each lab; none if it was not graded.
    pub fn labs(&self) -> &[LabGrade] {
        match &self.outcome {
            SubmissionOutcome::Graded(labs) => labs,
            SubmissionOutcome::Refused(_) | SubmissionOutcome::GraderFault(_) => &[],
        }
    }

    /// The points that were earned.
    pub fn score(&self) -> u64 {
        self.labs().iter().map(|lab| lab.score).sum()
    }

    /// The points that could be earned.
    pub fn points(&self) -> u64 {
        self.labs().iter().map(|lab| lab.points).sum()
    }

    /// Its failed tests, with the labs that they are of.
    pub fn failures(&self) -> impl Iterator<Item = (&LabGrade, &TestGrade, &TestFailure)> {
        let tests = self.labs().iter().flat_map(|lab| lab.tests.iter().map(move |test| (lab, test)));
        tests.filter_map(|(lab, test)| Some((lab, test, test.failure.as_ref()?)))
    }

    /// The seed with which most tests failed, and with how many; the smallest of several. `None` if no run failed.
    pub fn worst_seed(&self) -> Option<(u64, usize)> {
        let mut counts = BTreeMap::new();
        let seeds = self.failures().flat_map(|(_, test, _)| &test.failed_seeds);
        seeds.for_each(|seed| *counts.entry(*seed).or_insert(0) += 1);
        counts.into_iter().max_by_key(|(seed, count)| (*count, Reverse(*seed)))
    }

    /// How many tests passed with some seeds and failed with others, and how many ran.
    pub fn flaky_tests(&self) -> (usize, usize) {
        let tests = || self.labs().iter().flat_map(|lab| &lab.tests);
        let has_run = |test: &&TestGrade| test.passed_seeds > 0 || !test.failed_seeds.is_empty();
        (tests().filter(|test| test.is_flaky()).count(), tests().filter(has_run).count())
    }

    /// Of the tests that ran, the part that passed with some seeds and failed with others, from 0 to 1.
    pub fn flake_rate(&self) -> f64 {
        match self.flaky_tests() {
            (_, 0) => 0.0,
            (flaky, tests) => flaky as f64 / tests as f64,
        }
    }
}

/// What came of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubmissionOutcome {
    /// It was graded, lab by lab.
    Graded(Vec<LabGrade>),
    /// There was nothing that could be graded, for this reason: an empty archive, say.
    Refused(String),
    /// The grader itself failed, for this reason. It is not the student's fault: grade it again.
    GraderFault(String),
}

/// The result of one lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabGrade {
    /// The lab's short name, such as `2b`.
    pub lab: String,
    /// The points that could be earned.
    pub points: u64,
    /// The points that were earned.
    pub score: u64,
    /// How its code ended.
    pub ending: LabEnding,
    /// What the instructor should know, a sentence each.
    pub notes: Vec<String>,
    /// The known mistakes that fail most like it, each in a sentence; none if nothing known is near.
    #[serde(default)]
    pub known_mistakes: Vec<String>,
    /// Its graded tests, in the order of the lab's list.
    pub tests: Vec<TestGrade>,
}

impl LabGrade {
    /// Why its tests did not run to their end, as a sentence; `None` if they did.
    pub fn ending_in_words(&self) -> Option<String> {
        match &self.ending {
            LabEnding::Ran => None,
            LabEnding::NotBegun => Some("not begun".to_string()),
            LabEnding::CompileError(_) => Some("it does not compile".to_string()),
            LabEnding::Forbidden(why)
            | LabEnding::Timeout(why)
            | LabEnding::Memory(why)
            | LabEnding::Crash(why)
            | LabEnding::Output(why) => Some(why.clone()),
        }
    }
}

/// How the submitted code of one lab ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabEnding {
    /// Its tests ran to their end.
    Ran,
    /// The lab is as it was handed out, so nothing ran.
    NotBegun,
    /// It has what a submission must not have, for instance `unsafe` code. Nothing ran.
    Forbidden(String),
    /// It does not compile; these are the compiler's first lines.
    CompileError(String),
    /// It was ended because it took too long; the sentence says at what.
    Timeout(String),
    /// It was ended because it took more memory than there was for it.
    Memory(String),
    /// Its process died; the sentence says how.
    Crash(String),
    /// It wrote more than it may, to the disk, or as its output.
    Output(String),
}

/// The result of one graded test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestGrade {
    /// The test's name.
    pub test: String,
    /// The points that it is worth.
    pub points: u64,
    /// The points that it earned: all or none.
    pub score: u64,
    /// How many runs were to be made.
    pub seeds: u64,
    /// How many runs passed. A run that fails ends its test.
    pub passed_seeds: u64,
    /// The seeds that failed, in order.
    pub failed_seeds: Vec<u64>,
    /// Why it did not pass; `None` if it passed.
    pub failure: Option<TestFailure>,
}

impl TestGrade {
    /// Whether it passed with some seeds and failed with others.
    pub fn is_flaky(&self) -> bool {
        self.passed_seeds > 0 && !self.failed_seeds.is_empty()
    }
}

/// Why a test did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFailure {
    /// The name of the rule that was broken, if one was named.
    pub rule: Option<String>,
    /// The report for the student.
    pub report: String,
    /// The token that replays the worst run, if there is one.
    pub token: Option<String>,
    /// A page about the run, from the folder of the results; `None` if there is none.
    #[serde(default)]
    pub story: Option<String>,
}
