//! Parsing the command line.
//!
//! Names of labs and tests are checked later, in [`selection`](crate::selection).

mod carry;
mod commands;
mod completions;
mod doctor;
mod hint;
mod status;
mod story;
mod submit;
mod test;
mod watch;

use std::ffi::OsString;
use std::num::NonZeroUsize;

use lexopt::{Arg, Parser, ValueExt};

use crate::course::points::{SEEDS_MAX, parse_seed_count};
use crate::course::{LABS, LabCrate, lab_ids, labs_here};
use crate::error::CommandError;
use crate::nearest::suggestion;
use crate::request::{Profile, TestRequest};
use crate::student::completions::Shell;
use crate::student::hint::HintRequest;
use crate::student::story::StoryRequest;
use crate::student::submit::SubmitRequest;
pub use commands::{Audience, Command, Values, command_called};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Show the help of a command, or of all.
    Help(Option<&'static str>),
    /// Show where the work stands.
    Status {
        /// Whether to print JSON.
        is_json: bool,
    },
    /// Run graded tests.
    Test(TestRequest),
    /// Run a lab's tests again at each save.
    Watch {
        /// The lab; `None` for the one that is being worked on.
        lab: Option<&'static LabCrate>,
        /// How the code is compiled.
        profile: Profile,
    },
    /// Run one test again and show its story.
    Story(StoryRequest),
    /// Give a hint about what failed, or about a place to write.
    Hint(HintRequest),
    /// Check the machine and the workspace.
    Doctor {
        /// Whether to print JSON.
        is_json: bool,
    },
    /// Pack what a student has written.
    Submit(SubmitRequest),
    /// Print the script that completes the command in a shell.
    Completions {
        /// The shell.
        shell: Shell,
        /// For whom.
        audience: Audience,
    },
    /// Start a lab from a student's code for an earlier one.
    Carry {
        /// The earlier lab.
        from: &'static LabCrate,
        /// The lab to start.
        to: &'static LabCrate,
        /// Whether to start it again, if it has begun.
        restart: bool,
    },
    /// What only instructors ask for.
    #[cfg(feature = "instructor")]
    Instructor(crate::instructor::Request),
}

/// Parses the arguments after `cargo lab`.
///
/// # Errors
///
/// [`CommandError::Misuse`], with what is wrong and what is accepted.
pub fn parse(arguments: impl IntoIterator<Item = OsString>, audience: Audience) -> Result<Invocation, CommandError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let first = arguments.first().map(|first| first.to_string_lossy().into_owned()).unwrap_or_default();
    if first.is_empty() || first.starts_with('-') {
        return status::parse_implied(Parser::from_args(arguments));
    }
    match command_called(&first) {
        Some(command) => (command.parse)(Parser::from_args(arguments.into_iter().skip(1)), audience),
        None => Err(unknown_command(&first, audience)),
    }
}

fn parse_help(mut parser: Parser, audience: Audience) -> Result<Invocation, CommandError> {
    let option = match parser.next().map_err(misuse)? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => return Ok(Invocation::Help(None)),
        Some(Arg::Value(value)) => {
            let name = value.to_string_lossy();
            let command = command_called(&name).ok_or_else(|| unknown_command(&name, audience))?;
            return Ok(Invocation::Help(Some(command.name).filter(|_| !command.help.is_empty())));
        }
        Some(Arg::Long(name)) => format!("--{name}"),
        Some(Arg::Short(letter)) => format!("-{letter}"),
    };
    Err(unknown_option("help", &option, &["--help"]))
}

/// The value of an option. `expected` says what is right.
pub fn value_of(parser: &mut Parser, option: &str, expected: &str) -> Result<String, CommandError> {
    let missing = || CommandError::Misuse(format!("{option} needs a value: {expected}"));
    let value = parser.value().map_err(|_| missing())?;
    value.string().map_err(misuse)
}

/// The value of `--seeds`.
pub fn seed_count(parser: &mut Parser, option: &str) -> Result<u64, CommandError> {
    let value = value_of(parser, option, &format!("a number from 1 to {SEEDS_MAX}"))?;
    parse_seed_count(&value).ok_or_else(|| {
        CommandError::Misuse(format!("`--seeds {value}` is not a number of seeds: use 1 to {SEEDS_MAX}"))
    })
}

/// A count of something, such as `jobs`: at least one.
pub fn count(parser: &mut Parser, option: &str, of_what: &str) -> Result<NonZeroUsize, CommandError> {
    let value = value_of(parser, option, &format!("a number of {of_what}"))?;
    value
        .parse()
        .map_err(|_| CommandError::Misuse(format!("`{option} {value}` is not a number of {of_what}: use 1 or more")))
}

/// The lab that a word on the command line means.
pub fn lab_called(name: &str) -> Result<&'static LabCrate, CommandError> {
    labs_here()
        .into_iter()
        .find(|lab| lab.is_called(&name.to_lowercase()))
        .ok_or_else(|| CommandError::Misuse(format!("there is no lab `{name}` (labs: {})", lab_ids())))
}

/// Whether `--json` is among the arguments of a command that takes nothing else; `None` if help is asked for. `why` says why
/// it does not take a value.
fn is_json(
    mut parser: Parser,
    command: &str,
    options: &[&str],
    why: impl Fn(&str) -> String,
) -> Result<Option<bool>, CommandError> {
    let mut is_json = false;
    while let Some(argument) = parser.next().map_err(misuse)? {
        match argument {
            Arg::Long("json") => is_json = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long(name) => return Err(unknown_option(command, &format!("--{name}"), options)),
            Arg::Short(letter) => return Err(unknown_option(command, &format!("-{letter}"), options)),
            Arg::Value(value) => {
                let value = value.to_string_lossy();
                return Err(CommandError::Misuse(format!("`cargo lab {command}` takes no `{value}`: {}", why(&value))));
            }
        }
    }
    Ok(Some(is_json))
}

fn unknown_command(name: &str, audience: Audience) -> CommandError {
    if LABS.iter().any(|lab| lab.is_called(&name.to_lowercase())) {
        return CommandError::Misuse(format!(
            "`{name}` is a lab, not a command: did you mean `cargo lab test {name}`?"
        ));
    }
    let suggestion = suggestion(name, audience.commands().map(|command| command.name));
    CommandError::Misuse(format!("there is no command `{name}`{suggestion} (commands: {})", audience.command_names()))
}

pub fn unknown_option(command: &str, option: &str, options: &[&str]) -> CommandError {
    let suggestion = suggestion(option, options.iter().copied());
    let options = options.join(", ");
    CommandError::Misuse(format!("`cargo lab {command}` has no option `{option}`{suggestion} (options: {options})"))
}

/// Converts an error of lexopt: a flag with a value, or a value that is not UTF-8.
pub fn misuse(error: lexopt::Error) -> CommandError {
    CommandError::Misuse(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{OutputFormat, SeedChoice, WorldChoice};

    fn read(line: &str) -> Invocation {
        parse(line.split_whitespace().map(OsString::from), Audience::Instructor)
            .unwrap_or_else(|error| panic!("`{line}`: {error}"))
    }

    fn request(line: &str) -> TestRequest {
        match read(line) {
            Invocation::Test(request) => request,
            other => panic!("`{line}` is read as {other:?}"),
        }
    }

    /// Without a command the status is shown, and nothing runs.
    #[test]
    fn no_command_means_status() {
        for (line, is_json) in [("", false), ("--json", true), ("status", false), ("status --json", true)] {
            assert_eq!(read(line), Invocation::Status { is_json }, "{line}");
        }
        assert_eq!(request("test"), TestRequest::default());
    }

    /// Each option of `cargo lab test` reaches the request, in any order and in both spellings.
    #[test]
    fn options_reach_the_request() {
        let expected = TestRequest {
            selectors: vec!["2a".to_string(), "figure_8_2c".to_string()],
            seeds: SeedChoice::Count(40),
            output: OutputFormat::Hashes,
            world: WorldChoice::Simulated,
            profile: Profile::Release,
            ..TestRequest::default()
        };
        assert_eq!(request("test 2a --seeds 40 --hash figure_8_2c --release --world sim"), expected);
        assert_eq!(request("test --hash --release 2a figure_8_2c --seeds=40"), expected);
        assert_eq!(request("test 2a --world real").world, WorldChoice::Real);
        assert_eq!(request("test 2a --seed 0").seeds, SeedChoice::Only(0));
    }

    /// A token is parsed, and printed as it was typed.
    #[test]
    fn tokens_are_read() {
        for token in ["figure_8_2c:17", "figure_8_2c:17:k3f9"] {
            let SeedChoice::Replay(read) = request(&format!("test --replay {token}")).seeds else { panic!("{token}") };
            assert_eq!((read.test.as_str(), read.seed, read.to_string().as_str()), ("figure_8_2c", 17, token));
        }
    }

    /// Each command has its own help.
    #[test]
    fn help_is_about_its_command() {
        for line in ["--help", "-h", "help", "help help"] {
            assert_eq!(read(line), Invocation::Help(None), "{line}");
        }
        for command in Audience::Instructor.commands().filter(|command| command.name != "help") {
            for line in [format!("help {}", command.name), format!("{} --help", command.name)] {
                assert_eq!(read(&line), Invocation::Help(Some(command.name)), "{line}");
            }
        }
        assert_eq!(read("test 2a -h"), Invocation::Help(Some("test")));
    }

    /// The help of a command begins with what it does, and has its usage, each of its options and its exit statuses.
    #[test]
    fn help_is_complete() {
        for Command { name, what, options, help, .. } in Audience::Instructor.commands() {
            if *name == "help" {
                continue;
            }
            assert!(help.starts_with(what), "{name}");
            for part in [&format!("Usage: cargo lab {name}"), "\nExamples:\n", "\nExit status:\n  0  "] {
                assert!(help.contains(part), "{name}: {part}");
            }
            for option in *options {
                assert!(help.contains(option) || help.contains("see `cargo lab help replay`"), "{name} {option}");
            }
            assert!(help.lines().all(|line| line.chars().count() <= 105), "{name}: a line is too long");
        }
    }
}
