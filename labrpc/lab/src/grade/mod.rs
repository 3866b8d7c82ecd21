//! Building and running graded tests, one lab at a time.

pub mod attempt;
pub mod cargo;
mod endless;
#[cfg(test)]
pub mod examples;
mod listen;
pub mod record;
pub mod run;
pub mod run_results;
pub mod test_binary;
pub mod verdict;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::course::begun;
use crate::course::track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::output::progress::TestProgress;
use crate::request::{TestRequest, WorldChoice};
use crate::scratch::Scratch;
use crate::selection::LabSelection;
use crate::student::work::Work;
use cargo::{Cargo, CargoOutput, Executable};
use run::{Runner, SILENCE_MAX};
use run_results::RunResults;
use test_binary::TestBinary;
use verdict::LabResult;

/// Why the tests of a lab have no verdict if the lab could not be built.
const NOT_BUILT: &str = "the lab could not be built; cargo's report is on standard error";

/// Why the tests of a lab did not run if nobody has begun to write it.
const NOT_BEGUN: &str = "every todo! of the lab is still in its place";

/// The results of all chosen labs.
#[derive(Debug, Default)]
pub struct CourseResult {
    /// The labs in course order.
    pub labs: Vec<LabResult>,
    /// Whether the tests ran as they are graded: in virtual time, with several seeds.
    pub is_graded: bool,
    /// Where the servers ran.
    pub world: WorldChoice,
    /// The labs of which the servers are of the student's own design.
    pub open: Vec<OpenLab>,
    /// The last lab of the workspace; `None` if it has them all.
    pub last: Option<&'static LabCrate>,
    /// What is known of the student's work besides.
    pub work: Work,
}

/// A lab of the open track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenLab {
    /// The lab.
    pub lab: &'static LabCrate,
    /// Whether the student has begun to write it.
    pub is_begun: bool,
}

impl CourseResult {
    /// Whether every test passed and nothing else went wrong.
    pub fn is_passed(&self) -> bool {
        self.labs.iter().all(LabResult::is_passed)
    }

    /// Whether no lab compiled. Then cargo's output is the only thing to show.
    pub fn is_nothing_built(&self) -> bool {
        self.labs.iter().filter(|lab| lab.is_begun).all(|lab| !lab.is_built)
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

/// Builds and runs the chosen tests.
///
/// # Errors
///
/// On Ctrl-C, or if the system fails. The contents of the labs are never an error.
pub fn grade(
    course: &Course,
    cargo: &Cargo,
    request: &TestRequest,
    selections: &[LabSelection],
    progress: &mut TestProgress,
) -> Result<CourseResult, CommandError> {
    let scratch = Scratch::new("grade")?;
    let chosen: Vec<&LabSelection> = selections.iter().filter(|selection| selection.is_begun).collect();
    let binaries = build(cargo, &chosen, &scratch)?;
    let open = open_labs(course)?;
    let last = course.labs().last();
    let mut results = CourseResult {
        labs: Vec::new(),
        is_graded: request.is_graded(),
        world: request.world,
        open,
        last,
        work: Work::default(),
    };
    let mut runner = Runner {
        course,
        request,
        scratch: scratch.path(),
        progress,
        harness_threads: None,
        silence_max: SILENCE_MAX,
        keeper: None,
    };
    for selection in selections {
        results.labs.push(match binaries.get(selection.lab.package) {
            Some(binary) => runner.run(selection, binary)?,
            None if !selection.is_begun => not_begun(selection, request),
            None => not_built(selection, request),
        });
    }
    Ok(results)
}

/// The labs of a course of which the servers are of the student's own design.
///
/// # Errors
///
/// If a lab's source cannot be read.
pub fn open_labs(course: &Course) -> Result<Vec<OpenLab>, CommandError> {
    let open = course.labs().filter(|lab| track::is_open(course, lab));
    open.map(|lab| Ok(OpenLab { lab, is_begun: begun::is_begun(course, lab)? })).collect()
}

/// Builds all labs at once, which is fastest. If that fails, builds each lab by itself, so that
/// those that compile still earn their points. Cargo's output is shown only the first time. Returns
/// the test binaries of the labs that could be built, by package.
fn build(cargo: &Cargo, all: &[&LabSelection], scratch: &Scratch) -> Result<HashMap<String, TestBinary>, CommandError> {
    let mut built = BTreeSet::new();
    let mut executables = Vec::new();
    if let Some(found) = build_some(cargo, all, scratch)? {
        executables = found;
        built.extend(all.iter().map(|selection| selection.lab.package));
    } else if all.len() > 1 {
        let quiet = cargo.clone().with_output(CargoOutput::Dropped);
        for selection in all {
            if let Some(found) = build_some(&quiet, &[*selection], scratch)? {
                executables.extend(found);
                built.insert(selection.lab.package);
            }
        }
    }
    let packages = all.iter().map(|selection| selection.lab.package);
    let broken: Vec<&str> = packages.filter(|package| !built.contains(package)).collect();
    if !broken.is_empty() {
        eprintln!("error: {} could not be built: fix what cargo reports above", broken.join(", "));
    }
    let mut binaries = TestBinary::read_all(&executables)?;
    // A lab without graded tests has nothing to build.
    built.into_iter().for_each(|package| {
        binaries.entry(package.to_string()).or_default();
    });
    Ok(binaries)
}

/// The executables of some labs; `None` if something does not compile.
fn build_some(
    cargo: &Cargo,
    selections: &[&LabSelection],
    scratch: &Scratch,
) -> Result<Option<Vec<Executable>>, CommandError> {
    let to_build = selections.iter().filter(|selection| selection.has_graded_tests);
    let labs: Vec<&LabCrate> = to_build.map(|selection| selection.lab).collect();
    Ok(cargo.build_tests(&labs, scratch)?.map(|build| build.executables))
}

fn not_built(selection: &LabSelection, request: &TestRequest) -> LabResult {
    let tests = selection.tests(&TestBinary::default());
    let mut run_results = RunResults::new(&tests, request);
    tests.iter().for_each(|test| run_results.set_reason(&test.name, NOT_BUILT));
    run_results.report_trouble(NOT_BUILT.to_string());
    run_results.finish(selection.lab, false, Duration::ZERO)
}

fn not_begun(selection: &LabSelection, request: &TestRequest) -> LabResult {
    let mut run_results = RunResults::new(&selection.listed, request);
    let tests: Vec<String> = selection.listed.iter().map(|test| test.name.clone()).collect();
    run_results.set_not_run(&tests, NOT_BEGUN);
    LabResult { is_whole: true, is_begun: false, ..run_results.finish(selection.lab, false, Duration::ZERO) }
}
