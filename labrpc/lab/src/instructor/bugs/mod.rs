//! Do the graded tests catch the bugs that students write? Each known bug is planted, and a test
//! must fail.
//!
//! In reading order: [`catalogue`] reads the labs' lists of bugs, and [`chosen`] chooses from them.
//! A [`working_copy`] is a copy of the course in which bugs are planted, a [`trial`] runs the tests
//! in a copy, and the [`worker_pool`] uses several copies at a time. [`verdict`] has the findings;
//! [`table`], [`page`] and [`json`] show them.

pub mod arguments;
pub mod catalogue;
mod chosen;
#[cfg(test)]
mod examples;
mod hints;
mod json;
mod known_mistakes;
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
use crate::course::points;
use crate::course::track::Track;
use crate::error::{CommandError, EXIT_FAILED, EXIT_MISUSE};
use crate::instructor::handout;
use crate::output::paint::Paint;
use crate::tree::{self, Tree};
use catalogue::{Catalogue, changed, edit};
use chosen::ChosenVariants;
use hints::HintFigures;
use progress::BugsProgress;
use request::{BugsOutput, BugsRequest};
use trial::Trial;
use verdict::{Findings, TrialOutcome, TriedVariant};
use worker_pool::{Keep, PreparedVariant};
use working_copy::WorkingCopy;

/// Plants the requested bugs and shows the findings.
///
/// # Errors
///
/// If a list is wrong, if the course fails without a bug, on Ctrl-C, or if the system fails.
pub fn run(course: &Course, request: &BugsRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let catalogue = Catalogue::read(course, request.track)?;
    let chosen = catalogue.choose(request)?;
    if request.is_hints {
        let figures = HintFigures::of(course, &catalogue, &tree::read(course.root())?)?;
        print(&if request.output == BugsOutput::Json { figures.json() } else { figures.text() });
        return Ok(ExitCode::SUCCESS);
    }
    let tree = match request.track {
        Track::Guided => tree::read(course.root())?,
        Track::Open => handout::open::solved(course)?,
    };
    let prepared = prepare(&chosen, &tree)?;
    if request.output == BugsOutput::List {
        print(&table::list(&chosen));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &request.markdown {
        check_writable(path)?;
    }
    if let Some(folder) = &request.stories {
        fs::create_dir_all(folder)
            .map_err(CommandError::of_system(format!("{} could not be made", folder.display())))?;
    }
    let tried = {
        let mut progress = BugsProgress::on_stderr(prepared.len());
        let keep = |tried: &TriedVariant<'_>| match request.is_known_mistakes {
            true => known_mistakes::keep(course, &catalogue, tried),
            false => Ok(()),
        };
        try_all(course, &tree, request, &prepared, &mut progress, &keep)?
    };
    let has_places = request.track == Track::Guided;
    let findings = Findings { tried, unplantable: chosen.unplantable, has_places };
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

/// The variants to plant. All edits are checked here, before anything is built.
fn prepare<'a>(chosen: &ChosenVariants<'a>, tree: &Tree) -> Result<Vec<PreparedVariant<'a>>, CommandError> {
    let mut prepared = Vec::new();
    let mut problems = Vec::new();
    for variant in &chosen.variants {
        match edit::apply(variant, tree) {
            Ok(texts) => {
                let changed = changed::changed_items(variant, tree);
                prepared.push(PreparedVariant { variant, texts, changed });
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(prepared) } else { Err(CommandError::of_catalogue(&problems)) }
}

fn try_all<'a>(
    course: &Course,
    tree: &Tree,
    request: &BugsRequest,
    prepared: &'a [PreparedVariant<'a>],
    progress: &mut BugsProgress,
    keep: Keep<'_>,
) -> Result<Vec<TriedVariant<'a>>, CommandError> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = request.jobs.map_or(processors, NonZeroUsize::get).min(prepared.len());
    let labs = points::read_all(course)?;
    let processors_each = (processors / workers).max(1);
    let mut trial = Trial {
        labs: &labs,
        is_all_labs: request.is_all_labs,
        kind: request.kind,
        seeds: request.seeds,
        harness_threads: None,
        stories: request.stories.as_deref(),
        is_whole: request.is_known_mistakes,
    };
    // All copies are made before anything is built, because artifacts must be newer than their
    // sources.
    let mut copies = Vec::new();
    for _ in 0..workers {
        copies.push(WorkingCopy::open(tree, request.profile)?);
    }
    progress.prepare("the solution as it is");
    trial.check_reference(&copies[0], prepared)?;
    for copy in &copies[1..] {
        progress.prepare("another working copy");
        copy.take_build_of(&copies[0])?;
    }
    copies.iter_mut().for_each(|copy| copy.limit_build_jobs(processors_each));
    trial.harness_threads = Some(processors_each);
    worker_pool::try_all(prepared, copies, &trial, progress, keep)
}

/// Prints an error for each variant that could not be built, and returns whether there is one.
fn complain_of_unbuildable(findings: &Findings<'_>) -> bool {
    let mut is_complete = true;
    for tried in &findings.tried {
        if let TrialOutcome::Unbuildable { reason, compiler_output } = &tried.outcome {
            let (place, id) = (&tried.variant.place, &tried.variant.id);
            eprintln!("{compiler_output}error: {}:{}: {id}: {reason}", place.file, place.line);
            is_complete = false;
        }
    }
    !is_complete
}

/// Checks that the result can be written, before the work and not after it.
fn check_writable(path: &Path) -> Result<(), CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() || path.is_dir() {
        let path = path.display();
        return Err(CommandError::Misuse(format!("--markdown {path}: choose a file in a folder that exists")));
    }
    Ok(())
}
