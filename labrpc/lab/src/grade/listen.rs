//! Running one test process, and reading its report while it runs.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Instant;

use super::attempt::{Attempt, Ending};
use super::record::{self, ReportFile, ReportLine};
use super::run::Runner;
use super::run_results::RunResults;
use super::test_binary::TestBinary;
use crate::course::LabCrate;
use crate::error::CommandError;
use crate::interrupt;
use crate::process::{KeptEnd, OutputTail, POLL_INTERVAL, Supervised};
use crate::request::Tapes;

/// Tells Rust's test harness how many tests to run at a time.
const HARNESS_THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

impl Runner<'_> {
    /// Runs one process to its end, and returns how it ended and what it printed.
    pub(super) fn attempt(
        &mut self,
        lab: &LabCrate,
        binary: &TestBinary,
        attempt: &Attempt,
        run_results: &mut RunResults,
    ) -> Result<(Ending, String), CommandError> {
        let report_path = self.scratch.join("report.jsonl");
        let mut report = ReportFile::new(&report_path)?;
        let mut command = self.command(lab, binary, attempt, report_path.clone());
        if let Some(keeper) = &mut self.keeper {
            keeper.admit(&report_path)?;
            command = keeper.confine(command);
        }
        let output = OutputTail::of(&mut command)?;
        let mut process = Supervised::start(&mut command)?;
        drop(command);
        let mut last_line_at = Instant::now();
        let ending = loop {
            // Check for the end first and read afterwards, so that nothing it wrote before its end
            // is missed.
            let ended = process.ending()?;
            let lines = report.new_lines()?;
            let stop = match &mut self.keeper {
                Some(keeper) if ended.is_none() => keeper.look(process.number(), output.printed_bytes()),
                _ => None,
            };
            if !lines.is_empty() {
                last_line_at = Instant::now();
            }
            lines.iter().for_each(|line| self.handle_line(line, attempt, run_results));
            if let Some(status) = ended {
                break Ending::Ended(status);
            }
            if let Some(stop) = stop.or_else(|| report.stop()) {
                break Ending::Limited(stop);
            }
            if run_results.reason_to_stop().is_some() {
                break Ending::Stopped;
            }
            if last_line_at.elapsed() >= self.silence_max {
                break Ending::Hung;
            }
            interrupt::check()?;
            self.progress.draw();
            thread::sleep(POLL_INTERVAL);
        };
        drop(process);
        Ok((self.end_kept(ending)?, output.text()))
    }

    /// Ends what a process has left behind, if it was kept within limits.
    fn end_kept(&mut self, ending: Ending) -> Result<Ending, CommandError> {
        let Some(keeper) = &mut self.keeper else { return Ok(ending) };
        let status = if let Ending::Ended(status) = ending { Some(status) } else { None };
        Ok(match keeper.end(status)? {
            KeptEnd::Program(status) => Ending::Ended(status),
            KeptEnd::Limit(stop) => Ending::Limited(stop),
            KeptEnd::Killed => ending,
        })
    }

    fn command(&self, lab: &LabCrate, binary: &TestBinary, attempt: &Attempt, report: PathBuf) -> Command {
        let folder = self.course.folder(lab);
        let mut command = Command::new(&binary.executable);
        command.args(&attempt.filter).current_dir(&folder);
        // Cargo would set these for the lab. The ones that this command inherited are about its own
        // package.
        command.env("CARGO_MANIFEST_DIR", &folder).env("CARGO_PKG_NAME", lab.package);
        if let Some(count) = self.harness_threads {
            command.env(HARNESS_THREADS_VARIABLE, count.to_string());
        }
        command.env("LAB_REPORT", report).env("LAB_WORLD", self.request.world.name());
        match self.request.seed_count() {
            Some(count) => command.env("LAB_SEEDS", count.to_string()),
            None => command.env_remove("LAB_SEEDS"),
        };
        match self.request.first_seed {
            Some(seed) => command.env("LAB_FIRST_SEED", seed.to_string()),
            None => command.env_remove("LAB_FIRST_SEED"),
        };
        match &self.request.tapes {
            Some(Tapes::Record(folder)) => command.env("LAB_TAPES", format!("record:{}", folder.display())),
            Some(Tapes::Play(folder)) => command.env("LAB_TAPES", format!("play:{}", folder.display())),
            None => command.env_remove("LAB_TAPES"),
        };
        if self.request.is_unshrunk {
            command.env("LAB_SHRINK", "0");
        }
        match &attempt.replay {
            Some(token) => command.env("LAB_REPLAY", token.to_string()),
            None => command.env_remove("LAB_REPLAY"),
        };
        command
    }

    fn handle_line(&mut self, line: &str, attempt: &Attempt, run_results: &mut RunResults) {
        let record = match record::parse(line) {
            Ok(ReportLine::Run(record)) => record,
            Ok(ReportLine::Finished) => return,
            Err(reason) => {
                run_results.note(format!("a line of the report was ignored: {reason}: {line}"));
                return;
            }
        };
        // Only the tests that the process was asked to run can get results from it.
        if !attempt.tests.contains(&record.test) {
            run_results.ignore(record);
            return;
        }
        let test = record.test.clone();
        let was_decided = run_results.verdict_on(&test).is_some();
        run_results.add(record);
        self.progress.count_run(&test);
        if !was_decided && let Some(verdict) = run_results.verdict_on(&test) {
            self.progress.show(&verdict);
        }
    }
}
