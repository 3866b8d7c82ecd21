//! Running the graded tests of one lab.

use std::path::Path;
use std::time::{Duration, Instant};

use super::attempt::{self, Attempt, Ending};
use super::endless::SLOW_DEATH_MIN;
use super::run_results::RunResults;
use super::test_binary::TestBinary;
use super::verdict::{LabResult, TestVerdict};
use crate::course::test_kind::TestKind;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::output::progress::TestProgress;
use crate::process::Keeper;
use crate::request::TestRequest;
use crate::selection::LabSelection;

/// A test process that reports nothing for this long hangs. One seed takes well under a second in a
/// simulation and at most a minute in the real world; the rest is for slow machines.
pub const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Runs the tests of labs. All labs of one command share it.
pub struct Runner<'a> {
    /// The course that is graded.
    pub course: &'a Course,
    /// How the tests run.
    pub request: &'a TestRequest,
    /// Where the reports are written.
    pub scratch: &'a Path,
    /// Shows the progress.
    pub progress: &'a mut TestProgress,
    /// How many tests run at a time; `None` lets the test harness decide.
    pub harness_threads: Option<usize>,
    /// How long a process may report nothing: [`SILENCE_MAX`].
    pub silence_max: Duration,
    /// Who keeps the processes in, if they are not trusted.
    pub keeper: Option<&'a mut dyn Keeper>,
}

/// Why nothing of a lab runs after a process that hung.
const AFTER_HANG: &str = "an earlier test hung";

impl Runner<'_> {
    /// Runs the tests of one lab, one kind after the other, and returns a verdict on each.
    ///
    /// No further test of the lab runs after a process that hung, or after several tests that did not come
    /// to an end, because each of them would cost as much time, and say nothing new.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, if the system fails, or for a token that the test kit refuses. What the tests do
    /// is never an error.
    pub fn run(&mut self, selection: &LabSelection, binary: &TestBinary) -> Result<LabResult, CommandError> {
        let started = Instant::now();
        let tests = selection.tests(binary);
        let mut run_results = RunResults::new(&tests, self.request);
        self.progress.start_lab(selection.lab, run_results.expected_count(), selection.is_of_many());
        for test in &tests {
            match binary.find(&test.name) {
                Ok(found) => run_results.set_kind(&test.name, found.kind),
                Err(reason) => run_results.set_reason(&test.name, &reason),
            }
        }
        let mut stopped = None;
        for kind in TestKind::ALL {
            let of_kind = binary.of_kind(kind, &tests);
            match &stopped {
                _ if of_kind.is_empty() => continue,
                None => stopped = self.run_tests(selection.lab, binary, &of_kind, &mut run_results)?,
                Some(why) => run_results.set_not_run(&of_kind, why),
            }
            self.end_kind(kind, &of_kind, &run_results);
        }
        let not_found = run_results.verdicts().into_iter().filter(|verdict| verdict.kind.is_none());
        not_found.for_each(|verdict| self.progress.show(&verdict));
        self.progress.end_lab();
        if selection.is_whole() {
            note_unlisted(selection, binary, &mut run_results);
        }
        let result = run_results.finish(selection.lab, true, started.elapsed());
        Ok(LabResult { is_whole: selection.is_whole(), ..result })
    }

    /// Runs these tests until each has a verdict, or a reason why it has no verdict.
    ///
    /// If a process dies, the tests without a verdict run again, each in a process of its own: a
    /// test that aborts must not cost the others their points. Returns why no further test of the lab
    /// should run, if there is a reason; tests of this call may be left out then, too.
    ///
    /// # Errors
    ///
    /// The same errors as [`run`](Runner::run).
    pub fn run_tests(
        &mut self,
        lab: &LabCrate,
        binary: &TestBinary,
        tests: &[String],
        run_results: &mut RunResults,
    ) -> Result<Option<String>, CommandError> {
        let failures_before = run_results.failures();
        let mut died_together = None;
        let mut attempts = attempt::plan(binary, tests.to_vec(), &self.request.seeds);
        while let Some(attempt) = attempts.pop_front() {
            let started = Instant::now();
            let (ending, output) = self.attempt(lab, binary, &attempt, run_results)?;
            if let Some(message) = ending.refusal(attempt.replay.as_ref(), &output) {
                return Err(CommandError::Misuse(message));
            }
            if attempt.is_shown {
                self.show_replay(binary, &attempt, &output, run_results);
            }
            if let Some(why) = run_results.reason_to_stop() {
                run_results.set_not_run(tests, &why);
                return Ok(Some(why));
            }
            let missing: Vec<String> =
                attempt.tests.iter().filter(|test| run_results.verdict_on(test).is_none()).cloned().collect();
            let reason = ending.reason_for_missing(self.silence_max, &output);
            if matches!(ending, Ending::Hung) {
                attempts.iter().for_each(|attempt| run_results.set_not_run(&attempt.tests, AFTER_HANG));
                missing.iter().for_each(|test| run_results.set_reason(test, &reason));
                // All tests may have reported before one of their threads hung.
                if missing.is_empty() {
                    run_results.report_trouble(reason);
                }
                return Ok(Some(AFTER_HANG.to_string()));
            }
            if let Ending::Limited(stop) = &ending
                && stop.is_final
            {
                missing.iter().for_each(|test| run_results.set_reason(test, &reason));
                attempts.iter().for_each(|attempt| run_results.set_not_run(&attempt.tests, &stop.why));
                return Ok(Some(stop.why.clone()));
            }
            if !missing.is_empty() && attempt.tests.len() > 1 {
                attempts.extend(missing.iter().map(|test| Attempt::of(binary, test, attempt.replay.clone())));
                died_together = Some(reason);
                continue;
            }
            missing.iter().for_each(|test| run_results.set_reason(test, &reason));
            if !missing.is_empty() && started.elapsed() >= SLOW_DEATH_MIN {
                run_results.count_slow_death();
            }
            if !ending.is_success() && missing.is_empty() && run_results.failures() == failures_before {
                run_results.report_trouble(format!("every test is recorded as passed, but {reason}"));
            }
        }
        let is_passed = |test: &String| run_results.verdict_on(test).is_some_and(|verdict| verdict.is_passed());
        if let Some(reason) = died_together.filter(|_| tests.iter().all(is_passed)) {
            run_results.report_trouble(format!("each test passes alone, but when they ran together, {reason}"));
        }
        Ok(run_results.reason_to_stop())
    }

    /// Shows what a replayed run printed, such as its log lines. Its report is on the scoreboard.
    fn show_replay(&mut self, binary: &TestBinary, attempt: &Attempt, output: &str, run_results: &RunResults) {
        for test in &attempt.tests {
            let Ok(found) = binary.find(test) else { continue };
            let verdict = run_results.verdict_on(test);
            let report = verdict.as_ref().and_then(TestVerdict::failure).unwrap_or_default();
            self.progress.pass_on(&attempt::own_output(output, found.path, report));
        }
    }

    /// Shows the verdicts that were not known while the tests ran, and the summary of the kind.
    fn end_kind(&mut self, kind: TestKind, tests: &[String], run_results: &RunResults) {
        let mut verdicts = run_results.verdicts();
        verdicts.retain(|verdict| tests.contains(&verdict.test.name));
        let missing: Vec<&TestVerdict> =
            verdicts.iter().filter(|verdict| run_results.verdict_on(&verdict.test.name).is_none()).collect();
        missing.into_iter().for_each(|verdict| self.progress.show(verdict));
        self.progress.end_kind(kind, &verdicts);
    }
}

fn note_unlisted(selection: &LabSelection, binary: &TestBinary, run_results: &mut RunResults) {
    let package = selection.lab.package;
    let is_listed = |test: &&str| selection.listed.iter().any(|listed| listed.name == *test);
    let mut unlisted: Vec<String> = binary.unlisted(&selection.listed).into_iter().map(str::to_string).collect();
    unlisted.extend(run_results.unrequested().filter(|test| !is_listed(test)).map(str::to_string));
    for test in unlisted {
        run_results.note(format!("`{test}` earns no points: {package}/tests/points.txt does not list it"));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;
    use crate::course::LABS;
    use crate::course::points::GradedLab;
    use crate::course::test_kind::TestKind;
    use crate::grade::cargo::Executable;
    use crate::grade::examples::test;
    use crate::grade::verdict::TestOutcome;
    use crate::scratch::Scratch;

    /// Far longer than the shell takes to report its first runs.
    const SHORT_SILENCE: Duration = Duration::from_secs(2);

    /// Runs two tests of two seeds each with a shell script in the place of the test binary.
    fn run(script: &str) -> LabResult {
        run_kinds(&[(TestKind::Cluster, "fn one_2a\nfn two_2a\n")], script)
    }

    /// Runs these tests with a shell script in the place of the test binary.
    fn run_kinds(files: &[(TestKind, &str)], script: &str) -> LabResult {
        let scratch = Scratch::new("run").unwrap();
        let course = Course::at(scratch.path());
        let folder = course.folder(&LABS[0]);
        let link_folder = course.root().join("target").join(LABS[0].package);
        fs::create_dir_all(folder.join("tests/graded")).unwrap();
        fs::create_dir_all(&link_folder).unwrap();
        fs::write(folder.join("behaviour.sh"), script).unwrap();
        let graded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/scripts/graded.sh");
        for (kind, tests) in files {
            fs::write(folder.join(format!("tests/graded/{}.rs", kind.name())), tests).unwrap();
        }
        let path = link_folder.join("graded");
        std::os::unix::fs::symlink(&graded, &path).unwrap();
        let executable = Executable { package: LABS[0].package.to_string(), path };
        let binaries = TestBinary::read_all(&[executable]).unwrap();
        let is_there = |name: &str| files.iter().any(|(_, tests)| tests.contains(name));
        let names = ["one_2a", "two_2a", "three_2a", "four_2a"].into_iter().filter(|name| is_there(name));
        let tests = names.map(|name| test(name, 10, 2)).collect();
        let kinds = files.iter().map(|(kind, _)| *kind).collect();
        let lab = GradedLab { lab: &LABS[0], kinds, tests: Some(tests) };
        let (request, progress) = (&TestRequest::default(), &mut TestProgress::hidden());
        let (course, scratch) = (&course, scratch.path());
        let silence_max = SHORT_SILENCE;
        let mut runner =
            Runner { course, request, scratch, progress, harness_threads: None, silence_max, keeper: None };
        runner.run(&LabSelection::whole(&lab).unwrap(), &binaries[LABS[0].package]).unwrap()
    }

    fn missing(result: &LabResult, verdict: usize) -> &str {
        match &result.verdicts[verdict].outcome {
            TestOutcome::Missing(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn not_run(why: &str) -> TestOutcome {
        TestOutcome::NotRun(format!("not run, because {why}"))
    }

    /// After two tests that loop at one place, the process is ended and no other kind runs: the tests that
    /// have no verdict say why.
    #[test]
    fn nothing_runs_after_two_endless_loops() {
        let files = [(TestKind::Rules, "fn one_2a\nfn two_2a\nfn three_2a\n"), (TestKind::Cluster, "fn four_2a\n")];
        let result = run_kinds(
            &files,
            "[ $kind = rules ] || run four_2a 1 passed
             run one_2a 1 failed 'no end' never-stuck tick stuck
             run two_2a 1 failed 'no end' never-stuck tick stuck; sleep 1000",
        );
        let outcomes: Vec<&TestOutcome> = result.verdicts.iter().map(|verdict| &verdict.outcome).collect();
        let not_run = not_run("2 tests did not come to an end, each in tick");
        assert_eq!(outcomes, [&TestOutcome::Failed(1), &TestOutcome::Failed(1), &not_run, &not_run]);
        assert!(result.real_time < SHORT_SILENCE, "{:?}", result.real_time);
    }

    /// A test that the test kit refuses to run has no verdict, and nothing runs after it.
    #[test]
    fn nothing_runs_after_a_refusal() {
        let refused = r#"{"test":"two_2a","seed":1,"seeds":2,"outcome":"failed","trace":"","virtual_ns":0,"cpu_ns":0,"token":"two_2a:1","failure":"not run"}"#;
        let result = run(&format!("run one_2a 1 failed 'no end'; echo '{refused}' >> \"$LAB_REPORT\"; exit 101"));
        assert_eq!(result.verdicts[1].outcome, not_run("too many tests before did not come to an end"));
    }

    /// A process that reports nothing more is killed. What it reported before counts; the other
    /// tests have failed.
    #[test]
    fn a_silent_process_is_killed() {
        let result = run("run one_2a 1 passed; run one_2a 2 passed; run two_2a 1 passed; echo here; sleep 1000");
        assert_eq!(result.verdicts[0].outcome, TestOutcome::Passed);
        let reason = missing(&result, 1);
        let beginning = "No verdict, 1 of 2 seeds recorded: the test process was killed after 2 s without a result.";
        assert!(reason.starts_with(beginning) && reason.ends_with("Its last output:\n  here"), "{reason}");
        assert!(result.real_time >= SHORT_SILENCE && result.trouble.is_none());
    }

    /// No other process starts after one that hung, and the other tests say so.
    #[test]
    fn nothing_runs_after_a_hang() {
        let result = run("echo run >> started; [ $# -gt 2 ] && exit 1; sleep 1000");
        assert!(missing(&result, 0).contains("was killed after 2 s"), "{}", missing(&result, 0));
        assert_eq!(result.verdicts[1].outcome, not_run("an earlier test hung"));
    }

    /// After a process that hung, no other kind runs.
    #[test]
    fn no_other_kind_runs_after_a_hang() {
        let files = [(TestKind::Rules, "fn two_2a\n"), (TestKind::Cluster, "fn one_2a\n")];
        let result = run_kinds(&files, "[ $kind = rules ] && sleep 1000; run one_2a 1 passed; run one_2a 2 passed");
        assert_eq!(result.verdicts[0].outcome, not_run("an earlier test hung"));
        assert!(missing(&result, 1).contains("was killed after 2 s"), "{}", missing(&result, 1));
    }

    /// A process that reports everything and then hangs has not passed.
    #[test]
    fn a_late_hang_is_trouble() {
        let result = run("for seed in 1 2; do run one_2a $seed passed; run two_2a $seed passed; done; sleep 1000");
        assert!(result.trouble.as_deref().is_some_and(|trouble| trouble.contains("was killed after 2 s")));
        assert!(!result.is_passed());
    }
}
