//! `cargo lab replay` and `cargo lab story`.

use std::path::PathBuf;

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, misuse, unknown_option, value_of};
use crate::error::CommandError;
use crate::nearest::suggestion;
use crate::request::{Profile, ReplayToken};
use crate::student::story::{StoryRequest, StoryView, Which};

/// The options of `cargo lab replay`.
pub const OPTIONS_OF_REPLAY: &[&str] = &[
    "--server",
    "--kind",
    "--from",
    "--until",
    "--rows",
    "--all",
    "--heartbeats",
    "--when",
    "--flip",
    "--page",
    "--release",
    "--help",
];

/// The options of `cargo lab story`.
pub const OPTIONS_OF_STORY: &[&str] = &[
    "--seed",
    "--server",
    "--kind",
    "--from",
    "--until",
    "--rows",
    "--all",
    "--heartbeats",
    "--when",
    "--flip",
    "--page",
    "--release",
    "--help",
];

/// The kinds of events, as the command that shows a story knows them.
pub const KINDS: [&str; 8] = ["vote", "append", "snapshot", "apply", "save", "fault", "client", "log"];

/// Which of the two commands is parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StoryCommand {
    /// `cargo lab replay TOKEN`.
    Replay,
    /// `cargo lab story TEST`.
    Story,
}

impl StoryCommand {
    fn name(self) -> &'static str {
        match self {
            StoryCommand::Replay => "replay",
            StoryCommand::Story => "story",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            StoryCommand::Replay => OPTIONS_OF_REPLAY,
            StoryCommand::Story => OPTIONS_OF_STORY,
        }
    }
}

/// Parses the arguments after `cargo lab replay`.
pub fn parse_replay(parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    parse(parser, StoryCommand::Replay)
}

/// Parses the arguments after `cargo lab story`.
pub fn parse_story(parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    parse(parser, StoryCommand::Story)
}

fn parse(mut parser: Parser, command: StoryCommand) -> Result<Invocation, CommandError> {
    let mut names: Vec<String> = Vec::new();
    let mut seed = None;
    let mut view = StoryView::default();
    let mut profile = Profile::Dev;
    let (mut asks_when, mut flip) = (false, None);
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                names.push(value.to_string_lossy().into_owned());
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => {
                return Ok(Invocation::Help(Some(command.name())));
            }
            "--release" => profile = Profile::Release,
            "--all" => view.is_whole = true,
            "--heartbeats" => view.has_heartbeats = true,
            "--when" => asks_when = true,
            "--flip" => flip = Some(value_of(&mut parser, &option, "an event's number, such as 39 or 39:lose")?),
            "--page" => view.page = Some(PathBuf::from(value_of(&mut parser, &option, "the file to write")?)),
            "--rows" => view.rows = Some(parse_number(&mut parser, &option, "a number of rows, for instance 100")?),
            "--server" => view.servers.extend(parse_servers(&value_of(&mut parser, &option, "a server, such as 2")?)?),
            "--kind" => view.kinds.extend(parse_kinds(&value_of(&mut parser, &option, &KINDS.join(", "))?)?),
            "--from" => view.from = Some(parse_time(&mut parser, &option)?),
            "--until" => view.until = Some(parse_time(&mut parser, &option)?),
            "--seed" if command == StoryCommand::Story => {
                seed = Some(parse_number(&mut parser, &option, "a seed, for instance 17")?);
            }
            _ => return Err(unknown_option(command.name(), &option, command.options())),
        }
    }
    let which = match (command, &names[..]) {
        (StoryCommand::Replay, [token]) => Which::Token(ReplayToken::read(token)?),
        (StoryCommand::Replay, _) => {
            let text = "`cargo lab replay` takes one token, as a failed test prints it: for instance \
                        `cargo lab replay initial_election_2a:17`";
            return Err(CommandError::Misuse(text.to_string()));
        }
        (StoryCommand::Story, []) => {
            let text = "`cargo lab story` takes a test: for instance `cargo lab story 2b backup`";
            return Err(CommandError::Misuse(text.to_string()));
        }
        (StoryCommand::Story, _) => Which::Test { names, seed: seed.unwrap_or(1) },
    };
    // The page has room for it.
    let asks_when = asks_when || view.page.is_some();
    Ok(Invocation::Story(StoryRequest { which, view, asks_when, flip, profile }))
}

fn parse_number<T: std::str::FromStr>(parser: &mut Parser, option: &str, expected: &str) -> Result<T, CommandError> {
    let value = value_of(parser, option, expected)?;
    value.parse().map_err(|_| CommandError::Misuse(format!("`{option} {value}` is no number: use {expected}")))
}

fn parse_servers(value: &str) -> Result<Vec<String>, CommandError> {
    let is_lane = |name: &&str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
    match value.split(',').find(|name| !is_lane(name)) {
        Some(name) => Err(CommandError::Misuse(format!(
            "`--server {value}`: `{name}` is no server or client: use a number such as 2, a client's letter, or several \
             with commas"
        ))),
        None => Ok(value.split(',').map(str::to_string).collect()),
    }
}

fn parse_kinds(value: &str) -> Result<Vec<String>, CommandError> {
    match value.split(',').find(|name| !KINDS.contains(name)) {
        Some(name) => {
            let suggestion = suggestion(name, KINDS);
            let kinds = KINDS.join(", ");
            Err(CommandError::Misuse(format!("there is no kind of event `{name}`{suggestion} (kinds: {kinds})")))
        }
        None => Ok(value.split(',').map(str::to_string).collect()),
    }
}

/// A virtual time: `1.2s`, `1200ms` or a number of seconds. Returns microseconds.
fn parse_time(parser: &mut Parser, option: &str) -> Result<u64, CommandError> {
    const EXPECTED: &str = "a virtual time such as 1.2s or 900ms";
    let value = value_of(parser, option, EXPECTED)?;
    let (number, micros) = match (value.strip_suffix("ms"), value.strip_suffix('s')) {
        (Some(number), _) => (number, 1e3),
        (None, Some(number)) => (number, 1e6),
        (None, None) => (value.as_str(), 1e6),
    };
    let time = number.trim().parse::<f64>().ok().filter(|time| time.is_finite() && *time >= 0.0);
    let wrong = || CommandError::Misuse(format!("`{option} {value}` is no time: use {EXPECTED}"));
    time.map(|time| (time * micros) as u64).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<StoryRequest, String> {
        let arguments = line.split_whitespace().map(std::ffi::OsString::from);
        match super::super::parse(arguments, super::super::Audience::Student) {
            Ok(Invocation::Story(request)) => Ok(request),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The options choose what is shown.
    #[test]
    fn options_choose_what_is_shown() {
        let line = "replay figure_8_2c:17:k3f9 --server 2,a --kind vote,save --from 1.2s --until 1500ms --rows 9";
        let request = read(line).unwrap();
        let Which::Token(token) = &request.which else { panic!("{request:?}") };
        assert_eq!(token.to_string(), "figure_8_2c:17:k3f9");
        let StoryView { servers, kinds, from, until, rows, .. } = request.view;
        assert_eq!((servers, kinds), (vec!["2".into(), "a".into()], vec!["vote".to_string(), "save".into()]));
        assert_eq!((from, until, rows), (Some(1_200_000), Some(1_500_000), Some(9)));
        let names = vec!["2b".to_string(), "backup".into()];
        assert_eq!(read("story 2b backup --seed 3").unwrap().which, Which::Test { names, seed: 3 });
    }

    /// Every wrong word is named, with what would be right.
    #[test]
    fn wrong_words_are_explained() {
        for (line, part) in [
            ("replay", "takes one token"),
            ("replay a:1 b:2", "takes one token"),
            ("replay backup_2b", "is not a replay token"),
            ("replay backup_2b:x", "is not a replay token"),
            ("replay backup_2b:1 --kind votes", "did you mean `vote`"),
            ("replay backup_2b:1 --server 2,", "is no server"),
            ("replay backup_2b:1 --from soon", "is no time"),
            ("replay backup_2b:1 --from -1s", "is no time"),
            ("replay backup_2b:1 --rows many", "is no number"),
            ("replay backup_2b:1 --seed 2", "no option `--seed`"),
            ("replay backup_2b:1 --frm 1s", "did you mean `--from`"),
            ("story", "takes a test"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    /// The kinds are those that the story's filter knows.
    #[test]
    fn the_kinds_are_those_of_the_story() {
        let filter = include_str!("../../../story/src/filter.rs");
        let known = filter.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split_once('"'));
        let known: Vec<&str> = known.map(|(name, _)| name).collect();
        assert_eq!(known, KINDS);
    }
}
