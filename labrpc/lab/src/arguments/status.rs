//! `cargo lab status`, or `cargo lab` alone.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, command_called, is_json, misuse};
use crate::error::CommandError;
use crate::nearest::nearest;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--json", "--help"];

/// Parses the arguments after `cargo lab status`.
pub fn parse(parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let shows_all = |value: &str| format!("it shows all labs; to run tests, write `cargo lab test {value}`");
    let is_json = is_json(parser, "status", OPTIONS, shows_all)?;
    Ok(is_json.map_or(Invocation::Help(Some("status")), |is_json| Invocation::Status { is_json }))
}

/// Parses the arguments after `cargo lab`, the first of which is an option, if there is one.
pub fn parse_implied(mut parser: Parser) -> Result<Invocation, CommandError> {
    let mut is_json = false;
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Long("json") => {
                is_json = true;
                continue;
            }
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Help(None)),
            Arg::Long(name) => format!("--{name}"),
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Value(value) => return Err(late_command(&value.to_string_lossy())),
        };
        return Err(needs_command(&option));
    }
    Ok(Invocation::Status { is_json })
}

/// The complaint about an option without a command. Most are about tests.
fn needs_command(option: &str) -> CommandError {
    let of_test = super::test::OPTIONS.iter().copied();
    CommandError::Misuse(match nearest(option, OPTIONS.iter().copied().chain(of_test)) {
        Some(known) if OPTIONS.contains(&known) => {
            format!("`cargo lab` has no option `{option}`: did you mean `cargo lab {known}`?")
        }
        Some(known) => format!("`{option}` needs a command: did you mean `cargo lab test {known}`?"),
        None => format!("`cargo lab` has no option `{option}` (options: {}; see `cargo lab help`)", OPTIONS.join(", ")),
    })
}

fn late_command(value: &str) -> CommandError {
    CommandError::Misuse(match command_called(value) {
        Some(_) => format!("the command comes first: write `cargo lab {value}`, then its options"),
        None => format!("`{value}` needs a command: did you mean `cargo lab test {value}`?"),
    })
}
