//! `cargo lab grade`.

use lexopt::{Arg, Parser};

use crate::arguments::{Audience, Invocation, count, lab_called, misuse, seed_count, unknown_option, value_of};
use crate::course::track::Track;
use crate::error::CommandError;
use crate::instructor::Request;
use crate::instructor::grading::GradingRequest;
use crate::instructor::grading::cohort::shard::Shard;
use crate::instructor::grading::level::Level;
use crate::instructor::grading::report::Format;

/// The options of the command.
pub const OPTIONS: &[&str] = &[
    "--lab",
    "--open",
    "--seeds",
    "--first-seed",
    "--out",
    "--shard",
    "--format",
    "--json",
    "--sandbox",
    "--unsandboxed",
    "--jobs",
    "--prepare",
    "--help",
];

/// Parses the arguments after `cargo lab grade`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut request = GradingRequest::default();
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                request.submissions.push(value.into());
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("grade"))),
            "--open" => request.track = Track::Open,
            "--sandbox" => request.sandbox = Some(level(&mut parser, &option)?),
            "--unsandboxed" => request.is_unsandboxed = true,
            "--prepare" => request.is_preparation = true,
            "-j" | "--jobs" => request.jobs = Some(count(&mut parser, "--jobs", "jobs")?),
            "--json" => request.formats.push(Format::Json),
            "--format" => request.formats.push(Format::read(&value_of(&mut parser, &option, &Format::names())?)?),
            "--out" => request.out = Some(value_of(&mut parser, &option, "a folder")?.into()),
            "--shard" => {
                request.shard = Some(Shard::read(&value_of(&mut parser, &option, "a part, for instance 2/5")?)?)
            }
            "--lab" => request.labs.push(lab_called(&value_of(&mut parser, &option, "a lab, for instance 3b")?)?),
            "--seeds" => request.seeds = Some(seed_count(&mut parser, &option)?),
            "--first-seed" => request.first_seed = Some(first_seed(&mut parser, &option)?),
            _ => return Err(unknown_option("grade", &option, OPTIONS)),
        }
    }
    check(&request)?;
    Ok(Invocation::Instructor(Request::Grade(request)))
}

/// Refuses what makes no sense together.
fn check(request: &GradingRequest) -> Result<(), CommandError> {
    let refused = |reason: &str| Err(CommandError::Misuse(reason.to_string()));
    if request.is_preparation && !request.submissions.is_empty() {
        return refused("--prepare grades nothing: leave the submissions out, and grade them with the next command");
    }
    if request.submissions.is_empty() && !request.is_preparation {
        return refused("the submissions are missing: run `cargo lab grade SUBMISSION…`");
    }
    if request.is_unsandboxed && request.sandbox.is_some() {
        return refused("--sandbox and --unsandboxed exclude each other: leave one out");
    }
    let paths = &request.submissions;
    if let Some(at) = (0..paths.len()).find(|at| paths[..*at].contains(&paths[*at])) {
        return refused(&format!("{} is named twice: each submission is graded once", paths[at].display()));
    }
    if request.out.is_none() && request.formats.len() > 1 {
        return refused("one format is printed: use --out for a folder with several");
    }
    if request.shard.is_some() && request.out.is_none() {
        return refused(
            "--shard needs --out: a folder for this part, which `cargo lab merge` puts together with the others",
        );
    }
    if request.shard.is_some() && request.first_seed.is_none() {
        return refused(
            "--shard needs --first-seed: all parts are graded with the same seeds, so choose one at random",
        );
    }
    Ok(())
}

fn level(parser: &mut Parser, option: &str) -> Result<Level, CommandError> {
    let value = value_of(parser, option, "a level: bwrap, landlock or uid")?;
    Level::called(&value).ok_or_else(|| {
        CommandError::Misuse(format!("{option} {value}: there is no such sandbox (bwrap, landlock, uid)"))
    })
}

/// The largest seed to begin with: it leaves room for those that follow.
const FIRST_SEED_MAX: u64 = 1 << 62;

fn first_seed(parser: &mut Parser, option: &str) -> Result<u64, CommandError> {
    let value = value_of(parser, option, "a number")?;
    let seed = value.parse().ok().filter(|seed| (1..=FIRST_SEED_MAX).contains(seed));
    seed.ok_or_else(|| {
        CommandError::Misuse(format!("{option} {value}: it must be a whole number from 1 to {FIRST_SEED_MAX}"))
    })
}
