//! How do I work on, hand out and grade a lab?
//!
//! With `cargo lab`. The command knows the course only by its folders: it depends on no lab and on no
//! part of the simulator, so that it still runs when a student's code does not compile.
//!
//! In reading order:
//!
//! - [`arguments`] reads the command line, [`help`] explains it;
//! - [`course`] lists the labs, [`begun`] says which of them are begun, [`points`] lists the graded tests of each lab, and [`selection`]
//!   chooses tests as the command line asks;
//! - [`grade`] builds and runs them, and turns what they report into verdicts;
//! - [`scoreboard`] and [`json`] show the verdicts to people and to programs;
//! - [`story`] runs one test again and shows what happened;
//! - [`handout`] makes the workspace that a student starts from, and checks it; [`carry`] starts a lab of the open track
//!   from the one before;
//! - [`bugs`] plants known bugs, and checks that the graded tests catch them.
//!
//! Missing on purpose: a sandbox. The tests run with the caller's rights, and a student's code can
//! forge its own report. To grade untrusted code, run this in a container, on a fresh copy of the
//! course that takes only `src` from the student.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this command waits for processes, not for simulated servers"
)]

mod arguments;
mod bar;
mod begun;
mod bugs;
mod carry;
mod course;
mod duration;
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
mod story;
mod test_kind;
mod tree;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use arguments::{Audience, Invocation};
use course::Course;
use error::CommandError;
use grade::cargo::Cargo;
use handout::HandoutPlan;
use paint::Paint;
use progress::TestProgress;
use request::{OutputFormat, SeedChoice, TestRequest};

/// The variable with which `cargo test` replays a run.
const REPLAY_VARIABLE: &str = "LAB_REPLAY";

fn main() -> ExitCode {
    match run(env::args_os().skip(1)) {
        Ok(exit_code) => exit_code,
        Err(error) => {
            if !matches!(error, CommandError::Interrupted) {
                eprintln!("error: {error}");
            }
            error.exit_code()
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, CommandError> {
    let audience = audience();
    match arguments::parse(arguments, audience)? {
        Invocation::Help(topic) => {
            print(help::text(topic, audience));
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Test(request) => test(&find_course()?, &request),
        Invocation::Story(request) => story::tell(&find_course()?, &request),
        Invocation::Bugs(request) => bugs::run(&find_course()?, &request, print),
        Invocation::Handout(folder, plan) => make_handout(&find_course()?, &folder, &plan),
        Invocation::HandoutCheck(track) => {
            handout::check::check(&find_course()?, track, &mut |line| print(line))?;
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Carry { from, to, restart } => {
            print(&carry::carry(&find_course()?, from, to, restart)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// For whom messages are. Outside of the course they are for everybody.
fn audience() -> Audience {
    let course = env::current_dir().ok().and_then(|folder| Course::around(&folder).ok());
    if course.is_some_and(|course| handout::is_handout(&course)) { Audience::Student } else { Audience::Instructor }
}

/// The course around the current folder. Handles Ctrl-C from now on, because temporary files may
/// have to be removed.
fn find_course() -> Result<Course, CommandError> {
    interrupt::watch()?;
    let folder = env::current_dir().map_err(CommandError::of_system("the current folder could not be found"))?;
    Course::around(&folder)
}

fn test(course: &Course, request: &TestRequest) -> Result<ExitCode, CommandError> {
    let labs = points::read_all(course)?;
    let mut selections = selection::choose(&labs, request)?;
    selection::several(&labs, &request.selectors)?.iter().for_each(|told| eprintln!("{told}"));
    if request.is_for_all_labs() {
        begun::leave_out_later_labs(course, &mut selections)?;
    }
    refuse_ignored_token(request)?;
    warn_of_ignored_variables();
    let cargo = Cargo::new(course, request.profile);
    let result = grade::grade(course, &cargo, request, &selections, &mut TestProgress::on_stderr(request.world))?;
    match request.output {
        OutputFormat::Scoreboard if result.is_nothing_built() => {}
        OutputFormat::Scoreboard => print(&scoreboard::render(&result, Paint::for_stdout())),
        OutputFormat::Json => print(&json::render(&result, request)),
        OutputFormat::Hashes => {
            print(&scoreboard::hashes(&result));
            if !result.is_passed() {
                eprintln!("error: not every test passed: `cargo lab test` without --hash says why");
            }
        }
    }
    Ok(if result.is_passed() { ExitCode::SUCCESS } else { ExitCode::from(error::EXIT_FAILED) })
}

fn make_handout(course: &Course, folder: &Path, plan: &HandoutPlan) -> Result<ExitCode, CommandError> {
    let handout = handout::Handout::of(course, plan)?;
    handout.write(course, folder)?;
    print(&handout.summary(folder));
    Ok(ExitCode::SUCCESS)
}

/// Refuses a token that `cargo test` would read. To run all tests instead of the one that is asked for would
/// be a surprise.
fn refuse_ignored_token(request: &TestRequest) -> Result<(), CommandError> {
    match env::var(REPLAY_VARIABLE) {
        Ok(token) if !matches!(request.seeds, SeedChoice::Replay(_)) => Err(CommandError::Misuse(format!(
            "{REPLAY_VARIABLE}={token} has no effect here: run `cargo lab test --replay {token}`, or unset the variable"
        ))),
        _ => Ok(()),
    }
}

/// Tells the caller that variables which `cargo test` reads have no effect here. Only options do,
/// so that equal command lines grade equally.
fn warn_of_ignored_variables() {
    for (variable, option) in [("LAB_SEEDS", "--seeds"), ("LAB_WORLD", "--world")] {
        if let Some(value) = env::var_os(variable) {
            let value = value.to_string_lossy();
            eprintln!("note: {variable}={value} has no effect here: use {option} {value}");
        }
    }
}

/// Writes to standard output. A reader that closes it early (`cargo lab | head`) is not an error.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
