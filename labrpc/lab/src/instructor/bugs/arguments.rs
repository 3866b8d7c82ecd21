//! `cargo lab bugs`.

use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::arguments::{Audience, Invocation, count, misuse, seed_count, unknown_option, value_of};
use crate::course::test_kind::TestKind;
use crate::course::track::Track;
use crate::error::CommandError;
use crate::instructor::Request;
use crate::instructor::bugs::request::{BugsOutput, BugsRequest};
use crate::request::Profile;

/// The options of the command.
pub const OPTIONS: &[&str] = &[
    "--open",
    "--list",
    "--lawful",
    "--spread",
    "--all-labs",
    "--kind",
    "--seeds",
    "--release",
    "--jobs",
    "--json",
    "--markdown",
    "--stories",
    "--known-mistakes",
    "--hints",
    "--help",
];

/// Parses the arguments after `cargo lab bugs`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut request = BugsRequest::default();
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                request.selectors.push(value.to_string_lossy().into_owned());
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("bugs"))),
            "--list" => choose_output(&mut request, BugsOutput::List)?,
            "--json" => choose_output(&mut request, BugsOutput::Json)?,
            "--open" => request.track = Track::Open,
            "--lawful" => request.is_lawful_only = true,
            "--all-labs" => request.is_all_labs = true,
            "--hints" => request.is_hints = true,
            "--known-mistakes" => request.is_known_mistakes = true,
            "--release" => request.profile = Profile::Release,
            "--kind" => request.kind = Some(kind(&value_of(&mut parser, &option, "a kind of tests")?)?),
            "--seeds" => request.seeds = Some(seed_count(&mut parser, &option)?),
            "--spread" => request.spread = Some(count(&mut parser, &option, "variants")?),
            "-j" | "--jobs" => request.jobs = Some(count(&mut parser, "--jobs", "jobs")?),
            "--markdown" => {
                request.markdown = Some(PathBuf::from(value_of(&mut parser, &option, "a file to write")?));
            }
            "--stories" => {
                request.stories = Some(PathBuf::from(value_of(&mut parser, &option, "a folder for the stories")?));
            }
            _ => return Err(unknown_option("bugs", &option, OPTIONS)),
        }
    }
    if request.output == BugsOutput::List && request.markdown.is_some() {
        return Err(CommandError::Misuse(
            "--list plants nothing, so --markdown has nothing to write: leave one out".to_string(),
        ));
    }
    check_known_mistakes(&request)?;
    check_hints(&request)?;
    Ok(Invocation::Instructor(Request::Bugs(request)))
}

/// Known mistakes are those of the course's own design, and of what a student's own run shows.
fn check_known_mistakes(request: &BugsRequest) -> Result<(), CommandError> {
    let others = [
        ("--open", request.track == Track::Open),
        ("--list", request.output == BugsOutput::List),
        ("--all-labs", request.is_all_labs),
        ("--kind", request.kind.is_some()),
        ("--lawful", request.is_lawful_only),
        ("--stories", request.stories.is_some()),
    ];
    match others.iter().find(|(_, is_set)| *is_set && request.is_known_mistakes) {
        Some((option, _)) => Err(CommandError::Misuse(format!(
            "--known-mistakes runs all tests of the bug's own lab, in the guided track: leave out {option}"
        ))),
        None => Ok(()),
    }
}

/// Hints are measured from the lists of known mistakes alone.
fn check_hints(request: &BugsRequest) -> Result<(), CommandError> {
    let output = request.output;
    let alone = BugsRequest { is_hints: true, output, ..BugsRequest::default() };
    if request.is_hints && (*request != alone || output == BugsOutput::List) {
        return Err(CommandError::Misuse(
            "--hints plants nothing and is about all known mistakes: use it alone, or with --json".to_string(),
        ));
    }
    Ok(())
}

fn choose_output(request: &mut BugsRequest, output: BugsOutput) -> Result<(), CommandError> {
    if request.output != BugsOutput::Table && request.output != output {
        return Err(CommandError::Misuse(
            "--list and --json both print to standard output: use one of them".to_string(),
        ));
    }
    request.output = output;
    Ok(())
}

fn kind(name: &str) -> Result<TestKind, CommandError> {
    TestKind::named(name)
        .ok_or_else(|| CommandError::Misuse(format!("`{name}` is no kind of tests: use rules, cluster, chaos or cost")))
}
