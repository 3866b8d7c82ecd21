//! How do I work on, hand out and grade a lab?
//!
//! With `cargo lab`. The command knows the course only by its folders: it depends on no lab and on no
//! part of the simulator, so that it still runs when a student's code does not compile.
//!
//! In reading order:
//!
//! - [`arguments`] reads the command line, [`help`] explains it;
//! - [`course`] lists the labs, which of them are begun, and their graded tests, and [`selection`] chooses tests as the
//!   command line asks;
//! - [`grade`] builds and runs them, and turns what they report into verdicts;
//! - [`output`] shows the verdicts to people and to programs;
//! - [`student`] is what a student needs besides: where the work stands, what failed last, and what a run looked like;
//! - `instructor` makes the workspace that a student starts from, plants known bugs, and checks that the graded tests
//!   catch them. A handout does not have it.
//!
//! Missing on purpose: a sandbox for `cargo lab test`. The tests run with the caller's rights, and a student's code can
//! forge its own report. Untrusted code is graded by `cargo lab grade`.

// A handout is built without the instructor's commands, and only Linux has the grader's sandbox. The shared modules are the same.
#![cfg_attr(
    any(not(feature = "instructor"), not(target_os = "linux")),
    allow(dead_code, reason = "only the instructor's commands use it, some of them on Linux alone")
)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this command waits for processes, not for simulated servers"
)]

mod arguments;
mod course;
mod error;
mod fingerprint;
mod grade;
mod help;
#[cfg(feature = "instructor")]
mod instructor;
mod interrupt;
mod nearest;
mod output;
mod process;
mod request;
mod scratch;
mod selection;
mod source_item;
mod student;
mod tree;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Audience, Invocation};
use course::{Course, begun, points, track};
use error::CommandError;
use grade::cargo::Cargo;
use output::paint::Paint;
use output::progress::TestProgress;
use output::{json, scoreboard};
use request::{OutputFormat, SeedChoice, TestRequest};
use student::results::LastResults;
use student::work::Work;
use student::{carry, completions, doctor, hint, status, story, submit, watch};

/// The variable with which `cargo test` replays a run.
const REPLAY_VARIABLE: &str = "LAB_REPLAY";

fn main() -> ExitCode {
    #[cfg(all(feature = "instructor", target_os = "linux"))]
    if let Some(exit_code) = instructor::grading::stand_in(&env::args_os().skip(1).collect::<Vec<_>>()) {
        return exit_code;
    }
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
        Invocation::Help(command) => {
            print(&help::text(command, audience));
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Status { is_json } => status::show(&find_course()?, is_json, print),
        Invocation::Test(request) => test(&find_course()?, &request),
        Invocation::Watch { lab, profile } => watch::watch(&find_course()?, lab, profile),
        Invocation::Hint(request) => hint::give(&find_course()?, &request, print),
        Invocation::Doctor { is_json } => doctor::examine(&find_course()?, is_json, print),
        Invocation::Submit(request) => submit::submit(&find_course()?, &request, print),
        Invocation::Completions { shell, audience } => {
            print(&completions::script(shell, audience));
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Story(request) => story::tell(&find_course()?, &request),
        #[cfg(feature = "instructor")]
        Invocation::Instructor(request) => instructor::run(&find_course()?, &request, print),
        Invocation::Carry { from, to, restart } => {
            print(&carry::carry(&find_course()?, from, to, restart)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// For whom messages are. Outside of the course they are for everybody.
fn audience() -> Audience {
    let course = env::current_dir().ok().and_then(|folder| Course::around(&folder).ok());
    if course.is_some_and(|course| track::is_handout(&course)) { Audience::Student } else { Audience::Instructor }
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
    let mut result = grade::grade(course, &cargo, request, &selections, &mut TestProgress::on_stderr(request.world))?;
    let mut last = LastResults::read(course);
    last.add(course, &result)?;
    last.write(course);
    result.work = Work { has_many_seeds: request.has_many_seeds(), ..Work::of(course, &result.labs)? };
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
