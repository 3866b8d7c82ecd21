//! One round: build the lab, run the tests that failed last, run the others, and say what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use super::say;
use crate::course::points::{self, GradedLab};
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::grade::cargo::Cargo;
use crate::grade::run::{Runner, SILENCE_MAX};
use crate::grade::test_binary::TestBinary;
use crate::grade::verdict::{LabResult, TestOutcome, TestVerdict};
use crate::grade::{self, CourseResult};
use crate::interrupt;
use crate::output::paint::Paint;
use crate::output::progress::TestProgress;
use crate::output::scoreboard;
use crate::request::{Profile, TestRequest, WorldChoice};
use crate::scratch::Scratch;
use crate::selection::LabSelection;
use crate::student::estimate;
use crate::student::results::{LastLab, LastResults};
use crate::student::work::{NextBy, Work};

/// How many names are shown of the tests that a save has fixed or broken.
const NAMES_MAX: usize = 6;

/// What is built and run after a save.
pub struct Round<'a> {
    /// The course.
    pub course: &'a Course,
    /// The lab.
    pub lab: &'static LabCrate,
    /// Whether it is watched alone, whichever file is saved.
    pub is_named: bool,
    /// How the code is compiled.
    pub profile: Profile,
    /// The files that were saved.
    pub files: Vec<String>,
    /// When the last of them was saved.
    pub saved_at: Option<SystemTime>,
}

impl Round<'_> {
    /// Runs it, and returns whether anybody still reads what it says.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, if it is superseded by a save, or if the system fails.
    pub fn run(&self) -> Result<bool, CommandError> {
        let started = Instant::now();
        let reason = match &self.files[..] {
            [] => "testing it".to_string(),
            files => format!("saved {}", files.join(", ")),
        };
        say(&format!("{}  {reason}\n", self.lab.title()));
        let labs = points::read_all(self.course)?;
        let Some(graded) = labs.iter().find(|graded| graded.lab == self.lab) else { return Ok(true) };
        let scratch = Scratch::new("watch")?;
        let Some(binary) = self.build(&scratch)? else {
            return Ok(
                say(&format!("\n{}  does not compile: see the compiler's errors above\n", self.lab.title())).is_some()
            );
        };
        let built = started.elapsed();
        let mut last = LastResults::read(self.course);
        let before = last.of(self.lab).cloned();
        let result = self.test(graded, &binary, before.as_ref(), &scratch)?;
        let mut results = CourseResult {
            labs: vec![result],
            is_graded: true,
            world: WorldChoice::Simulated,
            open: grade::open_labs(self.course)?,
            last: self.course.labs().last(),
            work: Work::default(),
        };
        last.add(self.course, &results)?;
        last.write(self.course);
        let next_by = if self.is_named { NextBy::Watch } else { NextBy::Save };
        results.work = Work { next_by, ..Work::of(self.course, &results.labs)? };
        let paint = Paint::for_stdout();
        let summary = self.summary(&results.labs[0], before.as_ref(), built, started.elapsed(), paint);
        Ok(say(&format!("{summary}{}", scoreboard::findings(&results, paint))).is_some())
    }

    /// Builds the lab's graded tests; `None` if it does not compile.
    fn build(&self, scratch: &Scratch) -> Result<Option<TestBinary>, CommandError> {
        let cargo = Cargo::new(self.course, self.profile);
        let cargo = match estimate::first_build(self.course) {
            Some(time) => {
                say(&format!("    the first build takes {time}\n"));
                cargo
            }
            None => cargo.quietly(),
        };
        // A compiler that is killed may leave behind what later builds cannot be linked with.
        let Some(build) = interrupt::keep(|| cargo.build_tests(&[self.lab], scratch))? else { return Ok(None) };
        interrupt::check()?;
        Ok(Some(TestBinary::read_all(&build.executables)?.remove(self.lab.package).unwrap_or_default()))
    }

    /// Runs the tests that failed last, says how they went, and runs the others.
    fn test(
        &self,
        graded: &GradedLab,
        binary: &TestBinary,
        before: Option<&LastLab>,
        scratch: &Scratch,
    ) -> Result<LabResult, CommandError> {
        let request = TestRequest { profile: self.profile, ..TestRequest::default() };
        let mut progress = TestProgress::as_bar();
        let mut runner = Runner {
            course: self.course,
            request: &request,
            scratch: scratch.path(),
            progress: &mut progress,
            harness_threads: None,
            silence_max: SILENCE_MAX,
            keeper: None,
        };
        let all: BTreeSet<String> = graded.tests()?.iter().map(|test| test.name.clone()).collect();
        let failed_last = before.map_or(&[][..], |last| &last.to_look_at);
        let (first, rest): (BTreeSet<String>, BTreeSet<String>) =
            all.into_iter().partition(|name| failed_last.contains(name));
        if first.is_empty() || rest.is_empty() {
            return runner.run(&LabSelection::whole(graded)?, binary);
        }
        let failed = runner.run(&LabSelection::of_tests(graded, first)?, binary)?;
        say(&format!("    {}\n", how_many_pass_now(&failed)));
        let endless = failed.verdicts.iter().find(|verdict| verdict.is_not_run()).and_then(TestVerdict::failure);
        let rest = LabSelection::of_tests(graded, rest)?;
        let others = match endless.map(str::to_string) {
            None => runner.run(&rest, binary)?,
            Some(why) => not_run(&rest, binary, &request, &why),
        };
        Ok(together(graded, failed, others))
    }

    /// The line with the points, and what the save has changed.
    fn summary(
        &self,
        result: &LabResult,
        before: Option<&LastLab>,
        built: Duration,
        took: Duration,
        paint: Paint,
    ) -> String {
        let since_save = self.saved_at.and_then(|saved| saved.elapsed().ok());
        let time = match since_save {
            Some(time) => format!("{:.1} s after the save", time.as_secs_f64()),
            None => format!("{:.1} s", took.as_secs_f64()),
        };
        let word = if result.is_passed() { paint.good("ok") } else { paint.bad("FAILED") };
        let mut text = format!(
            "{}  {word}  {}/{} tests, {}/{} points; {time}: build {:.1} s, tests {:.1} s\n",
            self.lab.title(),
            result.tests_passed(),
            result.verdicts.len(),
            result.score(),
            result.points(),
            built.as_secs_f64(),
            took.saturating_sub(built).as_secs_f64(),
        );
        let was_passed = |name: &str| before.and_then(|last| last.tests.get(name)).map(|test| test.is_passed);
        for (what, now) in [("passes now", true), ("fails now", false)] {
            let is_news =
                |verdict: &&TestVerdict| verdict.is_passed() == now && was_passed(&verdict.test.name) == Some(!now);
            let names: Vec<&str> =
                result.verdicts.iter().filter(is_news).map(|verdict| verdict.test.name.as_str()).collect();
            if !names.is_empty() {
                text += &format!("    {what}: {}\n", shortened(&names));
            }
        }
        text
    }
}

fn how_many_pass_now(failed: &LabResult) -> String {
    let (passed, all) = (failed.tests_passed(), failed.verdicts.len());
    let tests = if all == 1 { "the test".to_string() } else { format!("{all} tests") };
    match passed {
        0 => format!("of {tests} that failed last, none passes yet"),
        passed if passed == all => format!("{tests} that failed last: all pass now"),
        passed => format!("of {tests} that failed last, {passed} pass now"),
    }
}

fn shortened(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The verdicts on tests that are not run, for the reason that others gave.
fn not_run(selection: &LabSelection, binary: &TestBinary, request: &TestRequest, why: &str) -> LabResult {
    let tests = selection.tests(binary);
    let mut run_results = crate::grade::run_results::RunResults::new(&tests, request);
    for test in &tests {
        if let Ok(found) = binary.find(&test.name) {
            run_results.set_kind(&test.name, found.kind);
        }
    }
    let mut result = run_results.finish(selection.lab, true, Duration::ZERO);
    for verdict in &mut result.verdicts {
        verdict.outcome = TestOutcome::NotRun(why.to_string());
    }
    result
}

/// The result of a lab whose tests ran in two parts.
fn together(graded: &GradedLab, one: LabResult, other: LabResult) -> LabResult {
    let real_time = one.real_time + other.real_time;
    let mut verdicts: BTreeMap<String, TestVerdict> =
        one.verdicts.into_iter().chain(other.verdicts).map(|verdict| (verdict.test.name.clone(), verdict)).collect();
    let listed = graded.tests.as_deref().unwrap_or_default();
    LabResult {
        is_whole: true,
        verdicts: listed.iter().filter_map(|test| verdicts.remove(&test.name)).collect(),
        trouble: one.trouble.or(other.trouble),
        notes: other.notes,
        real_time,
        ..one
    }
}
