//! How do I work on, hand out and grade a lab?
//!
//! With `cargo lab`. It knows the course only by its folders: it depends on no lab and on no part
//! of the simulator, so that it still runs when a student's code does not compile.
//!
//! In reading order:
//!
//! - [`arguments`] reads the command line, [`help`] explains it;
//! - [`course`] says which labs there are, [`points`] which tests each is graded by, and
//!   [`selection`] which of them are meant;
//! - [`grade`] builds and runs them, and turns what they report into verdicts;
//! - [`scoreboard`] and [`json`] show the verdicts to people and to programs;
//! - [`handout`] makes the workspace that a student starts from, and proves it;
//! - [`bugs`] plants known bugs, and proves that the graded tests catch them.
//!
//! Missing on purpose: a sandbox. The tests run with the rights of whoever calls `cargo lab`, and
//! a student's code that is out to forge its own report can do so. To grade strangers, run this in
//! a container, over a fresh copy of the course that takes only `src` from the student.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this command lives in the real world: it waits for processes, not for simulated servers"
)]

mod arguments;
mod bar;
mod bugs;
mod course;
mod error;
mod grade;
mod handout;
mod help;
mod interrupt;
mod json;
mod nearest;
mod paint;
mod points;
mod process;
mod progress;
mod request;
mod scoreboard;
mod scratch;
mod selection;
mod test_kind;
mod tree;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use arguments::Invocation;
use course::Course;
use error::CommandError;
use grade::cargo::Cargo;
use paint::Paint;
use progress::TestProgress;
use request::{OutputFormat, TestRequest};

fn main() -> ExitCode {
    match run(env::args_os().skip(1)) {
        Ok(exit_code) => exit_code,
        Err(failure) => {
            if !matches!(failure, CommandError::Interrupted) {
                eprintln!("error: {failure}");
            }
            failure.exit_code()
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, CommandError> {
    match arguments::parse(arguments)? {
        Invocation::Help(topic) => {
            print(help::text(topic));
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Test(request) => test(&find_course()?, &request),
        Invocation::Bugs(request) => bugs::run(&find_course()?, &request, print),
        Invocation::Handout(folder) => make_handout(&find_course()?, &folder),
        Invocation::HandoutCheck => {
            handout::check::prove(&find_course()?, &mut |line| print(line))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The course around the current folder. From here on there is something to clear away.
fn find_course() -> Result<Course, CommandError> {
    interrupt::watch()?;
    let folder = env::current_dir().map_err(CommandError::of_system("the current folder could not be found"))?;
    Course::around(&folder)
}

fn test(course: &Course, request: &TestRequest) -> Result<ExitCode, CommandError> {
    let selections = selection::choose(&points::read_all(course)?, request)?;
    warn_of_ignored_variables();
    let cargo = Cargo::new(course, request.profile);
    let results = grade::grade(course, &cargo, request, &selections, &mut TestProgress::on_stderr())?;
    match request.output {
        OutputFormat::Scoreboard if results.is_nothing_built() => {}
        OutputFormat::Scoreboard => print(&scoreboard::render(&results, Paint::for_stdout())),
        OutputFormat::Json => print(&json::render(&results, request)),
        OutputFormat::Hashes => {
            print(&scoreboard::hashes(&results));
            if !results.is_passed() {
                eprintln!("error: not every test passed: `cargo lab test` without --hash says why");
            }
        }
    }
    Ok(if results.is_passed() { ExitCode::SUCCESS } else { ExitCode::from(error::EXIT_FAILED) })
}

fn make_handout(course: &Course, folder: &Path) -> Result<ExitCode, CommandError> {
    let handout = handout::Handout::of(course)?;
    handout.write(course, folder)?;
    print(&handout.summary(folder));
    Ok(ExitCode::SUCCESS)
}

/// The variables that the tests read are set from the options alone, so that equal command lines
/// grade equally. Whoever has set one for `cargo test` should hear that it does nothing here.
fn warn_of_ignored_variables() {
    for (variable, option) in [("LAB_SEEDS", "--seeds"), ("LAB_REPLAY", "--replay"), ("LAB_WORLD", "--world")] {
        if let Some(value) = env::var_os(variable) {
            let value = value.to_string_lossy();
            eprintln!("note: {variable}={value} has no effect here: use {option} {value}");
        }
    }
}

/// Writes to standard output. A reader that has left early (`cargo lab | head`) is no failure.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
