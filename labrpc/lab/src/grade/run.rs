//! Running the graded tests of one lab.

use std::time::{Duration, Instant};

use super::attempt::{self, Attempt, Ending};
use super::ledger::Ledger;
use super::test_binary::TestBinary;
use super::verdict::{LabResult, Verdict};
use crate::course::{Course, Lab};
use crate::failure::Failure;
use crate::kind::TestKind;
use crate::progress::Progress;
use crate::request::TestRequest;
use crate::scratch::Scratch;
use crate::selection::Assignment;

/// A test process that reports nothing for so long hangs. One seed takes well under a second in
/// virtual time and at most a minute in real time; the rest is for slow machines.
pub const SILENCE_MAX: Duration = Duration::from_secs(120);

/// What all labs of one grading share.
pub struct Runner<'a> {
    /// The course that is graded.
    pub course: &'a Course,
    /// How the tests are to run.
    pub request: &'a TestRequest,
    /// Where the reports are written.
    pub scratch: &'a Scratch,
    /// Who watches.
    pub progress: &'a mut Progress,
    /// How many tests run at a time, unless the harness is to decide.
    pub harness_threads: Option<usize>,
    /// How long a process may report nothing: [`SILENCE_MAX`].
    pub silence_max: Duration,
}

/// Whether it makes sense to run another kind of the lab's tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The processes ended.
    Sound,
    /// One hung.
    Hung,
}

impl Runner<'_> {
    /// Runs the tests of one lab, one kind after the other, and returns a verdict on each.
    ///
    /// A process that hangs ends the lab, for each of the rest might take as long to be found out.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, when the machine fails us, and for a token that the test kit refuses; never
    /// because of what the tests do.
    pub fn run(&mut self, assignment: &Assignment, binary: &TestBinary) -> Result<LabResult, Failure> {
        let started = Instant::now();
        let tests = assignment.tests(binary);
        let mut ledger = Ledger::new(&tests, self.request);
        self.progress.start_lab(assignment.lab, ledger.owed_count(), assignment.is_of_many());
        for test in &tests {
            match binary.find(&test.name) {
                Ok(found) => ledger.place(&test.name, found.kind),
                Err(reason) => ledger.explain(&test.name, &reason),
            }
        }
        let mut shape = Shape::Sound;
        for kind in TestKind::ALL {
            let of_kind = binary.of_kind(kind, &tests);
            match shape {
                _ if of_kind.is_empty() => continue,
                Shape::Sound => shape = self.run_tests(assignment.lab, binary, &of_kind, &mut ledger)?,
                Shape::Hung => explain_rest(&of_kind, &mut ledger),
            }
            self.end_kind(kind, &of_kind, &ledger);
        }
        let nowhere = ledger.verdicts().into_iter().filter(|verdict| verdict.kind.is_none());
        nowhere.for_each(|verdict| self.progress.show(&verdict));
        self.progress.end_lab();
        if assignment.is_whole() {
            note_strangers(assignment, binary, &mut ledger);
        }
        Ok(ledger.close(assignment.lab, true, started.elapsed()))
    }

    /// Runs these tests until each has its verdict, or the reason why it has none.
    ///
    /// When a process dies, the tests that it leaves without a verdict are run again, each in a
    /// process of its own: one that aborts must not cost the others their points.
    ///
    /// # Errors
    ///
    /// As [`run`](Runner::run).
    pub fn run_tests(
        &mut self,
        lab: &Lab,
        binary: &TestBinary,
        tests: &[String],
        ledger: &mut Ledger,
    ) -> Result<Shape, Failure> {
        let failures_before = ledger.failures();
        let mut died_together = None;
        let mut attempts = attempt::plan(binary, tests.to_vec(), &self.request.seeds);
        while let Some(attempt) = attempts.pop_front() {
            let (ending, output) = self.attempt(lab, binary, &attempt, ledger)?;
            if let Some(complaint) = ending.refusal(attempt.replay.as_ref(), &output) {
                return Err(Failure::Misuse(complaint));
            }
            if attempt.is_shown {
                self.progress.pass_on(&output);
            }
            let missing: Vec<String> =
                attempt.tests.iter().filter(|test| ledger.settled(test).is_none()).cloned().collect();
            let reason = ending.explanation(self.silence_max, &output);
            if matches!(ending, Ending::Hung) {
                attempts.iter().for_each(|attempt| explain_rest(&attempt.tests, ledger));
                missing.iter().for_each(|test| ledger.explain(test, &reason));
                // All tests may have spoken before one of their threads went astray.
                if missing.is_empty() {
                    ledger.complain(reason);
                }
                return Ok(Shape::Hung);
            }
            if !missing.is_empty() && attempt.tests.len() > 1 {
                attempts.extend(missing.iter().map(|test| Attempt::of(binary, test, attempt.replay.clone())));
                died_together = Some(reason);
                continue;
            }
            missing.iter().for_each(|test| ledger.explain(test, &reason));
            if !ending.is_success() && missing.is_empty() && ledger.failures() == failures_before {
                ledger.complain(format!("every test is recorded as passed, and yet {reason}"));
            }
        }
        let is_passed = |test: &String| ledger.settled(test).is_some_and(|verdict| verdict.is_passed());
        if let Some(reason) = died_together.filter(|_| tests.iter().all(is_passed)) {
            ledger.complain(format!("each test passes alone, but together {reason}"));
        }
        Ok(Shape::Sound)
    }

    /// Shows the verdicts that did not fall while the tests ran, and what the kind comes to.
    fn end_kind(&mut self, kind: TestKind, tests: &[String], ledger: &Ledger) {
        let mut verdicts = ledger.verdicts();
        verdicts.retain(|verdict| tests.contains(&verdict.test.name));
        let missing: Vec<&Verdict> =
            verdicts.iter().filter(|verdict| ledger.settled(&verdict.test.name).is_none()).collect();
        missing.into_iter().for_each(|verdict| self.progress.show(verdict));
        self.progress.end_kind(kind, &verdicts);
    }
}

fn explain_rest(tests: &[String], ledger: &mut Ledger) {
    tests.iter().for_each(|test| ledger.explain(test, "it was not run, since an earlier test hung"));
}

fn note_strangers(assignment: &Assignment, binary: &TestBinary, ledger: &mut Ledger) {
    let package = assignment.lab.package;
    let is_listed = |test: &&str| assignment.listed.iter().any(|listed| listed.name == *test);
    let mut unlisted: Vec<String> = binary.unlisted(&assignment.listed).into_iter().map(str::to_string).collect();
    unlisted.extend(ledger.strangers().filter(|test| !is_listed(test)).map(str::to_string));
    for test in unlisted {
        ledger.note(format!("`{test}` counts nothing: {package}/tests/points.txt does not list it"));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::course::LABS;
    use crate::grade::cargo::Executable;
    use crate::grade::examples::test;
    use crate::grade::verdict::Outcome;
    use crate::kind::TestKind;
    use crate::points::GradedLab;

    /// What a process may be silent here: far longer than the shell takes to report its first runs.
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
        let tests = vec![test("one_2a", 10, 2), test("two_2a", 20, 2)];
        let kinds = files.iter().map(|(kind, _)| *kind).collect();
        let lab = GradedLab { lab: &LABS[0], kinds, tests: Some(tests) };
        let (request, progress) = (&TestRequest::default(), &mut Progress::hidden());
        let (course, scratch) = (&course, &scratch);
        let silence_max = SHORT_SILENCE;
        let mut runner = Runner { course, request, scratch, progress, harness_threads: None, silence_max };
        runner.run(&Assignment::whole(&lab).unwrap(), &binaries[LABS[0].package]).unwrap()
    }

    fn missing(result: &LabResult, verdict: usize) -> &str {
        match &result.verdicts[verdict].outcome {
            Outcome::Missing(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// A process that reports no more is killed; what it reported before counts, the rest has failed.
    #[test]
    fn a_silent_process_is_killed() {
        let result = run("run one_2a 1 passed; run one_2a 2 passed; run two_2a 1 passed; echo here; sleep 1000");
        assert_eq!(result.verdicts[0].outcome, Outcome::Passed);
        let reason = missing(&result, 1);
        let beginning = "No verdict, 1 of 2 seeds recorded: the test process was killed after 2 s without a record.";
        assert!(reason.starts_with(beginning) && reason.ends_with("Its last words:\n  here"), "{reason}");
        assert!(result.real_time >= SHORT_SILENCE && result.trouble.is_none());
    }

    /// After a process that hung no other is started, and the tests that wait say so.
    #[test]
    fn nothing_runs_after_a_hang() {
        let result = run("echo run >> started; [ $# -gt 2 ] && exit 1; sleep 1000");
        assert!(missing(&result, 0).contains("was killed after 2 s"), "{}", missing(&result, 0));
        assert!(missing(&result, 1).ends_with("it was not run, since an earlier test hung"), "{}", missing(&result, 1));
    }

    /// Nor is one of another kind.
    #[test]
    fn no_other_kind_runs_after_a_hang() {
        let files = [(TestKind::Rules, "fn two_2a\n"), (TestKind::Cluster, "fn one_2a\n")];
        let result = run_kinds(&files, "[ $kind = rules ] && sleep 1000; run one_2a 1 passed; run one_2a 2 passed");
        assert!(missing(&result, 0).ends_with("it was not run, since an earlier test hung"), "{}", missing(&result, 0));
        assert!(missing(&result, 1).contains("was killed after 2 s"), "{}", missing(&result, 1));
    }

    /// A process that has said all and then hangs has not passed.
    #[test]
    fn a_late_hang_is_trouble() {
        let result = run("for seed in 1 2; do run one_2a $seed passed; run two_2a $seed passed; done; sleep 1000");
        assert!(result.trouble.as_deref().is_some_and(|trouble| trouble.contains("was killed after 2 s")));
        assert!(!result.is_passed());
    }
}
