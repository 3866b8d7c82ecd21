//! How many points has a stranger's code earned?
//!
//! The code that is graded runs in the same process as its tests, and can change anything there. So nothing that this
//! process reports is believed. It records a tape of each run. Another process, the *judge*, has the same tests and none of
//! the submitted code, makes the same runs again from the tapes, and reports the verdicts. `docs/ARCHITECTURE.md` says how:
//! "How a run is made again without its servers". The seeds are chosen when grading begins, so nobody can prepare for them.
//!
//! All that is a submission's is compiled and run in a sandbox, with limits on everything; the judge, too, whose tapes a
//! submission has written.
//!
//! `submission` takes the files that count, `exam` builds and runs, `sandbox` keeps that in, `result` is what came of it,
//! `report` shows that.

pub mod arguments;
#[cfg(target_os = "linux")]
mod exam;
#[cfg(not(target_os = "linux"))]
#[path = "no_exam.rs"]
mod exam;
pub mod level;
mod report;
mod result;
#[cfg(target_os = "linux")]
mod sandbox;
mod submission;

#[cfg(target_os = "linux")]
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::{CommandError, EXIT_FAILED};
use crate::instructor::handout::{Handout, HandoutPlan};
use crate::interrupt;
use exam::Exam;
use level::Level;
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
    /// The sandbox that must be used; `None` for the best that there is.
    pub sandbox: Option<Level>,
    /// Whether the submitted code may run without a sandbox.
    pub is_unsandboxed: bool,
    /// Whether one JSON document is printed.
    pub is_json: bool,
}

/// What this command does where it stands in for another program: for the compiler, whose calls are noted, or for a program
/// that is to be confined. `None` if it was started as itself.
#[cfg(target_os = "linux")]
pub fn stand_in(arguments: &[OsString]) -> Option<ExitCode> {
    exam::commands::record(arguments).or_else(|| sandbox::run_confined(arguments))
}

/// Grades each submission, and shows the points of all.
///
/// # Errors
///
/// On Ctrl-C, or if the system fails. What is submitted is never an error.
pub fn run(course: &Course, request: &GradingRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let handout = Handout::of(course, &HandoutPlan { track: request.track, ..HandoutPlan::default() })?;
    let exam = Exam::prepare(&handout, request)?;
    let mut results = Vec::new();
    for folder in &request.folders {
        interrupt::check()?;
        let name = folder.display().to_string();
        eprintln!("grading {name}");
        let outcome = match Submission::read(folder) {
            Ok(submission) => match exam.grade(&submission) {
                Ok(labs) => SubmissionOutcome::Graded(labs),
                Err(CommandError::Interrupted) => return Err(CommandError::Interrupted),
                Err(error) => SubmissionOutcome::GraderFault(error.to_string()),
            },
            Err(reason) => SubmissionOutcome::Refused(reason),
        };
        results.push(GradedSubmission { name, outcome });
    }
    print(&report::show(&results, &exam.conditions(), request.is_json));
    let is_graded = results.iter().all(|graded| matches!(graded.outcome, SubmissionOutcome::Graded(_)));
    Ok(if is_graded { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}
