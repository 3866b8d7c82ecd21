//! One test process: which tests it runs, and what its end says of those without a verdict.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::time::Duration;

use super::test_binary::TestBinary;
use crate::request::{ReplayToken, SeedChoice};

/// What Rust's test harness is told to run just the tests that are named in full.
const EXACT: &str = "--exact";

/// What Rust's test harness is told to let a test's words through.
const NO_CAPTURE: &str = "--nocapture";

/// The exit statuses with which Rust's test harness ends by itself: all passed, some failed.
const HARNESS_EXITS: [i32; 2] = [0, 101];

/// The exit status with which the test kit refuses what it was asked for, with one line.
const MISUSE_EXIT: i32 = 2;

/// So many of the last lines of a process that gave no verdict are shown.
const LAST_LINES_MAX: usize = 20;

/// Some tests to be run together, in one process.
#[derive(Debug)]
pub struct Attempt {
    /// The tests that owe a verdict.
    pub tests: Vec<String>,
    /// The arguments that choose them.
    pub filter: Vec<String>,
    /// The one run that is wanted, if it is one.
    pub replay: Option<ReplayToken>,
    /// Whether somebody wants to read what the process prints.
    pub is_shown: bool,
}

impl Attempt {
    /// Some tests and no others.
    fn chosen(binary: &TestBinary, tests: Vec<String>) -> Attempt {
        let paths = tests.iter().filter_map(|test| binary.find(test).ok()).map(|found| found.path.to_string());
        // Else a name would also choose the tests whose names it is a part of.
        let filter = paths.chain([EXACT.to_string()]).collect();
        Attempt { tests, filter, replay: None, is_shown: false }
    }

    /// One test alone.
    pub fn of(binary: &TestBinary, test: &str, replay: Option<ReplayToken>) -> Attempt {
        Attempt { replay, ..Attempt::chosen(binary, vec![test.to_string()]) }
    }

    /// One run that failed and is to be looked into: what a student has it print is the point.
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
        // A token is about one test, so each needs a process of its own.
        SeedChoice::Only(seed) => {
            tests.iter().map(|test| Attempt::of(binary, test, Some(ReplayToken::of(test, *seed)))).collect()
        }
        SeedChoice::Replay(token) => VecDeque::from([Attempt::shown(binary, token)]),
    }
}

/// How a test process ended.
#[derive(Debug)]
pub enum Ending {
    /// By itself, or by the system's hand.
    Ended(ExitStatus),
    /// By our hand, having reported nothing for too long.
    Hung,
}

impl Ending {
    /// Whether the process says that all went well.
    pub fn is_success(&self) -> bool {
        matches!(self, Ending::Ended(status) if status.success())
    }

    /// What the test kit complains of, if it cannot make sense of a token: only it can read all of
    /// one.
    pub fn refusal(&self, replay: Option<&ReplayToken>, output: &str) -> Option<String> {
        let named = format!("LAB_REPLAY={}", replay?);
        let is_refused = matches!(self, Ending::Ended(status) if status.code() == Some(MISUSE_EXIT));
        let complaint = output.split_once(&named).filter(|_| is_refused)?.1.lines().next()?;
        Some(format!("{named}{complaint}"))
    }

    /// Why tests of the process have no verdict.
    pub fn explanation(&self, silence_max: Duration, output: &str) -> String {
        let ending = match self {
            Ending::Hung => format!(
                "the test process was killed after {} s without a result. Is there a loop that never waits, or a thread \
                 that waits forever outside of the simulation?",
                silence_max.as_secs()
            ),
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
