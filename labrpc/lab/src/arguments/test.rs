//! `cargo lab test`, or `cargo lab` alone.

use lexopt::{Arg, Parser};

use super::{Command, Invocation, Topic, late_command, misuse, seed_count, unknown_option, value_of};
use crate::failure::Failure;
use crate::nearest::suggestion;
use crate::request::{Output, Profile, SeedChoice, TestRequest, Token, World};

const OPTIONS: [&str; 8] = ["--seeds", "--seed", "--replay", "--json", "--hash", "--release", "--world", "--help"];

/// Reads what follows `cargo lab test`, or the options that follow `cargo lab`.
pub fn parse(mut parser: Parser, command: Command) -> Result<Invocation, Failure> {
    let mut request = TestRequest::default();
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) if command == Command::Implied => return Err(late_command(&value.to_string_lossy())),
            Arg::Value(value) => {
                request.selectors.push(value.to_string_lossy().into_owned());
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" if command == Command::Implied => return Ok(Invocation::Help(Topic::Overview)),
            "-h" | "--help" => return Ok(Invocation::Help(Topic::Test)),
            "--json" => choose_output(&mut request, Output::Json)?,
            "--hash" => choose_output(&mut request, Output::Hashes)?,
            "--release" => request.profile = Profile::Release,
            "--world" => request.world = parse_world(&value_of(&mut parser, &option, "sim or real")?)?,
            "--seeds" | "--seed" | "--replay" => choose_seeds(&mut request, &mut parser, &option)?,
            _ => return Err(unknown_option("test", &option, &OPTIONS)),
        }
    }
    if matches!(request.seeds, SeedChoice::Replay(_)) && !request.selectors.is_empty() {
        let named = request.selectors.join(" ");
        return Err(Failure::Misuse(format!("--replay names its test in the token: leave out `{named}`")));
    }
    let in_simulation_alone = match (&request.seeds, request.output) {
        (SeedChoice::Only(_), _) => Some("--seed"),
        (SeedChoice::Replay(_), _) => Some("--replay"),
        (_, Output::Hashes) => Some("--hash"),
        _ => None,
    };
    if let Some(option) = in_simulation_alone.filter(|_| request.world == World::Real) {
        return Err(Failure::Misuse(format!("{option} needs --world sim: no two runs in the real world are alike")));
    }
    Ok(Invocation::Test(request))
}

fn choose_output(request: &mut TestRequest, output: Output) -> Result<(), Failure> {
    if request.output != Output::Scoreboard && request.output != output {
        return Err(Failure::Misuse("--json and --hash both claim standard output: say one of them".to_string()));
    }
    request.output = output;
    Ok(())
}

fn choose_seeds(request: &mut TestRequest, parser: &mut Parser, option: &str) -> Result<(), Failure> {
    if request.seeds != SeedChoice::Listed {
        let reason = "--seeds, --seed and --replay each say which seeds to run: say one of them, once";
        return Err(Failure::Misuse(reason.to_string()));
    }
    request.seeds = match option {
        "--seeds" => SeedChoice::Count(seed_count(parser, option)?),
        "--seed" => {
            let value = value_of(parser, option, "a seed, for instance 17")?;
            SeedChoice::Only(value.parse().map_err(|_| {
                Failure::Misuse(format!("`--seed {value}` is not a seed: say a whole number, for instance 17"))
            })?)
        }
        _ => {
            let value = value_of(parser, option, "a token as a failed test prints it")?;
            SeedChoice::Replay(Token::parse(&value).ok_or_else(|| {
                let example = "for instance initial_election_2a:17";
                Failure::Misuse(format!("`{value}` is not a replay token: say test:seed or test:seed:keep, {example}"))
            })?)
        }
    };
    Ok(())
}

fn parse_world(name: &str) -> Result<World, Failure> {
    let worlds = [World::Simulated, World::Real];
    worlds.into_iter().find(|world| world.name() == name).ok_or_else(|| {
        let suggestion = suggestion(name, worlds.map(World::name));
        Failure::Misuse(format!("there is no world `{name}`{suggestion} (worlds: sim, real)"))
    })
}
