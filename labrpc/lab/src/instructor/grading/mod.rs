//! How many points has a stranger's code earned?
//!
//! The code that is graded runs in the same process as its tests, and can change anything there. So nothing that this
//! process reports is believed. It records a tape of each run. Another process, the *judge*, has the same tests and none of
//! the submitted code, makes the same runs again from the tapes, and reports the verdicts. `docs/ARCHITECTURE.md` says how:
//! "How a run is made again without its servers". The seeds are chosen when grading begins, so nobody can prepare for them.
//!
//! Missing: a sandbox, without which submitted code can also change the judge's files.
//!
//! `submission` takes the files that count, `exam` builds and runs, `result` is what came of it, `report` shows that.

pub mod arguments;
mod exam;
mod report;
mod result;
mod submission;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::{CommandError, EXIT_FAILED};
use crate::instructor::handout::{Handout, HandoutPlan};
use crate::interrupt;
use exam::Exam;
use result::{GradedSubmission, SubmissionOutcome};
use submission::Submission;

/// What is graded, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GradingRequest {
    /// The folders with the submissions.
    pub folders: Vec<PathBuf>,
    /// The labs that are graded; all of them if there is none.
    pub labs: Vec<&'static LabCrate>,
    /// Whose design the submissions follow.
    pub track: Track,
    /// How many seeds each test runs; `None` for the numbers that `tests/points.txt` lists.
    pub seeds: Option<u64>,
    /// The first seed; `None` for one that nobody knows.
    pub first_seed: Option<u64>,
    /// Whether the submitted code may run without a sandbox.
    pub is_unsandboxed: bool,
    /// Whether one JSON document is printed.
    pub is_json: bool,
}

/// Grades each submission, and shows the points of all.
///
/// # Errors
///
/// On Ctrl-C, or if the system fails. What is submitted is never an error.
pub fn run(course: &Course, request: &GradingRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    if !request.is_unsandboxed {
        return Err(CommandError::Misuse(
            "there is no sandbox yet: a submission can read and change whatever you can. On a machine where this does not \
             matter, add --unsandboxed"
                .to_string(),
        ));
    }
    let handout = Handout::of(course, &HandoutPlan { track: request.track, ..HandoutPlan::default() })?;
    let exam = Exam::prepare(&handout, request)?;
    let mut results = Vec::new();
    for folder in &request.folders {
        interrupt::check()?;
        let name = folder.display().to_string();
        eprintln!("grading {name}");
        let outcome = match Submission::read(folder) {
            Ok(submission) => SubmissionOutcome::Graded(exam.grade(&submission)?),
            Err(reason) => SubmissionOutcome::Refused(reason),
        };
        results.push(GradedSubmission { name, outcome });
    }
    print(&report::show(&results, &exam.conditions(), request.is_json));
    let is_graded = results.iter().all(|graded| matches!(graded.outcome, SubmissionOutcome::Graded(_)));
    Ok(if is_graded { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}
