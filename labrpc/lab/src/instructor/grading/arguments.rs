//! `cargo lab grade`.

use lexopt::{Arg, Parser};

use crate::arguments::{Audience, Invocation, lab_called, misuse, seed_count, unknown_option, value_of};
use crate::course::track::Track;
use crate::error::CommandError;
use crate::instructor::Request;
use crate::instructor::grading::GradingRequest;
use crate::instructor::grading::level::Level;

/// The options of the command.
pub const OPTIONS: &[&str] =
    &["--lab", "--open", "--seeds", "--first-seed", "--sandbox", "--unsandboxed", "--json", "--help"];

/// Parses the arguments after `cargo lab grade`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut request = GradingRequest::default();
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                request.folders.push(value.into());
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
            "--json" => request.is_json = true,
            "--lab" => request.labs.push(lab_called(&value_of(&mut parser, &option, "a lab, for instance 3b")?)?),
            "--seeds" => request.seeds = Some(seed_count(&mut parser, &option)?),
            "--first-seed" => request.first_seed = Some(first_seed(&mut parser, &option)?),
            _ => return Err(unknown_option("grade", &option, OPTIONS)),
        }
    }
    if request.folders.is_empty() {
        return Err(CommandError::Misuse("the submissions are missing: run `cargo lab grade FOLDER…`".to_string()));
    }
    if request.is_unsandboxed && request.sandbox.is_some() {
        return Err(CommandError::Misuse("--sandbox and --unsandboxed exclude each other: leave one out".to_string()));
    }
    if let Some(repeated) = repeated(&request) {
        return Err(CommandError::Misuse(format!("{repeated} is named twice: each submission is graded once")));
    }
    Ok(Invocation::Instructor(Request::Grade(request)))
}

fn repeated(request: &GradingRequest) -> Option<String> {
    let folders = &request.folders;
    let is_repeated = |nth: usize| folders[..nth].contains(&folders[nth]);
    (0..folders.len()).find(|nth| is_repeated(*nth)).map(|nth| folders[nth].display().to_string())
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
