//! Running the graded tests of one lab, and hearing what they report.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::attempt::{self, Attempt, Ending};
use super::ledger::Ledger;
use super::record::{self, Line, Report};
use super::verdict::{LabResult, Verdict};
use crate::course::Course;
use crate::failure::Failure;
use crate::interrupt;
use crate::process::{LOOK_INTERVAL, OutputTail, Supervised};
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
    /// How long a process may report nothing: [`SILENCE_MAX`].
    pub silence_max: Duration,
}

impl Runner<'_> {
    /// Runs the tests of one lab and returns a verdict on each of them.
    ///
    /// When a process dies, the tests that it leaves without a verdict are run again, each in a
    /// process of its own: one that aborts must not cost the others their points. A process that
    /// hangs ends the lab, for each of the rest might take as long to be found out.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, when the machine fails us, and for a token that the test kit refuses; never
    /// because of what the tests do.
    pub fn run(&mut self, assignment: &Assignment, executable: &Path) -> Result<LabResult, Failure> {
        let started = Instant::now();
        let mut ledger = Ledger::new(&assignment.tests, self.request);
        let mut trouble = None;
        let mut died_together = None;
        let mut notes = Vec::new();
        self.progress.start_lab(assignment.lab, ledger.owed_count());
        let mut attempts = attempt::plan(assignment, &self.request.seeds);
        while let Some(attempt) = attempts.pop_front() {
            let (ending, output) = self.attempt(assignment, executable, &attempt, &mut ledger, &mut notes)?;
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
                let rest = attempts.iter().flat_map(|attempt| &attempt.tests);
                rest.for_each(|test| ledger.explain(test, "it was not run, since an earlier test hung".to_string()));
                missing.iter().for_each(|test| ledger.explain(test, reason.clone()));
                // All tests may have spoken before one of their threads went astray.
                trouble = missing.is_empty().then_some(reason);
                break;
            }
            if !missing.is_empty() && attempt.tests.len() > 1 {
                attempts.extend(missing.iter().map(|test| Attempt::of(test, attempt.replay.clone())));
                died_together = Some(reason);
                continue;
            }
            missing.iter().for_each(|test| ledger.explain(test, reason.clone()));
            if !ending.is_success() && missing.is_empty() && !ledger.has_failures() {
                trouble = Some(format!("every test is recorded as passed, and yet {reason}"));
            }
        }
        self.end_lab(assignment, &ledger, &mut notes);
        let (verdicts, real_time) = (ledger.verdicts(), started.elapsed());
        if verdicts.iter().all(Verdict::is_passed) {
            trouble = trouble.or(died_together.map(|reason| format!("each test passes alone, but together {reason}")));
        }
        Ok(LabResult { lab: assignment.lab, is_built: true, verdicts, trouble, notes, real_time })
    }

    fn attempt(
        &mut self,
        assignment: &Assignment,
        executable: &Path,
        attempt: &Attempt,
        ledger: &mut Ledger,
        notes: &mut Vec<String>,
    ) -> Result<(Ending, String), Failure> {
        let report_path = self.scratch.path().join("report.jsonl");
        // Each process begins a report of its own, or the one before would be heard twice.
        let _ = fs::remove_file(&report_path);
        let mut report = Report::at(&report_path);
        let mut command = self.command(assignment, executable, attempt, report_path);
        let output = OutputTail::of(&mut command)?;
        let mut process = Supervised::start(&mut command)?;
        drop(command);
        let mut heard_last = Instant::now();
        let ending = loop {
            // Asked first and read afterwards: what it wrote before its end is heard.
            let ended = process.ending()?;
            let lines = report.new_lines()?;
            if !lines.is_empty() {
                heard_last = Instant::now();
            }
            lines.iter().for_each(|line| self.hear(line, ledger, notes));
            if let Some(status) = ended {
                break Ending::Ended(status);
            }
            if heard_last.elapsed() >= self.silence_max {
                break Ending::Hung;
            }
            interrupt::check()?;
            self.progress.draw();
            thread::sleep(LOOK_INTERVAL);
        };
        drop(process);
        Ok((ending, output.text()))
    }

    fn command(&self, assignment: &Assignment, executable: &Path, attempt: &Attempt, report: PathBuf) -> Command {
        let lab = assignment.lab;
        let folder = self.course.folder(lab);
        let mut command = Command::new(executable);
        command.args(&attempt.filter).current_dir(&folder);
        // What cargo would set, had it run the tests itself: ours is about another package.
        command.env("CARGO_MANIFEST_DIR", &folder).env("CARGO_PKG_NAME", lab.package);
        command.env("LAB_REPORT", report).env("LAB_WORLD", self.request.world.name());
        match self.request.seed_count() {
            Some(count) => command.env("LAB_SEEDS", count.to_string()),
            None => command.env_remove("LAB_SEEDS"),
        };
        match &attempt.replay {
            Some(token) => command.env("LAB_REPLAY", token.to_string()),
            None => command.env_remove("LAB_REPLAY"),
        };
        command
    }

    fn hear(&mut self, line: &str, ledger: &mut Ledger, notes: &mut Vec<String>) {
        let record = match record::parse(line) {
            Ok(Line::Run(record)) => record,
            Ok(Line::Finished) => return,
            Err(reason) => {
                notes.push(format!("a line of the report was passed over: {reason}: {line}"));
                return;
            }
        };
        let test = record.test.clone();
        let was_settled = ledger.settled(&test).is_some();
        if !ledger.enter(record) {
            return;
        }
        self.progress.count_run(&test);
        if !was_settled && let Some(verdict) = ledger.settled(&test) {
            self.progress.show(&verdict);
        }
    }

    fn end_lab(&mut self, assignment: &Assignment, ledger: &Ledger, notes: &mut Vec<String>) {
        let verdicts = ledger.verdicts();
        verdicts.iter().filter(|verdict| ledger.settled(&verdict.test.name).is_none()).for_each(|verdict| {
            self.progress.show(verdict);
        });
        self.progress.end_lab();
        if assignment.is_whole {
            let package = assignment.lab.package;
            notes.extend(
                ledger.strangers().map(|test| {
                    format!("`{test}` ran and counts nothing: {package}/tests/points.txt does not list it")
                }),
            );
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::course::LABS;
    use crate::grade::examples::test;
    use crate::grade::verdict::Outcome;

    /// What a process may be silent here: far longer than the shell takes to report its first runs.
    const SHORT_SILENCE: Duration = Duration::from_secs(2);

    /// Runs two tests of two seeds each with a shell script in the place of their executable.
    fn run(script: &str) -> LabResult {
        let scratch = Scratch::new("run").unwrap();
        let course = Course::at(scratch.path());
        let folder = course.folder(&LABS[0]);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("behaviour.sh"), script).unwrap();
        let executable = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/scripts/cluster.sh");
        let tests = vec![test("one_2a", 10, 2), test("two_2a", 20, 2)];
        let assignment = Assignment { lab: &LABS[0], tests, is_whole: true };
        let (request, progress) = (&TestRequest::default(), &mut Progress::hidden());
        let mut runner = Runner { course: &course, request, scratch: &scratch, progress, silence_max: SHORT_SILENCE };
        runner.run(&assignment, &executable).unwrap()
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
        let result = run("echo run >> started; [ $# = 0 ] && exit 1; sleep 1000");
        assert!(missing(&result, 0).contains("was killed after 2 s"), "{}", missing(&result, 0));
        assert!(missing(&result, 1).ends_with("it was not run, since an earlier test hung"), "{}", missing(&result, 1));
    }

    /// A process that has said all and then hangs has not passed.
    #[test]
    fn a_late_hang_is_trouble() {
        let result = run("for seed in 1 2; do run one_2a $seed passed; run two_2a $seed passed; done; sleep 1000");
        assert!(result.trouble.as_deref().is_some_and(|trouble| trouble.contains("was killed after 2 s")));
        assert!(!result.is_passed());
    }
}
