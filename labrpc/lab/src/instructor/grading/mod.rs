//! How many points has a stranger's code earned?
//!
//! The code that is graded runs in the same process as its tests, and can change anything there. So nothing that this
//! process reports is believed. It records a tape of each run. Another process, the *judge*, has the same tests and none of
//! the submitted code, makes the same runs again from the tapes, and reports the verdicts. `docs/ARCHITECTURE.md` says how:
//! "How a run is made again without its servers". The seeds are chosen when grading begins, so nobody can prepare for them.
//!
//! Missing: a sandbox, without which submitted code can also change the judge's files.
//!
//! - `submission` takes the files that count, of folders, archives and git bundles;
//! - `exam` builds and runs;
//! - `result` is what came of it: the one model of which all reports are made;
//! - `cohort` goes through many submissions, keeps each result at once, goes on after an interruption, and merges parts;
//! - `report` shows results to people and other programs;
//! - `autograder` packs all of this for Gradescope.

pub mod arguments;
pub mod autograder;
pub mod cohort;
mod exam;
mod report;
mod result;
mod submission;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use cohort::shard::Shard;
use report::Format;

/// What is graded, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GradingRequest {
    /// The submissions: folders, archives, git bundles.
    pub submissions: Vec<PathBuf>,
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
    /// The folder for the results; `None` if they are only shown.
    pub out: Option<PathBuf>,
    /// Which of the submissions are graded; `None` for all.
    pub shard: Option<Shard>,
    /// In which forms the results are shown or, with a folder for them, written.
    pub formats: Vec<Format>,
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
