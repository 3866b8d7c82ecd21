//! `cargo lab test`.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, misuse, seed_count, unknown_option, value_of};
use crate::error::CommandError;
use crate::nearest::suggestion;
use crate::request::{OutputFormat, Profile, ReplayToken, SeedChoice, TestRequest, WorldChoice};

/// The options of the command.
pub const OPTIONS: &[&str] = &["--seeds", "--seed", "--replay", "--json", "--hash", "--release", "--world", "--help"];

/// Parses the arguments after `cargo lab test`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut request = TestRequest::default();
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
            "-h" | "--help" => return Ok(Invocation::Help(Some("test"))),
            "--json" => choose_output(&mut request, OutputFormat::Json)?,
            "--hash" => choose_output(&mut request, OutputFormat::Hashes)?,
            "--release" => request.profile = Profile::Release,
            "--world" => request.world = parse_world(&value_of(&mut parser, &option, "sim or real")?)?,
            "--seeds" | "--seed" | "--replay" => choose_seeds(&mut request, &mut parser, &option)?,
            _ => return Err(unknown_option("test", &option, OPTIONS)),
        }
    }
    if matches!(request.seeds, SeedChoice::Replay(_)) && !request.selectors.is_empty() {
        let named = request.selectors.join(" ");
        return Err(CommandError::Misuse(format!("--replay takes the test from its token: leave out `{named}`")));
    }
    let in_simulation_alone = match (&request.seeds, request.output) {
        (SeedChoice::Only(_), _) => Some("--seed"),
        (SeedChoice::Replay(_), _) => Some("--replay"),
        (_, OutputFormat::Hashes) => Some("--hash"),
        _ => None,
    };
    if let Some(option) = in_simulation_alone.filter(|_| request.world == WorldChoice::Real) {
        return Err(CommandError::Misuse(format!(
            "{option} needs --world sim: a run with --world real cannot be repeated"
        )));
    }
    Ok(Invocation::Test(request))
}

fn choose_output(request: &mut TestRequest, output: OutputFormat) -> Result<(), CommandError> {
    if request.output != OutputFormat::Scoreboard && request.output != output {
        return Err(CommandError::Misuse(
            "--json and --hash both print to standard output: use one of them".to_string(),
        ));
    }
    request.output = output;
    Ok(())
}

fn choose_seeds(request: &mut TestRequest, parser: &mut Parser, option: &str) -> Result<(), CommandError> {
    if request.seeds != SeedChoice::Listed {
        let reason = "--seeds, --seed and --replay each choose the seeds: use one of them, once";
        return Err(CommandError::Misuse(reason.to_string()));
    }
    request.seeds = match option {
        "--seeds" => SeedChoice::Count(seed_count(parser, option)?),
        "--seed" => {
            let value = value_of(parser, option, "a seed, for instance 17")?;
            SeedChoice::Only(value.parse().map_err(|_| {
                CommandError::Misuse(format!("`--seed {value}` is not a seed: use a whole number, for instance 17"))
            })?)
        }
        _ => {
            let value = value_of(parser, option, "the token that a failed test printed")?;
            SeedChoice::Replay(ReplayToken::read(&value)?)
        }
    };
    Ok(())
}

fn parse_world(name: &str) -> Result<WorldChoice, CommandError> {
    let worlds = [WorldChoice::Simulated, WorldChoice::Real];
    worlds.into_iter().find(|world| world.name() == name).ok_or_else(|| {
        let suggestion = suggestion(name, worlds.map(WorldChoice::name));
        CommandError::Misuse(format!("there is no world `{name}`{suggestion} (worlds: sim, real)"))
    })
}
