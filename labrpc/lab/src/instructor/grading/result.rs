//! What grading has found: one model, from which every report is made.

use serde::{Deserialize, Serialize};

/// How submissions were graded: equal for all of one grading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// The first seed of every test.
    pub first_seed: u64,
    /// How many seeds each test ran; `None` for the numbers that `tests/points.txt` lists.
    pub seeds: Option<u64>,
    /// What the submitted code ran in.
    pub sandbox: String,
}

/// A submission, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradedSubmission {
    /// How the instructor called it: the file's or folder's name.
    pub name: String,
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
    /// Its graded tests, in the order of the lab's list.
    pub tests: Vec<TestGrade>,
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
    /// The seeds that failed, in order.
    pub failed_seeds: Vec<u64>,
    /// Why it did not pass; `None` if it passed.
    pub failure: Option<TestFailure>,
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
}
