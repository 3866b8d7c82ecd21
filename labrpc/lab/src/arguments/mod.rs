//! Parsing the command line.
//!
//! Names of labs and tests are checked later, in [`selection`](crate::selection).

mod bugs;
mod carry;
mod handout;
mod story;
mod test;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::bugs::request::BugsRequest;
use crate::course::{LABS, LabCrate, lab_ids};
use crate::error::CommandError;
use crate::handout::{HandoutPlan, Track};
use crate::nearest::suggestion;
use crate::points::{SEEDS_MAX, parse_seed_count};
use crate::request::TestRequest;
use crate::story::StoryRequest;
use story::StoryCommand;

const COMMANDS: [&str; 7] = ["test", "replay", "story", "carry", "bugs", "handout", "help"];
/// The commands that messages and help name in a handout.
const STUDENT_COMMANDS: [&str; 5] = ["test", "replay", "story", "carry", "help"];

/// For whom help and messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// In the course: everything.
    Instructor,
    /// In a handout: what a student needs.
    Student,
}

impl Audience {
    fn commands(self) -> &'static [&'static str] {
        match self {
            Audience::Instructor => &COMMANDS,
            Audience::Student => &STUDENT_COMMANDS,
        }
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Show help.
    Help(Topic),
    /// Run graded tests.
    Test(TestRequest),
    /// Run one test again and show its story.
    Story(StoryRequest),
    /// Plant known bugs.
    Bugs(BugsRequest),
    /// Make a student's workspace in this folder.
    Handout(PathBuf, HandoutPlan),
    /// Make a student's workspace in a temporary folder and check it.
    HandoutCheck(Track),
    /// Start a lab from a student's code for an earlier one.
    Carry {
        /// The earlier lab.
        from: &'static LabCrate,
        /// The lab to start.
        to: &'static LabCrate,
        /// Whether to start it again, if it has begun.
        restart: bool,
    },
}

/// The topic of a help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The command as a whole.
    Overview,
    /// `cargo lab test`.
    Test,
    /// `cargo lab replay`.
    Replay,
    /// `cargo lab story`.
    Story,
    /// `cargo lab carry`.
    Carry,
    /// `cargo lab bugs`.
    Bugs,
    /// `cargo lab handout`.
    Handout,
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
        return test::parse(Parser::from_args(arguments), Subcommand::Implied);
    }
    let rest = Parser::from_args(arguments.into_iter().skip(1));
    match first.as_str() {
        "test" => test::parse(rest, Subcommand::Explicit),
        "replay" => story::parse(rest, StoryCommand::Replay),
        "story" => story::parse(rest, StoryCommand::Story),
        "carry" => carry::parse(rest),
        "bugs" => bugs::parse(rest),
        "handout" => handout::parse(rest),
        "help" => parse_help(rest, audience),
        _ => Err(unknown_command(&first, audience)),
    }
}

/// Whether the command line contains the word `test`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subcommand {
    Explicit,
    Implied,
}

fn parse_help(mut parser: Parser, audience: Audience) -> Result<Invocation, CommandError> {
    let topic = match parser.next().map_err(misuse)? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => Topic::Overview,
        Some(Arg::Value(value)) => match value.to_string_lossy().as_ref() {
            "test" => Topic::Test,
            "replay" => Topic::Replay,
            "story" => Topic::Story,
            "carry" => Topic::Carry,
            "bugs" => Topic::Bugs,
            "handout" => Topic::Handout,
            "help" => Topic::Overview,
            name => return Err(unknown_command(name, audience)),
        },
        Some(Arg::Long(name)) => return Err(unknown_option("help", &format!("--{name}"), &["--help"])),
        Some(Arg::Short(letter)) => return Err(unknown_option("help", &format!("-{letter}"), &["--help"])),
    };
    Ok(Invocation::Help(topic))
}

fn value_of(parser: &mut Parser, option: &str, expected: &str) -> Result<String, CommandError> {
    let missing = || CommandError::Misuse(format!("{option} needs a value: {expected}"));
    let value = parser.value().map_err(|_| missing())?;
    value.string().map_err(misuse)
}

/// The value of `--seeds`.
fn seed_count(parser: &mut Parser, option: &str) -> Result<u64, CommandError> {
    let value = value_of(parser, option, &format!("a number from 1 to {SEEDS_MAX}"))?;
    parse_seed_count(&value).ok_or_else(|| {
        CommandError::Misuse(format!("`--seeds {value}` is not a number of seeds: use 1 to {SEEDS_MAX}"))
    })
}

/// The lab that a word on the command line means.
fn lab_called(name: &str) -> Result<&'static LabCrate, CommandError> {
    LABS.iter()
        .find(|lab| lab.is_called(&name.to_lowercase()))
        .ok_or_else(|| CommandError::Misuse(format!("there is no lab `{name}` (labs: {})", lab_ids())))
}

fn unknown_command(name: &str, audience: Audience) -> CommandError {
    if LABS.iter().any(|lab| lab.is_called(&name.to_lowercase())) {
        return CommandError::Misuse(format!(
            "`{name}` is a lab, not a command: did you mean `cargo lab test {name}`?"
        ));
    }
    let commands = audience.commands();
    let suggestion = suggestion(name, commands.iter().copied());
    CommandError::Misuse(format!("there is no command `{name}`{suggestion} (commands: {})", commands.join(", ")))
}

fn late_command(value: &str) -> CommandError {
    if COMMANDS.contains(&value) {
        return CommandError::Misuse(format!("the command comes first: write `cargo lab {value}`, then its options"));
    }
    CommandError::Misuse(format!("`{value}` needs a command: did you mean `cargo lab test {value}`?"))
}

fn unknown_option(command: &str, option: &str, options: &[&str]) -> CommandError {
    let suggestion = suggestion(option, options.iter().copied());
    let options = options.join(", ");
    CommandError::Misuse(format!("`cargo lab {command}` has no option `{option}`{suggestion} (options: {options})"))
}

/// Converts an error of lexopt: a flag with a value, or a value that is not UTF-8.
fn misuse(error: lexopt::Error) -> CommandError {
    CommandError::Misuse(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::bugs::request::BugsOutput;
    use crate::request::{OutputFormat, Profile, SeedChoice, WorldChoice};
    use crate::test_kind::TestKind;

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

    /// Without a command all labs are tested, with or without options.
    #[test]
    fn no_command_means_test() {
        assert_eq!(request(""), TestRequest::default());
        assert_eq!(request("--json --release").profile, Profile::Release);
        assert_eq!(request("--json").output, OutputFormat::Json);
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
            is_unshrunk: false,
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
            assert_eq!(read(line), Invocation::Help(Topic::Overview), "{line}");
        }
        for line in ["help test", "test --help", "test 2a -h"] {
            assert_eq!(read(line), Invocation::Help(Topic::Test), "{line}");
        }
        for line in ["help bugs", "bugs --help", "bugs 2a -h"] {
            assert_eq!(read(line), Invocation::Help(Topic::Bugs), "{line}");
        }
        for line in ["help handout", "handout --help"] {
            assert_eq!(read(line), Invocation::Help(Topic::Handout), "{line}");
        }
    }

    /// Each option of `cargo lab bugs` reaches the request.
    #[test]
    fn options_reach_the_request_for_bugs() {
        let number = |number| NonZeroUsize::new(number);
        assert_eq!(read("bugs"), Invocation::Bugs(BugsRequest::default()));
        let expected = BugsRequest {
            track: Track::Open,
            selectors: vec!["2a".to_string(), "A03".to_string()],
            is_lawful_only: true,
            spread: number(30),
            is_all_labs: true,
            kind: Some(TestKind::Chaos),
            seeds: Some(5),
            jobs: number(2),
            profile: Profile::Release,
            output: BugsOutput::Json,
            stories: Some(PathBuf::from("stories")),
            markdown: Some(PathBuf::from("docs/planted-bugs.md")),
        };
        let line = "bugs 2a --open --lawful --spread 30 --all-labs --kind chaos --seeds 5 A03 -j 2 --release --json --stories stories --markdown docs/planted-bugs.md";
        assert_eq!(read(line), Invocation::Bugs(expected));
        let listed = BugsRequest { output: BugsOutput::List, jobs: number(1), ..BugsRequest::default() };
        assert_eq!(read("bugs --list --jobs=1"), Invocation::Bugs(listed));
    }

    /// A handout is either made or checked.
    #[test]
    fn a_handout_is_made_or_checked() {
        assert_eq!(
            read("handout ../student"),
            Invocation::Handout(PathBuf::from("../student"), HandoutPlan::default())
        );
        assert_eq!(read("handout --check"), Invocation::HandoutCheck(Track::Guided));
    }
}
