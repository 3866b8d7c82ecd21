//! Do the graded tests catch what students get wrong? Each known bug is planted, and one must fail.
//!
//! In reading order: [`catalogue`] reads the labs' lists of bugs, and [`choice`] says which are
//! meant; a [`workshop`] is a copy of the course in which they are planted, a [`trial`] asks the
//! tests, and a [`crew`] does so in several workshops at a time. [`verdict`] says what became of
//! them; [`table`], [`page`] and [`json`] show it.

pub mod catalogue;
mod choice;
mod crew;
#[cfg(test)]
mod examples;
mod json;
mod page;
mod progress;
pub mod request;
mod table;
mod trial;
mod verdict;
mod workshop;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use crate::course::Course;
use crate::failure::{EXIT_FAILED, EXIT_MISUSE, Failure};
use crate::paint::Paint;
use crate::points;
use crate::tree::{self, Tree};
use catalogue::{Catalogue, edit};
use choice::Choice;
use crew::Task;
use progress::Progress;
use request::{BugsOutput, BugsRequest};
use trial::Trial;
use verdict::{Findings, Outcome};
use workshop::Workshop;

/// Plants what is asked for, and says what became of it.
///
/// # Errors
///
/// When a list cannot be followed, when the course does not pass as it is, on Ctrl-C, and when the
/// machine fails us.
pub fn run(course: &Course, request: &BugsRequest, print: fn(&str)) -> Result<ExitCode, Failure> {
    let catalogue = Catalogue::read(course)?;
    let choice = catalogue.choose(request)?;
    let tree = tree::read(course.root())?;
    let tasks = tasks(&choice, &tree)?;
    if request.output == BugsOutput::List {
        print(&table::list(&choice));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &request.markdown {
        check_writable(path)?;
    }
    let tried = {
        let mut progress = Progress::on_stderr(tasks.len());
        try_all(course, &tree, request, &tasks, &mut progress)?
    };
    let findings = Findings { tried, unplantable: choice.unplantable };
    match request.output {
        BugsOutput::Json => print(&json::render(&findings, request)),
        _ => print(&table::render(&findings, Paint::for_stdout())),
    }
    if complain_of_unbuildable(&findings) {
        return Ok(ExitCode::from(EXIT_MISUSE));
    }
    if let Some(path) = &request.markdown {
        let failed = Failure::of_system(format!("{} could not be written", path.display()));
        fs::write(path, page::render(&findings, request)).map_err(failed)?;
    }
    Ok(if findings.is_good() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// What is to be planted, once all of it is known to fit.
fn tasks<'a>(choice: &Choice<'a>, tree: &Tree) -> Result<Vec<Task<'a>>, Failure> {
    let mut tasks = Vec::new();
    let mut problems = Vec::new();
    for variant in &choice.variants {
        match edit::apply(variant, tree) {
            Ok(texts) => tasks.push(Task { variant, texts }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(tasks) } else { Err(Failure::of_catalogue(&problems)) }
}

fn try_all<'a>(
    course: &Course,
    tree: &Tree,
    request: &BugsRequest,
    tasks: &[Task<'a>],
    progress: &mut Progress,
) -> Result<Vec<verdict::Tried<'a>>, Failure> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = request.jobs.map_or(processors, NonZeroUsize::get).min(tasks.len());
    let labs = points::read_all(course)?;
    let processors_each = (processors / workers).max(1);
    let mut trial =
        Trial { labs: &labs, is_all_labs: request.is_all_labs, seeds: request.seeds, harness_threads: None };
    // All copies are made before anything is built: what is built must be younger than its sources.
    let mut workshops = Vec::new();
    for _ in 0..workers {
        workshops.push(Workshop::open(tree, request.profile)?);
    }
    progress.prepare("the solution as it is");
    trial.check_reference(&workshops[0], tasks)?;
    for workshop in &workshops[1..] {
        progress.prepare("another workshop");
        workshop.take_over(&workshops[0])?;
    }
    workshops.iter_mut().for_each(|workshop| workshop.share_processors(processors_each));
    trial.harness_threads = Some(processors_each);
    crew::try_all(tasks, workshops, &trial, progress)
}

/// Says what is wrong with the lists, if anything could not be built, and returns whether so.
fn complain_of_unbuildable(findings: &Findings<'_>) -> bool {
    let mut is_complete = true;
    for tried in &findings.tried {
        if let Outcome::Unbuildable { reason, words } = &tried.outcome {
            let (place, id) = (&tried.variant.place, &tried.variant.id);
            eprintln!("{words}error: {}:{}: {id}: {reason}", place.file, place.line);
            is_complete = false;
        }
    }
    !is_complete
}

/// Finds out before the work, and not after it, that its result can be written.
fn check_writable(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() || path.is_dir() {
        let path = path.display();
        return Err(Failure::Misuse(format!("--markdown {path}: name a file in a folder that exists")));
    }
    Ok(())
}
