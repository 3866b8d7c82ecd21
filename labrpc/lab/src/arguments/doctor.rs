//! `cargo lab doctor`.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, misuse, unknown_option};
use crate::error::CommandError;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--json", "--help"];

/// Parses the arguments after `cargo lab doctor`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut is_json = false;
    while let Some(argument) = parser.next().map_err(misuse)? {
        match argument {
            Arg::Long("json") => is_json = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Help(Some("doctor"))),
            Arg::Long(name) => return Err(unknown_option("doctor", &format!("--{name}"), OPTIONS)),
            Arg::Short(letter) => return Err(unknown_option("doctor", &format!("-{letter}"), OPTIONS)),
            Arg::Value(value) => {
                let value = value.to_string_lossy();
                return Err(CommandError::Misuse(format!(
                    "`cargo lab doctor` takes no `{value}`: it looks at the whole workspace"
                )));
            }
        }
    }
    Ok(Invocation::Doctor { is_json })
}
