//! One test process: which tests it runs, and what its end means for tests without a verdict.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::time::Duration;

use super::test_binary::TestBinary;
use crate::process::Stop;
use crate::request::{ReplayToken, SeedChoice};

/// Makes Rust's test harness run exactly the tests that are named.
const EXACT: &str = "--exact";

/// Makes Rust's test harness print the output of tests.
const NO_CAPTURE: &str = "--nocapture";

/// The exit statuses of Rust's test harness: all tests passed, some failed.
const HARNESS_EXITS: [i32; 2] = [0, 101];

/// The exit status with which the test kit refuses its arguments, after a line that says why.
const MISUSE_EXIT: i32 = 2;

/// How many of the last lines of a process without a verdict are shown.
const LAST_LINES_MAX: usize = 20;

/// Some tests to be run together, in one process.
#[derive(Debug)]
pub struct Attempt {
    /// The tests that must get a verdict.
    pub tests: Vec<String>,
    /// The arguments that choose the tests.
    pub filter: Vec<String>,
    /// The run to replay, if there is only one.
    pub replay: Option<ReplayToken>,
    /// Whether the output of the process is shown.
    pub is_shown: bool,
}

impl Attempt {
    /// Exactly these tests.
    fn chosen(binary: &TestBinary, tests: Vec<String>) -> Attempt {
        let paths = tests.iter().filter_map(|test| binary.find(test).ok()).map(|found| found.path.to_string());
        // Without this, a name would also choose the tests whose names contain it.
        let filter = paths.chain([EXACT.to_string()]).collect();
        Attempt { tests, filter, replay: None, is_shown: false }
    }

    /// One test.
    pub fn of(binary: &TestBinary, test: &str, replay: Option<ReplayToken>) -> Attempt {
        Attempt { replay, ..Attempt::chosen(binary, vec![test.to_string()]) }
    }

    /// The replay of a failed run. Its output is shown, because the student is debugging.
    fn shown(binary: &TestBinary, token: &ReplayToken) -> Attempt {
        let mut attempt = Attempt::of(binary, &token.test, Some(token.clone()));
        attempt.filter.push(NO_CAPTURE.to_string());
        Attempt { is_shown: true, ..attempt }
    }
}

/// The processes that these tests need if nothing goes wrong.
pub fn plan(binary: &TestBinary, tests: Vec<String>, seeds: &SeedChoice) -> VecDeque<Attempt> {
    match seeds {
        SeedChoice::Listed | SeedChoice::Count(_) => VecDeque::from([Attempt::chosen(binary, tests)]),
        // A token names one test, so each test needs a process of its own.
        SeedChoice::Only(seed) => {
            tests.iter().map(|test| Attempt::of(binary, test, Some(ReplayToken::of(test, *seed)))).collect()
        }
        SeedChoice::Replay(token) => VecDeque::from([Attempt::shown(binary, token)]),
    }
}

/// What a replayed run printed itself: the output without the report, which the scoreboard has, and without
/// the lines of Rust's test harness.
pub fn own_output(output: &str, path: &str, report: &str) -> String {
    let rest = output.replacen(report.trim(), "", 1);
    let is_of_harness = |line: &str| {
        let line = line.trim();
        line == "running 1 test"
            || line == "failures:"
            || line == path
            || line.starts_with("test result: ")
            || line.strip_prefix("test ").is_some_and(|line| line.starts_with(path))
    };
    let lines: Vec<&str> = rest.lines().filter(|line| !is_of_harness(line)).collect();
    let own = lines.join("\n");
    match own.trim_matches('\n') {
        "" => String::new(),
        own => format!("\n{own}\n"),
    }
}

/// How a test process ended.
#[derive(Debug)]
pub enum Ending {
    /// It ended, or the system ended it.
    Ended(ExitStatus),
    /// It was killed, because it reported nothing for too long.
    Hung,
    /// It was killed, because too many of its tests did not come to an end.
    Stopped,
    /// It was killed at a limit.
    Limited(Stop),
}

impl Ending {
    /// Whether the exit status is success.
    pub fn is_success(&self) -> bool {
        matches!(self, Ending::Ended(status) if status.success())
    }

    /// The test kit's error message, if it refuses the token. Only the test kit can parse all of a
    /// token.
    pub fn refusal(&self, replay: Option<&ReplayToken>, output: &str) -> Option<String> {
        let named = format!("LAB_REPLAY={}", replay?);
        let is_refused = matches!(self, Ending::Ended(status) if status.code() == Some(MISUSE_EXIT));
        let message = output.split_once(&named).filter(|_| is_refused)?.1.lines().next()?;
        Some(format!("{named}{message}"))
    }

    /// Why tests of this process have no verdict.
    pub fn reason_for_missing(&self, silence_max: Duration, output: &str) -> String {
        let ending = match self {
            Ending::Hung => format!(
                "the test process was killed after {} s without a result. Is there a loop that never waits, or a thread \
                 that waits forever outside of the simulation?",
                silence_max.as_secs()
            ),
            Ending::Stopped => "the test process was ended".to_string(),
            Ending::Limited(stop) => format!("the test process was ended: {}", stop.why),
            Ending::Ended(status) if status.code().is_some_and(|code| HARNESS_EXITS.contains(&code)) => {
                format!("the test process ended with {status}")
            }
            Ending::Ended(status) => format!("the test process died with {status}"),
        };
        let lines: Vec<&str> = output.trim_end().lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES_MAX)..];
        if last.is_empty() {
            return ending;
        }
        format!("{ending}\nIts last output:\n  {}", last.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::own_output;

    /// Of a replay's output, the log lines are left: the report and the harness's lines are shown elsewhere
    /// or say nothing new.
    #[test]
    fn log_lines_are_left() {
        let report = "2A  vote once … FAILED   seed 1 replayed\n\n    It voted twice.\n";
        let harness = "test rules::vote_once_2a ... FAILED\n\nfailures:\n\nfailures:\n    rules::vote_once_2a\n\n\
                       test result: FAILED. 0 passed; 1 failed\n\n";
        let printed = |log: &str| format!("\nrunning 1 test\n{log}\n{report}\n{harness}");
        let own = |log| own_output(&printed(log), "rules::vote_once_2a", report);
        assert_eq!(own("0.001 s  votes\n\n0.002 s  votes again"), "\n0.001 s  votes\n\n0.002 s  votes again\n");
        assert_eq!(own(""), "");
    }
}
