//! Do the graded tests catch what students get wrong? Each known bug is planted, and one must fail.
//!
//! In reading order: [`catalogue`] reads the labs' lists of bugs, and [`chosen`] says which are
//! meant; a [`copy`] is a copy of the course in which they are planted, a [`trial`] asks the
//! tests, and a [`worker_pool`] does so in several workshops at a time. [`verdict`] says what became of
//! them; [`table`], [`page`] and [`json`] show it.

pub mod catalogue;
mod chosen;
#[cfg(test)]
mod examples;
mod json;
mod page;
mod progress;
pub mod request;
mod table;
mod trial;
mod verdict;
mod worker_pool;
mod working_copy;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use crate::course::Course;
use crate::error::{CommandError, EXIT_FAILED, EXIT_MISUSE};
use crate::paint::Paint;
use crate::points;
use crate::tree::{self, Tree};
use catalogue::{Catalogue, edit};
use chosen::ChosenVariants;
use progress::BugsProgress;
use request::{BugsOutput, BugsRequest};
use trial::Trial;
use verdict::{Findings, TrialOutcome};
use worker_pool::PreparedVariant;
use working_copy::WorkingCopy;

/// Plants what is asked for, and says what became of it.
///
/// # Errors
///
/// When a list cannot be followed, when the course does not pass as it is, on Ctrl-C, and when the
/// machine fails us.
pub fn run(course: &Course, request: &BugsRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let catalogue = Catalogue::read(course)?;
    let chosen = catalogue.choose(request)?;
    let tree = tree::read(course.root())?;
    let tasks = tasks(&chosen, &tree)?;
    if request.output == BugsOutput::List {
        print(&table::list(&chosen));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &request.markdown {
        check_writable(path)?;
    }
    let tried = {
        let mut progress = BugsProgress::on_stderr(tasks.len());
        try_all(course, &tree, request, &tasks, &mut progress)?
    };
    let findings = Findings { tried, unplantable: chosen.unplantable };
    match request.output {
        BugsOutput::Json => print(&json::render(&findings, request)),
        _ => print(&table::render(&findings, Paint::for_stdout())),
    }
    if complain_of_unbuildable(&findings) {
        return Ok(ExitCode::from(EXIT_MISUSE));
    }
    if let Some(path) = &request.markdown {
        let failed = CommandError::of_system(format!("{} could not be written", path.display()));
        fs::write(path, page::render(&findings, request)).map_err(failed)?;
    }
    Ok(if findings.is_good() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// What is to be planted, once all of it is known to fit.
fn tasks<'a>(chosen: &ChosenVariants<'a>, tree: &Tree) -> Result<Vec<PreparedVariant<'a>>, CommandError> {
    let mut tasks = Vec::new();
    let mut problems = Vec::new();
    for variant in &chosen.variants {
        match edit::apply(variant, tree) {
            Ok(texts) => tasks.push(PreparedVariant { variant, texts }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(tasks) } else { Err(CommandError::of_catalogue(&problems)) }
}

fn try_all<'a>(
    course: &Course,
    tree: &Tree,
    request: &BugsRequest,
    tasks: &[PreparedVariant<'a>],
    progress: &mut BugsProgress,
) -> Result<Vec<verdict::TriedVariant<'a>>, CommandError> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = request.jobs.map_or(processors, NonZeroUsize::get).min(tasks.len());
    let labs = points::read_all(course)?;
    let processors_each = (processors / workers).max(1);
    let mut trial =
        Trial { labs: &labs, is_all_labs: request.is_all_labs, seeds: request.seeds, harness_threads: None };
    // All copies are made before anything is built: what is built must be younger than its sources.
    let mut copies = Vec::new();
    for _ in 0..workers {
        copies.push(WorkingCopy::open(tree, request.profile)?);
    }
    progress.prepare("the solution as it is");
    trial.check_reference(&copies[0], tasks)?;
    for copy in &copies[1..] {
        progress.prepare("another workshop");
        copy.take_over(&copies[0])?;
    }
    copies.iter_mut().for_each(|copy| copy.share_processors(processors_each));
    trial.harness_threads = Some(processors_each);
    worker_pool::try_all(tasks, copies, &trial, progress)
}

/// Says what is wrong with the lists, if anything could not be built, and returns whether so.
fn complain_of_unbuildable(findings: &Findings<'_>) -> bool {
    let mut is_complete = true;
    for tried in &findings.tried {
        if let TrialOutcome::Unbuildable { reason, words } = &tried.outcome {
            let (place, id) = (&tried.variant.place, &tried.variant.id);
            eprintln!("{words}error: {}:{}: {id}: {reason}", place.file, place.line);
            is_complete = false;
        }
    }
    !is_complete
}

/// Finds out before the work, and not after it, that its result can be written.
fn check_writable(path: &Path) -> Result<(), CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() || path.is_dir() {
        let path = path.display();
        return Err(CommandError::Misuse(format!("--markdown {path}: choose a file in a folder that exists")));
    }
    Ok(())
}
