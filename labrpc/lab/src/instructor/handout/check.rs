//! Checking a handout: `cargo lab handout --check`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Handout, HandoutPlan, is_withheld, leak, links, markers, open, repository};
use crate::course::points;
use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::grade::cargo::{Cargo, CargoOutput};
use crate::grade::verdict::LabResult;
use crate::grade::{self, CourseResult};
use crate::output::duration::seconds;
use crate::output::paint::Paint;
use crate::output::progress::TestProgress;
use crate::output::scoreboard;
use crate::request::{Profile, TestRequest};
use crate::scratch::Scratch;
use crate::selection;
use crate::student::next;
use crate::student::results::LastResults;
use crate::student::status::Status;
use crate::tree::{self, Tree};

/// A student's first run must not look like a hang.
const RED_RUN_MAX: Duration = Duration::from_secs(60);

/// How many findings of a step are shown.
const FINDINGS_SHOWN_MAX: usize = 10;

/// How many of the last lines of a failed build are shown.
const BUILD_LINES_MAX: usize = 60;

/// A handout on the disk, and what its checks need.
struct Proof {
    course: Course,
    handout: Handout,
    folder: PathBuf,
    scratch: Scratch,
}

/// Makes a handout in a temporary folder and checks it step by step. Prints a line for each step.
///
/// # Errors
///
/// The first check that fails.
pub fn check(course: &Course, plan: &HandoutPlan, print: &mut dyn FnMut(&str)) -> Result<(), CommandError> {
    let scratch = Scratch::new("proof")?;
    let folder = scratch.path().join("handout");
    let handout = Handout::of(course, plan)?;
    handout.write(course, &folder)?;
    let proof = Proof { course: course.clone(), handout, folder, scratch };
    type Step = fn(&Proof) -> Result<(), CommandError>;
    let steps: [(&str, Step); 7] = [
        ("two handouts are equal byte for byte", Proof::is_reproducible),
        ("it contains no line of a solution or of a planted bug", Proof::gives_nothing_away),
        ("every page that it names is there", Proof::names_its_own_pages),
        ("it compiles without warnings", Proof::compiles),
        ("every graded test fails at a todo! within a minute", Proof::fails_at_todos),
        match plan.track {
            Track::Guided => ("with the solutions put back, it equals the course", Proof::equals_the_course),
            Track::Open => ("the course's server of free design fits into it", Proof::takes_another_server),
        },
        ("every graded test then passes", Proof::passes_with_solutions),
    ];
    for (number, (claim, step)) in steps.into_iter().enumerate() {
        print(&format!("{}. {claim} … ", number + 1));
        let started = Instant::now();
        let proven = step(&proof);
        print(&format!("{} ({})\n", if proven.is_ok() { "ok" } else { "NO" }, seconds(started.elapsed())));
        proven?;
    }
    Ok(())
}

impl Proof {
    fn is_reproducible(&self) -> Result<(), CommandError> {
        let again = self.scratch.path().join("again");
        Handout::of(&self.course, &self.handout.plan)?.write(&self.course, &again)?;
        let (first, second) = (tree::read(&self.folder)?, tree::read(&again)?);
        findings("two handouts differ in these files", differences(&first, &second))?;
        let hashes = [repository::hash(&self.folder)?, repository::hash(&again)?];
        match hashes[0] == hashes[1] {
            true => Ok(()),
            false => Err(CommandError::Broken(format!("two handouts have different commits: {}", hashes.join(", ")))),
        }
    }

    fn gives_nothing_away(&self) -> Result<(), CommandError> {
        let leaks = leak::find(&self.handout, &tree::read(&self.folder)?);
        findings("these lines give a solution away", leaks.iter().map(ToString::to_string).collect())
    }

    fn names_its_own_pages(&self) -> Result<(), CommandError> {
        let course = Course::at(&self.folder);
        let labs: Vec<&LabCrate> = course.labs().collect();
        let mut advice = scoreboard::all_advice(&labs, grade::open_labs(&course)?);
        advice.push(next::step(&course, &Status::of(&course, &LastResults::default())?)?.text);
        findings("these pages are not there", links::find_broken(&tree::read(&self.folder)?, &advice))
    }

    fn compiles(&self) -> Result<(), CommandError> {
        if self.cargo().check_all()? {
            return Ok(());
        }
        let cargo_output = fs::read_to_string(self.cargo_output()).unwrap_or_default();
        let lines: Vec<&str> = cargo_output.lines().collect();
        let last = lines[lines.len().saturating_sub(BUILD_LINES_MAX)..].join("\n");
        Err(CommandError::Broken(format!("the handout does not compile without warnings:\n{last}")))
    }

    fn fails_at_todos(&self) -> Result<(), CommandError> {
        let results = self.grade()?;
        let panics: Vec<String> = self.handout.sections.values().flatten().map(markers::panic_text).collect();
        findings(
            "these tests should fail at a todo!",
            results.labs.iter().flat_map(|lab| not_failing_at_todos(lab, &panics)).collect(),
        )
    }

    fn equals_the_course(&self) -> Result<(), CommandError> {
        for (name, sections) in &self.handout.sections {
            let path = self.folder.join(name);
            let failed = || CommandError::of_system(format!("{} could not be rewritten", path.display()));
            let text = fs::read_to_string(&path).map_err(failed())?;
            let whole = markers::put_back(&text, sections)
                .ok_or_else(|| CommandError::Broken(format!("{name}: a placeholder is not where its solution was")))?;
            fs::write(&path, whole).map_err(failed())?;
        }
        for (name, line) in &self.handout.added {
            let path = self.folder.join(name);
            let failed = || CommandError::of_system(format!("{} could not be rewritten", path.display()));
            let text = fs::read_to_string(&path).map_err(failed())?;
            fs::write(&path, text.replacen(&format!("{line}\n"), "", 1)).map_err(failed())?;
        }
        let is_of_labs =
            |name: &String| self.handout.plan.labs().any(|lab| name.starts_with(&format!("{}/", lab.package)));
        let mut restored = tree::read(&self.folder)?;
        restored.retain(|name, _| is_of_labs(name));
        let mut reference = self.handout.reference.clone();
        reference.retain(|name, _| is_of_labs(name) && !is_withheld(name));
        findings("with the solutions put back, these files differ", differences(&reference, &restored))
    }

    /// Puts the server of free design into each lab, in place of what the student has there.
    fn takes_another_server(&self) -> Result<(), CommandError> {
        let plan = &self.handout.plan;
        plan.labs().try_for_each(|lab| tree::write_into(&open::solution(lab, &self.handout.reference), &self.folder))
    }

    fn passes_with_solutions(&self) -> Result<(), CommandError> {
        let results = self.grade()?;
        if results.is_passed() {
            return Ok(());
        }
        let board = scoreboard::render(&results, Paint::NONE);
        Err(CommandError::Broken(format!("with the solutions put back, tests fail:\n{board}")))
    }

    fn grade(&self) -> Result<CourseResult, CommandError> {
        let course = Course::at(&self.folder);
        let request = TestRequest::default();
        let selections = selection::choose(&points::read_all(&course)?, &request)?;
        grade::grade(&course, &self.cargo(), &request, &selections, &mut TestProgress::hidden())
    }

    fn cargo_output(&self) -> PathBuf {
        self.scratch.path().join("cargo-words.txt")
    }

    /// One target folder and one set of flags for all builds, so that they share artifacts.
    fn cargo(&self) -> Cargo {
        Cargo::new(&Course::at(&self.folder), Profile::Dev)
            .with_output(CargoOutput::Kept(self.cargo_output()))
            .with_variable("CARGO_TARGET_DIR", self.scratch.path().join("target"))
            // No other variable or file overrides the flags in this variable.
            .with_variable("CARGO_ENCODED_RUSTFLAGS", "-D\u{1f}warnings")
    }
}

fn findings(what: &str, found: Vec<String>) -> Result<(), CommandError> {
    if found.is_empty() {
        return Ok(());
    }
    let shown = found[..found.len().min(FINDINGS_SHOWN_MAX)].join("\n  ");
    let rest = found.len().saturating_sub(FINDINGS_SHOWN_MAX);
    let more = if rest > 0 { format!("\n  … and {rest} more") } else { String::new() };
    Err(CommandError::Broken(format!("{what}:\n  {shown}{more}")))
}

fn differences(one: &Tree, other: &Tree) -> Vec<String> {
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    names.filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

fn not_failing_at_todos(result: &LabResult, panics: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    if result.real_time > RED_RUN_MAX {
        found.push(format!("lab {} takes {} to fail", result.lab.id, seconds(result.real_time)));
    }
    for verdict in &result.verdicts {
        let name = &verdict.test.name;
        match verdict.failed_run().and_then(|run| run.failure.as_deref()) {
            Some(failure) if panics.iter().any(|panic| failure.contains(panic)) => {}
            Some(failure) => found.push(format!("{name} fails for another reason: {failure}")),
            None if verdict.is_passed() => found.push(format!("{name} passes without a solution")),
            None => found.push(format!("{name}: {}", verdict.failure().unwrap_or_default())),
        }
    }
    found
}
