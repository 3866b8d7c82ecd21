//! Runs the command that grades, and reads what it says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::attack::Attack;

/// How many seeds each test runs.
const SEEDS: &str = "2";

/// A submission that takes longer hangs the grader, whose own limits are shorter. So does building the judge.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A grader that is asked to end removes its files first.
const FAREWELL: Duration = Duration::from_secs(30);

/// What an attack calls all labs together.
const ALL_LABS: &str = "all";

/// The largest report of a submission: some pages for each test.
const REPORT_BYTES_MAX: usize = 8 << 20;

/// Grades submissions of one lab.
pub struct Grader<'a> {
    pub options: &'a [&'a str],
    pub lab: &'a str,
    /// The command, without arguments.
    pub command: &'a dyn Fn() -> Command,
    /// What no report may contain.
    pub secret: &'a str,
}

/// What came of a submission.
#[derive(Debug, Default)]
pub struct Graded {
    pub score: u64,
    /// The tests that passed.
    passed: Vec<String>,
    /// The name of the lab's ending, such as `compile-error`; or `refused`.
    pub ending: String,
    /// The text of the ending.
    pub why: String,
    pub took: Duration,
    /// What the grader itself suffered.
    harm: Option<String>,
}

impl Graded {
    /// What should not have come of it.
    pub fn problems(&self, attack: &Attack, is_sandboxed: bool) -> Vec<String> {
        let mut problems: Vec<String> = self.harm.iter().cloned().collect();
        if self.score > attack.points_max {
            let passed = self.passed.join(", ");
            problems.push(format!("it gains {} points, and {} are allowed: {passed}", self.score, attack.points_max));
        }
        if self.score < attack.points_min {
            problems.push(format!("it gets {} points, and deserves {}", self.score, attack.points_min));
        }
        if is_sandboxed && self.harm.is_none() && !attack.endings.contains(&self.ending) {
            problems.push(format!(
                "it ends with `{}`, and not with {}: {}",
                self.ending,
                attack.endings.join(" or "),
                self.why
            ));
        }
        problems
    }
}

/// How the grader's process ended.
enum End {
    Itself(ExitStatus),
    /// It was killed, because it took too long for one submission.
    Killed,
}

impl Grader<'_> {
    /// Grades all submissions. One that ends or hangs the grader is blamed for it, and the others are graded without it.
    pub fn grade(&self, submissions: &[PathBuf]) -> BTreeMap<String, Graded> {
        let mut graded = BTreeMap::new();
        let mut left = submissions.to_vec();
        while !left.is_empty() {
            let mut times = Vec::new();
            let (end, printed) = self.run(&left, &mut times);
            let document: Option<Value> = serde_json::from_str(&printed).ok();
            let is_complete = matches!(end, End::Itself(status) if status.code().is_some_and(|code| code <= 1));
            if let (true, Some(document)) = (is_complete, document) {
                for submission in document["submissions"].as_array().into_iter().flatten() {
                    let mut outcome = self.outcome(submission);
                    let name = submission["name"].as_str().unwrap_or_default();
                    outcome.took =
                        times.iter().find(|(begun, _)| begun == name).map(|(_, took)| *took).unwrap_or_default();
                    graded.insert(name.to_string(), outcome);
                }
                return graded;
            }
            let harm = match end {
                End::Killed => format!("the grader hangs: it took longer than {} s", PATIENCE.as_secs()),
                End::Itself(status) => format!("the grader itself ended with {status}"),
            };
            let (culprit, took) = times.pop().unwrap_or_else(|| panic!("{harm}, before it began"));
            let outcome = Graded { took, harm: Some(harm), ending: "harm".to_string(), ..Graded::default() };
            left.retain(|path| path.file_name().is_some_and(|name| name != culprit.as_str()));
            graded.insert(culprit, outcome);
        }
        graded
    }

    /// Runs the command once. `times` gets each submission that it began, and how long that took.
    fn run(&self, submissions: &[PathBuf], times: &mut Vec<(String, Duration)>) -> (End, String) {
        let mut command = (self.command)();
        command.args(["grade", "--json", "--seeds", SEEDS]).args(self.options).args(submissions);
        if self.lab != ALL_LABS {
            command.args(["--lab", self.lab]);
        }
        command.env("ATTACKS_SECRET", self.secret);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().expect("the command");
        let (mut stdout, stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let printed = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stdout.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let (tell, told) = channel();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)))
        });
        let mut began = Instant::now();
        let end = loop {
            match told.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(line) => {
                    eprintln!("{line}");
                    let begun = line.strip_prefix("grading ").and_then(|begun| begun.rsplit_once(" ("));
                    let Some((name, _)) = begun else { continue };
                    if let Some((_, took)) = times.last_mut() {
                        *took = began.elapsed();
                    }
                    began = Instant::now();
                    times.push((name.to_string(), Duration::ZERO));
                }
                Err(RecvTimeoutError::Disconnected) => break End::Itself(child.wait().expect("its status")),
                Err(RecvTimeoutError::Timeout) => {
                    end(&mut child);
                    break End::Killed;
                }
            }
        };
        if let Some((_, took)) = times.last_mut() {
            *took = began.elapsed();
        }
        let printed = match &end {
            End::Itself(_) => printed.join().expect("it reads"),
            End::Killed => String::new(),
        };
        (end, printed)
    }

    fn outcome(&self, submission: &Value) -> Graded {
        let report = submission.to_string();
        let harm = match report.contains(self.secret) {
            true => Some("the report tells a secret that it has read".to_string()),
            false if report.len() > REPORT_BYTES_MAX => Some(format!("its report has {} bytes", report.len())),
            false => None,
        };
        let outcome = &submission["outcome"];
        for unable in ["refused", "grader-fault"] {
            if let Some(why) = outcome[unable].as_str() {
                return Graded { ending: unable.to_string(), why: why.to_string(), harm, ..Graded::default() };
            }
        }
        let labs = outcome["graded"].as_array().map(Vec::as_slice).unwrap_or_default();
        let score = labs.iter().map(|lab| lab["score"].as_u64().expect("a score")).sum();
        let tests = labs.iter().filter_map(|lab| lab["tests"].as_array()).flatten();
        let passed = tests.filter(|test| test["score"].as_u64() > Some(0)).filter_map(|test| test["test"].as_str());
        let passed = passed.map(str::to_string).collect();
        let lab = labs.last().unwrap_or_else(|| panic!("no result: {submission}"));
        let (ending, why) = match &lab["ending"] {
            Value::Object(ending) => ending.iter().next().map(|(name, why)| (name.as_str(), why.to_string())),
            name => name.as_str().map(|name| (name, String::new())),
        }
        .expect("an ending");
        Graded { score, passed, ending: ending.to_string(), why, harm, ..Graded::default() }
    }
}

/// Ends a grader that hangs.
fn end(child: &mut Child) {
    let _ = kill_process(Pid::from_child(child), Signal::INT);
    let asked = Instant::now();
    while asked.elapsed() < FAREWELL && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(100));
    }
    let _ = child.kill();
    let _ = child.wait();
}
