//! Trying one variant: which graded test fails with it, if any.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::catalogue::Variant;
use super::verdict::{Catch, StoryFigures, TrialOutcome};
use super::worker_pool::PreparedVariant;
use super::working_copy::WorkingCopy;
use crate::course::LabCrate;
use crate::course::points::{GradedLab, GradedTest};
use crate::course::test_kind::{GRADED_FOLDER, TestKind};
use crate::error::CommandError;
use crate::grade::record::RecordedPlace;
use crate::grade::run::{Runner, SILENCE_MAX};
use crate::grade::run_results::RunResults;
use crate::grade::test_binary::TestBinary;
use crate::grade::verdict::{LabResult, TestOutcome, TestVerdict};
use crate::output::progress::TestProgress;
use crate::request::{ReplayToken, SeedChoice, TestRequest};
use crate::selection::LabSelection;
use crate::source_item::{SourceItem, item_at};
use crate::student::hint::pattern::{COMPARED_KINDS, RedTest};
use crate::student::story::{self, Asked};

/// The kinds in the order in which they run: those that find the most in the shortest time come
/// first.
const ORDER: [TestKind; 4] = [TestKind::Rules, TestKind::Cost, TestKind::Cluster, TestKind::Chaos];

/// How variants are judged.
#[derive(Debug)]
pub struct Trial<'a> {
    /// All labs of the course.
    pub labs: &'a [GradedLab],
    /// Whether the tests of later labs run as well.
    pub is_all_labs: bool,
    /// The only kind of tests that judges; `None` for all kinds.
    pub kind: Option<TestKind>,
    /// How many seeds each test runs with; `None` for as many as the lab's list says.
    pub seeds: Option<u64>,
    /// How many tests run at a time; `None` lets the test harness decide.
    pub harness_threads: Option<usize>,
    /// Whether every test runs that hints compare.
    pub is_whole: bool,
    /// The folder for stories, if they are asked for.
    pub stories: Option<&'a Path>,
}

/// The test binaries of a variant that were built so far.
#[derive(Default)]
struct BuiltBinaries {
    /// By the short names of the labs.
    binaries: BTreeMap<&'static str, TestBinary>,
    /// The folders of the packages of which something was compiled.
    compiled: BTreeSet<PathBuf>,
}

impl Trial<'_> {
    /// Makes sure that the unedited course passes, with one seed of each test. Otherwise every
    /// variant would seem to be caught. This also builds everything that a variant can change.
    ///
    /// # Errors
    ///
    /// If it does not pass, or does not compile.
    pub fn check_reference(
        &self,
        copy: &WorkingCopy<'_>,
        prepared: &[PreparedVariant<'_>],
    ) -> Result<(), CommandError> {
        let is_asked = |graded: &&GradedLab| {
            prepared.iter().any(|prepared| self.judging_labs(prepared.variant).any(|judge| judge.lab == graded.lab))
        };
        for graded in self.labs.iter().filter(is_asked) {
            let Some(build) = copy.build(graded)? else {
                eprint!("{}", copy.compiler_output());
                let package = graded.lab.package;
                return Err(CommandError::Broken(format!("{package} does not compile: fix it before you plant bugs")));
            };
            let binary = TestBinary::read_all(&build.executables)?.remove(graded.lab.package).unwrap_or_default();
            let request = TestRequest { seeds: SeedChoice::Count(1), is_unshrunk: true, ..TestRequest::default() };
            let result =
                self.with_runner(copy, &request, |runner| runner.run(&LabSelection::whole(graded)?, &binary))?;
            if let Some(failure) = what_fails(&result) {
                return Err(CommandError::Broken(format!("the course fails without any bug planted: {failure}")));
            }
        }
        Ok(())
    }

    /// Judges the variant that is planted in the copy: with one seed of each test, and with all
    /// seeds if no test fails. No further kind runs after a test has failed.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, or if the system fails. What the variant does is never an error.
    pub fn judge(&self, copy: &WorkingCopy<'_>, prepared: &PreparedVariant<'_>) -> Result<TrialOutcome, CommandError> {
        let variant = prepared.variant;
        let all_seeds = self.seeds.map_or(SeedChoice::Listed, SeedChoice::Count);
        // A story is told of the smallest run.
        let is_unshrunk = self.stories.is_none();
        let mut stages = vec![TestRequest { seeds: all_seeds, is_unshrunk, ..TestRequest::default() }];
        // A lawful variant must pass with all seeds: to begin with one would only take longer.
        if !variant.is_lawful() && self.seeds != Some(1) {
            stages.insert(0, TestRequest { seeds: SeedChoice::Count(1), is_unshrunk, ..TestRequest::default() });
        }
        let mut built = BuiltBinaries::default();
        if self.is_whole && !variant.is_lawful() {
            return self.judge_whole(copy, prepared, &mut built);
        }
        for request in &stages {
            for graded in self.judging_labs(variant) {
                if let Some(unbuildable) = build(copy, graded, &mut built)? {
                    return Ok(unbuildable);
                }
                let Some(binary) = built.binaries.get(graded.lab.id) else { continue };
                for kind in ORDER.into_iter().filter(|kind| self.kind.is_none_or(|only| *kind == only)) {
                    let result = self.run(copy, graded, binary, kind, request)?;
                    if let Some(mut catch) = catch(&result, kind, prepared) {
                        catch.is_at_once = request.seeds == SeedChoice::Count(1);
                        catch.story = self.tell(copy, graded, binary, &variant.id, &catch)?;
                        return Ok(TrialOutcome::Caught(catch));
                    }
                }
            }
        }
        Ok(TrialOutcome::Passed)
    }

    /// Judges a bug by all tests that hints compare, with all seeds: which of them fail?
    fn judge_whole(
        &self,
        copy: &WorkingCopy<'_>,
        prepared: &PreparedVariant<'_>,
        built: &mut BuiltBinaries,
    ) -> Result<TrialOutcome, CommandError> {
        let seeds = self.seeds.map_or(SeedChoice::Listed, SeedChoice::Count);
        let request = TestRequest { seeds, is_unshrunk: true, ..TestRequest::default() };
        let Some(graded) = self.labs.iter().find(|graded| graded.lab == prepared.variant.lab) else {
            return Ok(TrialOutcome::Passed);
        };
        if let Some(unbuildable) = build(copy, graded, built)? {
            return Ok(unbuildable);
        }
        let Some(binary) = built.binaries.get(graded.lab.id) else { return Ok(TrialOutcome::Passed) };
        let (mut ran, mut red, mut caught) = (Vec::new(), Vec::new(), None);
        for kind in COMPARED_KINDS {
            let result = self.run(copy, graded, binary, kind, &request)?;
            ran.extend(binary.of_kind(kind, graded.tests()?));
            red.extend(RedTest::all_of(&result, &copy.course));
            caught = caught.or_else(|| catch(&result, kind, prepared));
            // A student's run ends there, too.
            if result.verdicts.iter().any(TestVerdict::is_not_run) {
                break;
            }
        }
        // The other kinds only decide whether it is caught at all.
        for kind in ORDER.into_iter().filter(|kind| !COMPARED_KINDS.contains(kind)) {
            if caught.is_none() {
                caught = catch(&self.run(copy, graded, binary, kind, &request)?, kind, prepared);
            }
        }
        Ok(caught.map_or(TrialOutcome::Passed, |catch| {
            TrialOutcome::Caught(Catch { is_at_once: catch.seed == Some(1), ran, red, ..catch })
        }))
    }

    /// Replays what has caught a variant, and keeps its story.
    fn tell(
        &self,
        copy: &WorkingCopy<'_>,
        graded: &GradedLab,
        binary: &TestBinary,
        id: &str,
        catch: &Catch,
    ) -> Result<Option<StoryFigures>, CommandError> {
        let token = catch.token.as_deref().and_then(ReplayToken::parse);
        let (Some(folder), Some(token)) = (self.stories, token) else { return Ok(None) };
        let file = copy.scratch.path().join("story.json");
        let _ = fs::remove_file(&file);
        let asked = Asked { when: self.kind.is_some(), flip: None };
        let command = story::command(&copy.course, graded.lab, binary, &token, asked, &file);
        match command.and_then(|command| story::record(command, &token, &file)) {
            Ok(_) => {}
            Err(CommandError::Interrupted) => return Err(CommandError::Interrupted),
            // A process that dies tells no story.
            Err(_) => return Ok(None),
        }
        let failed = || CommandError::of_system(format!("{} could not be used", file.display()));
        let text = fs::read_to_string(&file).map_err(failed())?;
        fs::copy(&file, folder.join(format!("{id}.json"))).map_err(failed())?;
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        let news = told.pointer("/meta/news").and_then(Value::as_u64).unwrap_or_default() as usize;
        let rule = told.pointer("/meta/rule/name").and_then(Value::as_str);
        let is_same = rule == catch.rule.as_deref() && told.pointer("/meta/failed") == Some(&Value::Bool(true));
        Ok(Some(StoryFigures { news, is_same }))
    }

    /// The labs whose tests judge a variant, beginning with its own.
    fn judging_labs(&self, variant: &Variant) -> impl Iterator<Item = &GradedLab> {
        let place = |lab: &LabCrate| self.labs.iter().position(|graded| graded.lab == lab);
        let first = place(variant.lab).unwrap_or_default();
        let last = match self.is_all_labs {
            true => variant.until().and_then(place).unwrap_or(self.labs.len() - 1),
            false => first,
        };
        self.labs[first..=last].iter()
    }

    fn run(
        &self,
        copy: &WorkingCopy<'_>,
        graded: &GradedLab,
        binary: &TestBinary,
        kind: TestKind,
        request: &TestRequest,
    ) -> Result<LabResult, CommandError> {
        let names = binary.of_kind(kind, graded.tests()?);
        let is_meant = |test: &&GradedTest| names.contains(&test.name);
        let tests: Vec<GradedTest> = graded.tests()?.iter().filter(is_meant).cloned().collect();
        let mut run_results = RunResults::new(&tests, request);
        if !names.is_empty() {
            self.with_runner(copy, request, |runner| runner.run_tests(graded.lab, binary, &names, &mut run_results))?;
        }
        Ok(run_results.finish(graded.lab, true, Duration::ZERO))
    }

    fn with_runner<T>(
        &self,
        copy: &WorkingCopy<'_>,
        request: &TestRequest,
        run: impl FnOnce(&mut Runner<'_>) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let (course, scratch, harness_threads) = (&copy.course, copy.scratch.path(), self.harness_threads);
        let progress = &mut TestProgress::hidden();
        run(&mut Runner { course, request, scratch, progress, harness_threads, silence_max: SILENCE_MAX, keeper: None })
    }
}

/// Builds the test binary of a lab, unless it is built already. Returns an outcome if that is not
/// possible.
fn build(
    copy: &WorkingCopy<'_>,
    graded: &GradedLab,
    built: &mut BuiltBinaries,
) -> Result<Option<TrialOutcome>, CommandError> {
    if built.binaries.contains_key(graded.lab.id) {
        return Ok(None);
    }
    let Some(build) = copy.build(graded)? else {
        let (reason, compiler_output) =
            ("it does not compile, see the compiler's errors above".to_string(), copy.compiler_output());
        return Ok(Some(TrialOutcome::Unbuildable { reason, compiler_output }));
    };
    built.compiled.extend(build.compiled);
    // The first build compiles everything that the lab depends on. If it did not compile the
    // change, the tests would judge the unchanged solution.
    if built.binaries.is_empty()
        && let Some(file) = copy.change_not_compiled(&built.compiled)
    {
        let reason =
            format!("the tests of lab {} are not built from {file}: edit a file that they depend on", graded.lab.id);
        return Ok(Some(TrialOutcome::Unbuildable { reason, compiler_output: String::new() }));
    }
    let binary = TestBinary::read_all(&build.executables)?.remove(graded.lab.package).unwrap_or_default();
    built.binaries.insert(graded.lab.id, binary);
    Ok(None)
}

/// The most significant failure: the first one with a rule that the variant is expected to break,
/// or else the first one.
fn catch(result: &LabResult, kind: TestKind, prepared: &PreparedVariant<'_>) -> Option<Catch> {
    let failed: Vec<&TestVerdict> = result.verdicts.iter().filter(|verdict| !verdict.is_passed()).collect();
    let is_expected = |verdict: &&&TestVerdict| {
        verdict.rule().is_some_and(|rule| prepared.variant.rules().iter().any(|expected| expected == rule))
    };
    // A test that was not run has caught nothing.
    let first = failed.iter().find(|verdict| !verdict.is_not_run());
    let Some(best) = failed.iter().find(is_expected).or(first) else {
        let (test, trouble) = (GRADED_FOLDER.to_string(), result.trouble.clone()?);
        let places = Vec::new();
        return Some(Catch {
            test,
            kind,
            seed: None,
            rule: None,
            places,
            failure: trouble,
            is_at_once: false,
            token: None,
            ran: Vec::new(),
            red: Vec::new(),
            story: None,
        });
    };
    Some(Catch {
        test: best.test.name.clone(),
        kind,
        seed: best.failed_run().map(|run| run.seed),
        rule: best.rule().map(str::to_string),
        places: best.failed_run().map(|run| items(&run.places, &prepared.texts)).unwrap_or_default(),
        failure: best.failure().unwrap_or_default().to_string(),
        is_at_once: false,
        token: best.failed_run().map(|run| run.token.clone()),
        ran: Vec::new(),
        red: Vec::new(),
        story: None,
    })
}

/// The items that places are in. A line is looked up in the edited files only.
fn items(places: &[RecordedPlace], texts: &BTreeMap<String, String>) -> Vec<SourceItem> {
    let item = |RecordedPlace { file, item, line }: &RecordedPlace| {
        let at_line = || item_at(texts.get(file)?, (*line)?);
        Some(SourceItem { file: file.clone(), name: item.clone().or_else(at_line)? })
    };
    places.iter().filter_map(item).collect()
}

fn what_fails(result: &LabResult) -> Option<String> {
    let failed = result.verdicts.iter().find(|verdict| !verdict.is_passed());
    let of_test = failed.map(|verdict| {
        let seed = match verdict.outcome {
            TestOutcome::Failed(seed) => format!(" with seed {seed}"),
            _ => String::new(),
        };
        format!("{}{seed}\n{}", verdict.test.name, verdict.failure().unwrap_or_default())
    });
    of_test.or_else(|| result.trouble.clone())
}
