//! The command line, read into what is wanted.
//!
//! Whether a lab or a test of a given name exists is not known here: see [`selection`](crate::selection).

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::course::LABS;
use crate::failure::Failure;
use crate::nearest::suggestion;
use crate::points::{SEEDS_MAX, parse_seed_count};
use crate::request::{Output, Profile, SeedChoice, TestRequest, Token, World};

const COMMANDS: [&str; 3] = ["test", "handout", "help"];
const TEST_OPTIONS: [&str; 8] = ["--seeds", "--seed", "--replay", "--json", "--hash", "--release", "--world", "--help"];
const HANDOUT_OPTIONS: [&str; 2] = ["--check", "--help"];

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// To be told how to say it.
    Help(Topic),
    /// To run graded tests.
    Test(TestRequest),
    /// To make a student's workspace in this folder.
    Handout(PathBuf),
    /// To prove that a student's workspace is what it should be.
    HandoutCheck,
}

/// What help is wanted about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The command as a whole.
    Overview,
    /// `cargo lab test`.
    Test,
    /// `cargo lab handout`.
    Handout,
}

/// Reads the arguments that follow `cargo lab`.
///
/// # Errors
///
/// [`Failure::Misuse`], which says what is wrong and what is accepted.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let first = arguments.first().map(|first| first.to_string_lossy().into_owned()).unwrap_or_default();
    if first.is_empty() || first.starts_with('-') {
        return parse_test(Parser::from_args(arguments), Command::Implied);
    }
    let rest = Parser::from_args(arguments.into_iter().skip(1));
    match first.as_str() {
        "test" => parse_test(rest, Command::Said),
        "handout" => parse_handout(rest),
        "help" => parse_help(rest),
        _ => Err(unknown_command(&first)),
    }
}

/// Whether the word `test` stands on the command line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Said,
    Implied,
}

fn parse_test(mut parser: Parser, command: Command) -> Result<Invocation, Failure> {
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
            _ => return Err(unknown_option("test", &option, &TEST_OPTIONS)),
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
        "--seeds" => {
            let value = value_of(parser, option, &format!("a number from 1 to {SEEDS_MAX}"))?;
            SeedChoice::Count(parse_seed_count(&value).ok_or_else(|| {
                Failure::Misuse(format!("`--seeds {value}` is not a number of seeds: say 1 to {SEEDS_MAX}"))
            })?)
        }
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

fn parse_handout(mut parser: Parser) -> Result<Invocation, Failure> {
    let mut folder: Option<PathBuf> = None;
    let mut is_check = false;
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) if folder.is_none() => {
                folder = Some(value.into());
                continue;
            }
            Arg::Value(value) => {
                let value = value.to_string_lossy().into_owned();
                return Err(Failure::Misuse(format!(
                    "`{value}` is one folder too many: `cargo lab handout` makes one"
                )));
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Topic::Handout)),
            "--check" => is_check = true,
            _ => return Err(unknown_option("handout", &option, &HANDOUT_OPTIONS)),
        }
    }
    match (folder, is_check) {
        (Some(folder), false) => Ok(Invocation::Handout(folder)),
        (None, true) => Ok(Invocation::HandoutCheck),
        (Some(_), true) => {
            Err(Failure::Misuse("--check makes its own folder for a while: leave out yours".to_string()))
        }
        (None, false) => Err(Failure::Misuse(
            "no folder is named: say `cargo lab handout DIR` or `cargo lab handout --check`".to_string(),
        )),
    }
}

fn parse_help(mut parser: Parser) -> Result<Invocation, Failure> {
    let topic = match parser.next().map_err(misuse)? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => Topic::Overview,
        Some(Arg::Value(value)) => match value.to_string_lossy().as_ref() {
            "test" => Topic::Test,
            "handout" => Topic::Handout,
            "help" => Topic::Overview,
            name => return Err(unknown_command(name)),
        },
        Some(Arg::Long(name)) => return Err(unknown_option("help", &format!("--{name}"), &["--help"])),
        Some(Arg::Short(letter)) => return Err(unknown_option("help", &format!("-{letter}"), &["--help"])),
    };
    Ok(Invocation::Help(topic))
}

fn value_of(parser: &mut Parser, option: &str, expected: &str) -> Result<String, Failure> {
    let missing = || Failure::Misuse(format!("{option} needs a value: say {expected}"));
    let value = parser.value().map_err(|_| missing())?;
    value.string().map_err(misuse)
}

fn unknown_command(name: &str) -> Failure {
    if LABS.iter().any(|lab| lab.is_called(&name.to_lowercase())) {
        return Failure::Misuse(format!("`{name}` is a lab and no command: did you mean `cargo lab test {name}`?"));
    }
    let suggestion = suggestion(name, COMMANDS);
    Failure::Misuse(format!("there is no command `{name}`{suggestion} (commands: {})", COMMANDS.join(", ")))
}

fn late_command(value: &str) -> Failure {
    if COMMANDS.contains(&value) {
        return Failure::Misuse(format!("the command comes first: say `cargo lab {value}`, then its options"));
    }
    Failure::Misuse(format!("`{value}` stands without a command: did you mean `cargo lab test {value}`?"))
}

fn unknown_option(command: &str, option: &str, options: &[&str]) -> Failure {
    let suggestion = suggestion(option, options.iter().copied());
    let options = options.join(", ");
    Failure::Misuse(format!("`cargo lab {command}` has no option `{option}`{suggestion} (options: {options})"))
}

/// What lexopt itself has to say: that a flag was given a value, or that a value is no text.
fn misuse(error: lexopt::Error) -> Failure {
    Failure::Misuse(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Invocation {
        parse(line.split_whitespace().map(OsString::from)).unwrap_or_else(|failure| panic!("`{line}`: {failure}"))
    }

    fn request(line: &str) -> TestRequest {
        match read(line) {
            Invocation::Test(request) => request,
            other => panic!("`{line}` is read as {other:?}"),
        }
    }

    /// Without a command everything is tested, with or without options.
    #[test]
    fn no_command_means_test() {
        assert_eq!(request(""), TestRequest::default());
        assert_eq!(request("--json --release").profile, Profile::Release);
        assert_eq!(request("--json").output, Output::Json);
    }

    /// Each option of `cargo lab test` reaches the request, in any order and either spelling.
    #[test]
    fn options_reach_the_request() {
        let expected = TestRequest {
            selectors: vec!["2a".to_string(), "figure_8_2c".to_string()],
            seeds: SeedChoice::Count(40),
            output: Output::Hashes,
            world: World::Simulated,
            profile: Profile::Release,
        };
        assert_eq!(request("test 2a --seeds 40 --hash figure_8_2c --release --world sim"), expected);
        assert_eq!(request("test --hash --release 2a figure_8_2c --seeds=40"), expected);
        assert_eq!(request("test 2a --world real").world, World::Real);
        assert_eq!(request("test 2a --seed 0").seeds, SeedChoice::Only(0));
    }

    /// A token is taken apart, and handed on as it was typed.
    #[test]
    fn tokens_are_read() {
        for token in ["figure_8_2c:17", "figure_8_2c:17:k3f9"] {
            let SeedChoice::Replay(read) = request(&format!("test --replay {token}")).seeds else { panic!("{token}") };
            assert_eq!((read.test.as_str(), read.seed, read.to_string().as_str()), ("figure_8_2c", 17, token));
        }
    }

    /// Help is given about the command that it is asked of.
    #[test]
    fn help_is_about_its_command() {
        for line in ["--help", "-h", "help", "help help"] {
            assert_eq!(read(line), Invocation::Help(Topic::Overview), "{line}");
        }
        for line in ["help test", "test --help", "test 2a -h"] {
            assert_eq!(read(line), Invocation::Help(Topic::Test), "{line}");
        }
        for line in ["help handout", "handout --help"] {
            assert_eq!(read(line), Invocation::Help(Topic::Handout), "{line}");
        }
    }

    /// A handout is either made or proved.
    #[test]
    fn a_handout_is_made_or_proved() {
        assert_eq!(read("handout ../student"), Invocation::Handout(PathBuf::from("../student")));
        assert_eq!(read("handout --check"), Invocation::HandoutCheck);
    }
}
