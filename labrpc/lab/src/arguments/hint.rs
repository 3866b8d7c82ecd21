//! `cargo lab hint`.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, misuse, unknown_option};
use crate::error::CommandError;
use crate::student::hint::HintRequest;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--restart", "--json", "--help"];

/// Parses the arguments after `cargo lab hint`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut request = HintRequest::default();
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                let value = value.to_string_lossy().into_owned();
                if let Some(first) = request.subject.replace(value.clone()) {
                    return Err(CommandError::Misuse(format!(
                        "`{first}` and `{value}` are two things: `cargo lab hint` is about one test, function or lab"
                    )));
                }
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("hint"))),
            "--restart" => request.is_restart = true,
            "--json" => request.is_json = true,
            _ => return Err(unknown_option("hint", &option, OPTIONS)),
        }
    }
    Ok(Invocation::Hint(request))
}
