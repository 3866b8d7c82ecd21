//! Building and running graded tests, one lab at a time.

pub mod attempt;
pub mod cargo;
#[cfg(test)]
pub mod examples;
pub mod ledger;
pub mod record;
pub mod run;
pub mod verdict;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::course::{Course, Lab};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::request::TestRequest;
use crate::scratch::Scratch;
use crate::selection::Assignment;
use cargo::{Cargo, Words};
use ledger::Ledger;
use run::{Runner, SILENCE_MAX};
use verdict::LabResult;

/// Why the tests of a lab have no verdict if the lab could not be built.
const NOT_BUILT: &str = "the lab could not be built, cargo's report is on standard error";

/// The judgement on everything that was asked for.
#[derive(Debug)]
pub struct Results {
    /// The labs in course order.
    pub labs: Vec<LabResult>,
    /// Whether the tests ran as they are graded: in virtual time, with several seeds.
    pub is_graded: bool,
}

impl Results {
    /// Whether every test passed and nothing else went wrong.
    pub fn is_passed(&self) -> bool {
        self.labs.iter().all(LabResult::is_passed)
    }

    /// Whether not a single lab compiled: cargo has then said all that there is to say.
    pub fn is_nothing_built(&self) -> bool {
        self.labs.iter().all(|lab| !lab.is_built)
    }

    /// The points that were earned.
    pub fn score(&self) -> u64 {
        self.labs.iter().map(LabResult::score).sum()
    }

    /// The points that could be earned.
    pub fn points(&self) -> u64 {
        self.labs.iter().map(LabResult::points).sum()
    }
}

/// Builds and runs what was asked for.
///
/// # Errors
///
/// On Ctrl-C, and when the machine fails us; never because of what the labs contain.
pub fn grade(
    course: &Course,
    cargo: &Cargo,
    request: &TestRequest,
    assignments: &[Assignment],
    progress: &mut Progress,
) -> Result<Results, Failure> {
    let scratch = Scratch::new("grade")?;
    let labs: Vec<&Lab> = assignments.iter().map(|assignment| assignment.lab).collect();
    let executables = build(cargo, &labs, &scratch)?;
    let mut results = Results { labs: Vec::new(), is_graded: request.is_graded() };
    let mut runner = Runner { course, request, scratch: &scratch, progress, silence_max: SILENCE_MAX };
    for assignment in assignments {
        results.labs.push(match executables.get(assignment.lab.package) {
            Some(executable) => runner.run(assignment, executable)?,
            None => not_built(assignment, request),
        });
    }
    Ok(results)
}

/// Builds all labs at once, which is quickest. If that fails, each by itself: half a course that
/// compiles is still worth its points. Cargo's report has been seen by then and is not repeated.
fn build(cargo: &Cargo, labs: &[&Lab], scratch: &Scratch) -> Result<HashMap<String, PathBuf>, Failure> {
    if let Some(executables) = cargo.build_tests(labs, scratch)? {
        return Ok(executables);
    }
    let mut executables = HashMap::new();
    if labs.len() > 1 {
        let quiet = cargo.clone().with_words(Words::Dropped);
        for lab in labs {
            executables.extend(quiet.build_tests(&[lab], scratch)?.unwrap_or_default());
        }
    }
    let broken: Vec<&str> =
        labs.iter().map(|lab| lab.package).filter(|package| !executables.contains_key(*package)).collect();
    eprintln!("error: {} could not be built: mend what cargo reports above", broken.join(", "));
    Ok(executables)
}

fn not_built(assignment: &Assignment, request: &TestRequest) -> LabResult {
    let mut ledger = Ledger::new(&assignment.tests, request);
    assignment.tests.iter().for_each(|test| ledger.explain(&test.name, NOT_BUILT.to_string()));
    LabResult {
        lab: assignment.lab,
        is_built: false,
        verdicts: ledger.verdicts(),
        trouble: Some(NOT_BUILT.to_string()),
        notes: Vec::new(),
        real_time: Duration::ZERO,
    }
}
