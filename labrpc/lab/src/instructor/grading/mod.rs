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
//! - `submission` takes the files that count, of folders, archives and git bundles;
//! - `exam` builds and runs, and `sandbox` keeps that in;
//! - `result` is what came of it: the one model of which all reports are made;
//! - `cohort` goes through many submissions, keeps each result at once, goes on after an interruption, and merges parts;
//! - `report` shows results to people and other programs;
//! - `autograder` packs all of this for Gradescope.

pub mod arguments;
pub mod autograder;
pub mod cohort;
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
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use cohort::shard::Shard;
use level::Level;
use report::Format;

/// What is graded, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GradingRequest {
    /// The submissions: folders, archives, git bundles.
    pub submissions: Vec<PathBuf>,
    /// Whether only the judge is built, for commands that come later.
    pub is_preparation: bool,
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
    /// How many submissions are graded at a time; `None` for one for each processor.
    pub jobs: Option<NonZeroUsize>,
    /// The folder for the results; `None` if they are only shown.
    pub out: Option<PathBuf>,
    /// Which of the submissions are graded; `None` for all.
    pub shard: Option<Shard>,
    /// In which forms the results are shown or, with a folder for them, written.
    pub formats: Vec<Format>,
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
    if request.is_preparation {
        cohort::build_judge(course, request)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cohort = cohort::grade(course, request)?;
    let shown = match &request.out {
        Some(folder) => {
            report::write(&request.formats, &cohort, folder)?;
            Format::Table
        }
        None => request.formats.first().copied().unwrap_or(Format::Table),
    };
    print(&report::text(shown, &cohort)?);
    Ok(cohort::exit_code(&cohort))
}
